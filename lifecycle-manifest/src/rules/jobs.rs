//! What the rules of queue consumers have in common: each consumer with each timeout its step has.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::Context;
use crate::figure::Figure;
use crate::manifest::Resource;

/// A queue consumer with one of its step's timeouts.
pub(super) struct Consumer<'a> {
    /// The manifest's entry.
    pub resource: &'a Resource,
    /// The step's number in the plan.
    pub step: usize,
    /// The timeout: the resource's own, or a platform's.
    pub timeout: &'a Figure,
    /// The platform, where the timeout is its own.
    pub platform: Option<&'static str>,
}

/// Every queue consumer with every timeout that is in force somewhere, each once.
pub(super) fn consumers<'a>(context: &Context<'a>) -> Vec<Consumer<'a>> {
    let claims = |resource: &&Resource| resource.kind.value.has_lease();
    let resources: HashMap<&str, &Resource> = context
        .manifest
        .resources
        .iter()
        .filter(claims)
        .map(|resource| (resource.name.as_str(), resource))
        .collect();
    let mut consumers = Vec::new();
    for (at, step) in context.plan.steps.iter().enumerate() {
        let Some(&resource) = resources.get(step.name.as_str()) else {
            continue;
        };
        let mut seen = HashSet::new();
        let base = context
            .timelines
            .is_empty()
            .then_some((None, &step.timeout));
        let lines = context.timelines.iter();
        let own = lines.map(|line| (Some(line.platform()), &line.windows[at].timeout));
        for (platform, timeout) in base.into_iter().chain(own) {
            if seen.insert(timeout.origin.route()) {
                let is_own = timeout.origin != step.timeout.origin;
                consumers.push(Consumer {
                    resource,
                    step: at,
                    timeout,
                    platform: platform.filter(|_| is_own),
                });
            }
        }
    }
    consumers
}

impl Consumer<'_> {
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

    /// No platform that this timeout holds for is known to refuse so long a one.
    pub(super) fn may_take(&self, context: &Context<'_>, timeout: Duration) -> bool {
        context
            .timelines
            .iter()
            .filter(|line| line.windows[self.step].timeout.origin == self.timeout.origin)
            .all(|line| line.may_give(self.step, timeout))
    }
}
