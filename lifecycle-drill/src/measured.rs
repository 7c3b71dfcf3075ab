//! What a drill found out: the plan, what was measured beside it, and the findings.
//!
//! Serialised, this is version 1 of the drill's JSON. Whatever was not measured is absent or null
//! and named in `not_measured`; nothing here is assumed.

#![allow(
    clippy::struct_field_names,
    reason = "in JSON a number carries its unit in its name"
)]

use std::borrow::Cow;

use lifecycle_manifest::contract;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::idle::IdleConnection;
use super::own_report::{OwnReport, OwnStep};
use super::probe::{Liveness, Readiness};
use super::script::{Load, Pace, PlannedStep, Script};
use super::series::Series;
use super::target::process::Status;
use super::target::ready::Waited;
use super::target::signalled::Signalled;
use super::traffic::tally::Requests;
use super::verdict::Expectations;

/// The version of the JSON.
const VERSION: u32 = 1;

/// One drill.
///
/// Read back from JSON, it is the same. Fields that came later may be missing there.
///
/// ```
/// use lifecycle_drill::Measured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// assert_eq!(measured.scenario.as_deref(), Some("hanging-close=orders-db"));
/// assert!(measured.passed && measured.findings.is_empty());
/// let requests = measured.requests.as_ref().unwrap();
/// assert_eq!((requests.all().sent(), requests.all().lost), (31, 0));
///
/// let kept = serde_json::to_string(&measured)?;
/// assert_eq!(serde_json::from_str::<Measured>(&kept)?, measured);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// 1.
    pub version: u32,
    /// No finding is a failure.
    pub passed: bool,
    /// The service's name.
    pub service: String,
    /// The platform's key.
    pub platform: String,
    /// The platform's name for people.
    pub platform_label: String,
    /// The scenario that was played, as it was asked for: `hanging-close=orders-db`. Null for an
    /// ordinary stop.
    #[serde(default)]
    pub scenario: Option<String>,
    /// What happened because the scenario makes it happen, in sentences: no finding, and worth
    /// knowing.
    #[serde(default)]
    pub excused: Vec<String>,
    /// What was run.
    pub command: Vec<String>,
    /// How far the drill came.
    pub course: Course,
    /// What it was held to.
    #[serde(default)]
    pub expected: Expectations,
    /// What was found, failures first.
    pub findings: Vec<Finding>,
    /// Where requests went: `http://127.0.0.1:3000/`; absent without an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What was waited for in vain, when the process was never ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited: Option<Waited>,
    /// The signal that asked the process to stop: `SIGTERM`.
    pub signal: Cow<'static, str>,
    /// What the script said would happen.
    pub planned: Planned,
    /// When everything happened.
    pub timeline: Timeline,
    /// How the process ended.
    pub process: Process,
    /// What decided which request came when: the same seed is the same sequence.
    pub seed: Option<u64>,
    /// What was sent; null when there was no address to send to, or nothing to send.
    pub load: Option<LoadSummary>,
    /// What became of the requests.
    pub requests: Option<Requests>,
    /// The same over time; null when nothing was sent.
    pub series: Option<Series>,
    /// The readiness probe.
    pub readiness: Option<Readiness>,
    /// The liveness probe.
    pub liveness: Option<Liveness>,
    /// Connections that the drill held open and did not use; those that were open at the signal.
    #[serde(default)]
    pub idle: Vec<IdleConnection>,
    /// When nobody listened on the port any more, in milliseconds from the signal; null when somebody
    /// did to the end, or the system does not tell.
    #[serde(default)]
    pub listener_closed_ms: Option<f64>,
    /// The plan's steps beside the process's own account of them.
    pub steps: Vec<Step>,
    /// The process's own report.
    pub report: Option<OwnReport>,
    /// What could not be measured, and why, in sentences.
    pub not_measured: Vec<String>,
    /// The last lines the process wrote, stdout and stderr together.
    pub output: Vec<String>,
}

/// How far a drill came.
///
/// What there is to say of a drill begins with how far it came:
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::{measured::Course, verdict, Measured};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let mut measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// assert_eq!(measured.course, Course::Played);
///
/// measured.course = Course::DiedAtStart;
/// let findings = verdict::findings(&measured, Duration::from_secs(10));
/// assert_eq!(findings[0].name, "died-at-start");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Course {
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
///
/// The graver is the lesser, so that sorted findings begin with the failures:
///
/// ```
/// use lifecycle_drill::measured::Severity;
///
/// let mut found = [Severity::Warning, Severity::Failure, Severity::Warning];
/// found.sort();
/// assert_eq!(found[0], Severity::Failure);
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The drill failed because of it.
    Failure,
    /// Worth knowing; the drill does not fail because of it.
    Warning,
}

/// Something that went otherwise than it should.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::{measured::Severity, verdict, Measured};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let mut measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// measured.process.sigkill_needed = true;
/// measured.timeline.killed_ms = Some(29_000.0);
///
/// let findings = verdict::findings(&measured, Duration::from_secs(10));
/// let killed = findings.iter().find(|it| it.name == "sigkill-needed").unwrap();
/// assert_eq!((killed.severity, killed.at_ms), (Severity::Failure, Some(29_000.0)));
/// assert_eq!(killed.message, "the process was still there 29s after SIGTERM, and was killed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Its stable name: `request-lost`.
    pub name: Cow<'static, str>,
    /// How grave it is.
    pub severity: Severity,
    /// What happened, and when.
    pub message: String,
    /// When it happened, in milliseconds from the timeline's zero; null where it is no moment.
    pub at_ms: Option<f64>,
    /// What usually causes it.
    pub cause: Cow<'static, str>,
}

/// The script in milliseconds.
///
/// ```
/// use lifecycle_drill::Measured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let planned = &measured.planned;
/// assert_eq!(planned.settle_payer, "1s preStop sleep");
/// assert_eq!((planned.grace_ms, planned.hook_ms), (30_000.0, Some(1_000.0)));
/// assert_eq!(planned.signal_to_kill_ms, 29_000.0);
/// // It kept the plan's deadline.
/// assert!(measured.process.exit_ms < planned.deadline_ms);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Planned {
    /// Deregistration before the grace period, at most; null when the platform has none.
    pub deregistration_ms: Option<f64>,
    /// It may take less.
    #[serde(default)]
    pub deregistration_ends_early: bool,
    /// The hook inside the grace period; null when there is none.
    pub hook_ms: Option<f64>,
    /// The grace period.
    pub grace_ms: f64,
    /// From the stop asked to the signal, when deregistration takes its whole time.
    pub asked_to_signal_ms: f64,
    /// How long clients keep sending after the stop is asked.
    pub routing_lag_ms: f64,
    /// How long after the signal readiness may still say yes.
    pub readiness_budget_ms: f64,
    /// Whether the platform probes liveness after the stop was asked.
    pub liveness_probed: bool,
    /// From the signal to SIGKILL.
    pub signal_to_kill_ms: f64,
    /// From the signal to the planned end of the process.
    pub deadline_ms: Option<f64>,
    /// Who pays the settle time.
    pub settle_payer: String,
    /// The plan's digest, as the process is told it; null when it is not.
    #[serde(default)]
    pub digest: Option<String>,
}

/// From where times are counted.
///
/// ```
/// use lifecycle_drill::measured::{Timeline, Zero};
///
/// // It ended before anybody signalled it.
/// let died: Timeline =
///     serde_json::from_str(r#"{ "zero": "start", "started_ms": 0, "ended_ms": 120 }"#)?;
/// assert_eq!(died.zero, Zero::Start);
/// assert_eq!((died.signalled_ms, died.ended_ms), (None, Some(120.0)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Zero {
    /// The signal.
    Signal,
    /// The start of the process; there was no signal.
    Start,
}

/// Moments in milliseconds from `zero`, negative before it, null when they did not come.
///
/// ```
/// use lifecycle_drill::{measured::Zero, Measured};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let timeline = &measured.timeline;
/// assert_eq!((timeline.zero, timeline.signalled_ms), (Zero::Signal, Some(0.0)));
/// assert_eq!(timeline.asked_ms, Some(-1_004.9)); // the hook ran in between
/// assert_eq!(timeline.killed_ms, None);
/// assert_eq!(timeline.ended_ms, measured.process.exit_ms);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// What all times count from.
    pub zero: Zero,
    /// The process was started.
    pub started_ms: f64,
    /// It was ready.
    pub ready_ms: Option<f64>,
    /// The stop was asked.
    pub asked_ms: Option<f64>,
    /// New requests ceased.
    pub routing_ended_ms: Option<f64>,
    /// The grace period began.
    pub grace_ms: Option<f64>,
    /// The signal.
    pub signalled_ms: Option<f64>,
    /// SIGKILL.
    pub killed_ms: Option<f64>,
    /// The process was gone.
    pub ended_ms: Option<f64>,
}

/// How the process ended.
///
/// ```
/// use lifecycle_drill::{target::process::Status, Measured};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let process = &measured.process;
/// assert_eq!(process.status, Some(Status::Code(81))); // a cleanup failed, and it says so
/// assert_eq!((process.exit_ms, process.left_ms), (Some(1_206.6), Some(27_793.4)));
/// assert!(!process.sigkill_needed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    /// Its exit code or signal; null when it had to be killed by the drill after it never became
    /// ready.
    pub status: Option<Status>,
    /// From the signal to the end; null without a signal.
    pub exit_ms: Option<f64>,
    /// What was left of the grace period at the end; null when nothing was.
    pub left_ms: Option<f64>,
    /// It was still there at the end of the grace period.
    pub sigkill_needed: bool,
    /// Processes of its group that outlived it; null where the system does not tell, and when the
    /// whole group was killed.
    pub left_behind: Option<usize>,
    /// Who the signal was for, and who was below it; absent where no stop was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signalled: Option<Signalled>,
}

/// The load, for the heading.
///
/// ```
/// use lifecycle_drill::{measured::LoadSummary, Measured};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let Some(LoadSummary::Open { rate, fresh_share, .. }) = measured.load else {
///     panic!("it was sent on a schedule");
/// };
/// assert_eq!((rate, fresh_share), (20, 0.2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "pace", rename_all = "kebab-case")]
pub enum LoadSummary {
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
        /// Clients that keep a socket or a stream open.
        #[serde(default)]
        clients: usize,
    },
    /// Clients that never rest.
    Closed {
        /// Clients that keep their connection.
        kept_alive: usize,
        /// Clients that open one for every request.
        fresh: usize,
        /// Clients that keep a socket or a stream open.
        #[serde(default)]
        clients: usize,
    },
}

/// One step: planned, measured, or both. Times in milliseconds from the signal.
///
/// ```
/// use lifecycle_drill::Measured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let database = measured.steps.iter().find(|step| step.name == "orders-db").unwrap();
/// let (planned, own) = (database.planned.unwrap(), database.measured.as_ref().unwrap());
/// assert_eq!(own.outcome, "timed-out");
/// assert_eq!((own.end_ms, planned.end_ms), (Some(1_204.0), 2_200.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// The resource's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// As planned; null when the plan knows no such step.
    pub planned: Option<StepPlan>,
    /// As the process reported it; null when it reported nothing about it.
    pub measured: Option<OwnStep>,
}

/// A step of the plan in milliseconds from the signal.
///
/// ```
/// use lifecycle_drill::Measured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let http = measured.steps[0].planned.unwrap();
/// assert_eq!((http.start_ms, http.timeout_ms), (0.0, 1_000.0));
/// // Cancelled work has 100ms to let go.
/// assert_eq!(http.end_ms - http.start_ms - http.timeout_ms, 100.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepPlan {
    /// The latest beginning.
    pub start_ms: f64,
    /// How long it may take.
    pub timeout_ms: f64,
    /// The latest end.
    pub end_ms: f64,
}

/// The version of the JSON that [`Measured`] is serialised as.
///
/// ```
/// use lifecycle_drill::{measured::version, Record};
///
/// let newer = format!(r#"{{ "version": {}, "course": "played" }}"#, version() + 1);
/// let error = Record::read(newer.as_bytes()).unwrap_err();
/// assert_eq!(error.to_string(), "it has version 2, and this program reads version 1");
/// ```
pub const fn version() -> u32 {
    VERSION
}

impl Planned {
    /// The script, as it was told.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lifecycle_drill::measured::Planned;
    /// use lifecycle_drill::Script;
    ///
    /// let mut script = Script::new("shop", "Kubernetes", Duration::from_secs(30));
    /// script.hook = Some(Duration::from_secs(5));
    /// script.env.push(("LIFECYCLE_DIGEST".to_owned(), "8940f392cc7770e5".to_owned()));
    ///
    /// let planned = Planned::of(&script);
    /// assert_eq!((planned.asked_to_signal_ms, planned.signal_to_kill_ms), (5_000.0, 25_000.0));
    /// assert_eq!(planned.digest.as_deref(), Some("8940f392cc7770e5"));
    /// ```
    pub fn of(script: &Script) -> Self {
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
            digest: script
                .env
                .iter()
                .find(|(name, _)| name == contract::DIGEST)
                .map(|(_, digest)| digest.clone()),
        }
    }
}

impl LoadSummary {
    pub(super) fn of(load: &Load) -> Self {
        let clients = load.sessions.iter().map(|session| session.clients).sum();
        match load.pace {
            Pace::Open {
                rate,
                kept_alive,
                fresh_share,
            } => Self::Open {
                clients,
                // A rate of nothing is none.
                rate: match load.requests.is_empty() && load.slow.is_empty() {
                    true => 0,
                    false => rate,
                },
                kept_alive,
                fresh_share,
                slow_share: if load.slow.is_empty() {
                    0.0
                } else {
                    load.slow_share
                },
            },
            Pace::Closed { kept_alive, fresh } => Self::Closed {
                kept_alive,
                fresh,
                clients,
            },
        }
    }
}

/// The plan's steps in their order, each with what the process said of it; then what the process
/// ran beyond the plan.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::measured::steps;
/// use lifecycle_drill::own_report::{OwnReport, OwnStep};
/// use lifecycle_drill::PlannedStep;
///
/// let planned = PlannedStep {
///     name: "http".to_owned(),
///     kind: "http-server".to_owned(),
///     start: Duration::ZERO,
///     timeout: Duration::from_millis(1_000),
///     end: Duration::from_millis(1_100),
/// };
/// let own = |name: &str| OwnStep { name: name.to_owned(), ..OwnStep::default() };
/// let report = OwnReport { steps: vec![own("cache"), own("http")], ..OwnReport::default() };
///
/// let steps = steps(&[planned], Some(&report));
/// assert_eq!(steps[0].name, "http");
/// assert!(steps[0].planned.is_some() && steps[0].measured.is_some());
/// assert_eq!(steps[1].name, "cache"); // the plan does not know it
/// assert!(steps[1].planned.is_none() && steps[1].measured.is_some());
/// ```
pub fn steps(planned: &[PlannedStep], report: Option<&OwnReport>) -> Vec<Step> {
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
