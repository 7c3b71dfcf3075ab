//! A container's preStop hook: the manifest's `settle` or `pre_stop`.

use std::time::Duration;

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
        }) if !command.is_empty() => {
            let command: Vec<String> = command.iter().map(|word| word.value.clone()).collect();
            let (timeout, only) = match guess::sleeps(&command) {
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
            match only {
                true => Slot::of(hook),
                false => Slot::noted(
                    hook,
                    format!(
                        "{} {} is a guess",
                        source.asks("how long does this command take at most?"),
                        show(timeout)
                    ),
                ),
            }
        }
        Some(Hook {
            action: Action::Http { path, port: at, .. },
            ..
        }) => {
            let path = path.as_ref().map_or("/", |path| path.value.as_str());
            let number = at
                .as_ref()
                .and_then(|at| container.port(&at.value))
                .and_then(port);
            match (Path::of_request(path), number) {
                (Some(path), Some(port)) => Slot::noted(
                    PreStop::Http {
                        path,
                        port,
                        timeout: HOOK,
                    },
                    format!(
                        "{} {} is a guess",
                        source.asks("how long does this request take at most?"),
                        show(HOOK)
                    ),
                ),
                _ => none(format!(
                    "the hook of {} is a request that cannot be said here",
                    source.name
                )),
            }
        }
        Some(_) => none(format!(
            "the hook of {} is none that the kubelet runs",
            source.name
        )),
    };
}
