//! Nomad: a job file, or the keys that concern termination alone.

use anyhow::{Result, bail};
use lifecycle_manifest::deployed::planned;
use lifecycle_manifest::duration::{seconds_down, show};
use lifecycle_manifest::platform::{NOMAD_CHECK, Nomad};
use lifecycle_manifest::{Platform, Timeline};
use minijinja::Value;
use serde::Serialize;
use std::time::Duration;

use super::files::MARK;
use super::{Ask, Common, Port, Sheet, Target, Template, template};
use crate::talk::say;
use crate::template;

pub(super) static TARGET: Target = Target {
    name: "nomad",
    aliases: &[],
    key: "nomad",
    about: "Nomad: job file",
    files,
    patch: Some(patch),
    names: |service| vec![format!("{service}.nomad.hcl")],
};

const JOB: Template = template!("nomad/job.nomad.hcl").quoted_by(quote);
const PATCH: Template = template!("nomad/lifecycle.hcl").quoted_by(quote);

/// What concerns termination.
#[derive(Serialize)]
struct Ending<'a> {
    header: Value,
    #[serde(flatten)]
    common: Common<'a>,
    sum: Value,
    driver: &'static str,
    kill_signal: &'static str,
    kill_timeout: String,
    group_delay: Option<String>,
    task_delay: Option<String>,
}

#[derive(Serialize)]
struct Job<'a> {
    #[serde(flatten)]
    ending: Ending<'a>,
    namespace: Option<&'a str>,
    datacenters: Vec<&'a str>,
    health_check: &'static str,
    progress_deadline: String,
    healthy_deadline: Option<String>,
    min_healthy_time: Option<String>,
    count: u32,
    ports: Vec<Port>,
    port_names: Vec<String>,
    /// A container's port is mapped to one of the host; a program opens the host's own.
    port_key: Value,
    service_port: Option<String>,
    service_provider: &'static str,
    check: Option<Check<'a>>,
    image: Option<&'a str>,
    command: Option<&'a str>,
    args: Vec<&'a str>,
    cpu: Option<u32>,
    memory: Option<u32>,
}

#[derive(Serialize)]
struct Check<'a> {
    port: String,
    path: &'a str,
    interval: String,
    timeout: String,
}

fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (nomad, line) = ask.platform("nomad", Platform::nomad)?;
    let ending = ending(ask, nomad, line, "-o DIRECTORY");
    let service = &ask.resolved.plan.service;
    let path = format!("{service}.nomad.hcl");
    let job = job(ask, nomad, ending)?;
    if job.service_port.is_some() && job.check.is_none() {
        say!(
            "note: the manifest has no `traffic.health`, so the service has no check: it is taken for \
             healthy as soon as its task runs"
        );
    }
    if !nomad.sidecars.is_empty() {
        say!(
            "note: sidecars stop after the program and are not in the job: they are yours to add, each \
             with its `kill_timeout` and with `lifecycle {{ hook = \"prestart\", sidecar = true }}`"
        );
    }
    Ok(vec![Sheet::new(path, JOB, job)])
}

fn patch(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (nomad, line) = ask.platform("nomad", Platform::nomad)?;
    let path = format!("{}.lifecycle.hcl", ask.resolved.plan.service);
    let data = ending(ask, nomad, line, "--patch");
    Ok(vec![Sheet::new(path, PATCH, data)])
}

fn ending<'a>(ask: &Ask<'a>, nomad: &Nomad, line: &Timeline, how: &str) -> Ending<'a> {
    let (group, task) = nomad.shutdown_delays(&ask.resolved.manifest);
    let written = |delay: Duration| (!delay.is_zero()).then(|| show(delay));
    Ending {
        header: template::comment(&format!("{MARK} nomad {how}")),
        common: ask.common(line, None),
        sum: template::comment(&line.sum()),
        driver: nomad.driver().name(),
        kill_signal: nomad.signal().name(),
        kill_timeout: show(line.grace().value),
        group_delay: written(group.value),
        task_delay: task.and_then(|task| written(task.value)),
    }
}

fn job<'a>(ask: &Ask<'a>, nomad: &'a Nomad, ending: Ending<'a>) -> Result<Job<'a>> {
    let plan = &ask.resolved.plan;
    let manifest = &ask.resolved.manifest;
    let words: Vec<&str> = nomad.command.iter().map(|it| it.value.as_str()).collect();
    let (command, args) = match words.split_first() {
        Some((command, args)) => (Some(*command), args.to_vec()),
        None => (None, Vec::new()),
    };
    let driver = nomad.driver();
    if command.is_none() && !driver.runs_images() {
        bail!(
            "which program? the driver `{}` runs no image: write `command: [PROGRAM, ARGUMENT]` under \
             `platforms.nomad`",
            driver.name()
        );
    }
    let ports = ask.ports(true);
    let named = |number: u16| {
        let port = ports.iter().find(|port| port.number == number);
        port.map(|port| port.name.clone())
    };
    let check = plan.health.as_ref().and_then(|health| {
        Some(Check {
            port: named(plan.health_port(manifest)?)?,
            path: &health.ready,
            interval: show(Duration::from_secs(seconds_down(health.period)).max(NOMAD_CHECK)),
            timeout: show(NOMAD_CHECK.max(Duration::from_secs(2))),
        })
    });
    let service_port = plan.main_port(manifest).and_then(named);
    let (healthy_deadline, min_healthy_time) = nomad.healthy_times();
    Ok(Job {
        namespace: nomad.namespace.as_ref().map(|it| it.value.as_str()),
        datacenters: nomad
            .datacenters
            .iter()
            .map(|it| it.value.as_str())
            .collect(),
        health_check: match service_port.is_some() && check.is_some() {
            true => "checks",
            false => "task_states",
        },
        progress_deadline: show(nomad.progress_deadline().value),
        healthy_deadline: healthy_deadline.map(show),
        min_healthy_time: min_healthy_time.map(show),
        count: nomad
            .count
            .as_ref()
            .map_or(planned::REPLICAS, |it| it.value),
        port_names: ports.iter().map(|port| port.name.clone()).collect(),
        ports,
        port_key: Value::from_safe_string(
            match driver.runs_images() {
                true => "to",
                false => "static",
            }
            .to_owned(),
        ),
        service_port,
        service_provider: nomad.service_provider().name(),
        check,
        image: match driver.runs_images() {
            true => Some(ask.image("nomad")?),
            false => None,
        },
        command,
        args,
        cpu: nomad.cpu.as_ref().map(|it| it.value),
        memory: nomad.memory.as_ref().map(|it| it.value),
        ending,
    })
}

/// Text in double quotes as HCL has it: JSON's, and the beginnings of a template are none.
fn quote(text: &str) -> String {
    let quoted = template::quote(text);
    let mut out = String::with_capacity(quoted.len());
    let mut rest = quoted.chars().peekable();
    while let Some(c) = rest.next() {
        let begins = matches!(c, '$' | '%') && rest.peek() == Some(&'{');
        match c {
            // Not doubled: a sign before it would then belong to it or not, depending on who reads.
            '$' if begins => out.push_str("\\u0024"),
            '%' if begins => out.push_str("\\u0025"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::quote;

    fn read_back(text: &str) -> String {
        let body = hcl_edit::parser::parse_body(&format!("a = {}\n", quote(text))).unwrap();
        let value = body.get_attribute("a").map(|it| it.value.as_str()).unwrap();
        value
            .unwrap_or_else(|| panic!("a template: {text:?}"))
            .to_owned()
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_is_read_back_as_the_same(text in any::<String>()) {
            prop_assert_eq!(read_back(&text), text);
        }

        #[test]
        fn templates_are_text(text in r#"[$%{}\\"~ a\n]{0,12}"#) {
            prop_assert_eq!(read_back(&text), text);
        }
    }
}
