//! Kubernetes: the workload, its Service and its `PodDisruptionBudget`.

mod data;
mod mesh;
pub(super) mod patch;
pub(super) mod policy;

use anyhow::{Result, bail};
use lifecycle_manifest::Platform;
use lifecycle_manifest::platform::{Controller, Kubernetes, WORKLOAD_NAME_LONGEST};

use super::{Ask, Sheet, Target, template};
use crate::talk::say;
use data::{Data, data};

pub(super) static TARGET: Target = Target {
    name: "k8s",
    aliases: &["kubernetes"],
    key: "kubernetes",
    about: "Kubernetes: Deployment, `StatefulSet`, `DaemonSet`, Job or `CronJob`, with Service and `PodDisruptionBudget`",
    files,
    patch: Some(patch::files),
    names: |_| {
        let workloads = Controller::WORDS.iter().map(|(_, it)| file_name(*it));
        let others = ["service.yaml", "poddisruptionbudget.yaml"];
        workloads.chain(others.map(str::to_owned)).collect()
    },
};

/// `statefulset.yaml`.
fn file_name(controller: Controller) -> String {
    format!("{}.yaml", controller.kind().to_ascii_lowercase())
}

fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (kubernetes, line) = ask.platform("kubernetes", Platform::kubernetes)?;
    let controller = kubernetes.controller();
    let service = &ask.resolved.plan.service;
    let is_short = matches!(controller, Controller::StatefulSet | Controller::CronJob);
    if is_short && service.len() > WORKLOAD_NAME_LONGEST {
        bail!(
            "`{service}` is {} characters long, and the name of a {} has at most {WORKLOAD_NAME_LONGEST}: \
             write a shorter `service:`",
            service.len(),
            controller.kind()
        );
    }
    let data = data(ask, kubernetes, line, ask.image("kubernetes")?, "k8s");
    notes(kubernetes, &data);
    let mut sheets = vec![Sheet::new(
        file_name(controller),
        template!("kubernetes/workload.yaml"),
        &data,
    )];
    if data.headless || !data.service_ports.is_empty() && !controller.finishes() {
        sheets.push(Sheet::new(
            "service.yaml",
            template!("kubernetes/service.yaml"),
            &data,
        ));
    }
    if controller.has_replicas() {
        sheets.push(Sheet::new(
            "poddisruptionbudget.yaml",
            template!("kubernetes/poddisruptionbudget.yaml"),
            &data,
        ));
    }
    Ok(sheets)
}

/// What is not in the files, and might be looked for there.
fn notes(kubernetes: &Kubernetes, data: &Data<'_>) {
    let kind = kubernetes.controller().kind();
    if data.probes.is_none() {
        say!(
            "note: the manifest has no `traffic.health`, so the {kind} has no probes: Kubernetes takes a \
             pod for ready as soon as it runs"
        );
    }
    let elsewhere: Vec<&str> = kubernetes
        .sidecars
        .iter()
        .filter(|sidecar| sidecar.image.is_none() && !sidecar.timeout.value.is_zero())
        .map(|sidecar| sidecar.name.value.as_str())
        .collect();
    if !elsewhere.is_empty() {
        say!(
            "note: {} without an `image` of its own is not in the {kind}: it comes by injection, or is \
             yours to add",
            elsewhere.join(", ")
        );
    }
    if kubernetes.autoscaler.is_some() {
        say!(
            "note: the autoscaler says how many pods there are, so the {kind} has no `replicas`; the \
             HorizontalPodAutoscaler itself is yours, since nobody here knows what it measures"
        );
    }
}
