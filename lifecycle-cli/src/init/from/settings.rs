//! What a workload says under a manifest's own keys, as lines of a manifest.

use std::ops::RangeInclusive;
use std::time::Duration;

use lifecycle_manifest::Platform;
use lifecycle_manifest::deployed::{Container, Probe, ProbeAction, Workload};
use lifecycle_manifest::duration::show;

use super::super::draft::{Draft, Slot};
use super::super::shown::Other;
use super::guess::{self, Listening};
use super::probes::{health, probed_port};
use super::{Chosen, Source, program, text};
use crate::template::quote;

/// What a key takes.
pub(super) enum Takes {
    /// A whole number.
    Number(RangeInclusive<u32>),
    /// A number of seconds, written as a duration.
    Seconds(RangeInclusive<u64>),
    /// One of these words.
    Words(&'static [&'static str]),
    /// Any text.
    Text,
}

/// The draft of a platform that signals all containers at once, from the keys it has.
pub(super) fn describe(
    draft: &mut Draft,
    chosen: Chosen<'_>,
    key: &'static str,
    keys: &[(&'static str, Takes)],
) {
    let Chosen { source, workload } = chosen;
    let mut entry = Other::new(key);
    entry.values = keys
        .iter()
        .map(|(key, takes)| (*key, value(source, workload, key, takes)))
        .collect();
    let main = program(draft, workload);
    if let Some(container) = main.and_then(|main| workload.containers.get(main)) {
        entry.common.image = text(container.image.as_ref());
        if let Some(grace) = &container.grace {
            entry.common.grace = match super::bounded(grace.value) {
                Some(grace) => Slot::of(grace),
                None => Slot::unsaid(format!("{} says {}", source.name, show(grace.value))),
            };
        }
        let ports = ports(container);
        guess::servers(draft, source, &ports, probed_port(container));
        guess::others(draft, source, container);
        guess::something(draft, source);
        // Where readiness is not asked, the startup probe asks for the same.
        let mut asked = container.clone();
        asked.readiness = asked.readiness.or_else(|| {
            let startup = container.startup.clone().filter(is_http)?;
            // How often a start is asked for is another matter.
            Some(Probe {
                period: None,
                failures: None,
                ..startup
            })
        });
        let health = health(draft, source, &asked);
        if health.value.is_some() || draft.health.value.is_none() {
            draft.health = health;
        }
    }
    guess::something(draft, source);
    entry
        .values
        .push(("sidecars", sidecars(source, workload, key, main)));
    draft.others.push(entry);
}

fn is_http(probe: &Probe) -> bool {
    matches!(probe.action, ProbeAction::Http { .. })
}

fn value(source: &Source, workload: &Workload, key: &str, takes: &Takes) -> Slot<String> {
    let Some(written) = workload.settings.get(key) else {
        return Slot::default();
    };
    let said = written.value.as_str();
    let good = match takes {
        Takes::Number(range) => said
            .parse()
            .ok()
            .filter(|number| range.contains(number))
            .map(|number: u32| number.to_string()),
        Takes::Seconds(range) => said
            .parse()
            .ok()
            .filter(|seconds| range.contains(seconds))
            .map(|seconds: u64| show(Duration::from_secs(seconds))),
        Takes::Words(words) => {
            let said = said.to_ascii_lowercase();
            words.contains(&said.as_str()).then_some(said)
        }
        Takes::Text => (!said.is_empty()).then(|| quote(said)),
    };
    match good {
        Some(good) => Slot::of(good),
        None => {
            let shown: String = said.chars().take(40).collect();
            Slot::unsaid(format!("{} says `{shown}`", source.name))
        }
    }
}

/// The names that Cloud Run has for ports are those of protocols.
fn ports(container: &Container) -> Vec<Listening> {
    let mut listening = Listening::of(container);
    for port in &mut listening {
        match port.name.as_str() {
            "h2c" => "grpc".clone_into(&mut port.name),
            "http1" => "http".clone_into(&mut port.name),
            _ => {}
        }
    }
    match (listening.is_empty(), probed_port(container)) {
        (true, Some(number)) => vec![Listening::on(number)],
        _ => listening,
    }
}

/// The containers beside the program, each with a guess of its time.
fn sidecars(source: &Source, workload: &Workload, key: &str, main: Option<usize>) -> Slot<String> {
    let usual = Platform::facts_of(key).map_or(Duration::ZERO, |facts| facts.default_grace);
    let containers = workload.containers.iter().enumerate();
    let items: Vec<String> = containers
        .filter(|(at, container)| Some(*at) != main && !container.name().is_empty())
        .map(|(_, container)| {
            let name = quote(container.name());
            format!("{{ name: {name}, timeout: {} }}", show(usual))
        })
        .collect();
    match items.is_empty() {
        true => Slot::default(),
        false => Slot::noted(
            format!("[{}]", items.join(", ")),
            source.asks("how long after the signal is each of them still there?"),
        ),
    }
}
