//! Kubernetes: Deployment, Service and `PodDisruptionBudget`.

use std::time::Duration;

use anyhow::Result;
use lifecycle_manifest::deployed::planned::{self, PlannedHook};
use lifecycle_manifest::duration::seconds_up;
use lifecycle_manifest::platform::{Kubernetes, Mesh};
use lifecycle_manifest::{Platform, Timeline};
use minijinja::Value;
use serde::Serialize;

use super::files::MARK;
use super::{Ask, Common, Port, Sheet, Target, template};
use crate::talk::say;
use crate::template;

pub(super) static TARGET: Target = Target {
    name: "k8s",
    aliases: &["kubernetes"],
    key: "kubernetes",
    about: "Kubernetes: Deployment, Service, `PodDisruptionBudget`",
    files,
    patch: None,
    names: |_| {
        [
            "deployment.yaml",
            "service.yaml",
            "poddisruptionbudget.yaml",
        ]
        .map(str::to_owned)
        .to_vec()
    },
};

/// How long a pod may take to start before it is started again.
pub(super) const STARTUP: Duration = Duration::from_secs(120);

/// The data of all three templates.
#[derive(Serialize)]
struct Data<'a> {
    header: Value,
    #[serde(flatten)]
    common: Common<'a>,
    image: &'a str,
    sum: Value,
    namespace: Option<&'a str>,
    replicas: u32,
    grace_seconds: u64,
    sleep_seconds: Option<u64>,
    exec_command: Option<Vec<&'a str>>,
    request: Option<Request<'a>>,
    ports: Vec<Port>,
    service_ports: Vec<Port>,
    probes: Option<Probes<'a>>,
    mesh_labels: Vec<Pair>,
    mesh_annotations: Vec<Pair>,
}

/// A hook that asks the container itself.
#[derive(Serialize)]
struct Request<'a> {
    path: &'a str,
    port: u16,
}

#[derive(Serialize)]
struct Pair {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Probes<'a> {
    ready: &'a str,
    live: &'a str,
    port: u16,
    period_seconds: u64,
    failures: u32,
    startup_failures: u64,
    live_period_seconds: u64,
    live_failures: u32,
    live_grace_seconds: Option<u64>,
}

fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (kubernetes, line) = ask.platform("kubernetes", Platform::kubernetes)?;
    let data = data(ask, kubernetes, line)?;
    if data.probes.is_none() {
        say!(
            "note: the manifest has no `traffic.health`, so the Deployment has no probes: Kubernetes \
             takes a pod for ready as soon as it runs"
        );
    }
    if line
        .terms
        .sidecars
        .iter()
        .any(|sidecar| !sidecar.value.is_zero())
    {
        say!(
            "note: sidecars count in the sum and are not in the Deployment: they come by injection, or \
             are yours to add"
        );
    }
    let mut sheets = vec![Sheet::new(
        "deployment.yaml",
        template!("kubernetes/deployment.yaml"),
        &data,
    )];
    if !data.service_ports.is_empty() {
        sheets.push(Sheet::new(
            "service.yaml",
            template!("kubernetes/service.yaml"),
            &data,
        ));
    }
    sheets.push(Sheet::new(
        "poddisruptionbudget.yaml",
        template!("kubernetes/poddisruptionbudget.yaml"),
        &data,
    ));
    Ok(sheets)
}

fn data<'a>(ask: &Ask<'a>, kubernetes: &'a Kubernetes, line: &Timeline) -> Result<Data<'a>> {
    let resolved = ask.resolved;
    let header = format!(
        "{MARK} k8s from lifecycle.yaml; change the manifest and run it again with -o and this directory"
    );
    let (mut sleep_seconds, mut exec_command, mut request) = (None, None, None);
    match planned::hook(kubernetes, line) {
        Some(PlannedHook::Sleep(seconds)) => sleep_seconds = Some(seconds),
        Some(PlannedHook::Exec(command)) => exec_command = Some(command),
        Some(PlannedHook::Http { path, port }) => request = Some(Request { path, port }),
        None => {}
    }
    Ok(Data {
        header: template::comment(&header),
        common: ask.common(line, Some("/dev/termination-log")),
        image: ask.image("kubernetes")?,
        sum: template::comment(&line.sum()),
        namespace: kubernetes
            .namespace
            .as_ref()
            .map(|namespace| namespace.value.as_str()),
        replicas: kubernetes
            .replicas
            .as_ref()
            .map_or(planned::REPLICAS, |replicas| replicas.value),
        grace_seconds: planned::grace_seconds(line),
        sleep_seconds,
        exec_command,
        request,
        probes: planned::probes(resolved).map(|probes| Probes {
            startup_failures: seconds_up(STARTUP).div_ceil(probes.period_seconds),
            ready: probes.ready,
            live: probes.live,
            port: probes.port,
            period_seconds: probes.period_seconds,
            failures: probes.failures,
            live_period_seconds: probes.live_period_seconds,
            live_failures: probes.live_failures,
            live_grace_seconds: kubernetes
                .liveness_grace()
                .map(|grace| seconds_up(grace.value)),
        }),
        ports: ask.ports(true),
        service_ports: ask.ports(false),
        mesh_labels: match kubernetes.mesh.as_ref().map(|mesh| mesh.value) {
            Some(Mesh::Istio) => vec![Pair {
                name: "sidecar.istio.io/inject",
                value: "true".to_owned(),
            }],
            _ => Vec::new(),
        },
        mesh_annotations: mesh_annotations(kubernetes),
    })
}

/// What tells the mesh to inject its proxy, and how long that is to stay.
fn mesh_annotations(kubernetes: &Kubernetes) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let Some(mesh) = &kubernetes.mesh else {
        return pairs;
    };
    if mesh.value == Mesh::Linkerd {
        pairs.push(Pair {
            name: "linkerd.io/inject",
            value: "enabled".to_owned(),
        });
    }
    let written = kubernetes.proxy.drain.as_ref();
    if let Some(drain) = kubernetes.proxy_drain().filter(|_| written.is_some()) {
        let seconds = seconds_up(drain.value);
        pairs.push(match mesh.value {
            Mesh::Istio => Pair {
                name: "proxy.istio.io/config",
                value: format!("{{ \"terminationDrainDuration\": \"{seconds}s\" }}"),
            },
            Mesh::Linkerd => Pair {
                name: "config.linkerd.io/shutdown-grace-period",
                value: format!("{seconds}s"),
            },
        });
    }
    pairs
}
