//! How long a container may take to stop is left to its host.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{View, container_place},
    finding::{Finding, Side},
};

rule! {
    /// How long a program may take to stop is left to the host that it happens to run on.
    ///
    /// ## What it finds
    ///
    /// A task definition for EC2 with a container that has no `stopTimeout`, and a unit of systemd without `TimeoutStopSec=`.
    ///
    /// ## Why it matters
    ///
    /// The agent's `ECS_CONTAINER_STOP_TIMEOUT` holds there, 30 s unless somebody has set it: two hosts may stop the same task differently.
    /// A unit has what `DefaultTimeoutStopSec=` of its host says: 90 s unless a distribution or somebody has changed it.
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
    /// `stopTimeout` in every container, `TimeoutStopSec=` in every unit.
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
    /// ECS agent, `ECS_CONTAINER_STOP_TIMEOUT`. systemd: `systemd-system.conf(5)`, `DefaultTimeoutStopSec=`.
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
    units(view, findings);
}

/// Units without a time of their own; what a drop-in says elsewhere is theirs.
#[cfg(feature = "deployed")]
fn units(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        let Some(container) = seen.workload.containers.first() else {
            continue;
        };
        let Some(unit) = &container.unit else {
            continue;
        };
        let file = &view.files[seen.file];
        let is_written = container.grace.is_some()
            || unit.endless.is_some()
            || file.is_odd(&unit.section.key("TimeoutStopSec"));
        if is_written || unit.is_drop_in || file.has_odd_below(&unit.section.key("TimeoutStopSec"))
        {
            continue;
        }
        let message = format!(
            "how long {} may take to stop is left to its host",
            seen.workload.title()
        );
        findings.push(
            seen.finding(&RULE, message, container_place(container))
                .label("no `TimeoutStopSec=` here: 90s, unless the host's DefaultTimeoutStopSec= says otherwise")
                .help("write `TimeoutStopSec=90s`, or as much as the shutdown needs"),
        );
    }
}
