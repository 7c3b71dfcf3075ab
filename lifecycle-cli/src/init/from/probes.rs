//! What a container's probes ask: the manifest's `traffic.health`.

use lifecycle_manifest::Kind;
use lifecycle_manifest::deployed::{Container, Probe, ProbeAction};
use lifecycle_manifest::platform::{DEFAULT_PROBE_FAILURES, DEFAULT_PROBE_PERIOD};

use super::super::draft::{Draft, Health, Path, Slot};
use super::{Source, port, seconds};

/// The port of the HTTP readiness probe, else of the liveness probe.
pub(super) fn probed_port(container: &Container) -> Option<u16> {
    let of = |probe: &Option<Probe>| asked(container, probe.as_ref()?).map(|(_, port)| port);
    of(&container.readiness).or_else(|| of(&container.liveness))
}

/// Path and port of an HTTP probe.
fn asked<'p>(container: &Container, probe: &'p Probe) -> Option<(&'p str, u16)> {
    let ProbeAction::Http { path, port: at } = &probe.action else {
        return None;
    };
    let number = container.port(&at.as_ref()?.value).and_then(port)?;
    let path = path.as_ref().map_or("/", |path| path.value.as_str());
    Some((if path.is_empty() { "/" } else { path }, number))
}

pub(super) fn health(draft: &Draft, source: &Source, container: &Container) -> Slot<Health> {
    let Some(readiness) = &container.readiness else {
        return Slot::unsaid(source.asks("where does it answer readiness?"));
    };
    let Some((path, number)) = asked(container, readiness) else {
        return Slot::unsaid(match &readiness.action {
            // A name that no port of the container has.
            ProbeAction::Http { .. } => source.asks("on which port is readiness asked?"),
            other => format!(
                "in {} readiness is {}, and health here is HTTP",
                source.name,
                other.words()
            ),
        });
    };
    let Some(ready) = Path::of(path) else {
        return Slot::unsaid(format!(
            "{} asks `{path}`, and a path here has no query",
            source.name
        ));
    };
    let mut notes = Vec::new();
    let live = live(container, number, &mut notes);
    let period = readiness.period.as_ref().filter(|period| period.value > 0);
    let failures = readiness
        .failures
        .as_ref()
        .filter(|failures| failures.value > 0);
    let absent = match (period.is_none(), failures.is_none()) {
        (true, true) => Some("`period` and `failures`"),
        (true, false) => Some("`period`"),
        (false, true) => Some("`failures`"),
        (false, false) => None,
    };
    if let Some(absent) = absent {
        notes.push(format!(
            "{absent} as Kubernetes has it: not in {}",
            source.name
        ));
    }
    let health = Health {
        port: (usual_port(draft) != Some(number)).then_some(number),
        ready: Some(ready),
        live,
        period: Some(period.and_then(seconds).unwrap_or(DEFAULT_PROBE_PERIOD)),
        failures: failures.map_or(Some(DEFAULT_PROBE_FAILURES), |failures| {
            u32::try_from(failures.value)
                .ok()
                .map(|failures| failures.min(1_000))
        }),
    };
    Slot {
        value: Some(health),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    }
}

/// A program that asks itself does so at a port that no file of a platform names.
pub(super) fn ask_itself(draft: &mut Draft, source: &Source) {
    if !draft.asks_itself() {
        return;
    }
    let health = draft.health.value.get_or_insert_default();
    if health.port.is_none() {
        let taken = |port| draft.resources.iter().any(|it| it.port == Some(port));
        health.port = (8081..=9000).find(|port| !taken(*port));
        draft.health.note = Some(source.asks("on which port does it answer for its health?"));
    }
}

/// Where liveness is asked, if a manifest can say it; a note, if not.
fn live(container: &Container, number: u16, notes: &mut Vec<String>) -> Option<Path> {
    let probe = container.liveness.as_ref()?;
    match asked(container, probe) {
        Some((path, port)) if port == number => return Path::of(path),
        Some((_, port)) => notes.push(format!("liveness is asked on port {port}")),
        None => {
            let words = match &probe.action {
                ProbeAction::Http { .. } => "asked on a port without a number",
                other => other.words(),
            };
            notes.push(format!("liveness is {words}"));
        }
    }
    None
}

/// Where health is answered without a port of its own: on the port of the first HTTP server, or of
/// whatever listens first.
fn usual_port(draft: &Draft) -> Option<u16> {
    let serving = || draft.resources.iter().filter(|resource| resource.active);
    serving()
        .filter(|resource| resource.kind == Kind::HttpServer)
        .find_map(|resource| resource.port)
        .or_else(|| serving().find_map(|resource| resource.port))
}
