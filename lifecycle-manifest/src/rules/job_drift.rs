//! The deployed Job runs or ends otherwise than the manifest says.

#[cfg(feature = "deployed")]
use super::told::{Told, number};
#[cfg(feature = "deployed")]
use crate::{
    deployed::Pair,
    duration::seconds_up,
    finding::Finding,
    platform::{Concurrency, Controller, Kubernetes, Successor},
};

rule! {
    /// The deployed Job starts, ends or is replaced otherwise than the manifest says.
    ///
    /// ## What it finds
    ///
    /// A key of `job` that the manifest writes, and of which something else holds in the deployed file: `schedule`, `concurrencyPolicy`, `activeDeadlineSeconds`, `podReplacementPolicy`. Where a resource is `exclusive`, also a policy that lets two pods run side by side, whether the manifest writes the key or not.
    ///
    /// ## Why it matters
    ///
    /// A replacement that starts while the old pod still shuts down holds what only one may hold. A deadline stops pods that would have finished.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   ledger: { kind: file, timeout: 10s, exclusive: true }
    /// platforms:
    ///   kubernetes: { workload: job }
    /// ```
    ///
    /// ```yaml deployed
    /// apiVersion: batch/v1
    /// kind: Job
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
    /// apiVersion: batch/v1
    /// kind: Job
    /// metadata: { name: shop }
    /// spec:
    ///   podReplacementPolicy: Failed
    ///   template:
    ///     spec:
    ///       containers: [{ name: shop }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When somebody else sets the schedule, in each environment another one.
    ///
    /// ## Source
    ///
    /// Kubernetes, batch/v1/types.go: `podReplacementPolicy` is `TerminatingOrFailed` by default, and only `Failed` with a `podFailurePolicy`; `concurrencyPolicy` is `Allow`.
    pub(super) RULE = "LC715", "job-drift", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    let Some(kubernetes) = pair.platform.kubernetes() else {
        return;
    };
    let here = Controller::of_kind(&pair.workload().kind);
    if here != Some(kubernetes.controller()) || !kubernetes.controller().finishes() {
        return;
    }
    let told = told(pair, kubernetes);
    let apart = told.iter().filter(|told| !told.agree());
    findings.extend(apart.map(|told| told.finding(&RULE, pair)));
}

#[cfg(feature = "deployed")]
fn told<'a>(pair: &Pair<'a>, kubernetes: &'a Kubernetes) -> Vec<Told<'a>> {
    let (workload, job) = (pair.workload(), &kubernetes.job);
    let by_the_clock = kubernetes.controller() == Controller::CronJob;
    let resources = &pair.resolved.manifest.resources;
    let alone = resources
        .iter()
        .any(|resource| resource.exclusive.as_ref().is_some_and(|it| it.value));
    let mut told = Vec::new();
    if let Some(schedule) = &job.schedule {
        told.push(Told {
            key: "schedule",
            planned: schedule.value.clone(),
            at: Some(&schedule.route),
            deployed: workload.schedule.clone(),
            default: "nowhere",
        });
    }
    if by_the_clock && (alone || job.concurrency.is_some()) {
        told.push(Told {
            key: "concurrencyPolicy",
            planned: kubernetes.concurrency().policy().to_owned(),
            at: job.concurrency.as_ref().map(|it| &it.route),
            deployed: workload.concurrency.clone(),
            default: Concurrency::Allow.policy(),
        });
    }
    if let (Some(written), Some(deadline)) = (&job.deadline, kubernetes.job_deadline()) {
        told.push(Told {
            key: "activeDeadlineSeconds",
            planned: seconds_up(deadline.value).to_string(),
            at: Some(&written.route),
            deployed: number(workload.active_deadline.as_ref()),
            default: "unbounded",
        });
    }
    if kubernetes.has_pod_replacement() && (alone || job.replacement.is_some()) {
        told.push(Told {
            key: "podReplacementPolicy",
            planned: kubernetes.successor().policy().to_owned(),
            at: job.replacement.as_ref().map(|it| &it.route),
            deployed: workload.replacement_policy.clone(),
            default: Successor::WhileStopping.policy(),
        });
    }
    told
}
