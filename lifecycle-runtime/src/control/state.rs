//! What the service is doing now.

use std::time::Duration;

use tokio::time::Instant;

use super::{Control, Inner};
use crate::report::StepOutcome;
use crate::status::{ResourceState, ResourceStatus, State, Status};
use crate::work::Active;

impl Control {
    pub(crate) fn status(&self) -> Status {
        // Asked before the lock is taken: the resources are other people's code to this module.
        let active: Vec<Active> = match self.works.get() {
            Some(works) => works.iter().map(|work| work.active()).collect(),
            None => self.plan.steps.iter().map(|_| Active::default()).collect(),
        };
        let now = Instant::now();
        let inner = self.lock();
        let (state, at) = inner.state();
        let resources = active
            .into_iter()
            .enumerate()
            .map(|(index, active)| inner.resource(index, active, now))
            .collect();
        Status {
            service: self.plan.service.to_string(),
            digest: self.plan.digest.to_string(),
            platform: self.platform.clone(),
            instance: self.instance.get().cloned(),
            state,
            since: now.saturating_duration_since(at),
            live: self.health.is_live(),
            signal: inner.signal.map(|(signal, _)| signal),
            cause: inner.cause.clone(),
            left: inner
                .deadline
                .filter(|_| inner.total.is_none())
                .map(|deadline| deadline.saturating_duration_since(now)),
            resources,
        }
    }
}

impl Inner {
    /// The state, and when it began.
    fn state(&self) -> (State, Instant) {
        let moments = &self.moments;
        if let Some(ended) = moments.ended {
            return (State::Stopped, ended);
        }
        match (self.began, moments.settled, moments.ready) {
            (Some(_), Some(settled), _) => (State::Stopping, settled),
            // Nobody was sent here, so there is nobody to notice.
            (Some(began), None, None) => (State::Stopping, began),
            (Some(began), None, Some(_)) => (State::Settling, began),
            (None, _, Some(ready)) => (State::Ready, ready),
            (None, _, None) => (State::Starting, moments.began),
        }
    }

    fn resource(&self, index: usize, active: Active, now: Instant) -> ResourceStatus {
        let step = &self.steps[index];
        let started = &self.moments.resources[index];
        let in_shutdown = |time: Option<Duration>| Some(self.began? + time?);
        let (state, at) = match step.outcome {
            StepOutcome::Running => (ResourceState::Stopping, in_shutdown(step.start)),
            StepOutcome::Skipped => match (started.began, started.up) {
                (_, Some(up)) => (ResourceState::Running, Some(up)),
                (Some(began), None) => (ResourceState::Starting, Some(began)),
                (None, None) => (ResourceState::Pending, None),
            },
            outcome => (ResourceState::Ended(outcome), in_shutdown(step.end)),
        };
        ResourceStatus {
            name: step.name.clone(),
            kind: step.kind,
            phase: step.phase,
            state,
            since: at.map(|at| now.saturating_duration_since(at)),
            timeout: step.timeout,
            in_flight: active.count,
            oldest: active.oldest,
            names: active.names,
            error: step.error.clone(),
        }
    }
}
