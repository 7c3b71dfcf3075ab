//! The deployment is another kind of workload than the manifest plans.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Pair, Workload},
    finding::{Finding, Place},
    platform::Controller,
};

rule! {
    /// What is deployed is another kind of workload than the manifest plans.
    ///
    /// ## What it finds
    ///
    /// A `StatefulSet`, `DaemonSet`, Job or `CronJob` where the manifest's `workload` is another one. An Argo Rollout and a `DeploymentConfig` are of a Deployment's kind.
    ///
    /// ## Why it matters
    ///
    /// The kind decides in which order old pods leave and new ones come, and so how long a rollout takes and whether two pods run side by side. A pod's own shutdown is the same.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   jobs: { kind: task, timeout: 10s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ```yaml deployed
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: { name: shop }
    /// spec:
    ///   template:
    ///     spec:
    ///       containers: [{ name: shop }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The kind that is deployed, in the manifest.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   jobs: { kind: task, timeout: 10s }
    /// platforms:
    ///   kubernetes: { workload: stateful-set }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When one program is deployed as several kinds, and the manifest can name one of them alone.
    ///
    /// ## Source
    ///
    /// Kubernetes, "Workload Management": <https://kubernetes.io/docs/concepts/workloads/controllers/>.
    pub(super) RULE = "LC713", "workload-drift", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    let Some(kubernetes) = pair.platform.kubernetes() else {
        return;
    };
    let planned = kubernetes.controller();
    let workload = pair.workload();
    let here = match workload.kind.as_str() {
        "Rollout" | "DeploymentConfig" | "ReplicaSet" | "ReplicationController" => {
            Controller::Deployment
        }
        kind => match Controller::of_kind(kind) {
            Some(controller) => controller,
            // A pod by itself may be any of theirs.
            None => return,
        },
    };
    // Beside the one that is planned, others of its name may run the same program.
    let name = |workload: &Workload| workload.name.as_ref().map(|name| name.value.clone());
    let mut all = pair.files.iter().flat_map(|file| &file.workloads);
    let is_planned = |it: &Workload| {
        it.kind == planned.kind() && name(it).is_some() && name(it) == name(workload)
    };
    if here == planned || all.any(is_planned) {
        return;
    }
    let message = format!(
        "{} is deployed, and the manifest plans a {}",
        pair.title(),
        planned.kind()
    );
    findings.push(
        pair.finding(&RULE, message, Place::Value(workload.route.key("kind")))
            .label(format!("a {}", workload.kind))
            .beside(match &kubernetes.workload {
                Some(written) => (
                    Place::Value(written.route.clone()),
                    format!("a {} in the manifest", planned.kind()),
                ),
                None => (
                    pair.platform_place(),
                    "no `workload` here: a Deployment, the default of the format".to_owned(),
                ),
            })
            .help(format!(
                "write `workload: {}` in the manifest",
                here.as_str()
            )),
    );
}
