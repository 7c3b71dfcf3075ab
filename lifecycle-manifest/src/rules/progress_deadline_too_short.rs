//! A rollout that is given up while all is well.

use super::Context;
use crate::duration::{human, show};
use crate::finding::{Edit, Finding, Fix, Place, Safety, Severity};
use crate::platform::{Controller, Platform, round_up};
use crate::rollout::Rollout;

rule! {
    /// A rollout is said to have failed while its pods still start and stop as planned.
    ///
    /// ## What it finds
    ///
    /// A Deployment whose progress deadline is shorter than a batch of new pods takes to count: its `start_time` and `min_ready`, and where no pod may be added, the grace period of the old ones whose places they take. A `min_ready` that is not below the deadline is refused by Kubernetes.
    ///
    /// ## Why it matters
    ///
    /// The Deployment then reports `ProgressDeadlineExceeded`, and whoever waits for it, `kubectl rollout status` or a pipeline, gives up or rolls back what was in order.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   kubernetes: { rollout: { start_time: 90s, progress_deadline: 60s } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A deadline that covers a batch, and better several times over.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   kubernetes: { rollout: { start_time: 90s, progress_deadline: 5m } }
    /// ```
    ///
    /// ## Options
    ///
    /// - `rollout.progress_deadline`: 600s where it is not written.
    /// - `rollout.start_time`, `rollout.min_ready`: what a new pod needs.
    ///
    /// ## When to allow it
    ///
    /// When a slow start is meant to fail a rollout.
    ///
    /// ## Source
    ///
    /// Kubernetes, apps/v1/types.go: `progressDeadlineSeconds`, 600 by default; pods that become available are progress.
    pub(super) RULE = "LC407", "progress-deadline-too-short", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, kubernetes)) = context.on(Platform::kubernetes) else {
        return;
    };
    let Some(rollout) = Rollout::of(kubernetes, line) else {
        return;
    };
    if rollout.controller != Controller::Deployment || rollout.pods == Some(0) {
        return;
    }
    let deadline = kubernetes.progress_deadline();
    let refused = deadline.value <= rollout.min_ready.value;
    let stand = rollout.longest_stand();
    if stand <= deadline.value && !refused {
        return;
    }
    let least = round_up(
        stand.max(rollout.min_ready.value + line.facts.unit),
        line.facts.unit,
    );
    let message = match refused {
        true => format!(
            "Kubernetes refuses a progress deadline of {} that is not above the min ready of {}",
            human(deadline.value),
            human(rollout.min_ready.value)
        ),
        false => format!(
            "a batch of new pods takes up to {}, and after {} without progress a rollout has failed",
            human(stand),
            human(deadline.value)
        ),
    };
    let written = kubernetes.rollout.progress_deadline.as_ref();
    let rolling = &kubernetes.rollout;
    let beside = [&rolling.start_time, &rolling.min_ready]
        .into_iter()
        .flatten();
    let place = match written {
        Some(written) => Place::Value(written.route.clone()),
        None => Place::Key(kubernetes.common.route.clone()),
    };
    let mut finding = Finding::new(&RULE, message, place)
        .on(line.platform())
        .label(match written {
            Some(_) => "given up after this".to_owned(),
            None => format!(
                "given up after {}, the Kubernetes default",
                human(deadline.value)
            ),
        });
    for time in beside {
        finding = finding.related(Place::Value(time.route.clone()), "a new pod takes this");
    }
    if refused {
        finding.severity = Severity::Error;
    }
    let text = show(least);
    let help = format!("write `progress_deadline: {text}` or more under `rollout`");
    findings.push(match written {
        Some(written) => {
            let edit = Edit::replace(Place::Value(written.route.clone()), text.as_str());
            finding.fix_with(help, Fix::new(Safety::Unsafe, [edit]))
        }
        None => finding.help(help),
    });
}
