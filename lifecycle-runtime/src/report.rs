//! What a shutdown leaves behind: one report, as a value, as JSON and as a log event.

mod deliver;
pub(crate) mod events;
mod json;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

pub(crate) use deliver::{complain, deliver, log, unless_logged, write};
pub(crate) use json::{Object, quote, shorten};

use crate::plan::{Kind, Phase, Step};
use crate::signals::Signal;

/// How the service stopped, step by step.
///
/// Durations that name a moment count from the stop signal.
///
/// ```
/// # mod shop { lifecycle::include_plan!("tests/macros/shop.yaml"); }
/// # use lifecycle::{Database, Lifecycle, Task};
/// use lifecycle::{Outcome, StepOutcome};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # tokio::time::pause();
/// # let service = Lifecycle::new(shop::Resources::plan()).embedded()
/// #     .with("jobs", Task::new(|stopping| async move { stopping.requested().await }))
/// #     .with("orders-db", Database::new(|| async { Err::<(), _>("the connection was gone") }));
/// # let stop = service.stop_handle();
/// # tokio::spawn(async move {
/// #     tokio::time::sleep(std::time::Duration::from_secs(1)).await;
/// #     stop.stop("the example is over");
/// # });
/// let report = service.run().await;
/// assert_eq!((report.outcome, report.exit_code()), (Outcome::CleanupFailed, 81));
/// let bad = report.steps.iter().find(|it| it.outcome != StepOutcome::Done).expect("the database");
/// assert_eq!(bad.error.as_deref(), Some("the connection was gone"));
/// assert!(report.to_json().contains(r#""outcome":"cleanup-failed""#));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The service's name.
    pub service: String,
    /// The digest of the plan the program was built with.
    pub digest: String,
    /// The platform's key in the manifest; `None` where the environment names none.
    pub platform: Option<String>,
    /// The instance that this was, where the platform was asked for its name: the ARN of an ECS task.
    pub instance: Option<String>,
    /// The signal that was received; `None`: the service stopped for a reason of its own.
    pub signal: Option<Signal>,
    /// Why the service stopped without a signal, or did not start.
    pub cause: Option<String>,
    /// The worst that happened.
    pub outcome: Outcome,
    /// From the signal to the end of the last step.
    pub total: Duration,
    /// How long the service kept serving after the signal, for routing to notice.
    pub settle: Duration,
    /// How many requests were refused after intake stopped.
    pub rejected: u64,
    /// The phases that had a step.
    pub phases: Vec<PhaseReport>,
    /// The steps in the order of the plan.
    pub steps: Vec<StepReport>,
    /// From the beginning of the program's start to readiness; `None`: it was never ready.
    pub ready_after: Option<Duration>,
    /// From the beginning of the program's start to the signal.
    pub uptime: Duration,
    /// What went wrong on purpose, as it was written: `orders-db=hang`. A report with faults is one of
    /// a test or a drill.
    pub faults: Vec<String>,
}

/// When a phase ran: from the beginning of its first step to the end of its last.
///
/// ```
/// use std::time::Duration;
/// use lifecycle::{PhaseReport, Report};
///
/// fn longest(report: &Report) -> Option<(&str, Duration)> {
///     let took = |it: &PhaseReport| it.end.saturating_sub(it.start);
///     let phase = report.phases.iter().max_by_key(|&it| took(it))?;
///     Some((phase.phase.as_str(), took(phase)))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PhaseReport {
    /// The phase.
    pub phase: Phase,
    /// When its first step began.
    pub start: Duration,
    /// When its last step ended.
    pub end: Duration,
}

/// How one step ended.
///
/// ```
/// use lifecycle::Report;
///
/// /// What somebody should look after, by resource: it was neither done nor given back.
/// fn lost(report: &Report) -> Vec<String> {
///     let steps = report.steps.iter().filter(|it| !it.unfinished.is_empty());
///     steps.map(|it| format!("{}: {}", it.name, it.unfinished.join(", "))).collect()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepReport {
    /// The resource's name in the manifest.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Its phase.
    pub phase: Phase,
    /// How it ended.
    pub outcome: StepOutcome,
    /// It was best effort: however it ended, the exit code does not tell.
    pub best_effort: bool,
    /// When its window opened; `None` if it never did.
    pub start: Option<Duration>,
    /// When it ended, or when the process was about to.
    pub end: Option<Duration>,
    /// The timeout it had.
    pub timeout: Duration,
    /// What was in flight when the timeout passed or the step failed.
    pub active: u64,
    /// How long the oldest of that had been in flight.
    pub oldest: Option<Duration>,
    /// Names of unfinished work: job ids, request paths. Jobs that were handed back are not among it.
    pub unfinished: Vec<String>,
    /// How many requests, sessions or entries it refused after intake had stopped.
    pub rejected: u64,
    /// Ids of claimed jobs that it gave back to their queue, for another instance to take.
    pub handed_back: Vec<String>,
    /// Names of what could not be ended and was left running until the process was gone: a blocked
    /// thread, a task that ignores its cancellation.
    pub abandoned: Vec<String>,
    /// What went wrong, in words.
    pub error: Option<String>,
}

/// The worst that happened, and the exit code that says so.
///
/// ```
/// use lifecycle::Outcome;
///
/// let abandoned = Outcome::Abandoned;
/// assert_eq!((abandoned.as_str(), abandoned.exit_code()), ("abandoned", 80));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Everything ended in its time, or the service was stopped before it had started: exit code 0.
    Clean,
    /// Work was lost: a draining step timed out or ended badly, or a flushing one timed out: 80.
    Abandoned,
    /// All work was done, but something could not be flushed or closed: 81.
    CleanupFailed,
    /// The process was ended before its steps were, by the watchdog or by a second SIGINT: 82.
    Forced,
    /// The service did not start: 1.
    StartFailed,
}

impl Outcome {
    /// The outcome's name in the JSON report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Abandoned => "abandoned",
            Self::CleanupFailed => "cleanup-failed",
            Self::Forced => "forced",
            Self::StartFailed => "start-failed",
        }
    }

    /// The exit code of a process that ended like this.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::StartFailed => 1,
            Self::Abandoned => 80,
            Self::CleanupFailed => 81,
            Self::Forced => 82,
        }
    }
}

/// How a step ended.
///
/// ```
/// use lifecycle::{Report, StepOutcome};
///
/// /// What was too slow for its timeout, which is then too short or waits for too much.
/// fn too_slow(report: &Report) -> impl Iterator<Item = &str> {
///     let steps = report.steps.iter().filter(|it| it.outcome == StepOutcome::TimedOut);
///     steps.map(|it| &*it.name)
/// }
/// assert_eq!(StepOutcome::TimedOut.as_str(), "timed-out");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepOutcome {
    /// In its time, without an error.
    Done,
    /// Its timeout passed; what was left was cancelled.
    TimedOut,
    /// With an error.
    Failed,
    /// With a panic.
    Panicked,
    /// Its window never opened, because the process was ended before.
    Skipped,
    /// It had not ended when the process was ended.
    Running,
}

impl StepOutcome {
    /// The outcome's name in the JSON report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::TimedOut => "timed-out",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Skipped => "skipped",
            Self::Running => "running",
        }
    }
}

impl Report {
    /// The exit code a process with this report ends with.
    pub const fn exit_code(&self) -> u8 {
        self.outcome.exit_code()
    }

    /// The report as JSON, version 1: always valid, and at most 4096 bytes, which is what Kubernetes
    /// keeps of a termination message. What does not fit is left out from the least important on.
    pub fn to_json(&self) -> String {
        json::render(self)
    }
}

impl From<Report> for ExitCode {
    fn from(report: Report) -> Self {
        Self::from(report.exit_code())
    }
}

impl StepReport {
    /// From the moment its window opened to its end.
    pub(crate) fn took(&self) -> Duration {
        let end = self.end.unwrap_or_default();
        end.saturating_sub(self.start.unwrap_or_default())
    }

    /// What this step makes of the whole, or `None` if it ended well or is best effort.
    fn verdict(&self) -> Option<Outcome> {
        if self.best_effort {
            return None;
        }
        match (self.outcome, self.phase) {
            (StepOutcome::Done, _) => None,
            (StepOutcome::Running | StepOutcome::Skipped, _) => Some(Outcome::Forced),
            (_, Phase::Drain) | (StepOutcome::TimedOut, Phase::Flush) => Some(Outcome::Abandoned),
            _ => Some(Outcome::CleanupFailed),
        }
    }
}

impl Report {
    /// What came after the step's end went wrong: the step failed after all.
    pub(crate) fn failed_at_the_end(&mut self, index: usize, outcome: StepOutcome, error: String) {
        let Some(step) = self.steps.get_mut(index) else {
            return;
        };
        if step.outcome == StepOutcome::Done {
            step.outcome = outcome;
        }
        step.error = Some(match step.error.take() {
            Some(before) => format!("{before}; {error}"),
            None => error,
        });
        if self.outcome != Outcome::StartFailed {
            self.outcome = worst(self.steps.iter());
        }
    }
}

/// The worst of all steps.
pub(crate) fn worst<'s>(steps: impl Iterator<Item = &'s StepReport>) -> Outcome {
    let badness = |outcome: &Outcome| match outcome {
        Outcome::Clean | Outcome::StartFailed => 0,
        Outcome::CleanupFailed => 1,
        Outcome::Abandoned => 2,
        Outcome::Forced => 3,
    };
    steps
        .filter_map(StepReport::verdict)
        .max_by_key(badness)
        .unwrap_or(Outcome::Clean)
}

/// The span of each phase that has begun.
pub(crate) fn phases(steps: &[StepReport]) -> Vec<PhaseReport> {
    [Phase::Drain, Phase::Flush, Phase::Close]
        .into_iter()
        .filter_map(|phase| {
            let of_phase = || steps.iter().filter(move |step| step.phase == phase);
            let start = of_phase().filter_map(|step| step.start).min()?;
            let end = of_phase().filter_map(|step| step.end).max()?;
            Some(PhaseReport { phase, start, end })
        })
        .collect()
}

/// A step of which nothing is known yet.
pub(crate) fn untouched(step: &Step, timeout: Duration) -> StepReport {
    StepReport {
        name: step.name.to_string(),
        kind: step.kind,
        phase: step.phase,
        outcome: StepOutcome::Skipped,
        best_effort: step.best_effort,
        start: None,
        end: None,
        timeout,
        active: 0,
        oldest: None,
        unfinished: Vec::new(),
        rejected: 0,
        handed_back: Vec::new(),
        abandoned: Vec::new(),
        error: None,
    }
}

/// Longest error text kept, in characters.
const ERROR_LENGTH: usize = 2000;

/// An error and what lies behind it, as one line of text. It is the error's own code that writes it,
/// so no lock may be held here.
pub(crate) fn words(error: &(dyn std::error::Error + 'static)) -> String {
    // `to_string` panics too where a `Display` gives an error.
    catch_unwind(AssertUnwindSafe(|| chain(error)))
        .unwrap_or_else(|_| "an error that panics when it is shown".to_owned())
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        // Some errors print their source themselves.
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text.chars().take(ERROR_LENGTH).collect()
}
