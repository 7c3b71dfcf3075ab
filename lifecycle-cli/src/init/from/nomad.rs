//! A group of a Nomad job: of a job file, or of what `nomad job inspect` says.

use std::time::Duration;

use lifecycle_manifest::Written;
use lifecycle_manifest::deployed::{Container, Workload};
use lifecycle_manifest::duration::show;
use lifecycle_manifest::platform::{NomadDriver, Signal};
use lifecycle_manifest::text::Route;

use super::super::draft::{Common, Draft, Slot, bounded};
use super::super::shown::{Line, Other, Shown};
use super::guess::{self, Listening};
use super::{Chosen, Source, main, said, text};
use crate::template::quote;

pub(in super::super) static SHOWN: Shown = Shown {
    key: "nomad",
    always: false,
    grace: Some(
        "From the signal to SIGKILL (kill_timeout), and at most the clients' max_kill_timeout",
    ),
    lines: &[
        Line {
            about: "",
            key: "max_kill_timeout",
            example: "30s",
        },
        Line {
            about: "Between deregistration and the signal, outside of the grace period: of the group, or `{ group: 5s, task: 2s }`. Unset: the settle time.",
            key: "shutdown_delay",
            example: "5s",
        },
        Line {
            about: "docker, podman, exec or raw_exec; and the program, where no image is run.",
            key: "driver",
            example: "docker",
        },
        Line {
            about: "",
            key: "command",
            example: "[/usr/local/bin/my-service]",
        },
        Line {
            about: "Unset: SIGTERM in a container, SIGINT outside of one.",
            key: "kill_signal",
            example: "SIGTERM",
        },
        Line {
            about: "",
            key: "count",
            example: "2",
        },
        Line {
            about: "How long a deployment waits for an instance, and a drained node for what runs on it.",
            key: "progress_deadline",
            example: "10m",
        },
        Line {
            about: "",
            key: "drain_deadline",
            example: "1h",
        },
        Line {
            about: "consul or nomad.",
            key: "service_provider",
            example: "consul",
        },
        Line {
            about: "",
            key: "namespace",
            example: "default",
        },
        Line {
            about: "",
            key: "datacenters",
            example: "[dc1]",
        },
        Line {
            about: "In MHz and in MB.",
            key: "cpu",
            example: "100",
        },
        Line {
            about: "",
            key: "memory",
            example: "300",
        },
        Line {
            about: "Sidecar tasks, which stop once the program has.",
            key: "sidecars",
            example: "[{ name: proxy, timeout: 5s }]",
        },
    ],
    describe: Some(describe),
};

fn describe(draft: &mut Draft, chosen: Chosen<'_>, _: &[Source]) {
    let Chosen { source, workload } = chosen;
    let Some(container) = main(draft, workload) else {
        return;
    };
    let mut entry = Other::new("nomad");
    entry.common = Common {
        grace: grace(source, container),
        image: text(
            container
                .image
                .as_ref()
                .filter(|it| !it.value.contains("${")),
        ),
        ..Common::default()
    };
    entry.values = values(source, workload, container);
    guess::servers(draft, source, &Listening::of(container), None);
    guess::others(draft, source, container);
    guess::something(draft, source);
    draft.others.push(entry);
}

/// The grace period, where the file says one.
fn grace(source: &Source, container: &Container) -> Slot<Duration> {
    match &container.grace {
        Some(written) => said(source, written.value),
        None => Slot::default(),
    }
}

fn values(
    source: &Source,
    workload: &Workload,
    container: &Container,
) -> Vec<(&'static str, Slot<String>)> {
    let of = |route: &Route, keys: [&str; 2]| {
        let mut found = keys.iter().filter_map(|key| source.text(&route.key(key)));
        found.next().map(str::to_owned)
    };
    let driver = of(&container.route, ["driver", "Driver"]);
    let driver = driver.as_deref().and_then(NomadDriver::named);
    let runs_images = driver.is_none_or(NomadDriver::runs_images);
    let words: Vec<String> = container
        .entry
        .iter()
        .chain(&container.args)
        .map(|word| quote(&word.value))
        .collect();
    let count = workload.replicas.as_ref().map(|count| count.value);
    let namespace = workload.namespace.as_ref();
    // Beyond what is written, the clients must have been told.
    let most = Duration::from_secs(30);
    let raised = container.grace.as_ref().and_then(|it| bounded(it.value));
    let raised = raised.filter(|grace| *grace > most).map(|grace| {
        let note = source.asks("is this what the clients' `max_kill_timeout` allows?");
        ("max_kill_timeout", Slot::noted(show(grace), note))
    });
    let plain = [
        (
            "shutdown_delay",
            match &container.outside {
                Some(delay) => bounded(delay.value).map(show),
                None => Some("0s".to_owned()),
            },
        ),
        ("driver", driver.map(|driver| driver.name().to_owned())),
        (
            "command",
            (!runs_images && !words.is_empty()).then(|| format!("[{}]", words.join(", "))),
        ),
        ("kill_signal", signal(container.stop_signal.as_ref())),
        (
            "count",
            count
                .filter(|count| (0..=10_000).contains(count))
                .map(|count| count.to_string()),
        ),
        (
            "namespace",
            namespace
                .filter(|name| !name.value.is_empty())
                .map(|name| quote(&name.value)),
        ),
        ("sidecars", sidecars(workload)),
    ];
    let plain = plain
        .into_iter()
        .filter_map(|(key, value)| Some((key, Slot::of(value?))));
    raised.into_iter().chain(plain).collect()
}

/// A signal that a manifest knows.
pub(super) fn signal(written: Option<&Written<String>>) -> Option<String> {
    let signal = Signal::named(&written?.value)?;
    Some(signal.name().to_owned())
}

/// The tasks that stop once the program has.
fn sidecars(workload: &Workload) -> Option<String> {
    let usual = lifecycle_manifest::Platform::facts_of("nomad")?.default_grace;
    let sidecars: Vec<String> = workload
        .native_sidecars()
        .filter_map(|task| {
            let timeout = task.grace.as_ref().map_or(usual, |grace| grace.value);
            let timeout = bounded(timeout).filter(|timeout| !timeout.is_zero())?;
            let name = quote(task.name());
            Some(format!("{{ name: {name}, timeout: {} }}", show(timeout)))
        })
        .collect();
    (!sidecars.is_empty()).then(|| format!("[{}]", sidecars.join(", ")))
}
