//! Kubernetes: Deployment, Service and `PodDisruptionBudget`.

use std::time::Duration;

use anyhow::{Result, bail};
use lifecycle_manifest::deployed::planned::{self, PlannedHook};
use lifecycle_manifest::duration::seconds_up;
use lifecycle_manifest::platform::{Kubernetes, Mesh};
use lifecycle_manifest::{Platform, Resolved, Timeline};
use minijinja::Value;
use serde::Serialize;

use super::files::MARK;
use super::{Common, File, Port, environment, image, platform, ports};
use crate::talk::say;
use crate::template;

/// Every file that this target may write.
pub(super) const NAMES: &[&str] = &[
    "deployment.yaml",
    "service.yaml",
    "poddisruptionbudget.yaml",
];

/// How long a pod may take to start before it is started again.
const STARTUP: Duration = Duration::from_secs(120);

/// The data of all three templates.
#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    common: Common<'a>,
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

pub(super) fn files(resolved: &Resolved, asked_image: Option<&str>) -> Result<Vec<File>> {
    let (Platform::Kubernetes(kubernetes), line) = platform(resolved, "kubernetes")? else {
        bail!("`kubernetes` is not Kubernetes");
    };
    let image = image(asked_image, resolved, "kubernetes")?;
    let data = data(resolved, kubernetes, line, image);
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
    let header = format!(
        "{MARK} k8s from lifecycle.yaml; change the manifest and run it again with -o and this directory"
    );
    let render = |name: &'static str, source: &str| -> Result<File> {
        let context = minijinja::context! {
            header => template::comment(&header),
            ..Value::from(minijinja::value::Serde(&data))
        };
        Ok(File {
            name,
            text: template::render(name, source, context)?,
        })
    };
    let mut files = vec![render(
        "deployment.yaml",
        include_str!("../../templates/kubernetes/deployment.yaml.j2"),
    )?];
    if !data.service_ports.is_empty() {
        files.push(render(
            "service.yaml",
            include_str!("../../templates/kubernetes/service.yaml.j2"),
        )?);
    }
    files.push(render(
        "poddisruptionbudget.yaml",
        include_str!("../../templates/kubernetes/poddisruptionbudget.yaml.j2"),
    )?);
    Ok(files)
}

fn data<'a>(
    resolved: &'a Resolved,
    kubernetes: &'a Kubernetes,
    line: &Timeline,
    image: &'a str,
) -> Data<'a> {
    let (mut sleep_seconds, mut exec_command, mut request) = (None, None, None);
    match planned::hook(kubernetes, line) {
        Some(PlannedHook::Sleep(seconds)) => sleep_seconds = Some(seconds),
        Some(PlannedHook::Exec(command)) => exec_command = Some(command),
        Some(PlannedHook::Http { path, port }) => request = Some(Request { path, port }),
        None => {}
    }
    Data {
        common: Common {
            header: String::new(),
            service: &resolved.plan.service,
            digest: &resolved.digest,
            image,
            environment: environment(resolved, line, Some("/dev/termination-log")),
        },
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
        ports: ports(resolved, true),
        service_ports: ports(resolved, false),
        mesh_labels: match kubernetes.mesh.as_ref().map(|mesh| mesh.value) {
            Some(Mesh::Istio) => vec![Pair {
                name: "sidecar.istio.io/inject",
                value: "true".to_owned(),
            }],
            _ => Vec::new(),
        },
        mesh_annotations: mesh_annotations(kubernetes),
    }
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
