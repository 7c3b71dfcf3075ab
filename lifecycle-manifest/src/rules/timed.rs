//! What rules about a step's timeout have in common: each resource of a kind with each timeout that its
//! step has.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::Context;
use crate::figure::Figure;
use crate::kind::Kind;
use crate::manifest::Resource;

/// A resource with one of its step's timeouts.
pub(super) struct Timed<'a> {
    /// The manifest's entry.
    pub resource: &'a Resource,
    /// The step's number in the plan.
    pub step: usize,
    /// The timeout: the resource's own, or a platform's.
    pub timeout: &'a Figure,
    /// The platform, where the timeout is its own.
    pub platform: Option<&'static str>,
}

/// Every resource whose kind `fits`, with every timeout that is in force somewhere, each once.
pub(super) fn timed<'a>(context: &Context<'a>, fits: fn(Kind) -> bool) -> Vec<Timed<'a>> {
    let resources: HashMap<&str, &Resource> = context
        .manifest
        .resources
        .iter()
        .filter(|resource| fits(resource.kind.value))
        .map(|resource| (resource.name.as_str(), resource))
        .collect();
    let mut found = Vec::new();
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
                found.push(Timed {
                    resource,
                    step: at,
                    timeout,
                    platform: platform.filter(|_| is_own),
                });
            }
        }
    }
    found
}

impl Timed<'_> {
    /// No platform that this timeout holds for is known to refuse so long a one.
    pub(super) fn may_take(&self, context: &Context<'_>, timeout: Duration) -> bool {
        context
            .timelines
            .iter()
            .filter(|line| line.windows[self.step].timeout.origin == self.timeout.origin)
            .all(|line| line.may_give(self.step, timeout))
    }
}
