//! The deployment is rolled out in another way than the manifest says.

#[cfg(feature = "deployed")]
use super::told::{Told, number};
#[cfg(feature = "deployed")]
use crate::{
    deployed::Pair,
    duration::seconds_up,
    finding::Finding,
    manifest::Written,
    platform::{Controller, Kubernetes, Replacement, Share},
};

rule! {
    /// The deployment is rolled out in another way than the manifest says.
    ///
    /// ## What it finds
    ///
    /// A key of `rollout` that the manifest writes, and of which something else holds in the deployed file: strategy, `maxSurge`, `maxUnavailable`, `minReadySeconds`, `progressDeadlineSeconds`. A number and a share that come to the same are the same.
    ///
    /// ## Why it matters
    ///
    /// How long a rollout takes, how many pods serve meanwhile and how much room it needs are reckoned from these.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   jobs: { kind: task, timeout: 10s }
    /// platforms:
    ///   kubernetes: { rollout: { min_ready: 5s } }
    /// ```
    ///
    /// ```yaml deployed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   template:
    ///     spec:
    ///       containers: [{ name: shop }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The same in both; `lifecycle gen k8s` writes what the manifest says.
    ///
    /// ```yaml deployed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   minReadySeconds: 5
    ///   template:
    ///     spec:
    ///       containers: [{ name: shop }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When another tool owns the rollout.
    ///
    /// ## Source
    ///
    /// Kubernetes, apps/v1/types.go: a Deployment's `maxSurge` and `maxUnavailable` are 25% by default, a `StatefulSet`'s and a `DaemonSet`'s `maxUnavailable` 1, `progressDeadlineSeconds` 600.
    pub(super) RULE = "LC714", "rollout-drift", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    let Some(kubernetes) = pair.platform.kubernetes() else {
        return;
    };
    // Of another kind, these keys mean something else; that it is another kind is said already.
    if Controller::of_kind(&pair.workload().kind) != Some(kubernetes.controller()) {
        return;
    }
    let told = told(pair, kubernetes);
    let apart = told.iter().filter(|told| !told.agree());
    findings.extend(apart.map(|told| told.finding(&RULE, pair)));
}

#[cfg(feature = "deployed")]
fn told<'a>(pair: &Pair<'a>, kubernetes: &'a Kubernetes) -> Vec<Told<'a>> {
    let workload = pair.workload();
    let rolling = &kubernetes.rollout;
    let strategy = workload.strategy.as_ref();
    let kind = strategy.and_then(|it| it.kind.clone());
    let rolls = kind
        .as_ref()
        .is_none_or(|kind| kind.value == Replacement::Rolling.kind());
    let mut told = Vec::new();
    if let Some(written) = &rolling.strategy {
        told.push(Told {
            key: "type",
            planned: written.value.kind().to_owned(),
            at: Some(&written.route),
            deployed: kind,
            default: Replacement::Rolling.kind(),
        });
    }
    let of_deployments = kubernetes.controller() == Controller::Deployment;
    let pods = kubernetes.most_pods();
    let shares = [
        (
            "maxSurge",
            &rolling.max_surge,
            strategy.and_then(|it| it.max_surge.as_ref()),
            if of_deployments { "25%" } else { "0" },
            Share::up as fn(Share, u32) -> u32,
        ),
        (
            "maxUnavailable",
            &rolling.max_unavailable,
            strategy.and_then(|it| it.max_unavailable.as_ref()),
            if of_deployments { "25%" } else { "1" },
            if of_deployments {
                Share::down
            } else {
                Share::up
            },
        ),
    ];
    for (key, planned, deployed, default, count) in shares {
        let Some(planned) = planned.as_ref().filter(|_| rolls) else {
            continue;
        };
        let one = Told {
            key,
            planned: planned.value.to_string(),
            at: Some(&planned.route),
            deployed: deployed.cloned(),
            default,
        };
        let here = Share::parse(one.holds());
        let same = here.is_some_and(|here| {
            kubernetes.controller().has_replicas()
                && count(here, pods) == count(planned.value, pods)
        });
        if !same {
            told.push(one);
        }
    }
    let seconds = [
        (
            "minReadySeconds",
            rolling.min_ready.as_ref(),
            kubernetes.min_ready(),
            workload.min_ready.as_ref(),
            "0",
        ),
        (
            "progressDeadlineSeconds",
            rolling.progress_deadline.as_ref(),
            kubernetes.progress_deadline(),
            workload.progress_deadline.as_ref(),
            "600",
        ),
    ];
    for (key, written, planned, deployed, default) in seconds {
        let Some(Written { route, .. }) = written else {
            continue;
        };
        told.push(Told {
            key,
            planned: seconds_up(planned.value).to_string(),
            at: Some(route),
            deployed: number(deployed),
            default,
        });
    }
    told
}
