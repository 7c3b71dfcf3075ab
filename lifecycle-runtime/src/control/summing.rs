//! What is said of a stop once it is over, or is ended by force.

use tokio::time::Instant;

use super::{Control, Reached};
use crate::report::{self, Outcome, Report, StepOutcome};
use crate::work::{Active, Tally};

impl Control {
    /// The last step has ended.
    pub(crate) fn finished(&self) -> Report {
        {
            let mut inner = self.lock();
            inner.total = Some(inner.elapsed());
            inner.moments.ended = Some(Instant::now());
        }
        self.report(None)
    }

    /// What is known now, for a process that is being ended.
    pub(crate) fn forced(&self) -> Report {
        let outcome = self.forced_outcome();
        // Asked before the lock is taken: the resources are other people's code to this module.
        let found: Vec<(Active, Tally)> = self
            .works
            .get()
            .into_iter()
            .flatten()
            .map(|work| (work.active(), work.tally()))
            .collect();
        {
            let mut inner = self.lock();
            let elapsed = inner.elapsed();
            inner.total.get_or_insert(elapsed);
            for (step, (active, tally)) in inner.steps.iter_mut().zip(found) {
                if step.outcome == StepOutcome::Running {
                    step.end = Some(elapsed);
                    step.set_tally(tally);
                    if step.active == 0 {
                        step.set_active(active);
                    }
                }
            }
        }
        self.report(Some(outcome))
    }

    /// What a process makes of its end that is ended now. One that is ended while it starts loses
    /// nothing: that is clean.
    pub(crate) fn forced_outcome(&self) -> Outcome {
        let inner = self.lock();
        match (inner.reached >= Reached::Wired, inner.start_failed) {
            (true, _) => Outcome::Forced,
            (false, true) => Outcome::StartFailed,
            (false, false) => Outcome::Clean,
        }
    }

    /// What each step had refused when it ended.
    pub(crate) fn rejected(&self) -> Vec<u64> {
        let inner = self.lock();
        inner.steps.iter().map(|step| step.rejected).collect()
    }

    fn report(&self, outcome: Option<Outcome>) -> Report {
        // A step that is over still refuses who comes late. Asked before the lock is taken.
        let works = self.works.get().into_iter().flatten();
        let rejected: Vec<u64> = works.map(|work| work.tally().rejected).collect();
        let inner = self.lock();
        let mut steps = if inner.reached >= Reached::Wired {
            inner.steps.clone()
        } else {
            Vec::new()
        };
        for (step, rejected) in steps.iter_mut().zip(rejected) {
            step.rejected = rejected;
        }
        let outcome = outcome.or(inner.start_failed.then_some(Outcome::StartFailed));
        let moments = &inner.moments;
        let until = inner.began.unwrap_or_else(Instant::now);
        Report {
            service: self.plan.service.to_string(),
            digest: self.plan.digest.to_string(),
            platform: self.platform.clone(),
            instance: self.instance.get().cloned(),
            signal: inner.signal.map(|(signal, _)| signal),
            cause: inner.cause.clone(),
            outcome: outcome.unwrap_or_else(|| report::worst(steps.iter())),
            total: inner.total.unwrap_or_default(),
            settle: inner.settled,
            rejected: steps.iter().map(|step| step.rejected).sum(),
            phases: report::phases(&steps),
            steps,
            ready_after: moments.ready.map(|ready| ready - moments.began),
            uptime: until - moments.began,
            faults: self.faults.clone(),
        }
    }
}
