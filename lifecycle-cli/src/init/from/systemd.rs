//! A unit of systemd with its drop-ins: files, or what `systemctl cat` and `systemctl show` print.

use std::time::Duration;

use lifecycle_manifest::deployed::{Container, UnitFile};
use lifecycle_manifest::duration::show;
use lifecycle_manifest::platform::{KillMode, ServiceType, Signal};
use lifecycle_manifest::text::Route;
use lifecycle_manifest::{Platform, Written};

use super::super::draft::{Common, Draft, Slot, bounded};
use super::super::shown::{Line, Other, Shown};
use super::super::write::{list, mapping};
use super::{Chosen, Source, guess};
use crate::template::quote;

pub(in super::super) static SHOWN: Shown = Shown {
    key: "systemd",
    always: false,
    grace: Some("From the signal to SIGKILL (TimeoutStopSec); 0s would be no limit at all"),
    lines: &[
        Line {
            about: "The program and its arguments, no shell implied (ExecStart), and who runs it. Unset: root.",
            key: "exec",
            example: "[/usr/local/bin/my-service, --port, \"8080\"]",
        },
        Line {
            about: "",
            key: "user",
            example: "my-service",
        },
        Line {
            about: "How systemd knows that the service is up: notify (the program says so, as this runtime does), exec or simple.",
            key: "type",
            example: "notify",
        },
        Line {
            about: "How long systemd waits for a sign of life. Unset: for ever.",
            key: "watchdog",
            example: "30s",
        },
        Line {
            about: "Who is sent the signals: mixed, control-group, process or none; and what asks the program to stop.",
            key: "kill_mode",
            example: "mixed",
        },
        Line {
            about: "",
            key: "kill_signal",
            example: "SIGTERM",
        },
        Line {
            about: "What runs before the signal, each on a clock of its own: durations, and commands with a `timeout`.",
            key: "exec_stop",
            example: "[{ command: [/usr/local/bin/deregister], timeout: 5s }, 5s]",
        },
        Line {
            about: "systemd listens, and hands the listeners over: a restart loses no connection.",
            key: "socket",
            example: "false",
        },
    ],
    describe: Some(describe),
};

fn describe(draft: &mut Draft, chosen: Chosen<'_>, sources: &[Source]) {
    let Chosen { source, workload } = chosen;
    let name = |it: &Option<Written<String>>| it.as_ref().map(|name| name.value.clone());
    // What a drop-in says otherwise has been taken from the unit: each value stands once.
    let units = || {
        let all = sources
            .iter()
            .flat_map(|source| &source.deployed().workloads);
        all.filter(|other| other.platform == "systemd" && name(&other.name) == name(&workload.name))
            .filter_map(|other| other.containers.first())
    };
    let mut entry = Other::new("systemd");
    entry.common = Common {
        grace: units()
            .find_map(|container| grace(source, container))
            .unwrap_or_default(),
        ..Common::default()
    };
    let files: Vec<&UnitFile> = units()
        .filter_map(|container| container.unit.as_deref())
        .collect();
    let socket = name(&workload.name).map(|name| format!("{name}.socket"));
    let is_its = |other: &&Source| Some(&other.name) == socket.as_ref();
    let listener = sources.iter().find(is_its);
    let ports = listener.map(listened).unwrap_or_default();
    if let Some(listener) = listener {
        guess::servers(draft, listener, &ports, None);
    }
    let usual = usual_grace();
    let bound = entry.common.grace.value.unwrap_or(usual);
    let words = |key, value: Option<String>| Some((key, Slot::of(value?)));
    let values = [
        words("exec", units().find_map(exec)),
        words("user", files.iter().find_map(|unit| user(unit))),
        words("type", service_type(&files)),
        words(
            "watchdog",
            files
                .iter()
                .find_map(|unit| Some(show(bounded(unit.watchdog.as_ref()?.value)?))),
        ),
        words("kill_mode", kill_mode(&files)),
        words("kill_signal", units().find_map(kill_signal)),
        words("exec_stop", exec_stop(&files, bound)),
        words("socket", (!ports.is_empty()).then(|| "true".to_owned())),
    ];
    entry.values = values.into_iter().flatten().collect();
    for container in units() {
        guess::others(draft, source, container);
    }
    guess::something(draft, source);
    draft.others.push(entry);
}

fn usual_grace() -> Duration {
    Platform::facts_of("systemd").map_or(Duration::ZERO, |facts| facts.default_grace)
}

fn grace(source: &Source, container: &Container) -> Option<Slot<Duration>> {
    if let Some(grace) = &container.grace {
        return Some(match bounded(grace.value) {
            // A manifest holds milliseconds.
            Some(grace) if grace >= Duration::from_millis(1) => Slot::of(Duration::from_millis(
                u64::try_from(grace.as_millis()).unwrap_or(u64::MAX),
            )),
            Some(_) => Slot::of(Duration::from_millis(1)),
            None => Slot::unsaid(format!("{} says more than a week", source.name)),
        });
    }
    container.unit.as_ref()?.endless.as_ref()?;
    let why = format!("{} has no limit, and a manifest takes none", source.name);
    Some(Slot::noted(usual_grace(), why))
}

/// A command that a manifest takes: a program by its whole path.
fn command(words: &[&str]) -> Option<String> {
    let (program, _) = words.split_first()?;
    let odd = |part: &str| part == "." || part == "..";
    let is_path =
        program.starts_with('/') && !program.ends_with('/') && !program.split('/').any(odd);
    let holds = |word: &&str| !word.contains('\0');
    let several = words.len() == 1 && program.contains(char::is_whitespace);
    (is_path && !several && words.iter().all(holds)).then(|| list(words, |word| quote(word)))
}

fn exec(container: &Container) -> Option<String> {
    let is_computed = container
        .unit
        .as_ref()
        .is_some_and(|unit| unit.starts_computed);
    let words = container.entry.iter().chain(&container.args);
    let words: Vec<&str> = words.map(|word| word.value.as_str()).collect();
    // In a manifest a word means what it says.
    command(&words).filter(|_| !is_computed)
}

fn user(unit: &UnitFile) -> Option<String> {
    let user = unit.user.as_ref()?.value.as_str();
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_number = user.chars().all(|c| c.is_ascii_digit());
    let is_name = user.starts_with(begins) && user.chars().all(known);
    ((is_number || is_name) && (1..=31).contains(&user.len())).then(|| quote(user))
}

/// What the files say, or what is true where they say nothing.
fn service_type(units: &[&UnitFile]) -> Option<String> {
    let types = [ServiceType::Notify, ServiceType::Exec, ServiceType::Simple];
    let written = units.iter().find_map(|unit| unit.service_type.as_ref());
    match written {
        Some(written) => types
            .iter()
            .find(|it| it.as_str() == written.value)
            .map(|it| it.as_str().to_owned()),
        None => {
            let is_whole = units.iter().any(|unit| !unit.is_drop_in);
            let is_heard = units.iter().any(|unit| unit.hears_the_program());
            (is_whole && !is_heard).then(|| ServiceType::Simple.as_str().to_owned())
        }
    }
}

fn kill_mode(units: &[&UnitFile]) -> Option<String> {
    let modes = [
        KillMode::Mixed,
        KillMode::ControlGroup,
        KillMode::Process,
        KillMode::None,
    ];
    let written = units.iter().find_map(|unit| unit.kill_mode.as_ref());
    let mode = match written {
        Some(written) => *modes.iter().find(|it| it.as_str() == written.value)?,
        None if units.iter().any(|unit| !unit.is_drop_in) => KillMode::ControlGroup,
        None => return None,
    };
    Some(mode.as_str().to_owned())
}

/// The port of a `ListenStream=`: a number, or behind an address.
fn listened(source: &Source) -> Vec<guess::Listening> {
    let unit = Route::root().index(0).key("Socket").key("ListenStream");
    let texts = source.texts(&unit).into_iter();
    let ports = texts.filter_map(|text| text.rsplit(':').next()?.parse::<u16>().ok());
    ports
        .filter(|port| *port > 0)
        .map(guess::Listening::on)
        .collect()
}

fn kill_signal(container: &Container) -> Option<String> {
    let signal = Signal::named(&container.stop_signal.as_ref()?.value)?;
    // On others the program would not stop, and the manifest would be one with an error.
    matches!(signal, Signal::Term | Signal::Int).then(|| signal.name().to_owned())
}

/// Sleeps as durations, other commands with what bounds them.
fn exec_stop(units: &[&UnitFile], bound: Duration) -> Option<String> {
    let mut items: Vec<String> = Vec::new();
    for (_, one, time) in units.iter().flat_map(|unit| &unit.exec_stop) {
        let time = time.map_or(bound, |time| time.min(bound));
        let time = Duration::from_millis(u64::try_from(time.as_millis()).ok()?);
        if time.is_zero() || bounded(time).is_none() {
            continue;
        }
        let words: Vec<&str> = one.words.iter().map(String::as_str).collect();
        let is = |name: &str| {
            words
                .first()
                .is_some_and(|it| it.rsplit('/').next() == Some(name))
        };
        if is("sleep") {
            items.push(show(time));
            continue;
        }
        let bare: &[&str] = match is("timeout") {
            // Its options, and the time, are the manifest's `timeout`.
            true => {
                let at = words
                    .iter()
                    .skip(1)
                    .position(|word| !word.starts_with('-'))?;
                words.get(at + 2..).unwrap_or_default()
            }
            false => &words,
        };
        let command = command(bare).or_else(|| command(&words));
        if let Some(command) = command.filter(|_| !one.is_computed) {
            items.push(mapping(&[
                ("command", Some(command)),
                ("timeout", Some(show(time))),
            ]));
        }
    }
    (!items.is_empty()).then(|| list(&items, String::clone))
}
