//! A container as `docker inspect` describes it, as far as a manifest has keys for it; and what is
//! read of a service of Compose in the same way.

use std::time::Duration;

use lifecycle_manifest::deployed::Container;
use lifecycle_manifest::platform::{Published, Signal};
use lifecycle_manifest::text::{Route, Value};

use super::super::draft::{Common, Draft, Slot, bounded};
use super::super::shown::{Line, Other, Shown};
use super::guess::{self, Listening};
use super::{Chosen, Source, main, text};
use crate::template::quote;

pub(in super::super) static SHOWN: Shown = Shown {
    key: "docker",
    always: false,
    grace: Some("`docker run --stop-timeout`, in whole seconds"),
    lines: &[
        Line {
            about: "What `docker stop` sends to the program.",
            key: "stop_signal",
            example: "SIGTERM",
        },
        Line {
            about: "A small init is the container's first process, and passes signals on.",
            key: "init",
            example: "false",
        },
        Line {
            about: "What is published on the host; nothing, by default.",
            key: "ports",
            example: "[\"80:8080\"]",
        },
        Line {
            about: "How Docker asks the container itself: `runtime` (needs the lifecycle runtime), or `[CMD, ./health]`.",
            key: "health_check",
            example: "runtime",
        },
        Line {
            about: "How long what stops the engine, such as its systemd unit, waits until it kills.",
            key: "supervisor_timeout",
            example: "90s",
        },
    ],
    describe: Some(describe),
};

fn describe(draft: &mut Draft, chosen: Chosen<'_>, _: &[Source]) {
    let Chosen { source, workload } = chosen;
    let mut entry = Other::new("docker");
    if let Some(container) = main(draft, workload) {
        let config = workload.route.key("Config");
        let host = workload.route.key("HostConfig");
        entry.common = Common {
            grace: grace(source, container, &config.key("StopTimeout"), "Docker"),
            image: text(container.image.as_ref()),
            ..Common::default()
        };
        let mut put = |key, slot: Slot<String>| {
            if slot.value.is_some() || slot.note.is_some() {
                entry.values.push((key, slot));
            }
        };
        put("stop_signal", signal(source, container));
        if source.text(&host.key("Init")) == Some("true") {
            put("init", Slot::of("true".to_owned()));
        }
        put("ports", flow(&bindings(source, &host.key("PortBindings"))));
        put(
            "health_check",
            check(source, &config.key("Healthcheck").key("Test")),
        );
        guess::servers(draft, source, &Listening::of(container), None);
        guess::others(draft, source, container);
    }
    guess::something(draft, source);
    draft.others.push(entry);
}

/// The container's grace period; what stands at the place and cannot be read is said to.
pub(super) fn grace(
    source: &Source,
    container: &Container,
    place: &Route,
    who: &str,
) -> Slot<Duration> {
    match &container.grace {
        Some(written) => match bounded(written.value) {
            Some(Duration::ZERO) => Slot::unsaid(format!("{} leaves no time", source.name)),
            Some(grace) => Slot::of(grace),
            None => Slot::unsaid(format!("{} waits longer than can be said", source.name)),
        },
        None if container.endless.is_some() => {
            Slot::unsaid(format!("{} waits for ever", source.name))
        }
        None if source
            .deployed()
            .document
            .get(place)
            .is_some_and(|node| !node.is_null()) =>
        {
            Slot::unsaid(format!("{} has no plain duration there", source.name))
        }
        None => Slot::unsaid(format!("not in {}: {who} gives its default", source.name)),
    }
}

pub(super) fn signal(source: &Source, container: &Container) -> Slot<String> {
    match &container.stop_signal {
        None => Slot::default(),
        Some(written) => match Signal::named(&written.value) {
            Some(signal) => Slot::of(signal.name().to_owned()),
            None => Slot::unsaid(format!("{} says `{}`", source.name, written.value)),
        },
    }
}

/// Texts as a list of the manifest; nothing where there are none.
pub(super) fn flow(texts: &[String]) -> Slot<String> {
    let quoted: Vec<String> = texts.iter().map(|text| quote(text)).collect();
    match quoted.is_empty() {
        true => Slot::default(),
        false => Slot::of(format!("[{}]", quoted.join(", "))),
    }
}

/// A manifest takes it for a published port.
pub(super) fn published(text: &str) -> bool {
    let written = lifecycle_manifest::Written {
        value: text.to_owned(),
        route: Route::root(),
    };
    Published::parse(written).is_some()
}

/// What is asked for health, as a list or as text for a shell.
pub(super) fn check(source: &Source, place: &Route) -> Slot<String> {
    let words = match source.text(place) {
        Some(text) => vec!["CMD-SHELL".to_owned(), text.to_owned()],
        None => source.texts(place),
    };
    let texts: Vec<&str> = words.iter().map(String::as_str).collect();
    match texts.as_slice() {
        ["CMD", "/proc/1/exe", "--lifecycle-probe", "live"]
        | ["CMD-SHELL", "/proc/1/exe --lifecycle-probe live"] => Slot::of("runtime".to_owned()),
        ["CMD" | "CMD-SHELL", _, ..] => flow(&words),
        _ => Slot::default(),
    }
}

/// `{ "8080/tcp": [{ "HostIp": "", "HostPort": "80" }] }` in the short form.
fn bindings(source: &Source, place: &Route) -> Vec<String> {
    let document = &source.deployed().document;
    let Some(Value::Mapping(entries)) = document.get(place).map(|node| &node.value) else {
        return Vec::new();
    };
    let mut ports = Vec::new();
    for entry in entries {
        let Value::Sequence(items) = &entry.value.value else {
            continue;
        };
        let target = entry.key.strip_suffix("/tcp").unwrap_or(&entry.key);
        for at in 0..items.len() {
            let item = place.key(&entry.key).index(at);
            let text = |key: &str| source.text(&item.key(key)).unwrap_or_default();
            let address = match text("HostIp") {
                "" | "0.0.0.0" => String::new(),
                six if six.contains(':') => format!("[{six}]:"),
                four => format!("{four}:"),
            };
            let host = match text("HostPort") {
                "" if address.is_empty() => String::new(),
                port => format!("{port}:"),
            };
            let short = format!("{address}{host}{target}");
            if published(&short) {
                ports.push(short);
            }
        }
    }
    ports
}
