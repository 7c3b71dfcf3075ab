//! What runs the pods of a Kubernetes workload, how a rollout replaces them, and when a Job runs.

use std::time::Duration;

use lifecycle_manifest::Written;
use lifecycle_manifest::deployed::Workload;
use lifecycle_manifest::platform::{
    Concurrency, Controller, Replacement, Share, Successor, is_schedule,
};

use super::super::draft::{Job, Kubernetes, Rolling, Slot};
use super::{Source, seconds};

/// How often a job runs of which nobody can tell.
const USUAL_SCHEDULE: &str = "@daily";

/// What runs the pods; what has a Deployment's shape is taken for one.
pub(super) fn controller(workload: &Workload) -> Controller {
    Controller::of_kind(&workload.kind).unwrap_or_default()
}

pub(super) fn describe(entry: &mut Kubernetes, source: &Source, workload: &Workload) {
    let controller = controller(workload);
    if controller != Controller::Deployment {
        entry.workload = Slot::of(controller);
    }
    match controller.finishes() {
        true => entry.job = job(source, controller, workload),
        false => entry.rollout = rollout(source, controller, workload),
    }
}

fn rollout(source: &Source, controller: Controller, workload: &Workload) -> Slot<Rolling> {
    let strategy = workload.strategy.as_ref();
    let of_deployments = controller == Controller::Deployment;
    let written = strategy.and_then(|it| it.kind.as_ref());
    let replacement = match written.map(|kind| kind.value.as_str()) {
        Some("Recreate") if of_deployments => Some(Replacement::Recreate),
        Some("OnDelete") if !of_deployments => Some(Replacement::OnDelete),
        _ => None,
    };
    let share = |written: Option<&Written<String>>| {
        written
            .filter(|_| replacement.is_none())
            .and_then(|written| Share::parse(&written.value))
    };
    let mut surge = share(strategy.and_then(|it| it.max_surge.as_ref()));
    let mut unavailable = share(strategy.and_then(|it| it.max_unavailable.as_ref()));
    let nothing = |share: Option<Share>| share.is_some_and(Share::is_nothing);
    let some = |share: Option<Share>| share.is_some_and(|share| !share.is_nothing());
    let mut note = None;
    let refused = match controller {
        Controller::StatefulSet => {
            surge = None;
            nothing(unavailable)
        }
        Controller::DaemonSet => {
            nothing(surge) && nothing(unavailable) || some(surge) && some(unavailable)
        }
        _ => nothing(surge) && nothing(unavailable),
    };
    if refused {
        (surge, unavailable) = (None, None);
        note = Some(format!(
            "{} has numbers that Kubernetes refuses together",
            source.name
        ));
    }
    let min_ready = workload.min_ready.as_ref().and_then(seconds);
    let min_ready = min_ready.filter(|time| !time.is_zero());
    let deadline = workload.progress_deadline.as_ref().and_then(seconds);
    let least = min_ready.unwrap_or(Duration::ZERO);
    let rolling = Rolling {
        strategy: replacement,
        max_surge: surge,
        max_unavailable: unavailable,
        min_ready,
        progress_deadline: deadline.filter(|deadline| of_deployments && *deadline > least),
    };
    let says_something = replacement.is_some()
        || surge.is_some()
        || unavailable.is_some()
        || min_ready.is_some()
        || rolling.progress_deadline.is_some();
    Slot {
        value: says_something.then_some(rolling),
        note,
    }
}

fn job(source: &Source, controller: Controller, workload: &Workload) -> Slot<Job> {
    let word = |written: &Option<Written<String>>| written.as_ref().map(|it| it.value.clone());
    let by_the_clock = controller == Controller::CronJob;
    let written = word(&workload.schedule);
    let known = written.clone().filter(|schedule| is_schedule(schedule));
    let note = match (&known, &written) {
        (None, Some(other)) if by_the_clock => Some(format!("{} says `{other}`", source.name)),
        (None, None) if by_the_clock => Some(source.asks("when does it run?")),
        _ => None,
    };
    let policy = word(&workload.replacement_policy);
    let successors = Successor::WORDS.iter().map(|(_, it)| *it);
    let mut replacement =
        successors.filter(|it| policy.as_deref().unwrap_or("TerminatingOrFailed") == it.policy());
    let policy = word(&workload.concurrency);
    let concurrency = Concurrency::WORDS.iter().map(|(_, it)| *it);
    let mut concurrency =
        concurrency.filter(|it| policy.as_deref().unwrap_or("Allow") == it.policy());
    let deadline = workload.active_deadline.as_ref().and_then(seconds);
    let job = Job {
        schedule: by_the_clock.then(|| known.unwrap_or_else(|| USUAL_SCHEDULE.to_owned())),
        deadline: deadline.filter(|deadline| !deadline.is_zero()),
        replacement: replacement.next(),
        concurrency: concurrency.next().filter(|_| by_the_clock),
    };
    Slot {
        value: Some(job),
        note,
    }
}
