//! Docker: a script that runs the container, or its flags alone.
//!
//! A script and not a file of arguments: `docker run` reads none, and `--env-file` has no quotes and
//! no line breaks. What is given to the script goes before the image, where flags of one's own stand
//! (`sh run.sh --detach --network NETWORK`): the image knows its program's arguments already, and it
//! cannot know the network.

use anyhow::Result;
use lifecycle_manifest::Platform;
use lifecycle_manifest::deployed::planned;
use lifecycle_manifest::duration::seconds_up;
use lifecycle_manifest::platform::{Docker, HealthCheck};
use minijinja::Value;
use serde::Serialize;

use super::files::MARK;
use super::{Ask, Common, Sheet, Target, template};
use crate::talk::say;
use crate::template;

pub(super) static TARGET: Target = Target {
    name: "docker",
    aliases: &[],
    key: "docker",
    about: "Docker: a script around `docker run`",
    files,
    patch: Some(patch),
    names: |_| vec!["run.sh".to_owned()],
};

/// How long an answer for health may take, how many bad ones in a row it takes, and from the start to
/// the first check that counts.
pub(super) const TIMEOUT: u64 = 2;
pub(super) const RETRIES: u32 = 3;
pub(super) const START_PERIOD: u64 = 60;
/// From one question for health to the next, where the manifest does not say.
pub(super) const INTERVAL: u64 = 5;

#[derive(Serialize)]
struct Data<'a> {
    header: Value,
    sum: Value,
    #[serde(flatten)]
    common: Common<'a>,
    image: Option<&'a str>,
    /// Docker takes no name of a single letter.
    named: bool,
    signal: &'static str,
    grace_seconds: u64,
    init: bool,
    ports: Vec<&'a str>,
    health: Option<Health>,
}

#[derive(Serialize)]
struct Health {
    command: String,
    interval: u64,
    timeout: u64,
    retries: u32,
    start_period: u64,
}

fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let data = Data {
        image: Some(ask.image("docker")?),
        ..data(ask)?
    };
    if data.ports.is_empty() && !ask.ports(false).is_empty() {
        say!("note: no `ports` under `platforms.docker`, so nothing is published on the host");
    }
    let (docker, _) = ask.platform("docker", Platform::docker)?;
    note_probe("docker", docker.health_check.as_ref());
    let script = template!("docker/run.sh").quoted_by(shell);
    Ok(vec![Sheet::new("run.sh", script, data)])
}

fn patch(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let flags = template!("docker/flags").quoted_by(shell);
    Ok(vec![Sheet::new("docker.flags", flags, data(ask)?)])
}

fn data<'a>(ask: &Ask<'a>) -> Result<Data<'a>> {
    let (docker, line) = ask.platform("docker", Platform::docker)?;
    let common = ask.common(line, None);
    let header = format!("{MARK} docker from lifecycle.yaml; change the manifest and run it again");
    Ok(Data {
        header: template::comment(&header),
        sum: template::comment(&line.sum()),
        named: common.service.len() > 1,
        common,
        image: None,
        signal: line.terms.signal.name(),
        grace_seconds: planned::grace_seconds(line),
        init: docker.init.as_ref().is_some_and(|init| init.value),
        ports: docker
            .ports
            .iter()
            .map(|port| port.text.value.as_str())
            .collect(),
        health: health(ask, docker),
    })
}

/// `docker run` takes a health command as text for the shell of the image.
fn health(ask: &Ask<'_>, docker: &Docker) -> Option<Health> {
    let check = docker.health_check.as_ref()?;
    let words = planned::health_command(check);
    let command = match (check, words.split_first()) {
        (HealthCheck::Command(_), Some((first, rest))) if first == "CMD-SHELL" => rest.join(" "),
        (_, Some((_, rest))) => shell_words::join(rest),
        (_, None) => return None,
    };
    Some(Health {
        command,
        interval: interval(ask),
        timeout: TIMEOUT,
        retries: RETRIES,
        start_period: START_PERIOD,
    })
}

/// What the program's own probe needs: a program of another make takes its words for arguments and never
/// gets healthy.
pub(super) fn note_probe(key: &str, check: Option<&HealthCheck>) {
    if matches!(check, Some(HealthCheck::Runtime)) {
        say!(
            "note: `health_check: runtime` under `platforms.{key}`: only a program built with the \
             lifecycle runtime can ask itself; for another program write a command of its image, \
             `[CMD, PROGRAM, ARGUMENT]`"
        );
    }
}

/// From one question for health to the next.
pub(super) fn interval(ask: &Ask<'_>) -> u64 {
    let health = ask.resolved.plan.health.as_ref();
    health.map_or(INTERVAL, |health| seconds_up(health.period).max(1))
}

/// A word of a POSIX shell. No value of ours holds the NUL that a shell cannot have.
fn shell(text: &str) -> String {
    shell_words::quote(text).into_owned()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_real_shell_reads_back_whatever_is_quoted(
            texts in proptest::collection::vec("[^\0]{0,40}", 1..8)
        ) {
            let quoted: Vec<String> = texts.iter().map(|text| shell(text)).collect();
            let script = format!("printf '%s\\0' {}", quoted.join(" "));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            let read: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
            prop_assert_eq!(read.len(), texts.len() + 1);
            for (text, read) in texts.iter().zip(read) {
                prop_assert_eq!(text.as_bytes(), read);
            }
        }
    }
}
