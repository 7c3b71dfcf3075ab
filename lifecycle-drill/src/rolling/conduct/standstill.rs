//! When a deploy goes no further, and because of whom.

use std::time::{Duration, Instant};

use super::Fleet;
use crate::rolling::instance::Instance;
use crate::rolling::measured::RolloutCourse;
use crate::target::process::Status;

impl Fleet<'_> {
    /// An instance that ended though nobody asked it to.
    pub(super) fn dead(&self) -> Option<RolloutCourse> {
        let dead = self
            .instances
            .iter()
            .find(|it| it.moments.signalled.is_none() && it.ended().is_some())?;
        Some(RolloutCourse::Died {
            instance: dead.place.replica,
            ready: dead.moments.ready.is_some(),
            status: dead.ended().map_or(Status::Unknown, |ended| ended.status),
        })
    }

    /// A new instance that is not ready in its time, or was ready once and not again for as long.
    pub(super) fn stuck(&self, now: Instant) -> Option<RolloutCourse> {
        let late = self.instances.iter().find(|it| {
            let readiness = it.backend.readiness();
            let since = readiness.since.max(it.moments.started);
            it.new && !readiness.up && now > since + self.target.start_timeout
        })?;
        Some(RolloutCourse::Stuck {
            instance: late.place.replica,
        })
    }

    /// How many steps the deploy has made. Each is made once, so that there is a last one.
    pub(super) fn steps(&self) -> usize {
        let of = |it: &Instance| {
            let moments = [
                it.moments.ready,
                it.moments.routed,
                it.moments.asked,
                it.moments.signalled,
                it.moments.killed,
            ];
            1 + moments.iter().flatten().count() + usize::from(it.is_settled())
        };
        self.instances.iter().map(of).sum()
    }

    /// From one step to the next it takes no longer than this.
    pub(super) fn patience(&self) -> Duration {
        let (script, rolling) = (self.script, self.rolling);
        let leaving = script.asked_to_signal() + script.signal_to_kill() + script.routing_lag;
        let coming = self.target.start_timeout + rolling.min_ready + rolling.propagation;
        leaving + coming + rolling.probe_period * (rolling.probe_failures + 1)
    }

    /// The new instance that is not in use, or the last one.
    pub(super) fn held_up_by(&self, now: Instant) -> usize {
        let held_up = |it: &&Instance| {
            it.new && !(it.backend.is_routed() && it.is_available(self.rolling, now))
        };
        let it = self.instances.iter().find(held_up);
        it.or(self.instances.last())
            .map_or(0, |it| it.place.replica)
    }
}
