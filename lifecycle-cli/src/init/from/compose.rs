//! A service of a Compose file, as far as a manifest has keys for it.

use std::time::Duration;

use lifecycle_manifest::deployed::Hook;
use lifecycle_manifest::duration::{seconds_up, show};
use lifecycle_manifest::text::{Node, Value};

use super::super::draft::{Common, Draft, Slot, bounded};
use super::super::shown::{Line, Other, Shown};
use super::docker::{check, flow, grace, published, signal};
use super::guess::{self, Listening};
use super::{Chosen, Source, main, text};
use crate::template::quote;

pub(in super::super) static SHOWN: Shown = Shown {
    key: "compose",
    always: false,
    grace: Some("Compose's `stop_grace_period`, in whole seconds"),
    lines: &[
        Line {
            about: "What asks the program to stop.",
            key: "stop_signal",
            example: "SIGTERM",
        },
        Line {
            about: "A small init is the container's first process, and passes signals on.",
            key: "init",
            example: "false",
        },
        Line {
            about: "How many containers.",
            key: "replicas",
            example: "1",
        },
        Line {
            about: "What is published on the host; nothing, by default.",
            key: "ports",
            example: "[\"80:8080\"]",
        },
        Line {
            about: "The services that the program needs while it stops: Compose stops them after it.",
            key: "depends_on",
            example: "[db]",
        },
        Line {
            about: "What Compose runs in the container before the signal, outside of the grace period.",
            key: "pre_stop",
            example: "{ exec: [./leave], timeout: 5s }",
        },
        Line {
            about: "How Docker asks the container itself: `runtime` (needs the lifecycle runtime), or `[CMD, ./health]`.",
            key: "health_check",
            example: "runtime",
        },
        Line {
            about: "How long what runs `compose down`, such as a systemd unit, waits until it kills.",
            key: "supervisor_timeout",
            example: "90s",
        },
    ],
    describe: Some(describe),
};

fn describe(draft: &mut Draft, chosen: Chosen<'_>, _: &[Source]) {
    let Chosen { source, workload } = chosen;
    let mut entry = Other::new("compose");
    if let Some(container) = main(draft, workload) {
        let here = |key: &str| workload.route.key(key);
        entry.common = Common {
            grace: grace(source, container, &here("stop_grace_period"), "Compose"),
            image: text(container.image.as_ref()),
            ..Common::default()
        };
        let mut put = |key, slot: Slot<String>| {
            if slot.value.is_some() || slot.note.is_some() {
                entry.values.push((key, slot));
            }
        };
        put("stop_signal", signal(source, container));
        if source.text(&here("init")) == Some("true") {
            put("init", Slot::of("true".to_owned()));
        }
        let replicas = workload.replicas.as_ref().map(|replicas| replicas.value);
        if let Some(replicas) = replicas.filter(|it| (0..=10_000).contains(it) && *it != 1) {
            put("replicas", Slot::of(replicas.to_string()));
        }
        put("ports", flow(&ports(source, workload)));
        let ended = |condition: &str| condition == "service_completed_successfully";
        let needed: Vec<String> = container
            .depends_on
            .iter()
            // What must have ended before the program starts is gone when it stops.
            .filter(|it| !it.condition.as_ref().is_some_and(|it| ended(&it.value)))
            .map(|it| it.container.value.clone())
            .collect();
        put("depends_on", flow(&needed));
        put("pre_stop", hooks(source, &container.hooks));
        put(
            "health_check",
            check(source, &here("healthcheck").key("test")),
        );
        guess::servers(draft, source, &Listening::of(container), None);
        guess::others(draft, source, container);
    }
    guess::something(draft, source);
    draft.others.push(entry);
}

/// The short form, and the long one as the short.
fn ports(source: &Source, workload: &lifecycle_manifest::deployed::Workload) -> Vec<String> {
    let list = source.deployed().document.get(&workload.route.key("ports"));
    let Some(Value::Sequence(items)) = list.map(|node| &node.value) else {
        return Vec::new();
    };
    let scalar = |node: &Node| match &node.value {
        Value::Scalar { text, .. } => Some(text.clone()),
        _ => None,
    };
    let short = |item: &Node| {
        let at = |key: &str| item.entry(key).and_then(|entry| scalar(&entry.value));
        let text = match (scalar(item), at("target")) {
            (Some(text), _) => text,
            (None, Some(target)) => {
                let address = at("host_ip").map_or(String::new(), |it| format!("{it}:"));
                let host = at("published").map_or(String::new(), |it| format!("{it}:"));
                let protocol = at("protocol").map_or(String::new(), |it| format!("/{it}"));
                format!("{address}{host}{target}{protocol}")
            }
            (None, None) => return None,
        };
        published(&text).then_some(text)
    };
    items.iter().filter_map(short).collect()
}

/// What `gen` has wrapped is taken out again.
fn hooks(source: &Source, hooks: &[Hook]) -> Slot<String> {
    if hooks.is_empty() {
        return Slot::default();
    }
    let mut endless = false;
    let one = |hook: &Hook| {
        let words = command(hook);
        let bound = hook.bound().and_then(bounded);
        let ours = bound.map(wrapper);
        let exec = match ours {
            Some(ours) if words.starts_with(&ours) => words[ours.len()..].to_vec(),
            _ => words,
        };
        if exec.is_empty() {
            return None;
        }
        endless |= bound.is_none();
        let words: Vec<String> = exec.iter().map(|word| quote(word)).collect();
        let timeout = bound.filter(|bound| !bound.is_zero());
        let timeout = timeout.map_or(String::new(), |it| format!(", timeout: {}", show(it)));
        Some(format!("{{ exec: [{}]{timeout} }}", words.join(", ")))
    };
    let entries: Vec<String> = hooks.iter().filter_map(one).collect();
    match (entries.is_empty(), endless) {
        (true, _) => Slot::default(),
        (false, false) => Slot::of(format!("[{}]", entries.join(", "))),
        (false, true) => Slot::noted(
            format!("[{}]", entries.join(", ")),
            source.asks("how long may each of them take?"),
        ),
    }
}

fn command(hook: &Hook) -> Vec<String> {
    match &hook.action {
        lifecycle_manifest::deployed::Action::Exec(words) => {
            words.iter().map(|word| word.value.clone()).collect()
        }
        _ => Vec::new(),
    }
}

/// The words that `gen compose` puts before a hook that may take so long.
fn wrapper(bound: Duration) -> [String; 4] {
    crate::generate::bounded_hook(seconds_up(bound))
}
