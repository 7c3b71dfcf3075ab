//! What is said while the service stops: each moment as a log event and as metrics, when it comes.

use std::sync::Arc;
use std::time::Duration;

use super::{Outcome, PhaseReport, Report, StepOutcome, StepReport};
use crate::control::Control;
use crate::metrics;
use crate::plan::Phase;
use crate::work::Work;

/// How often what is in flight is recorded.
const SAMPLED: Duration = Duration::from_secs(1);

/// A step's end, and what it means for the whole.
pub(crate) struct Ended {
    pub(crate) step: StepReport,
    /// It was the last of its phase.
    pub(crate) phase: Option<PhaseReport>,
    /// The worst of all steps that have ended.
    pub(crate) so_far: Outcome,
}

/// Records what is in flight, again and again until it is dropped.
pub(crate) async fn sample(control: Arc<Control>, works: Vec<Arc<dyn Work>>) {
    loop {
        in_flight(&control, &works);
        tokio::time::sleep(SAMPLED).await;
    }
}

/// Only what drains has anything in flight before it is stopped.
fn in_flight(control: &Control, works: &[Arc<dyn Work>]) -> u64 {
    let steps = control.plan.steps.iter();
    let draining = works
        .iter()
        .zip(steps)
        .filter(|(_, step)| step.phase == Phase::Drain);
    let counts = draining.map(|(work, step)| {
        let count = work.active().count;
        metrics::in_flight(&step.name, count);
        count
    });
    counts.sum()
}

/// The service has to stop.
pub(crate) fn stopping(control: &Control, works: &[Arc<dyn Work>]) {
    let (signal, cause) = control.asked_by();
    metrics::stopping(signal);
    tracing::info!(
        signal = signal.map(crate::Signal::as_str),
        cause,
        platform = control.platform.as_deref(),
        settle_ms = millis(control.settle()),
        deadline_ms = millis(control.left()),
        in_flight = in_flight(control, works),
        "the shutdown begins"
    );
}

/// Routing has had its time; intake stops.
pub(crate) fn settled(control: &Control, works: &[Arc<dyn Work>], after: Duration) {
    metrics::settled(after);
    tracing::info!(
        settled_ms = millis(after),
        in_flight = in_flight(control, works),
        "the steps begin"
    );
}

/// A step has ended, with so much `left` of what was in flight.
pub(crate) fn step_ended(ended: &Ended, left: u64) {
    let step = &ended.step;
    metrics::step(step, ended.so_far);
    if step.phase == Phase::Drain {
        metrics::in_flight(&step.name, left);
    }
    macro_rules! event {
        ($level:ident, $message:literal) => {
            tracing::event!(
                tracing::Level::$level,
                resource = step.name.as_str(),
                kind = step.kind.as_str(),
                phase = step.phase.as_str(),
                outcome = step.outcome.as_str(),
                best_effort = step.best_effort.then_some(true),
                took_ms = millis(step.took()),
                timeout_ms = millis(step.timeout),
                active = some(step.active),
                oldest_ms = step.oldest.map(millis),
                unfinished = list(&step.unfinished),
                rejected = some(step.rejected),
                handed_back = list(&step.handed_back),
                abandoned = list(&step.abandoned),
                error = step.error.as_deref(),
                $message
            )
        };
    }
    match step.outcome {
        StepOutcome::Done => event!(INFO, "stopped"),
        StepOutcome::TimedOut => {
            event!(
                ERROR,
                "did not stop in its time; what was left is cancelled"
            );
        }
        _ => event!(ERROR, "did not stop well"),
    }
    if let Some(phase) = &ended.phase {
        let took = phase.end.saturating_sub(phase.start);
        metrics::phase(phase.phase, took);
        tracing::info!(
            phase = phase.phase.as_str(),
            start_ms = millis(phase.start),
            took_ms = millis(took),
            "the phase is over"
        );
    }
}

/// All steps have ended. `counted` is what each had refused when it did.
pub(crate) fn over(report: &Report, counted: &[u64]) {
    let now = report.steps.iter().map(|step| step.rejected);
    let late: Vec<u64> = now
        .zip(counted)
        .map(|(now, counted)| now.saturating_sub(*counted))
        .collect();
    metrics::over(report, &late);
}

fn some(count: u64) -> Option<u64> {
    (count > 0).then_some(count)
}

fn list(names: &[String]) -> Option<tracing::field::DebugValue<&[String]>> {
    (!names.is_empty()).then(|| tracing::field::debug(names))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
