//! What was measured, read as a scenario reads it.

use super::No;
use super::additions::Aside;
use crate::measured::{Finding, Measured, Severity};
use crate::own_report::OwnStep;
use crate::target::process::Status;
use crate::{verdict, words};

/// A drill's findings, under revision. What belongs to the scenario is excused, what it asks for is
/// added.
pub(super) struct Judgement<'a> {
    pub(super) measured: &'a mut Measured,
}

impl<'a> Judgement<'a> {
    pub(super) fn of(measured: &'a mut Measured) -> Self {
        Self { measured }
    }

    /// The findings of these names are what the scenario makes happen.
    pub(super) fn excuse(&mut self, names: &[&str]) {
        let Measured {
            findings, excused, ..
        } = &mut *self.measured;
        findings.retain(|finding| {
            let meant = names.contains(&&*finding.name);
            if meant {
                excused.push(finding.message.clone());
            }
            !meant
        });
    }

    /// Whatever was found under these names has this cause in this scenario.
    pub(super) fn because(&mut self, names: &[&str], cause: &'static str) {
        for finding in &mut self.measured.findings {
            if names.contains(&&*finding.name) {
                finding.cause = cause.into();
            }
        }
    }

    /// The process did not leave by itself, or not as it should, because of this.
    pub(super) fn held_up_because(&mut self, cause: &'static str) {
        self.because(
            &[
                "sigkill-needed",
                "exit-not-zero",
                "held-by-idle-connections",
            ],
            cause,
        );
    }

    pub(super) fn fail(&mut self, name: &'static str, message: String, cause: &'static str) {
        self.add(name, Severity::Failure, message, cause);
    }

    pub(super) fn warn(&mut self, name: &'static str, message: String, cause: &'static str) {
        self.add(name, Severity::Warning, message, cause);
    }

    fn add(
        &mut self,
        name: &'static str,
        severity: Severity,
        message: String,
        cause: &'static str,
    ) {
        self.measured.findings.push(Finding {
            name: name.into(),
            severity,
            at_ms: None,
            message,
            cause: cause.into(),
        });
    }

    /// Says something that happened as it should.
    pub(super) fn note(&mut self, sentence: String) {
        self.measured.excused.push(sentence);
    }

    /// What the clients held. Where it was nothing, the scenario has not been played.
    pub(super) fn held(&mut self, aside: &Aside, what: &str) -> Result<(), No> {
        // Without a signal the drill has come to another end, and says so.
        let Some(grip) = &aside.grip else {
            return Ok(());
        };
        if grip.held > 0 {
            self.note(format!(
                "{} of {} {what} when the signal came",
                grip.held,
                words::count(grip.of as u64, "client")
            ));
            return Ok(());
        }
        let lost = grip.lost.as_deref().unwrap_or("no connection was taken");
        let why = format!("no client {what} when the signal came: {lost}");
        if self.measured.passed {
            return Err(No::Applicable(why));
        }
        self.warn(
            "scenario-not-played",
            why,
            "the program does not let itself be brought there; the other findings are those of an ordinary \
             stop",
        );
        Ok(())
    }

    /// Whoever had to cut what never ends says that work was abandoned.
    pub(super) fn excuse_abandoned(&mut self) {
        let told = match (self.code(), &self.measured.report) {
            (Some(_), Some(report)) => report.outcome == "abandoned",
            (Some(code), None) => (1..128).contains(&code),
            (None, _) => false,
        };
        if told {
            self.excuse(&["exit-not-zero"]);
        }
        // It was waited for until its limit.
        self.excuse(&["waited-with-nothing-to-do"]);
    }

    /// The exit code, of a process that left by itself.
    pub(super) fn code(&self) -> Option<i32> {
        match self.measured.process.status? {
            Status::Code(code) if !self.measured.process.sigkill_needed => Some(code),
            _ => None,
        }
    }

    /// What the process itself says of a step.
    pub(super) fn step(&self, name: &str) -> Option<&OwnStep> {
        let report = self.measured.report.as_ref()?;
        report.steps.iter().find(|step| step.name == name)
    }

    /// Puts the findings in order, and the verdict beside them.
    pub(super) fn close(self) {
        self.measured
            .findings
            .sort_by_key(|finding| finding.severity);
        self.measured.passed = verdict::passes(&self.measured.findings);
    }
}
