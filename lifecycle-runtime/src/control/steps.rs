//! How far each resource is in its start, and each step in its end.

use std::time::Duration;

use tokio::time::Instant;

use super::{Control, timeout_of};
use crate::report::events::Ended;
use crate::report::{self, StepOutcome, StepReport};
use crate::work::{Active, Tally, Window};

/// What a step has at most when somebody at a terminal waits for the end.
const HURRY: Duration = Duration::from_secs(3);

impl Control {
    /// The resource begins to start.
    pub(crate) fn resource_starts(&self, index: usize) {
        if let Some(started) = self.lock().moments.resources.get_mut(index) {
            started.began = Some(Instant::now());
        }
    }

    /// The resource is up.
    pub(crate) fn resource_up(&self, index: usize) {
        if let Some(started) = self.lock().moments.resources.get_mut(index) {
            started.up = Some(Instant::now());
        }
    }

    /// What a step has that begins now.
    pub(crate) fn window(&self, index: usize) -> Window {
        let timeout = timeout_of(&self.timeline, index);
        let hurry = self.lock().hurry;
        let timeout = if hurry { timeout.min(HURRY) } else { timeout };
        Window { timeout, hurry }
    }

    /// Resolves with the Ctrl-C of somebody at a terminal: what a step then still has at most. Never
    /// where another signal has come.
    pub(crate) async fn hurried(&self) -> Duration {
        self.signalled.cancelled().await;
        if !self.lock().hurry {
            std::future::pending::<()>().await;
        }
        HURRY
    }

    /// A step that runs has less than when it began.
    pub(crate) fn step_shortened(&self, index: usize, timeout: Duration) {
        if let Some(step) = self.lock().steps.get_mut(index) {
            step.timeout = step.timeout.min(timeout);
        }
    }

    pub(crate) fn step_began(&self, index: usize, timeout: Duration) {
        let mut inner = self.lock();
        let elapsed = inner.elapsed();
        if let Some(step) = inner.steps.get_mut(index) {
            step.timeout = timeout;
            step.outcome = StepOutcome::Running;
            step.start = Some(elapsed);
        }
    }

    /// What was in flight at the step's timeout.
    pub(crate) fn step_late(&self, index: usize, active: Active) {
        if let Some(step) = self.lock().steps.get_mut(index) {
            step.set_active(active);
        }
    }

    /// How the step ended; its report.
    pub(crate) fn step_ended(
        &self,
        index: usize,
        outcome: StepOutcome,
        error: Option<String>,
        tally: Tally,
    ) -> Option<Ended> {
        let mut inner = self.lock();
        let elapsed = inner.elapsed();
        let step = inner.steps.get_mut(index)?;
        step.outcome = outcome;
        step.end = Some(elapsed);
        step.error = error;
        step.set_tally(tally);
        let step = step.clone();
        let of_phase = || inner.steps.iter().filter(|other| other.phase == step.phase);
        let phase_over = of_phase().all(|step| step.end.is_some());
        let mut phases = report::phases(&inner.steps).into_iter();
        Some(Ended {
            phase: phases.find(|phase| phase_over && phase.phase == step.phase),
            so_far: report::worst(inner.steps.iter().filter(|step| step.end.is_some())),
            step,
        })
    }
}

impl StepReport {
    pub(super) fn set_active(&mut self, active: Active) {
        self.active = active.count;
        self.oldest = active.oldest;
        self.unfinished = active.names;
    }

    /// A job that was given back is not lost: it is told of there, and not among the unfinished.
    pub(super) fn set_tally(&mut self, tally: Tally) {
        match tally.unfinished {
            Some(names) => self.unfinished = names,
            None => self
                .unfinished
                .retain(|name| !tally.handed_back.contains(name)),
        }
        self.rejected = tally.rejected;
        self.handed_back = tally.handed_back;
        self.abandoned = tally.abandoned;
    }
}
