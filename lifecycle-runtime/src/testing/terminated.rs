//! What a played termination leaves: the report, and what to ask of it.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use crate::plan::Timeline;
use crate::report::{Outcome, Report, StepOutcome, StepReport};

/// How the service stopped: its [`Report`], and the platform's clock beside it.
///
/// Every assertion that fails shows the whole report as a table.
///
/// ```
/// # mod shop { lifecycle::include_plan!("tests/macros/shop.yaml"); }
/// # use shop::Resources;
/// # use lifecycle::{Database, StepOutcome, Task};
/// # use lifecycle::testing::Termination;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # tokio::time::pause();
/// # let termination = Termination::of(Resources::plan())
/// #     .with("jobs", Task::new(|stopping| async move { stopping.requested().await }))
/// #     .with("orders-db", Database::new(|| async {}));
/// let report = termination.platform("kubernetes").run().await;
/// report.assert_nothing_lost();
/// assert_eq!(report.step("jobs").outcome, StepOutcome::Done);
/// assert!(report.left_before_deadline() < report.left_before_kill());
/// assert!(report.to_string().starts_with("shop on kubernetes: clean, exit code 0, after"));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Terminated {
    report: Report,
    timeline: Timeline,
    paused: bool,
}

impl Deref for Terminated {
    type Target = Report;

    fn deref(&self) -> &Report {
        &self.report
    }
}

impl Terminated {
    pub(super) fn new(report: Report, timeline: Timeline, paused: bool) -> Self {
        Self {
            report,
            timeline,
            paused,
        }
    }

    /// The report by itself.
    pub fn into_report(self) -> Report {
        self.report
    }

    /// Whether the clock stood still while nothing happened: then every time in the report is exact.
    pub fn paused(&self) -> bool {
        self.paused
    }

    /// How the step of the resource called `name` ended.
    ///
    /// # Panics
    ///
    /// If there is no step of that name.
    #[track_caller]
    pub fn step(&self, name: &str) -> &StepReport {
        let found = self.report.steps.iter().find(|step| step.name == name);
        found.unwrap_or_else(|| panic!("there is no step `{name}`\n{self}"))
    }

    /// From the end of the last step to the platform's SIGKILL; zero if SIGKILL came first.
    ///
    /// Without a platform it counts to the end of what the plan needs, its reserve included.
    pub fn left_before_kill(&self) -> Duration {
        self.timeline.kill.saturating_sub(self.report.total)
    }

    /// From the end of the last step to the moment at which the watchdog ends the process.
    pub fn left_before_deadline(&self) -> Duration {
        self.timeline.deadline.saturating_sub(self.report.total)
    }

    /// Asserts that every step ended well and in its time, also those that are best effort.
    #[track_caller]
    pub fn assert_clean(&self) {
        let clean = self.report.outcome == Outcome::Clean
            && self
                .report
                .steps
                .iter()
                .all(|step| step.outcome == StepOutcome::Done);
        assert!(clean, "it did not stop cleanly\n{self}");
    }

    /// Asserts the worst that happened, and with it the exit code.
    #[track_caller]
    pub fn assert_outcome(&self, outcome: Outcome) {
        let found = self.report.outcome;
        assert!(
            found == outcome,
            "it ended as {}, not as {}\n{self}",
            found.as_str(),
            outcome.as_str()
        );
    }

    /// Asserts that each of these steps began when the one before it had ended.
    #[track_caller]
    pub fn assert_order(&self, names: &[&str]) {
        for pair in names.windows(2) {
            let (before, after) = (self.step(pair[0]), self.step(pair[1]));
            let kept = before
                .end
                .zip(after.start)
                .is_some_and(|(end, start)| end <= start);
            assert!(kept, "`{}` did not wait for `{}`\n{self}", pair[1], pair[0]);
        }
    }

    /// Asserts that nothing was in flight when a timeout passed, nothing was left running, and no
    /// request was refused.
    #[track_caller]
    pub fn assert_nothing_lost(&self) {
        let lost = |step: &StepReport| {
            step.active > 0
                || step.rejected > 0
                || !step.unfinished.is_empty()
                || !step.abandoned.is_empty()
        };
        assert!(!self.report.steps.iter().any(lost), "work was lost\n{self}");
    }
}

impl fmt::Display for Terminated {
    /// One line for the service and one a step.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        let on = report.platform.as_deref().unwrap_or("no platform");
        write!(
            f,
            "{} on {on}: {}, exit code {}, after {:?}, {:?} before SIGKILL",
            report.service,
            report.outcome.as_str(),
            report.exit_code(),
            report.total,
            self.left_before_kill()
        )?;
        if let Some(cause) = &report.cause {
            write!(f, "; {cause}")?;
        }
        let width = report.steps.iter().map(|step| step.name.len()).max();
        for step in &report.steps {
            write!(
                f,
                "\n  {:width$}  {:5}  {:9}",
                step.name,
                step.phase.as_str(),
                step.outcome.as_str(),
                width = width.unwrap_or_default()
            )?;
            if let Some((start, end)) = step.start.zip(step.end) {
                write!(f, "  {start:?} … {end:?}, timeout {:?}", step.timeout)?;
            }
            if step.active > 0 {
                write!(f, ", {} in flight", step.active)?;
            }
            for (what, names) in [
                ("unfinished", &step.unfinished),
                ("handed back", &step.handed_back),
                ("abandoned", &step.abandoned),
            ] {
                if !names.is_empty() {
                    write!(f, ", {what}: {}", names.join(", "))?;
                }
            }
            if step.rejected > 0 {
                write!(f, ", {} rejected", step.rejected)?;
            }
            if let Some(error) = &step.error {
                write!(f, ": {error}")?;
            }
        }
        Ok(())
    }
}
