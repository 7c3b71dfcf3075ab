//! What the rules of queue consumers have in common.

use std::time::Duration;

use super::Context;
use super::timed::{Timed, timed};
use crate::kind::Kind;

/// Every queue consumer with every timeout that is in force somewhere, each once.
pub(super) fn consumers<'a>(context: &Context<'a>) -> Vec<Timed<'a>> {
    timed(context, Kind::has_lease)
}

impl Timed<'_> {
    /// How long all that is claimed may take, done one after another; `None` where a job's length is
    /// not written.
    pub(super) fn claimed(&self) -> Option<Duration> {
        let longest = self.resource.jobs.longest.as_ref()?.value;
        Some(longest.saturating_mul(self.held()))
    }

    /// How many claimed jobs are held at most.
    pub(super) fn held(&self) -> u32 {
        let prefetch = self.resource.jobs.prefetch.as_ref();
        prefetch.map_or(1, |prefetch| prefetch.value)
    }
}
