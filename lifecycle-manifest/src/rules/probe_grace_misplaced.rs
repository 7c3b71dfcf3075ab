//! A grace period of a probe where none is taken.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    finding::{Finding, Place},
};

rule! {
    /// A probe has a grace period where Kubernetes takes none.
    ///
    /// ## What it finds
    ///
    /// A `terminationGracePeriodSeconds` at a readiness probe, or one below 1 at a liveness or startup probe.
    ///
    /// ## Why it matters
    ///
    /// The API server refuses the pod.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       readinessProbe:
    ///         httpGet: { path: /ready, port: 8080 }
    ///         terminationGracePeriodSeconds: 10
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The key at the liveness probe, with at least 1.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       readinessProbe:
    ///         httpGet: { path: /ready, port: 8080 }
    ///       livenessProbe:
    ///         httpGet: { path: /live, port: 8080 }
    ///         terminationGracePeriodSeconds: 10
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: the API server refuses it.
    ///
    /// ## Source
    ///
    /// Kubernetes, KEP-2238; `validation.go`.
    pub(super) RULE = "LC808", "probe-grace-misplaced", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        for container in seen.containers() {
            if let Some(grace) = container
                .readiness
                .as_ref()
                .and_then(|probe| probe.grace.as_ref())
            {
                let message = format!(
                    "the readiness probe of `{}` has a grace period",
                    container.name()
                );
                findings.push(
                    seen.finding(&RULE, message, Place::Key(grace.route.clone()))
                        .label("a failed readiness probe stops nothing")
                        .help("take it away, or write it at the `livenessProbe`"),
                );
            }
            for (name, probe) in [
                ("liveness", &container.liveness),
                ("startup", &container.startup),
            ] {
                let grace = probe.as_ref().and_then(|probe| probe.grace.as_ref());
                let Some(grace) = grace.filter(|grace| grace.value < 1) else {
                    continue;
                };
                let message = format!(
                    "the {name} probe of `{}` has a grace period of {}",
                    container.name(),
                    grace.value
                );
                findings.push(
                    seen.finding(&RULE, message, Place::Value(grace.route.clone()))
                        .label("at least 1")
                        .help("write how long a program that hangs may still have, such as 10"),
                );
            }
        }
    }
}
