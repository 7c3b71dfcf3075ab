//! Fly.io: `fly.toml`, or the keys that concern termination alone.
//!
//! Text in TOML's double quotes is JSON's, and is quoted as such.

use anyhow::Result;
use lifecycle_manifest::duration::{seconds_down, show};
use lifecycle_manifest::platform::{AutoStop, Fly};
use lifecycle_manifest::{Kind, Platform, Timeline};
use minijinja::Value;
use serde::Serialize;
use std::time::Duration;

use super::files::MARK;
use super::{Ask, Common, Sheet, Target, template};
use crate::talk::say;
use crate::template;

pub(super) static TARGET: Target = Target {
    name: "fly",
    aliases: &["fly.io"],
    key: "fly",
    about: "Fly.io: fly.toml",
    files,
    patch: Some(patch),
    names: |_| vec!["fly.toml".to_owned()],
};

/// How long a check's answer may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// From the start of a Machine to the first check that counts.
const CHECK_GRACE: Duration = Duration::from_secs(60);

/// What concerns termination.
#[derive(Serialize)]
struct Ending<'a> {
    header: Value,
    #[serde(flatten)]
    common: Common<'a>,
    sum: Value,
    kill_signal: &'static str,
    kill_timeout: String,
}

#[derive(Serialize)]
struct Toml<'a> {
    #[serde(flatten)]
    ending: Ending<'a>,
    app: &'a str,
    primary_region: Option<&'a str>,
    image: &'a str,
    strategy: Option<&'static str>,
    internal_port: Option<u16>,
    auto_stop: &'static str,
    auto_start: bool,
    min_machines: Option<u32>,
    h2_backend: bool,
    check: Option<Check<'a>>,
}

#[derive(Serialize)]
struct Check<'a> {
    /// Where health is answered on a port of its own: such a check does not steer the proxy.
    port: Option<u16>,
    path: &'a str,
    interval: String,
    timeout: String,
    grace_period: String,
}

fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (fly, line) = ask.platform("fly", Platform::fly)?;
    let app = app(ask, fly, line)?;
    if app.check.as_ref().is_some_and(|check| check.port.is_some()) {
        say!(
            "note: health has a port of its own: Fly.io's proxy asks only at the service's port, so this \
             check is for deployments alone"
        );
    }
    let others = ask.ports(false).len();
    if others > 1 {
        say!(
            "note: only the first of {others} ports is published: more are `[[services]]`, and yours to add"
        );
    }
    Ok(vec![Sheet::new("fly.toml", template!("fly/fly.toml"), app)])
}

fn patch(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (fly, line) = ask.platform("fly", Platform::fly)?;
    let data = ending(ask, fly, line, "--patch");
    let template = template!("fly/fly.lifecycle.toml");
    Ok(vec![Sheet::new("fly.lifecycle.toml", template, data)])
}

fn ending<'a>(ask: &Ask<'a>, fly: &Fly, line: &Timeline, how: &str) -> Ending<'a> {
    Ending {
        header: template::comment(&format!("{MARK} fly {how}")),
        common: ask.common(line, None),
        sum: template::comment(&line.sum()),
        kill_signal: fly.signal().name(),
        // With its unit: of a bare number, versions of flyctl have not always thought the same.
        kill_timeout: show(line.grace().value),
    }
}

fn app<'a>(ask: &Ask<'a>, fly: &'a Fly, line: &Timeline) -> Result<Toml<'a>> {
    let plan = &ask.resolved.plan;
    let manifest = &ask.resolved.manifest;
    let internal_port = plan.main_port(manifest);
    let grpc = |port: u16| {
        let listens = |it: &&lifecycle_manifest::Resource| {
            it.port
                .as_ref()
                .is_some_and(|written| written.value == port)
        };
        let resource = manifest.resources.iter().find(listens);
        resource.is_some_and(|it| it.kind.value == Kind::GrpcServer)
    };
    let check = plan.health.as_ref().and_then(|health| {
        let port = plan.health_port(manifest)?;
        let period = Duration::from_secs(seconds_down(health.period).max(1));
        Some(Check {
            port: (Some(port) != internal_port || internal_port.is_some_and(grpc)).then_some(port),
            path: &health.ready,
            interval: show(period),
            timeout: show(CHECK_TIMEOUT),
            grace_period: show(CHECK_GRACE),
        })
    });
    let auto_stop = fly
        .auto_stop
        .as_ref()
        .map_or_else(AutoStop::default, |it| it.value);
    Ok(Toml {
        ending: ending(ask, fly, line, "-o DIRECTORY"),
        app: fly
            .app
            .as_ref()
            .map_or(plan.service.as_str(), |it| it.value.as_str()),
        primary_region: fly.primary_region.as_ref().map(|it| it.value.as_str()),
        image: ask.image("fly")?,
        strategy: fly.strategy.as_ref().map(|it| it.value.name()),
        internal_port,
        auto_stop: auto_stop.name(),
        auto_start: auto_stop != AutoStop::Off,
        min_machines: match (&fly.min_machines, auto_stop) {
            (Some(written), _) => Some(written.value),
            (None, AutoStop::Off) => None,
            (None, _) => Some(1),
        },
        h2_backend: internal_port.is_some_and(grpc),
        check,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::template::quote;

    proptest! {
        #[test]
        fn whatever_is_quoted_is_read_back_as_the_same(text in any::<String>()) {
            let file = format!("a = {}\n", quote(&text));
            let table = toml::de::DeTable::parse(&file).unwrap();
            let value = table.get_ref().get("a").and_then(|it| it.get_ref().as_str());
            prop_assert_eq!(value, Some(text.as_str()));
        }
    }
}
