//! The life of the resources: started in the order of use; stopped after settle, in plan order, each
//! within its own window.
//!
//! Every moment here is an event: a signal, the end of a step's work, or a timer. Nothing polls.

use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::metrics;
use crate::report::{Report, StepOutcome, events, words};
use crate::resource::StartUp;
use crate::tasks::{self, AbortOnDrop, Tasks};
use crate::wiring::Wired;
use crate::work::{Failure, NoEnd, Panicked, Work};

/// Starts wired resources, runs them until the service is asked to stop or stops for a reason of its
/// own, and then lets each of them go.
pub(crate) async fn run(control: Arc<Control>, wired: Vec<Wired>) -> Report {
    let (works, startups): (Vec<_>, Vec<_>) = wired
        .into_iter()
        .map(|wired| (wired.work, wired.startup))
        .unzip();
    let _sampling = metrics::ENABLED.then(|| {
        let sampling = events::sample(Arc::clone(&control), works.clone());
        AbortOnDrop::spawn(sampling)
    });
    let mut lives = Lives::default();
    start(&control, &works, startups, &mut lives).await;
    lives.watch(&control).await;

    events::stopping(&control, &works);
    for work in &works {
        work.settle();
    }
    settle(&control).await;
    events::settled(&control, &works, control.settled());
    stop(&control, &works).await;
    let counted = control.rejected();
    let report = control.finished();
    events::over(&report, &counted);
    report
}

/// Starts each resource once everything is up that waits for its end: what others use stops last and
/// starts first. Returns when all are up, or the service has to stop.
async fn start(
    control: &Control,
    works: &[Arc<dyn Work>],
    startups: Vec<StartUp>,
    lives: &mut Lives,
) {
    let steps = &control.plan.steps;
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); works.len()];
    let mut missing = vec![0_usize; works.len()];
    for (index, step) in steps.iter().enumerate() {
        for &other in &*step.waits_for {
            // `index` waits for the end of `other`, because `other` uses it.
            users[index].push(other);
            missing[other] += 1;
        }
    }
    let mut startups: Vec<_> = startups.into_iter().map(Some).collect();
    let mut probes = Tasks::default();
    // In the reverse order of the steps where that is free.
    let mut due: BinaryHeap<usize> = (0..works.len()).filter(|&it| missing[it] == 0).collect();
    let mut left = works.len();
    while left > 0 && !control.requested.is_cancelled() {
        let up = if let Some(index) = due.pop() {
            let (work, step) = (&works[index], &steps[index]);
            control.resource_starts(index);
            work.start(&control.plan, step);
            lives.add(index, &**work);
            match startups[index].take().and_then(StartUp::up) {
                Some(up) => {
                    probes.spawn(index, async move { Ok(up.await?) });
                    continue;
                }
                None => index,
            }
        } else {
            tokio::select! {
                biased;
                () = lives.watch(control) => return,
                Some((index, answer)) = probes.next() => match answer {
                    Ok(()) => index,
                    Err(why) => {
                        let name = &steps[index].name;
                        return not_up(control, format!("`{name}` did not start: {why}"));
                    }
                },
            }
        };
        control.resource_up(up);
        left -= 1;
        for &user in &users[up] {
            missing[user] -= 1;
            if missing[user] == 0 {
                due.push(user);
            }
        }
    }
    control.ready();
    if control.health.is_ready() {
        for work in works {
            work.ready();
        }
    }
}

/// Stops the service, whose start has failed for the reason in `line`.
fn not_up(control: &Control, line: String) {
    tracing::error!(error = line.as_str(), "the service does not start");
    control.start_failed(line.clone());
    control.stop(line);
}

/// The lives of the resources that have started: each may end without having been asked to.
#[derive(Default)]
struct Lives {
    running: Tasks,
    /// Those of them that the service runs for.
    serving: Vec<usize>,
    /// Something has served; a service that only holds clients runs until it is asked to stop.
    any: bool,
}

impl Lives {
    fn add(&mut self, index: usize, work: &dyn Work) {
        if let Some(ended) = work.ended() {
            if work.serves() {
                self.any = true;
                self.serving.push(index);
            }
            self.running.spawn(index, async move { Ok(ended.await?) });
        }
    }

    /// Returns when the service has to stop.
    async fn watch(&mut self, control: &Control) {
        loop {
            // While it starts, others may be about to serve.
            if self.any && self.serving.is_empty() && control.health.is_ready() {
                control.stop("everything that served has ended".to_owned());
            }
            let (index, result) = tokio::select! {
                biased;
                () = control.requested.cancelled() => return,
                Some(ended) = self.running.next() => ended,
            };
            self.serving.retain(|&other| other != index);
            let step = &control.plan.steps[index];
            let name = &*step.name;
            match result {
                Ok(()) => tracing::debug!(resource = name, "ended by itself"),
                Err(error) if step.best_effort => {
                    tracing::error!(resource = name, %error, "ended badly; best effort, the service goes on");
                }
                Err(error) => {
                    tracing::error!(resource = name, %error, "ended badly; the service stops");
                    control.stop(format!("`{name}` ended: {error}"));
                }
            }
        }
    }
}

/// Keeps serving, with readiness down, for as long as routing needs to notice.
async fn settle(control: &Control) {
    loop {
        let until = control.settles_until();
        if until <= Instant::now() {
            break;
        }
        tokio::select! {
            () = sleep_until(until) => break,
            // A signal on the way out starts the platform's clock: what is left may be less.
            () = control.signalled.cancelled(), if !control.signalled.is_cancelled() => {}
        }
    }
}

/// Lets every resource go, side by side where the plan allows.
async fn stop(control: &Arc<Control>, works: &[Arc<dyn Work>]) {
    let ended: Vec<CancellationToken> = works.iter().map(|_| CancellationToken::new()).collect();
    let mut steps = Tasks::default();
    for (index, (work, step)) in works.iter().zip(control.plan.steps.iter()).enumerate() {
        let waits: Vec<_> = step
            .waits_for
            .iter()
            .filter_map(|&other| ended.get(other).cloned())
            .collect();
        let (control, work) = (Arc::clone(control), Arc::clone(work));
        // Whatever becomes of the task, those that wait for this step go on.
        let over = ended[index].clone().drop_guard();
        steps.spawn(index, async move {
            for wait in waits {
                wait.cancelled().await;
            }
            run_step(&control, index, work).await;
            drop(over);
            Ok(())
        });
    }
    while steps.next().await.is_some() {}
}

async fn run_step(control: &Control, index: usize, work: Arc<dyn Work>) {
    let window = control.window(index);
    control.step_began(index, window.timeout);
    let late = late(control, index, window.timeout);
    // A task of its own: a panic ends only this, and it can be left behind.
    let mut stopping = {
        let work = Arc::clone(&work);
        tasks::spawn(async move { work.stop(window).await })
    };
    let in_time = tokio::select! {
        biased;
        joined = &mut stopping => Some(joined),
        () = late => None,
    };
    let (outcome, error) = if let Some(joined) = in_time {
        let ended = ending(tasks::joined(joined));
        if ended.0 != StepOutcome::Done {
            control.step_late(index, work.active());
        }
        ended
    } else {
        control.step_late(index, work.active());
        work.cancel();
        let unwound = timeout(control.timeline.unwind, &mut stopping).await;
        if unwound.is_err() {
            work.abandon();
            stopping.abort();
        }
        // An error on the way out of a cancelled step still says something about what hung.
        let error = unwound
            .ok()
            .and_then(|joined| ending(tasks::joined(joined)).1);
        (StepOutcome::TimedOut, error)
    };
    if let Some(ended) = control.step_ended(index, outcome, error, work.tally()) {
        events::step_ended(&ended, work.active().count);
    }
}

/// Resolves when a step that begins now has had its time. It may have begun before the Ctrl-C of
/// somebody who does not want to wait: then that shortens it.
async fn late(control: &Control, index: usize, limit: Duration) {
    let began = Instant::now();
    let until = began + limit;
    let hurry = tokio::select! {
        biased;
        () = sleep_until(until) => return,
        hurry = control.hurried() => hurry,
    };
    let until = until.min(Instant::now() + hurry);
    control.step_shortened(index, until - began);
    sleep_until(until).await;
}

/// The end of a task, as a report has it.
pub(crate) fn ending(result: Result<(), Failure>) -> (StepOutcome, Option<String>) {
    match result {
        Ok(()) => (StepOutcome::Done, None),
        Err(error) if error.is::<Panicked>() => (StepOutcome::Panicked, Some(words(&*error))),
        Err(error) if error.is::<NoEnd>() => (StepOutcome::TimedOut, Some(words(&*error))),
        Err(error) => (StepOutcome::Failed, Some(words(&*error))),
    }
}
