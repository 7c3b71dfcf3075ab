//! What a drill found out: the plan, what was measured beside it, and the findings.
//!
//! Serialised, this is version 1 of the drill's JSON. Whatever was not measured is absent or null
//! and named in `not_measured`; nothing here is assumed.

#![allow(
    clippy::struct_field_names,
    reason = "in JSON a number carries its unit in its name"
)]

use serde::Serialize;

use super::own_report::{OwnReport, OwnStep};
use super::probe::{Liveness, Readiness};
use super::script::{Load, Pace, PlannedStep, Script};
use super::target::process::Status;
use super::traffic::tally::Requests;

/// The version of the JSON.
const VERSION: u32 = 1;

/// One drill.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    /// 1.
    pub(crate) version: u32,
    /// No finding is a failure.
    pub(crate) passed: bool,
    /// The service's name.
    pub(crate) service: String,
    /// The platform's key.
    pub(crate) platform: String,
    /// The platform's name for people.
    pub(crate) platform_label: String,
    /// What was run.
    pub(crate) command: Vec<String>,
    /// How far the drill came.
    pub(crate) course: Course,
    /// What was found, failures first.
    pub(crate) findings: Vec<Finding>,
    /// The signal that asked the process to stop: `SIGTERM`.
    pub(crate) signal: &'static str,
    /// What the script said would happen.
    pub(crate) planned: Planned,
    /// When everything happened.
    pub(crate) timeline: Timeline,
    /// How the process ended.
    pub(crate) process: Process,
    /// What was sent; null when there was no address to send to, or nothing to send.
    pub(crate) load: Option<LoadSummary>,
    /// What became of the requests.
    pub(crate) requests: Option<Requests>,
    /// The readiness probe.
    pub(crate) readiness: Option<Readiness>,
    /// The liveness probe.
    pub(crate) liveness: Option<Liveness>,
    /// The plan's steps beside the process's own account of them.
    pub(crate) steps: Vec<Step>,
    /// The process's own report.
    pub(crate) report: Option<OwnReport>,
    /// What could not be measured, and why, in sentences.
    pub(crate) not_measured: Vec<String>,
    /// The last lines the process wrote, stdout and stderr together.
    pub(crate) output: Vec<String>,
}

/// How far a drill came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Course {
    /// The whole script was played.
    Played,
    /// The process did not become ready in its time.
    NeverReady,
    /// The process ended before it was ready.
    DiedAtStart,
    /// The process ended before the stop was asked.
    DiedBeforeStop,
    /// The process ended between the stop asked and the signal.
    DiedBeforeSignal,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Severity {
    /// The drill failed because of it.
    Failure,
    /// Worth knowing; the drill does not fail because of it.
    Warning,
}

/// Something that went otherwise than it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Its stable name: `request-lost`.
    pub(crate) name: &'static str,
    /// How grave it is.
    pub(crate) severity: Severity,
    /// What happened, and when.
    pub(crate) message: String,
    /// What usually causes it.
    pub(crate) cause: &'static str,
}

/// The script in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Planned {
    /// Deregistration before the grace period, at most; null when the platform has none.
    pub(crate) deregistration_ms: Option<f64>,
    /// It may take less.
    #[serde(skip)]
    pub(crate) deregistration_ends_early: bool,
    /// The hook inside the grace period; null when there is none.
    pub(crate) hook_ms: Option<f64>,
    /// The grace period.
    pub(crate) grace_ms: f64,
    /// From the stop asked to the signal, when deregistration takes its whole time.
    pub(crate) asked_to_signal_ms: f64,
    /// How long clients keep sending after the stop is asked.
    pub(crate) routing_lag_ms: f64,
    /// How long after the signal readiness may still say yes.
    pub(crate) readiness_budget_ms: f64,
    /// Whether the platform probes liveness after the stop was asked.
    pub(crate) liveness_probed: bool,
    /// From the signal to SIGKILL.
    pub(crate) signal_to_kill_ms: f64,
    /// From the signal to the planned end of the process.
    pub(crate) deadline_ms: Option<f64>,
    /// Who pays the settle time.
    pub(crate) settle_payer: String,
}

/// From where times are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Zero {
    /// The signal.
    Signal,
    /// The start of the process; there was no signal.
    Start,
}

/// Moments in milliseconds from `zero`, negative before it, null when they did not come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Timeline {
    /// What all times count from.
    pub(crate) zero: Zero,
    /// The process was started.
    pub(crate) started_ms: f64,
    /// It was ready.
    pub(crate) ready_ms: Option<f64>,
    /// The stop was asked.
    pub(crate) asked_ms: Option<f64>,
    /// New requests ceased.
    pub(crate) routing_ended_ms: Option<f64>,
    /// The grace period began.
    pub(crate) grace_ms: Option<f64>,
    /// The signal.
    pub(crate) signalled_ms: Option<f64>,
    /// SIGKILL.
    pub(crate) killed_ms: Option<f64>,
    /// The process was gone.
    pub(crate) ended_ms: Option<f64>,
}

/// How the process ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Process {
    /// Its exit code or signal; null when it had to be killed by the drill after it never became
    /// ready.
    pub(crate) status: Option<Status>,
    /// From the signal to the end; null without a signal.
    pub(crate) exit_ms: Option<f64>,
    /// What was left of the grace period at the end; null when nothing was.
    pub(crate) left_ms: Option<f64>,
    /// It was still there at the end of the grace period.
    pub(crate) sigkill_needed: bool,
    /// Processes of its group that outlived it; null where the system does not tell, and when the
    /// whole group was killed.
    pub(crate) left_behind: Option<usize>,
}

/// The load, for the heading.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "pace", rename_all = "kebab-case")]
pub(crate) enum LoadSummary {
    /// A schedule.
    Open {
        /// Requests a second.
        rate: u32,
        /// Connections kept alive.
        kept_alive: usize,
        /// The share of requests on connections of their own.
        fresh_share: f64,
        /// The share of slow requests; 0 when none are known.
        slow_share: f64,
    },
    /// Clients that never rest.
    Closed {
        /// Clients that keep their connection.
        kept_alive: usize,
        /// Clients that open one for every request.
        fresh: usize,
    },
}

/// One step: planned, measured, or both. Times in milliseconds from the signal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Step {
    /// The resource's name.
    pub(crate) name: String,
    /// Its kind.
    pub(crate) kind: String,
    /// As planned; null when the plan knows no such step.
    pub(crate) planned: Option<StepPlan>,
    /// As the process reported it; null when it reported nothing about it.
    pub(crate) measured: Option<OwnStep>,
}

/// A step of the plan in milliseconds from the signal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct StepPlan {
    /// The latest beginning.
    pub(crate) start_ms: f64,
    /// How long it may take.
    pub(crate) timeout_ms: f64,
    /// The latest end.
    pub(crate) end_ms: f64,
}

pub(super) const fn version() -> u32 {
    VERSION
}

impl Planned {
    pub(super) fn of(script: &Script) -> Self {
        Self {
            deregistration_ms: script.deregistration.map(millis),
            deregistration_ends_early: script.deregistration_ends_early,
            hook_ms: script.hook.map(millis),
            grace_ms: millis(script.grace),
            asked_to_signal_ms: millis(script.asked_to_signal()),
            routing_lag_ms: millis(script.routing_lag),
            readiness_budget_ms: millis(script.readiness_budget),
            liveness_probed: script.liveness_probed,
            signal_to_kill_ms: millis(script.signal_to_kill()),
            deadline_ms: script.deadline.map(millis),
            settle_payer: script.settle_payer.clone(),
        }
    }
}

impl LoadSummary {
    pub(super) fn of(load: &Load) -> Self {
        match load.pace {
            Pace::Open {
                rate,
                kept_alive,
                fresh_share,
            } => Self::Open {
                rate,
                kept_alive,
                fresh_share,
                slow_share: if load.slow.is_empty() {
                    0.0
                } else {
                    load.slow_share
                },
            },
            Pace::Closed { kept_alive, fresh } => Self::Closed { kept_alive, fresh },
        }
    }
}

/// The plan's steps in their order, each with what the process said of it; then what the process
/// ran beyond the plan.
pub(super) fn steps(planned: &[PlannedStep], report: Option<&OwnReport>) -> Vec<Step> {
    let measured = report.map_or(&[][..], |report| &report.steps);
    let mut steps: Vec<_> = planned
        .iter()
        .map(|step| Step {
            name: step.name.clone(),
            kind: step.kind.clone(),
            planned: Some(StepPlan {
                start_ms: millis(step.start),
                timeout_ms: millis(step.timeout),
                end_ms: millis(step.end),
            }),
            measured: measured.iter().find(|own| own.name == step.name).cloned(),
        })
        .collect();
    let unplanned = measured
        .iter()
        .filter(|own| planned.iter().all(|step| step.name != own.name));
    steps.extend(unplanned.map(|own| Step {
        name: own.name.clone(),
        kind: own.kind.clone(),
        planned: None,
        measured: Some(own.clone()),
    }));
    steps
}

fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
