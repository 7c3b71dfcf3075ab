//! The facts of a shutdown through the `metrics` facade, each at the moment at which it is known: an
//! exporter that is flushed as one of the steps still sends those of the steps before it.
//!
//! The names, their labels and their moments are a table of the manual's page on the report.

use std::time::Duration;

use metrics::{Unit, counter, gauge, histogram};

use crate::plan::Phase;
use crate::report::{Outcome, Report, StepOutcome, StepReport};
use crate::signals::Signal;

/// Whether anybody can hear what is recorded.
pub(crate) const ENABLED: bool = true;

const READY: &str = "lifecycle_ready_seconds";
const IN_FLIGHT: &str = "lifecycle_in_flight";
const SHUTDOWNS: &str = "lifecycle_shutdowns_total";
const SETTLE: &str = "lifecycle_shutdown_settle_seconds";
const STEP: &str = "lifecycle_shutdown_step_duration_seconds";
const PHASE: &str = "lifecycle_shutdown_phase_duration_seconds";
const WHOLE: &str = "lifecycle_shutdown_duration_seconds";
const AT_DEADLINE: &str = "lifecycle_shutdown_active_at_deadline";
const FAILURES: &str = "lifecycle_shutdown_failures_total";
const REJECTED: &str = "lifecycle_shutdown_rejected_total";
const HANDED_BACK: &str = "lifecycle_shutdown_handed_back_total";
const ABANDONED: &str = "lifecycle_shutdown_abandoned_total";
const EXIT_CODE: &str = "lifecycle_shutdown_exit_code";

/// What each is, for exporters that tell. Called when `main` has returned, and with it whatever
/// installs a recorder.
pub(crate) fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};

    describe_gauge!(
        READY,
        Unit::Seconds,
        "From the beginning of the program's start to readiness"
    );
    describe_gauge!(
        IN_FLIGHT,
        Unit::Count,
        "Requests, jobs and tasks in flight, by resource"
    );
    describe_counter!(
        SHUTDOWNS,
        Unit::Count,
        "Shutdowns that have begun, by the signal that asked for them"
    );
    describe_histogram!(
        SETTLE,
        Unit::Seconds,
        "How long the service served on after the signal, for routing to notice"
    );
    describe_histogram!(
        STEP,
        Unit::Seconds,
        "How long each resource took to stop, by outcome"
    );
    describe_histogram!(
        PHASE,
        Unit::Seconds,
        "From the beginning of a phase's first step to the end of its last"
    );
    describe_histogram!(
        WHOLE,
        Unit::Seconds,
        "From the signal to the end of the last step, by outcome"
    );
    describe_gauge!(
        AT_DEADLINE,
        Unit::Count,
        "What was in flight when a step's timeout passed or it failed"
    );
    describe_counter!(
        FAILURES,
        Unit::Count,
        "Steps that did not end well, by resource and outcome"
    );
    describe_counter!(
        REJECTED,
        Unit::Count,
        "Requests, sessions and entries refused after intake had stopped"
    );
    describe_counter!(
        HANDED_BACK,
        Unit::Count,
        "Claimed jobs given back to their queue"
    );
    describe_counter!(
        ABANDONED,
        Unit::Count,
        "What could not be ended and was left running"
    );
    describe_gauge!(
        EXIT_CODE,
        "The exit code, were the process to end now: the worst so far"
    );
}

pub(crate) fn ready(after: Duration) {
    gauge!(READY).set(after.as_secs_f64());
}

pub(crate) fn in_flight(resource: &str, count: u64) {
    gauge!(IN_FLIGHT, "resource" => resource.to_owned()).set(number(count));
}

pub(crate) fn stopping(signal: Option<Signal>) {
    let signal = signal.map_or("none", Signal::as_str);
    counter!(SHUTDOWNS, "signal" => signal).increment(1);
    exit_code(Outcome::Clean);
}

pub(crate) fn settled(after: Duration) {
    histogram!(SETTLE).record(after.as_secs_f64());
}

/// A step's end, and what would be the exit code now.
pub(crate) fn step(step: &StepReport, so_far: Outcome) {
    let (resource, phase) = (step.name.clone(), step.phase.as_str());
    let outcome = step.outcome.as_str();
    histogram!(STEP, "step" => resource.clone(), "phase" => phase, "outcome" => outcome)
        .record(step.took().as_secs_f64());
    if step.outcome != StepOutcome::Done {
        gauge!(AT_DEADLINE, "resource" => resource.clone()).set(number(step.active));
        counter!(FAILURES, "resource" => resource, "phase" => phase, "outcome" => outcome)
            .increment(1);
    }
    rejected(&step.name, step.rejected);
    let lists = [
        (HANDED_BACK, &step.handed_back),
        (ABANDONED, &step.abandoned),
    ];
    for (name, ids) in lists {
        if !ids.is_empty() {
            counter!(name, "resource" => step.name.clone()).increment(ids.len() as u64);
        }
    }
    exit_code(so_far);
}

pub(crate) fn phase(phase: Phase, took: Duration) {
    histogram!(PHASE, "phase" => phase.as_str()).record(took.as_secs_f64());
}

/// The end of all steps; `late` are refusals after a step had ended.
pub(crate) fn over(report: &Report, late: &[u64]) {
    for (step, &late) in report.steps.iter().zip(late) {
        rejected(&step.name, late);
    }
    let outcome = report.outcome.as_str();
    histogram!(WHOLE, "outcome" => outcome).record(report.total.as_secs_f64());
    exit_code(report.outcome);
}

fn rejected(resource: &str, count: u64) {
    if count > 0 {
        counter!(REJECTED, "resource" => resource.to_owned()).increment(count);
    }
}

fn exit_code(outcome: Outcome) {
    gauge!(EXIT_CODE).set(f64::from(outcome.exit_code()));
}

/// Counts beyond 2^53 are rounded, which no service sees.
#[allow(clippy::cast_precision_loss, reason = "see above")]
fn number(count: u64) -> f64 {
    count as f64
}
