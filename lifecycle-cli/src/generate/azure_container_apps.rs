//! Azure Container Apps: the file that `az containerapp update --yaml` takes.

use anyhow::Result;
use lifecycle_manifest::deployed::planned;
use lifecycle_manifest::duration::seconds_up;
use lifecycle_manifest::platform::{AzureContainerApps, PROBE_FAILURES, PROBE_PERIOD};
use lifecycle_manifest::{Platform, Timeline};
use minijinja::Value;
use serde::Serialize;

use super::STARTUP;
use super::cloud_run::{Port, clamp, main_port};
use super::files::MARK;
use super::{Ask, Common, Sheet, Target, template};
use crate::talk::say;
use crate::template;

pub(super) static TARGET: Target = Target {
    name: "azure",
    aliases: &["azure-container-apps", "azure_container_apps", "aca"],
    key: "azure_container_apps",
    about: "Azure Container Apps: container app",
    files,
    patch: Some(patch),
    names: |_| vec!["container-app.yaml".to_owned()],
};

/// The data of both templates.
#[derive(Serialize)]
struct Data<'a> {
    header: Value,
    #[serde(flatten)]
    common: Common<'a>,
    sum: Value,
    image: &'a str,
    environment_id: Option<&'a str>,
    external: bool,
    port: Option<Port>,
    grace_seconds: u64,
    min_replicas: u32,
    max_replicas: Option<u32>,
    probes: Option<Probes<'a>>,
}

#[derive(Serialize)]
struct Probes<'a> {
    ready: &'a str,
    live: &'a str,
    port: u16,
    startup_period_seconds: u64,
    startup_failures: u32,
    period_seconds: u64,
    failures: u32,
    live_period_seconds: u64,
    live_failures: u32,
    live_grace_seconds: Option<u64>,
}

fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (azure, line) = ask.platform("azure_container_apps", Platform::azure_container_apps)?;
    let image = ask.image("azure_container_apps")?;
    let header = format!(
        "{MARK} azure from lifecycle.yaml; change the manifest and run it again with -o and this directory"
    );
    let data = data(ask, azure, line, image, &header);
    notes(ask, azure, &data);
    Ok(vec![Sheet::new(
        "container-app.yaml",
        template!("azure_container_apps/container-app.yaml"),
        &data,
    )])
}

fn patch(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (azure, line) = ask.platform("azure_container_apps", Platform::azure_container_apps)?;
    let header = format!("{MARK} azure --patch; a change of it makes a new revision");
    let data = data(ask, azure, line, "", &header);
    Ok(vec![Sheet::new(
        "container-app-patch.yaml",
        template!("azure_container_apps/patch.yaml"),
        &data,
    )])
}

fn data<'a>(
    ask: &Ask<'a>,
    azure: &'a AzureContainerApps,
    line: &Timeline,
    image: &'a str,
    header: &str,
) -> Data<'a> {
    Data {
        header: template::comment(header),
        common: ask.common(line, None),
        sum: template::comment(&line.sum()),
        image,
        environment_id: azure.environment_id.as_ref().map(|id| id.value.as_str()),
        external: azure.external.as_ref().is_some_and(|it| it.value),
        port: main_port(ask.resolved, "auto", "http2"),
        grace_seconds: planned::grace_seconds(line),
        min_replicas: azure
            .min_replicas
            .as_ref()
            .map_or(planned::REPLICAS, |replicas| replicas.value),
        max_replicas: azure.max_replicas.as_ref().map(|it| it.value),
        probes: planned::probes(ask.resolved).map(|probes| {
            // So often and no oftener than it takes for the whole time of a start.
            let startup_failures = *PROBE_FAILURES.end();
            let startup = seconds_up(STARTUP).div_ceil(u64::from(startup_failures));
            Probes {
                ready: probes.ready,
                live: probes.live,
                port: probes.port,
                startup_period_seconds: clamp(startup, &PROBE_PERIOD),
                startup_failures,
                period_seconds: clamp(probes.period_seconds, &PROBE_PERIOD),
                failures: probes
                    .failures
                    .clamp(*PROBE_FAILURES.start(), *PROBE_FAILURES.end()),
                live_period_seconds: clamp(probes.live_period_seconds, &PROBE_PERIOD),
                live_failures: probes.live_failures,
                live_grace_seconds: azure.liveness_grace().map(|it| seconds_up(it.value)),
            }
        }),
    }
}

fn notes(ask: &Ask<'_>, azure: &AzureContainerApps, data: &Data<'_>) {
    let open = planned::ports(ask.resolved);
    let taking = open.iter().filter(|port| port.takes_requests).count();
    if let Some(port) = data.port.as_ref().filter(|_| taking > 1) {
        say!(
            "note: the ingress sends to one port, and this is {}: others are yours to map",
            port.number
        );
    }
    if data.probes.is_none() {
        say!(
            "note: the manifest has no `traffic.health`, so no probes are written: Azure asks whether the \
             ingress' port is open"
        );
    }
    if azure.environment_id.is_none() {
        say!(
            "note: no `environment_id` under `platforms.azure_container_apps`: an app that exists keeps \
             its own, a new one needs it"
        );
    }
    if !azure.sidecars.is_empty() {
        say!(
            "note: sidecars are not in the file: they are yours to add, and get the signal together with \
             the program"
        );
    }
}
