//! Fly.io: `fly.toml`, and the same in JSON and YAML as `fly config` writes it.

use std::time::Duration;

use super::read::At;
use super::reader::{Reader, own_grace};
use super::setting::Setting;
use super::{Container, Deployed, Odd, Port, Variable, Workload, go};
use crate::duration::show;
use crate::manifest::Written;
use crate::platform::fly::FACTS;
use crate::text::Value;

pub(super) static READER: Reader = Reader {
    platform: "fly",
    generate: "lifecycle gen fly",
    grace_key: "kill_timeout",
    write_grace: |grace| format!("kill_timeout = \"{}\"", show(grace)),
    outside_keys: &[],
    write_port: Some(|port| format!("internal_port = {port}")),
    object,
    grace: |file, _, container| {
        let odd = file.is_odd(&container.route.key("kill_timeout"));
        (!odd).then(|| grace(container))
    },
};

fn object(at: &At<'_>, deployed: &mut Deployed) -> bool {
    if !is_app(at) {
        return false;
    }
    let odd = &mut deployed.odd;
    let container = Container {
        name: at.text("app"),
        image: at.at(&["build", "image"]).and_then(|image| image.scalar()),
        stop_signal: at.text("kill_signal"),
        ports: ports(at, odd),
        environment: environment(at),
        grace: duration(at, "kill_timeout", odd),
        ..Container::at(at.route.clone())
    };
    deployed.workloads.push(Workload {
        name: at.text("app"),
        containers: vec![container],
        ..Workload::at("fly", "app", at.route.clone())
    });
    true
}

/// What only Fly.io has, or an app's name beside what its apps have.
fn is_app(at: &At<'_>) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|key| at.get(key).is_some());
    let services = || !at.list("services").is_empty();
    has(&[
        "kill_timeout",
        "kill_signal",
        "http_service",
        "primary_region",
    ]) || (at.text("app").is_some()
        && (services() || has(&["build", "deploy", "env", "processes", "vm"])))
}

/// A number of seconds, or a duration; what stands there instead is kept aside.
fn duration(at: &At<'_>, key: &str, odd: &mut Vec<Odd>) -> Option<Written<Duration>> {
    let at = at.get(key)?;
    let value = match &at.node.value {
        Value::Scalar { text, plain: true } => {
            // Plain text in YAML is text.
            let number = text.replace('_', "").parse().map(Duration::from_secs);
            number.ok().or_else(|| go::duration(text))
        }
        Value::Scalar { text, plain: false } => go::duration(text),
        _ => None,
    };
    if value.is_none() {
        odd.push(Odd {
            route: at.route.clone(),
            expected: "a number of seconds, or a duration such as `45s`",
            meant: None,
        });
    }
    value.map(|value| at.written(value))
}

fn ports(at: &At<'_>, odd: &mut Vec<Odd>) -> Vec<Port> {
    let services = at
        .get("http_service")
        .into_iter()
        .chain(at.list("services"));
    let port = |service: At<'_>| {
        let number = service.number("internal_port", odd)?;
        Some(Port { name: None, number })
    };
    services.filter_map(port).collect()
}

fn environment(at: &At<'_>) -> Vec<Variable> {
    let Some(env) = at.get("env") else {
        return Vec::new();
    };
    let Value::Mapping(entries) = &env.node.value else {
        return Vec::new();
    };
    let variable = |entry: &crate::text::Entry| {
        let value = env.get(&entry.key)?;
        Some(Variable {
            name: value.written(entry.key.clone()),
            value: value.scalar(),
        })
    };
    entries.iter().filter_map(variable).collect()
}

fn grace(container: &Container) -> Setting {
    own_grace(container, &FACTS)
}
