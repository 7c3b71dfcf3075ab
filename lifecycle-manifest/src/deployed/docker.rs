//! Containers as `docker inspect` and `docker container inspect` describe them.

use std::time::Duration;

use super::read::{At, tcp_port};
use super::reader::{Reader, own_grace};
use super::setting::Setting;
use super::{Container, Deployed, Odd, Pairs, Port, Variable, Workload};
use crate::duration::seconds_up;
use crate::manifest::Written;
use crate::platform::docker::FACTS;
use crate::text::{Route, Value};

pub(super) static READER: Reader = Reader {
    platform: "docker",
    generate: "lifecycle gen docker",
    grace_key: "StopTimeout",
    write_grace: |grace| format!("--stop-timeout={}", seconds_up(grace)),
    outside_keys: &[],
    write_port: Some(|port| format!("--expose={port}")),
    object,
    grace: |file, _, container| grace(file, container),
};

/// A container has both of these keys; an image has the first alone.
fn object(at: &At<'_>, deployed: &mut Deployed) -> bool {
    let (Some(config), Some(host)) = (at.get("Config"), at.get("HostConfig")) else {
        return false;
    };
    let workload = workload(at, &config, &host, &mut deployed.odd);
    deployed.workloads.push(workload);
    true
}

fn workload(at: &At<'_>, config: &At<'_>, host: &At<'_>, odd: &mut Vec<Odd>) -> Workload {
    // The engine writes `/shop`.
    let name = at.text("Name").map(|name| {
        let bare = name.value.trim_start_matches('/').to_owned();
        name.map(|_| bare)
    });
    let (grace, endless) = grace_written(config, odd);
    let container = Container {
        name: name.clone(),
        image: config.text("Image"),
        entry: config.texts("Entrypoint"),
        args: config.texts("Cmd"),
        stop_signal: config.text("StopSignal"),
        grace,
        endless,
        ports: ports(config, host),
        environment: config.texts("Env").into_iter().map(variable).collect(),
        ..Container::at(config.route.clone())
    };
    Workload {
        name,
        labels: labels(config),
        containers: vec![container],
        ..Workload::at("docker", "container", at.route.clone())
    }
}

/// `StopTimeout`, or where it says that there is none: below zero the engine waits for ever.
fn grace_written(
    config: &At<'_>,
    odd: &mut Vec<Odd>,
) -> (Option<Written<Duration>>, Option<Route>) {
    let Some(seconds) = config.number("StopTimeout", odd) else {
        return (None, None);
    };
    match u64::try_from(seconds.value) {
        Ok(grace) => (Some(seconds.map(|_| Duration::from_secs(grace))), None),
        Err(_) => (None, Some(seconds.route)),
    }
}

fn grace(file: &Deployed, container: &Container) -> Option<Setting> {
    let is_odd = file.is_odd(&container.route.key("StopTimeout"));
    (!is_odd && container.endless.is_none()).then(|| own_grace(container, &FACTS))
}

/// `NAME=TEXT`; a name alone was taken away from what the image says.
fn variable(text: Written<String>) -> Variable {
    let route = text.route.clone();
    let (name, value) = match text.value.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (text.value.clone(), None),
    };
    Variable {
        name: Written { value: name, route },
        value: value.map(|value| text.map(|_| value)),
    }
}

/// What the image exposes, and what is bound on the host: `8080/tcp`.
fn ports(config: &At<'_>, host: &At<'_>) -> Vec<Port> {
    let mut ports: Vec<Port> = Vec::new();
    let exposed = config.get("ExposedPorts");
    let bound = host.get("PortBindings");
    for at in [exposed, bound].into_iter().flatten() {
        for (key, route) in keys(&at) {
            let number = tcp_port(&key).and_then(|port| port.parse().ok());
            let known = |number| ports.iter().any(|port| port.number.value == number);
            if let Some(value) = number.filter(|number| !known(*number)) {
                ports.push(Port {
                    name: None,
                    number: Written { value, route },
                });
            }
        }
    }
    ports
}

fn keys(at: &At<'_>) -> Vec<(String, Route)> {
    let Value::Mapping(entries) = &at.node.value else {
        return Vec::new();
    };
    let key = |entry: &crate::text::Entry| (entry.key.clone(), at.route.key(&entry.key));
    entries.iter().map(key).collect()
}

fn labels(config: &At<'_>) -> Pairs {
    config.pairs("Labels")
}
