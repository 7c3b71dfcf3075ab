//! Docker Compose: the service whole, or laid over a file that somebody owns already.

use anyhow::Result;
use lifecycle_manifest::deployed::planned;
use lifecycle_manifest::duration::seconds_up;
use lifecycle_manifest::platform::{COMPOSE_HOOKS_SINCE, Compose, ComposeHook};
use lifecycle_manifest::{Platform, Timeline};
use minijinja::Value;
use serde::Serialize;

use super::docker::{RETRIES, START_PERIOD, TIMEOUT, interval, note_probe};
use super::files::MARK;
use super::{Ask, Common, Sheet, Target, template};
use crate::talk::say;
use crate::template;

pub(super) static TARGET: Target = Target {
    name: "compose",
    aliases: &["docker-compose"],
    key: "compose",
    about: "Docker Compose: the service in a file of its own",
    files,
    patch: Some(patch),
    names: |_| vec!["compose.yaml".to_owned()],
};

#[derive(Serialize)]
struct Data<'a> {
    header: Value,
    sum: Value,
    #[serde(flatten)]
    common: Common<'a>,
    image: Option<&'a str>,
    signal: &'static str,
    grace_seconds: u64,
    init: Option<bool>,
    hooks: Vec<Vec<String>>,
    depends_on: Vec<&'a str>,
    replicas: Option<u32>,
    ports: Vec<&'a str>,
    expose: Vec<String>,
    health: Option<Health>,
}

#[derive(Serialize)]
struct Health {
    command: Vec<String>,
    interval: u64,
    timeout: u64,
    retries: u32,
    start_period: u64,
}

fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let data = Data {
        image: Some(ask.image("compose")?),
        ..data(ask)?
    };
    if data.ports.is_empty() && !data.expose.is_empty() {
        say!(
            "note: no `ports` under `platforms.compose`, so nothing is published on the host: other \
             services reach it by its name"
        );
    }
    if !data.depends_on.is_empty() {
        say!(
            "note: {} in `depends_on` must be a service of a file that is read with this one (`-f`, or \
             `include`)",
            data.depends_on.join(", ")
        );
    }
    let (compose, _) = ask.platform("compose", Platform::compose)?;
    note_probe("compose", compose.health_check.as_ref());
    note_hooks(compose);
    let whole = template!("compose/compose.yaml").quoted_by(interpolated);
    Ok(vec![Sheet::new("compose.yaml", whole, data)])
}

/// What the owner's file says of dependencies, ports and health stays: an overlay that names a
/// dependency would take its condition away.
fn patch(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let header =
        format!("{MARK} compose --patch from lifecycle.yaml; change the manifest and run it again");
    let data = Data {
        header: template::comment(&header),
        ..data(ask)?
    };
    if !data.depends_on.is_empty() {
        say!(
            "note: `depends_on` is not in the overlay, where it would take away the conditions of your \
             file: `lifecycle check --against` says what is missing there"
        );
    }
    let (compose, _) = ask.platform("compose", Platform::compose)?;
    note_hooks(compose);
    let overlay = template!("compose/compose.override.yaml").quoted_by(interpolated);
    Ok(vec![Sheet::new("compose.override.yaml", overlay, data)])
}

fn note_hooks(compose: &Compose) {
    if !compose.pre_stop.is_empty() {
        say!("note: `pre_stop` needs Compose {COMPOSE_HOOKS_SINCE} or newer");
    }
}

fn data<'a>(ask: &Ask<'a>) -> Result<Data<'a>> {
    let (compose, line) = ask.platform("compose", Platform::compose)?;
    let header =
        format!("{MARK} compose from lifecycle.yaml; change the manifest and run it again");
    Ok(Data {
        header: template::comment(&header),
        sum: template::comment(&sum(line)),
        common: ask.common(line, None),
        image: None,
        signal: line.terms.signal.name(),
        grace_seconds: planned::grace_seconds(line),
        init: compose.init.as_ref().map(|init| init.value),
        hooks: compose.pre_stop.iter().map(command).collect(),
        depends_on: names(compose),
        replicas: compose.replicas.as_ref().map(|replicas| replicas.value),
        ports: compose
            .ports
            .iter()
            .map(|port| port.text.value.as_str())
            .collect(),
        expose: ask
            .ports(true)
            .iter()
            .map(|port| port.number.to_string())
            .collect(),
        health: compose.health_check.as_ref().map(|check| Health {
            command: planned::health_command(check),
            interval: interval(ask),
            timeout: TIMEOUT,
            retries: RETRIES,
            start_period: START_PERIOD,
        }),
    })
}

/// Each once: Compose refuses a dependency that is named twice.
fn names(compose: &Compose) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in &compose.depends_on {
        if !names.contains(&name.value.as_str()) {
            names.push(&name.value);
        }
    }
    names
}

fn sum(line: &Timeline) -> String {
    let outside = line.terms.outside.as_ref();
    let before = outside.map_or(String::new(), |outside| {
        format!("{} before the signal; then ", outside.term())
    });
    format!("{before}{}", line.sum())
}

/// A hook with its end: Compose waits for it without one, and does not stop a container whose hook
/// has failed.
fn command(hook: &ComposeHook) -> Vec<String> {
    let words = hook.command.iter().map(|word| word.value.clone());
    let Some(bound) = hook.bound() else {
        return words.collect();
    };
    bounded_hook(seconds_up(bound.value))
        .into_iter()
        .chain(words)
        .collect()
}

/// The words before a hook that may take so many seconds.
pub(crate) fn bounded_hook(seconds: u64) -> [String; 4] {
    let script = format!("timeout -s KILL {seconds} \"$@\" || true");
    ["sh".to_owned(), "-c".to_owned(), script, "sh".to_owned()]
}

/// Text that neither YAML nor Compose, which fills in what a dollar sign begins, takes for anything
/// else.
fn interpolated(text: &str) -> String {
    template::quote(&text.replace('$', "$$"))
}
