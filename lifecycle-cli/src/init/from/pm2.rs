//! An app of PM2's: an entry of an ecosystem file, or what `pm2 jlist` says of it.

use std::time::Duration;

use lifecycle_manifest::deployed::{Container, Pm2App};
use lifecycle_manifest::duration::show;
use lifecycle_manifest::{Platform, Written};

use super::super::draft::{Common, Draft, Slot, bounded};
use super::super::shown::{Line, Other, Shown};
use super::{Chosen, Source, guess, main, said};
use crate::template::quote;

pub(in super::super) static SHOWN: Shown = Shown {
    key: "pm2",
    always: false,
    grace: Some("From the signal to SIGKILL (kill_timeout, in milliseconds)"),
    lines: &[
        Line {
            about: "The program, as seen from where PM2 is started; what it is given; and how many processes of it.",
            key: "script",
            example: "./my-service",
        },
        Line {
            about: "",
            key: "args",
            example: "[--port, \"8080\"]",
        },
        Line {
            about: "",
            key: "instances",
            example: "1",
        },
        Line {
            about: "fork, or cluster for programs of Node's.",
            key: "exec_mode",
            example: "fork",
        },
        Line {
            about: "What the daemon's PM2_KILL_SIGNAL says; no ecosystem file can.",
            key: "kill_signal",
            example: "SIGINT",
        },
        Line {
            about: "The signal goes to every process below the program too.",
            key: "treekill",
            example: "true",
        },
        Line {
            about: "How often PM2 looks whether the program has gone.",
            key: "kill_retry_time",
            example: "100ms",
        },
        Line {
            about: "A message on Node's channel in place of the signal.",
            key: "shutdown_with_message",
            example: "false",
        },
        Line {
            about: "A reload waits until the new process has sent `ready`, for this long at most; and how long a start takes.",
            key: "wait_ready",
            example: "false",
        },
        Line {
            about: "",
            key: "listen_timeout",
            example: "3s",
        },
        Line {
            about: "",
            key: "start_time",
            example: "2s",
        },
        Line {
            about: "The grace period of the container that pm2-runtime runs in. Unset: none.",
            key: "outer",
            example: "30s",
        },
    ],
    describe: Some(describe),
};

fn describe(draft: &mut Draft, chosen: Chosen<'_>, _: &[Source]) {
    let Chosen { source, workload } = chosen;
    let Some(container) = main(draft, workload) else {
        return;
    };
    let mut entry = Other::new("pm2");
    if let Some(app) = &container.pm2 {
        entry.common = Common {
            grace: grace(source, container),
            ..Common::default()
        };
        entry.values = values(app);
        entry.values.push(("script", script(source, app)));
        let count = workload.replicas.as_ref().map(|count| count.value);
        if let Some(count) = count.filter(|count| (1..=1_000).contains(count)) {
            entry
                .values
                .push(("instances", Slot::of(count.to_string())));
        }
    }
    guess::others(draft, source, container);
    guess::something(draft, source);
    draft.others.push(entry);
}

/// The grace period, where the file says one that is held as it is.
fn grace(source: &Source, container: &Container) -> Slot<Duration> {
    let usual = Platform::facts_of("pm2").map_or(Duration::ZERO, |facts| facts.default_grace);
    match container.grace.as_ref().map(|written| written.value) {
        Some(grace) if !grace.is_zero() => said(source, grace),
        Some(_) => Slot::noted(
            usual,
            format!("{} says 0, which PM2 takes for none", source.name),
        ),
        None => Slot::default(),
    }
}

/// The program, where it is one and no line for a shell.
fn script(source: &Source, app: &Pm2App) -> Slot<String> {
    match app.script.as_ref().map(|script| script.value.as_str()) {
        Some("") | None => Slot::default(),
        Some(line) if line.contains(' ') => Slot::unsaid(format!(
            "{} says `{line}`, which PM2 gives to a shell: write the program, and its `args`",
            source.name
        )),
        Some(script) => Slot::of(quote(script)),
    }
}

fn values(app: &Pm2App) -> Vec<(&'static str, Slot<String>)> {
    let text = |written: &Written<String>| quote(&written.value);
    let truth = |written: Option<&Written<bool>>| written.map(|it| it.value.to_string());
    let time = |written: Option<&Written<f64>>| {
        let milliseconds = written?.value;
        let time = Duration::try_from_secs_f64(milliseconds.trunc() / 1_000.0).ok()?;
        bounded(time).filter(|time| !time.is_zero()).map(show)
    };
    // Cluster mode is refused for what is no program of Node's, as PM2 would fail with it.
    let mode = app.exec_mode.as_ref().map(|mode| mode.value.as_str());
    let mode = mode.filter(|mode| *mode == "fork" || (*mode == "cluster" && app.is_node()));
    [
        (
            "args",
            (!app.args.is_empty()).then(|| {
                let args: Vec<String> = app.args.iter().map(text).collect();
                format!("[{}]", args.join(", "))
            }),
        ),
        ("exec_mode", mode.map(str::to_owned)),
        ("treekill", truth(app.treekill.as_ref())),
        ("kill_retry_time", time(app.kill_retry_time.as_ref())),
        (
            "shutdown_with_message",
            truth(app.shutdown_with_message.as_ref()),
        ),
        ("wait_ready", truth(app.wait_ready.as_ref())),
        ("listen_timeout", time(app.listen_timeout.as_ref())),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, Slot::of(value?))))
    .collect()
}
