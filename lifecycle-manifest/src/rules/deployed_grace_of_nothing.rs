//! A deployed grace period of nothing, or next to it.

#[cfg(feature = "deployed")]
use std::time::Duration;

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Container, Held, Seen, View, held, whole_seconds_count},
    duration::human,
    finding::{Finding, Place, Severity},
    platform::Platform,
};

rule! {
    /// A deployed grace period leaves no time at all.
    ///
    /// ## What it finds
    ///
    /// A `terminationGracePeriodSeconds` of 0, of 1, or below zero; a `stopTimeout` of 0; a `stop_grace_period` or a `StopTimeout` of 0 under Compose and Docker; a `terminationGracePeriodSeconds` of 0 in Azure Container Apps; a `kill_timeout` of 0 in a Nomad job, or of less than a second where Docker runs the task and no `kill_signal` is written; a `kill_timeout` of 0, below zero, or beyond what PM2's timers hold.
    ///
    /// ## Why it matters
    ///
    /// With 0 the pod is gone at once, and no preStop hook runs. Below zero Kubernetes takes a second. ECS takes 0 for nothing written: 30 seconds; so does PM2: 1.6 seconds. Docker, Azure Container Apps and Nomad send the signal and SIGKILL back to back. PM2 kills at once below zero, and beyond 2147483647 milliseconds.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   terminationGracePeriodSeconds: 0
    ///   containers: [{ name: shop }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// How long a shutdown needs; `lifecycle check` computes it from a manifest.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   terminationGracePeriodSeconds: 45
    ///   containers: [{ name: shop }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// For a workload that has nothing to finish and nothing to close.
    ///
    /// ## Source
    ///
    /// Kubelet v1.36: a hook is skipped where no time is left, and 2 s are the floor. kubernetes/kubernetes#98866: a negative value acts as 1. ECS agent: 0 acts as unset. moby, `daemon/stop.go`: with 0 the wait after the signal is over at once. PM2 7.0.4: `lib/God/Methods.js`, and seen.
    pub(super) RULE = "LC804", "deployed-grace-of-nothing", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        if let Some(grace) = seen
            .workload
            .grace
            .as_ref()
            .filter(|grace| grace.value <= 1)
        {
            let (label, severity) = match grace.value {
                ..0 => ("Kubernetes takes 1 second in its stead", Severity::Error),
                0 => (
                    "killed at once, and no preStop hook runs",
                    Severity::Warning,
                ),
                _ => (
                    "raised to 2 seconds, and a hook is cut off after 1",
                    Severity::Warning,
                ),
            };
            let message = format!(
                "{} gives its pods {}s to stop",
                seen.workload.title(),
                grace.value
            );
            let mut finding = seen
                .finding(&RULE, message, Place::Value(grace.route.clone()))
                .label(label)
                .help("write how long the shutdown needs; without the key it is 30, the Kubernetes default");
            finding.severity = severity;
            findings.push(finding);
        }
        for container in &seen.workload.containers {
            findings.extend(of_app(seen, container));
            findings.extend(own(view, seen, container));
            let Some(timeout) = container.stop_timeout.as_ref().filter(|it| it.value <= 0) else {
                continue;
            };
            let message = format!(
                "`stopTimeout: {}` of `{}` gives it 30s, the ECS default",
                timeout.value,
                container.name()
            );
            findings.push(
                seen.finding(&RULE, message, Place::Value(timeout.route.clone()))
                    .label("taken for nothing written")
                    .help("write how long the shutdown needs"),
            );
        }
    }
}

/// PM2's number, where it is none to PM2.
#[cfg(feature = "deployed")]
fn of_app(seen: &Seen<'_>, container: &Container) -> Option<Finding> {
    let timeout = container.pm2.as_ref()?.kill_timeout.as_ref()?;
    let (what, label, severity) = match held(timeout.value) {
        Held::For(_) => return None,
        Held::Default => (
            "gives it 1.6s, the PM2 default",
            "taken for nothing written",
            Severity::Warning,
        ),
        Held::AtOnce => (
            "is no time that PM2 can wait",
            "SIGKILL follows the signal at once",
            Severity::Error,
        ),
    };
    let message = format!(
        "`kill_timeout: {}` of `{}` {what}",
        timeout.value,
        container.name()
    );
    let mut finding = seen
        .finding(&RULE, message, Place::Value(timeout.route.clone()))
        .label(label)
        .help("write how long the shutdown needs, in milliseconds");
    finding.severity = severity;
    Some(finding)
}

/// A container's own grace period of nothing; what only becomes nothing on its way is another rule's.
#[cfg(feature = "deployed")]
fn own(view: &View<'_>, seen: &Seen<'_>, container: &Container) -> Option<Finding> {
    let platform = seen.workload.platform;
    let held = match platform {
        // What of a second Docker drops on the way.
        "nomad" if whole_seconds_count(&view.files[seen.file], container) => {
            Duration::from_millis(999)
        }
        "docker" | "compose" | "azure_container_apps" | "nomad" => Duration::ZERO,
        _ => return None,
    };
    let grace = container.grace.as_ref().filter(|it| it.value <= held)?;
    if super::deployed_grace_cut::cut(view, seen.file, container).is_some() {
        return None;
    }
    let facts = Platform::facts_of(platform)?;
    // There it is the whole app's, and each container has it.
    let whose = match platform {
        "azure_container_apps" if !is_first(seen, container) => return None,
        "azure_container_apps" => seen.workload.title(),
        _ => format!("`{}`", container.name()),
    };
    let message = format!("{whose} has no time to stop");
    let finding = seen
        .finding(&RULE, message, Place::Value(grace.route.clone()))
        .label("SIGKILL comes with the signal")
        .help(format!(
            "write how long the shutdown needs; without it, it is {}, the {} default",
            human(facts.default_grace),
            facts.name
        ));
    Some(finding)
}

#[cfg(feature = "deployed")]
fn is_first(seen: &Seen<'_>, container: &Container) -> bool {
    let first = seen.workload.containers.first();
    first.is_some_and(|first| first.route == container.route)
}
