//! A rollout stops pods before others serve.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Strategy, View},
    finding::{Finding, Place, Severity},
    platform::DEFAULT_MAX_UNAVAILABLE,
};

rule! {
    /// A rollout stops pods before new ones serve in their place.
    ///
    /// ## What it finds
    ///
    /// A Deployment behind a Service whose strategy is `Recreate`, or whose `maxUnavailable` is all of its pods; one whose shares round to nothing; one with both at 0, which is refused.
    ///
    /// ## Why it matters
    ///
    /// However well a single pod stops: while none or too few serve, requests fail.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
    ///   strategy: { type: RollingUpdate, rollingUpdate: { maxUnavailable: 100%, maxSurge: 0 } }
    ///   template:
    ///     spec:
    ///       containers: [{ name: shop }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// `maxUnavailable: 0` and `maxSurge: 1`: a new pod is ready before an old one is asked to stop.
    ///
    /// ```yaml deployed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
    ///   strategy: { type: RollingUpdate, rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }
    ///   template:
    ///     spec:
    ///       containers: [{ name: shop }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When two versions must never run side by side.
    ///
    /// ## Source
    ///
    /// Kubernetes, apps/v1/types.go: shares of `maxUnavailable` round down, of `maxSurge` up; where both come to 0, one pod is taken.
    pub(super) RULE = "LC814", "rollout-takes-all-pods", Warning, Medium
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in view
        .workloads
        .iter()
        .filter(|seen| seen.workload.kind == "Deployment")
    {
        let Some(strategy) = &seen.workload.strategy else {
            continue;
        };
        let replicas = seen
            .workload
            .replicas
            .as_ref()
            .map_or(1, |it| it.value.max(0));
        let serves = !view.services(seen.workload).is_empty();
        let Some((what, place, severity)) = judge(strategy, replicas, serves) else {
            continue;
        };
        let title = seen.workload.title();
        let mut finding = seen
            .finding(&RULE, format!("a rollout of {title} {what}"), place)
            .help("write `strategy: { type: RollingUpdate, rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }`: a new pod is ready before an old one leaves");
        finding.severity = severity;
        findings.push(finding);
    }
}

#[cfg(feature = "deployed")]
fn judge(
    strategy: &Strategy,
    replicas: i64,
    serves: bool,
) -> Option<(&'static str, Place, Severity)> {
    if let Some(kind) = strategy
        .kind
        .as_ref()
        .filter(|kind| kind.value == "Recreate")
    {
        let what = "stops every pod before the first new one starts";
        let place = Place::Value(kind.route.clone());
        return (serves && replicas > 0).then_some((what, place, Severity::Warning));
    }
    let surge = strategy.max_surge.as_ref();
    let (unavailable, place) = match &strategy.max_unavailable {
        Some(written) => (&*written.value, Place::Value(written.route.clone())),
        None => (DEFAULT_MAX_UNAVAILABLE, Place::Value(surge?.route.clone())),
    };
    let (down, up) = (
        share(unavailable, replicas, false)?,
        surge.map(|it| share(&it.value, replicas, true)),
    );
    let none = |it: &str| matches!(it, "0" | "0%");
    if none(unavailable) && surge.is_some_and(|it| none(&it.value)) {
        let what = "can take no pod and add none: Kubernetes refuses it";
        return Some((what, place, Severity::Error));
    }
    if replicas == 0 {
        return None;
    }
    if down >= replicas && (replicas > 1 || up == Some(Some(0))) {
        let what = "may stop every pod before a new one is ready";
        return Some((what, place, Severity::Warning));
    }
    if down == 0 && up == Some(Some(0)) {
        let what = "takes one pod all the same, because both shares round to nothing";
        return Some((what, place, Severity::Warning));
    }
    None
}

/// A number, or a share of the replicas.
#[cfg(feature = "deployed")]
fn share(written: &str, replicas: i64, up: bool) -> Option<i64> {
    let Some(percent) = written.strip_suffix('%') else {
        return written.parse().ok();
    };
    let parts = percent.parse::<i64>().ok()?.checked_mul(replicas)?;
    Some(match up {
        true => parts.checked_add(99)? / 100,
        false => parts / 100,
    })
}
