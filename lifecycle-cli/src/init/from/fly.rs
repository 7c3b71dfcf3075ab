//! An app of Fly.io: `fly.toml`.

use std::time::Duration;

use lifecycle_manifest::Platform;
use lifecycle_manifest::deployed::{Container, Workload};

use super::super::draft::{Common, Draft, Slot};
use super::super::shown::{Line, Other, Shown};
use super::guess::{self, Listening};
use super::nomad::signal;
use super::{Chosen, Source, main, said, text};
use crate::template::quote;

pub(in super::super) static SHOWN: Shown = Shown {
    key: "fly",
    always: false,
    grace: Some("From the signal to SIGKILL (kill_timeout), at most 300s, and best effort"),
    lines: &[
        Line {
            about: "",
            key: "kill_signal",
            example: "SIGINT",
        },
        Line {
            about: "Unset: the service's name.",
            key: "app",
            example: "my-service",
        },
        Line {
            about: "",
            key: "primary_region",
            example: "ams",
        },
        Line {
            about: "rolling, immediate, canary or bluegreen.",
            key: "strategy",
            example: "rolling",
        },
        Line {
            about: "off, stop or suspend; and how many Machines keep running then.",
            key: "auto_stop",
            example: "\"off\"",
        },
        Line {
            about: "",
            key: "min_machines",
            example: "1",
        },
    ],
    describe: Some(describe),
};

fn describe(draft: &mut Draft, chosen: Chosen<'_>, _: &[Source]) {
    let Chosen { source, workload } = chosen;
    let Some(container) = main(draft, workload) else {
        return;
    };
    let mut entry = Other::new("fly");
    entry.common = Common {
        grace: grace(source, container),
        image: text(container.image.as_ref()),
        ..Common::default()
    };
    entry.values = values(draft, source, workload, container);
    guess::servers(draft, source, &Listening::of(container), None);
    guess::others(draft, source, container);
    guess::something(draft, source);
    draft.others.push(entry);
}

/// The grace period, in the whole seconds that Fly.io counts.
fn grace(source: &Source, container: &Container) -> Slot<Duration> {
    let usual = Platform::facts_of("fly").map_or(Duration::ZERO, |facts| facts.default_grace);
    match container.grace.as_ref().map(|written| written.value) {
        Some(grace) if grace.is_zero() => Slot::noted(usual, format!("{} says 0", source.name)),
        Some(grace) => said(source, grace),
        None => Slot::default(),
    }
}

fn values(
    draft: &Draft,
    source: &Source,
    workload: &Workload,
    container: &Container,
) -> Vec<(&'static str, Slot<String>)> {
    let at = |keys: &[&str]| {
        let route = keys
            .iter()
            .fold(workload.route.clone(), |route, key| route.key(key));
        source.text(&route).map(str::to_owned)
    };
    let word = |keys: &[&str], words: &[&str]| at(keys).filter(|it| words.contains(&it.as_str()));
    let service = draft
        .service
        .value
        .as_ref()
        .map(|name| name.as_str().to_owned());
    let app = workload.name.as_ref().map(|name| name.value.clone());
    let health = draft.health.value.is_some();
    [
        ("kill_signal", signal(container.stop_signal.as_ref())),
        (
            "app",
            app.filter(|app| Some(app) != service.as_ref())
                .map(|app| quote(&app)),
        ),
        (
            "primary_region",
            at(&["primary_region"]).map(|region| quote(&region)),
        ),
        (
            "strategy",
            // A blue-green deployment needs a check, which the draft may not have.
            word(
                &["deploy", "strategy"],
                &["rolling", "immediate", "canary", "bluegreen"],
            )
            .filter(|strategy| health || strategy != "bluegreen"),
        ),
        (
            "auto_stop",
            word(
                &["http_service", "auto_stop_machines"],
                &["off", "stop", "suspend"],
            )
            .map(|it| quote(&it)),
        ),
        (
            "min_machines",
            at(&["http_service", "min_machines_running"])
                .filter(|it| it.parse::<u32>().is_ok_and(|count| count <= 10_000)),
        ),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, Slot::of(value?))))
    .collect()
}
