//! A container's preStop hook: the manifest's `settle` or `pre_stop`.

use std::time::Duration;

use lifecycle_manifest::Written;
use lifecycle_manifest::deployed::{Action, Container, Hook};
use lifecycle_manifest::duration::{millis, show};

use super::super::draft::{Draft, Kubernetes, Path, PreStop, Slot, bounded};
use super::{Source, guess, port, seconds};

/// What a hook is given that does not say how long it takes.
const HOOK: Duration = Duration::from_secs(5);

/// The hook: a sleep is the settle time, which Kubernetes then pays; anything else stands as it is.
pub(super) fn describe(
    draft: &mut Draft,
    entry: &mut Kubernetes,
    source: &Source,
    container: &Container,
) {
    let serves = draft
        .resources
        .iter()
        .any(|resource| resource.active && resource.kind.takes_traffic());
    let none = |why: String| match serves {
        // Unset would mean a sleep where something takes traffic.
        true => Slot::noted(PreStop::Sleep(Duration::ZERO), why),
        false => Slot::default(),
    };
    entry.pre_stop = match &container.pre_stop {
        None => {
            none(source.asks(
                "does the program serve on after the signal? Kubernetes does not wait for it",
            ))
        }
        Some(Hook {
            action: Action::Sleep(written),
            ..
        }) => match seconds(written) {
            Some(Duration::ZERO) => none(format!("{} says so", source.name)),
            Some(sleep) if serves && draft.settle.value.is_none() => {
                draft.settle = Slot::noted(sleep, format!("the preStop sleep of {}", source.name));
                Slot::default()
            }
            Some(sleep) => Slot::of(PreStop::Sleep(sleep)),
            None => none(format!("{} says {}s", source.name, written.value)),
        },
        Some(Hook {
            action: Action::Exec(command),
            ..
        }) if !command.is_empty() => exec(source, command),
        Some(Hook {
            action: Action::Http { path, port, .. },
            ..
        }) => match request(container, path.as_ref(), port.as_ref()) {
            Some((path, port)) => asked(source, path, port),
            None => none(format!(
                "the hook of {} is a request that cannot be said here",
                source.name
            )),
        },
        Some(_) => none(format!(
            "the hook of {} is none that the kubelet runs",
            source.name
        )),
    };
}

/// A command stands as it is, with a timeout that is what it sleeps, or a guess.
fn exec(source: &Source, command: &[Written<String>]) -> Slot<PreStop> {
    let command: Vec<String> = command.iter().map(|word| word.value.clone()).collect();
    let (timeout, is_all) = match guess::sleeps(&command) {
        Some((time, true)) => (time, true),
        Some((time, false)) => (time.max(HOOK), false),
        None => (HOOK, false),
    };
    // Milliseconds are what a manifest counts in, and nothing is no time for a command.
    let timeout = Duration::from_millis(millis(timeout));
    let timeout = bounded(timeout)
        .unwrap_or(HOOK)
        .max(Duration::from_millis(1));
    let hook = PreStop::Exec { command, timeout };
    match is_all {
        true => Slot::of(hook),
        false => guessed(source, hook, "command", timeout),
    }
}

/// Where a request goes: nowhere that a manifest could name.
fn request(
    container: &Container,
    path: Option<&Written<String>>,
    at: Option<&Written<String>>,
) -> Option<(Path, u16)> {
    let path = path.map_or("/", |path| path.value.as_str());
    let port = container.port(&at?.value).and_then(port)?;
    Some((Path::of_request(path)?, port))
}

fn asked(source: &Source, path: Path, port: u16) -> Slot<PreStop> {
    let hook = PreStop::Http {
        path,
        port,
        timeout: HOOK,
    };
    guessed(source, hook, "request", HOOK)
}

fn guessed(source: &Source, hook: PreStop, what: &str, timeout: Duration) -> Slot<PreStop> {
    let question = source.asks(&format!("how long does this {what} take at most?"));
    let note = format!("{question} {} is a guess", show(timeout));
    Slot::noted(hook, note)
}
