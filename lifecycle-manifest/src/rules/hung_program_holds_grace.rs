//! A program that hangs is given the whole grace period.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    duration::human,
    finding::{Finding, Place, Side},
};

rule! {
    /// A program that hangs is given the whole, long grace period before it is started again.
    ///
    /// ## What it finds
    ///
    /// A liveness probe without a grace period of its own in a pod with more than a minute of it; or one whose own is longer than the pod's.
    ///
    /// ## Why it matters
    ///
    /// When liveness fails, the kubelet stops the container as it would stop it for a rollout: it waits for the grace period. A program that hangs does not use it, and is gone for that long.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   terminationGracePeriodSeconds: 300
    ///   containers:
    ///     - name: shop
    ///       livenessProbe: { httpGet: { path: /live, port: 8080 } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// `terminationGracePeriodSeconds: 10` at the liveness probe.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   terminationGracePeriodSeconds: 300
    ///   containers:
    ///     - name: shop
    ///       livenessProbe:
    ///         httpGet: { path: /live, port: 8080 }
    ///         terminationGracePeriodSeconds: 10
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When a program that no longer answers is still worth waiting for.
    ///
    /// ## Source
    ///
    /// Kubernetes, KEP-2238: a probe's own grace period, from 1.28 on.
    pub(super) RULE = "LC809", "hung-program-holds-grace", Warning, High
}

/// From here on waiting for a program that hangs is worth a word.
#[cfg(feature = "deployed")]
const LONG: std::time::Duration = std::time::Duration::from_secs(60);

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        let Some(grace) = seen.grace(view) else {
            continue;
        };
        for container in &seen.workload.containers {
            let Some(probe) = &container.liveness else {
                continue;
            };
            let own = probe
                .grace
                .as_ref()
                .map(|own| (own, u64::try_from(own.value).unwrap_or(0)));
            let (message, place, label) = match own {
                None if grace.value > LONG => (
                    format!(
                        "when `{}` hangs, it is started again after {}",
                        container.name(),
                        human(grace.value)
                    ),
                    Place::Key(probe.route.clone()),
                    "no `terminationGracePeriodSeconds` here: the pod's holds",
                ),
                Some((own, seconds)) if seconds > grace.value.as_secs() => (
                    format!(
                        "when `{}` hangs, it is given {seconds}s, more than a pod that is stopped",
                        container.name()
                    ),
                    Place::Value(own.route.clone()),
                    "longer than the pod's",
                ),
                _ => continue,
            };
            let beside = grace.label("terminationGracePeriodSeconds", |value| {
                format!("{value} for the pod")
            });
            findings.push(
                seen.finding(&RULE, message, place)
                    .label(label)
                    .related_in(Side::Deployed(seen.file), grace.place.clone(), beside)
                    .help("write `terminationGracePeriodSeconds: 10` at the liveness probe"),
            );
        }
    }
}
