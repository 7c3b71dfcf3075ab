//! How long a container may take to stop is left to its host.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{View, container_place},
    finding::{Finding, Side},
};

rule! {
    /// How long a container may take to stop is left to the host that it happens to run on.
    ///
    /// ## What it finds
    ///
    /// A task definition for EC2 with a container that has no `stopTimeout`.
    ///
    /// ## Why it matters
    ///
    /// The agent's `ECS_CONTAINER_STOP_TIMEOUT` holds there, 30 s unless somebody has set it: two hosts may stop the same task differently.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// family: shop
    /// requiresCompatibilities: [EC2]
    /// containerDefinitions: [{ name: shop, image: shop }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// `stopTimeout` in every container.
    ///
    /// ```yaml deployed
    /// family: shop
    /// requiresCompatibilities: [EC2]
    /// containerDefinitions: [{ name: shop, image: shop, stopTimeout: 30 }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the hosts' setting is meant to hold.
    ///
    /// ## Source
    ///
    /// ECS agent, `ECS_CONTAINER_STOP_TIMEOUT`.
    pub(super) RULE = "LC815", "stop-timeout-left-to-host", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in view
        .workloads
        .iter()
        .filter(|seen| seen.workload.platform == "ecs")
    {
        let runs_on = |name: &str| {
            seen.workload
                .compatibilities
                .iter()
                .any(|it| it.value == name)
        };
        if !runs_on("EC2") || runs_on("FARGATE") {
            continue;
        }
        let mut lacking = seen.workload.containers.iter().filter(|container| {
            let route = container.route.key("stopTimeout");
            container.stop_timeout.is_none() && !view.files[seen.file].is_odd(&route)
        });
        let Some(first) = lacking.next() else {
            continue;
        };
        let message = format!(
            "how long `{}` may take to stop is left to its host",
            first.name()
        );
        let mut finding = seen
            .finding(&RULE, message, container_place(first))
            .label("no `stopTimeout` here: 30s, unless the host's ECS_CONTAINER_STOP_TIMEOUT says otherwise");
        for other in lacking {
            finding = finding.related_in(
                Side::Deployed(seen.file),
                container_place(other),
                "nor here",
            );
        }
        findings.push(finding.help("write `stopTimeout: 30`, or as much as the shutdown needs"));
    }
}
