//! Azure Container Apps in the shape of the resource, which `az containerapp show` writes and
//! `az containerapp update --yaml` takes.

use std::time::Duration;

use super::kubernetes::probe;
use super::read::At;
use super::reader::{Reader, own_grace};
use super::{Container, Deployed, Odd, Port, Settings, Variable, Workload};
use crate::duration::seconds_up;
use crate::manifest::Written;
use crate::platform::azure_container_apps::{FACTS, GRACE_SECONDS, PROBE_GRACE_SECONDS};

const GRACE: &str = "terminationGracePeriodSeconds";

pub(super) static READER: Reader = Reader {
    platform: FACTS.key,
    generate: "lifecycle gen azure",
    grace_key: GRACE,
    write_grace: |grace| format!("terminationGracePeriodSeconds: {}", seconds_up(grace)),
    outside_keys: &[],
    write_port: Some(|port| format!("targetPort: {port}")),
    object,
    grace: |file, workload, container| {
        let key = workload.spec.key(GRACE);
        (!file.is_odd(&key)).then(|| own_grace(container, &FACTS))
    },
};

/// The type of the resource, in whatever case: `az` writes both.
const TYPE: &str = "microsoft.app/containerapps";

fn object(at: &At<'_>, deployed: &mut Deployed) -> bool {
    let of_type = at
        .text("type")
        .is_some_and(|text| text.value.eq_ignore_ascii_case(TYPE));
    // What `az containerapp update` takes need not say what it is.
    let template = at.at(&["properties", "template"]);
    let shaped = at.get("apiVersion").is_none()
        && (template.as_ref()).is_some_and(|template| template.get("containers").is_some());
    if !of_type && !shaped {
        return false;
    }
    if let Some(template) = template {
        let workload = workload(at, &template, &mut deployed.odd);
        deployed.workloads.push(workload);
    }
    true
}

fn workload(at: &At<'_>, template: &At<'_>, odd: &mut Vec<Odd>) -> Workload {
    let grace = template.within(GRACE, &GRACE_SECONDS, odd);
    let ingress = at.at(&["properties", "configuration", "ingress"]);
    let mut containers: Vec<Container> = template
        .list("containers")
        .iter()
        .map(|item| Container {
            grace: grace
                .clone()
                .map(|written| written.map(|seconds| Duration::from_secs(seconds.unsigned_abs()))),
            ..container(item, odd)
        })
        .collect();
    // The ingress sends to one container, and which that is nobody says: the first.
    if let Some(first) = containers.first_mut() {
        first.ports = ingress.as_ref().map_or_else(Vec::new, |at| ports(at, odd));
    }
    let scale = template.get("scale");
    let mut settings = Settings::default();
    for (key, theirs) in [
        ("min_replicas", "minReplicas"),
        ("max_replicas", "maxReplicas"),
    ] {
        settings.number(key, scale.as_ref().and_then(|at| at.number(theirs, odd)));
    }
    settings.word(
        "external",
        ingress.as_ref().and_then(|at| at.text("external")),
    );
    let environment = ["environmentId", "managedEnvironmentId"]
        .iter()
        .find_map(|key| at.get("properties")?.text(key));
    settings.word("environment_id", environment);
    let hung = containers
        .iter()
        .find_map(|it| it.liveness.as_ref()?.grace.clone());
    settings.number("liveness_grace_period", hung);
    Workload {
        name: at.text("name").or_else(|| named(at)),
        spec: template.route.clone(),
        containers,
        settings,
        ..Workload::at(FACTS.key, "container app", at.route.clone())
    }
}

/// The name at the end of the resource's id.
fn named(at: &At<'_>) -> Option<Written<String>> {
    let id = at.text("id")?;
    let name = id.value.rsplit('/').next().unwrap_or_default().to_owned();
    Some(id.map(|_| name)).filter(|name| !name.value.is_empty())
}

fn container(at: &At<'_>, odd: &mut Vec<Odd>) -> Container {
    let mut container = Container {
        name: at.text("name"),
        image: at.text("image"),
        entry: at.texts("command"),
        args: at.texts("args"),
        environment: at.list("env").iter().filter_map(variable).collect(),
        ..Container::at(at.route.clone())
    };
    for item in at.list("probes") {
        let mut read = probe(&item, odd);
        let taken = &PROBE_GRACE_SECONDS;
        read.grace = read
            .grace
            .filter(|grace| taken.range.contains(&grace.value));
        if read.grace.is_none() && !odd.iter().any(|odd| odd.route == item.route.key(GRACE)) {
            item.within(GRACE, taken, odd);
        }
        let kind = item
            .text("type")
            .map(|kind| kind.value.to_ascii_lowercase());
        match kind.as_deref() {
            Some("readiness") => container.readiness = Some(read),
            Some("liveness") => container.liveness = Some(read),
            Some("startup") => container.startup = Some(read),
            _ => {}
        }
    }
    container
}

fn variable(at: &At<'_>) -> Option<Variable> {
    let secret = at.get("secretRef").is_some();
    let value = || {
        at.text("value")
            .unwrap_or_else(|| at.written(String::new()))
    };
    Some(Variable {
        name: at.text("name")?,
        value: (!secret).then(value),
    })
}

/// `targetPort`, and those of further mappings.
fn ports(ingress: &At<'_>, odd: &mut Vec<Odd>) -> Vec<Port> {
    let mappings = ingress.list("additionalPortMappings");
    let all = std::iter::once(ingress).chain(&mappings);
    all.filter_map(|at| {
        Some(Port {
            name: None,
            number: at.number("targetPort", odd)?,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No rule asks for these.
    #[test]
    fn what_a_first_manifest_takes_over_is_read() {
        let deployed = Deployed::read(
            "\
type: Microsoft.App/containerApps
properties:
  environmentId: /acme
  configuration: { ingress: { external: true } }
  template:
    scale: { minReplicas: 2, maxReplicas: 5 }
    containers:
      - name: shop
        probes:
          - { type: Liveness, terminationGracePeriodSeconds: 7 }
          - { type: Startup, tcpSocket: { port: 8080 } }
",
        );
        let app = &deployed.workloads[0];
        for (key, said) in [
            ("min_replicas", "2"),
            ("max_replicas", "5"),
            ("external", "true"),
            ("environment_id", "/acme"),
            ("liveness_grace_period", "7"),
        ] {
            let written = app.settings.get(key).map(|it| it.value.as_str());
            assert_eq!(written, Some(said), "{key}");
        }
        assert!(app.containers[0].startup.is_some());
    }
}
