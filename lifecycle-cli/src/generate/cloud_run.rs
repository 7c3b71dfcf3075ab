//! Google Cloud Run: the file that `gcloud run services replace` takes, or that of a job or a worker
//! pool.

use std::ops::RangeInclusive;

use anyhow::Result;
use lifecycle_manifest::deployed::planned;
use lifecycle_manifest::duration::seconds_up;
use lifecycle_manifest::platform::{CloudRun, LIVENESS_PERIOD, RunKind, STARTUP_PERIOD};
use lifecycle_manifest::{Kind, Platform, Resolved, Timeline};
use minijinja::Value;
use serde::Serialize;

use super::STARTUP;
use super::files::MARK;
use super::{Ask, Common, Sheet, Target, Template, template};
use crate::talk::say;
use crate::template;

pub(super) static TARGET: Target = Target {
    name: "cloud-run",
    aliases: &["cloud_run", "run"],
    key: "cloud_run",
    about: "Google Cloud Run: service, job or worker pool",
    files,
    patch: Some(patch),
    names: |_| {
        ["service.yaml", "job.yaml", "worker-pool.yaml"]
            .map(str::to_owned)
            .to_vec()
    },
};

/// The data of all templates.
#[derive(Serialize)]
struct Data<'a> {
    header: Value,
    #[serde(flatten)]
    common: Common<'a>,
    sum: Value,
    image: &'a str,
    annotations: Vec<Annotation>,
    concurrency: Option<u32>,
    timeout_seconds: Option<u64>,
    /// A job's has 64 bits, which are text in the API's JSON.
    timeout_text: Option<String>,
    max_retries: Option<u32>,
    tasks: Option<u32>,
    instances: Option<String>,
    port: Option<Port>,
    probes: Option<Probes<'a>>,
}

#[derive(Serialize)]
struct Annotation {
    name: &'static str,
    value: String,
}

/// The one port that requests are sent to.
#[derive(Serialize)]
pub(super) struct Port {
    pub(super) number: u16,
    pub(super) protocol: &'static str,
}

#[derive(Serialize)]
struct Probes<'a> {
    ready: &'a str,
    live: &'a str,
    port: u16,
    startup_period_seconds: u64,
    startup_failures: u64,
    live_period_seconds: u64,
    live_failures: u32,
}

fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (run, line) = ask.platform("cloud_run", Platform::cloud_run)?;
    let image = ask.image("cloud_run")?;
    let header = format!(
        "{MARK} cloud-run from lifecycle.yaml; change the manifest and run it again with -o and this directory"
    );
    let data = data(ask, run, line, image, &header);
    notes(ask.resolved, run, &data);
    let (path, template) = match run.kind() {
        RunKind::Service => ("service.yaml", template!("cloud_run/service.yaml")),
        RunKind::Job => ("job.yaml", template!("cloud_run/job.yaml")),
        RunKind::WorkerPool => ("worker-pool.yaml", template!("cloud_run/worker-pool.yaml")),
    };
    Ok(vec![Sheet::new(path, template, &data)])
}

/// What concerns termination, for kustomize. It knows nothing of these kinds, and would put the list of
/// containers in place of the whole one: the schema says that they go together by their names.
fn patch(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (run, line) = ask.platform("cloud_run", Platform::cloud_run)?;
    let header = format!(
        "{MARK} cloud-run --patch; in a kustomization: patches: [{{ path: this file }}], openapi: {{ path: \
         kustomize-schema.json }}"
    );
    let mut data = data(ask, run, line, "", &header);
    // How many there are, and how they are paid for, is no part of how they end.
    data.annotations.clear();
    let (path, template): (_, Template) = match run.kind() {
        RunKind::Service => (
            "service-patch.yaml",
            template!("cloud_run/service-patch.yaml"),
        ),
        RunKind::Job => ("job-patch.yaml", template!("cloud_run/job-patch.yaml")),
        RunKind::WorkerPool => (
            "worker-pool-patch.yaml",
            template!("cloud_run/worker-pool-patch.yaml"),
        ),
    };
    Ok(vec![
        Sheet::new(path, template, &data),
        Sheet::new(
            "kustomize-schema.json",
            template!("cloud_run/kustomize-schema.json"),
            &data,
        ),
    ])
}

fn data<'a>(
    ask: &Ask<'a>,
    run: &CloudRun,
    line: &Timeline,
    image: &'a str,
    header: &str,
) -> Data<'a> {
    let timeout = match run.kind() {
        RunKind::Service => run.request_timeout.as_ref(),
        RunKind::Job => run.task_timeout.as_ref(),
        RunKind::WorkerPool => None,
    };
    // What is not written is Cloud Run's to choose.
    let timeout_seconds = timeout.map(|written| seconds_up(written.value));
    let number = |written: &Option<lifecycle_manifest::Written<u32>>| {
        written.as_ref().map(|number| number.value)
    };
    let scale = [
        ("autoscaling.knative.dev/minScale", &run.min_instances),
        ("autoscaling.knative.dev/maxScale", &run.max_instances),
    ];
    let scale = scale.into_iter().filter_map(|(name, written)| {
        let value = number(written)?.to_string();
        Some(Annotation { name, value })
    });
    let throttling = run.cpu_throttling.as_ref().map(|written| Annotation {
        name: "run.googleapis.com/cpu-throttling",
        value: written.value.to_string(),
    });
    Data {
        header: template::comment(header),
        common: ask.common(line, None),
        sum: template::comment(&line.sum()),
        image,
        annotations: scale.chain(throttling).collect(),
        concurrency: number(&run.concurrency),
        timeout_seconds,
        timeout_text: timeout_seconds.map(|seconds| seconds.to_string()),
        max_retries: number(&run.max_retries),
        tasks: number(&run.tasks),
        instances: number(&run.instances).map(|instances| instances.to_string()),
        port: main_port(ask.resolved, "http1", "h2c"),
        probes: planned::probes(ask.resolved).map(|probes| {
            let period = clamp(probes.period_seconds, &STARTUP_PERIOD);
            Probes {
                ready: probes.ready,
                live: probes.live,
                port: probes.port,
                startup_period_seconds: period,
                startup_failures: seconds_up(STARTUP).div_ceil(period),
                live_period_seconds: clamp(probes.live_period_seconds, &LIVENESS_PERIOD),
                live_failures: probes.live_failures,
            }
        }),
    }
}

pub(super) fn clamp(seconds: u64, taken: &RangeInclusive<u64>) -> u64 {
    seconds.clamp(*taken.start(), *taken.end())
}

/// The port that requests are sent to, and the platform's word for what is spoken there.
pub(super) fn main_port(
    resolved: &Resolved,
    http: &'static str,
    grpc: &'static str,
) -> Option<Port> {
    let number = resolved.plan.main_port(&resolved.manifest)?;
    let mut resources = resolved.manifest.resources.iter();
    let listens = |port: &lifecycle_manifest::Written<u16>| port.value == number;
    let server = resources.find(|resource| resource.port.as_ref().is_some_and(listens))?;
    Some(Port {
        number,
        protocol: match server.kind.value {
            Kind::GrpcServer => grpc,
            _ => http,
        },
    })
}

fn notes(resolved: &Resolved, run: &CloudRun, data: &Data<'_>) {
    let open = planned::ports(resolved);
    let taking = open.iter().filter(|port| port.takes_requests).count();
    match (run.kind(), &data.port) {
        (RunKind::Service, None) => say!(
            "note: no resource has a `port`: Cloud Run sends requests to 8080 of the container"
        ),
        (RunKind::Service, Some(port)) if taking > 1 => say!(
            "note: Cloud Run sends requests to one port, and this is {}: the others cannot be reached",
            port.number
        ),
        (RunKind::Job | RunKind::WorkerPool, Some(_)) => say!(
            "note: {} gets no requests: no port is opened to the outside",
            run.kind().words()
        ),
        _ => {}
    }
    if run.kind() != RunKind::Job && data.probes.is_none() {
        say!(
            "note: the manifest has no `traffic.health`, so there are no probes: Cloud Run takes a \
             container for ready once its port is open"
        );
    }
    if !run.sidecars.is_empty() {
        say!(
            "note: sidecars are not in the file: they are yours to add, and get the signal together with \
             the program"
        );
    }
}
