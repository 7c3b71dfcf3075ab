//! PM2: an ecosystem file. Of the languages that PM2 reads, JSON is the one in which no text can break
//! out of its quotes, and that every tool can lay over another file.

use anyhow::Result;
use lifecycle_manifest::duration::millis;
use lifecycle_manifest::platform::{Pm2, Signal};
use lifecycle_manifest::{Platform, Timeline, Written};
use serde::Serialize;

use super::files::MARK;
use super::{Ask, Common, Sheet, Target, template};
use crate::talk::say;

pub(super) static TARGET: Target = Target {
    name: "pm2",
    aliases: &[],
    key: "pm2",
    about: "PM2: an ecosystem file",
    files,
    patch: Some(patch),
    names: |_| vec![FILE.to_owned()],
};

/// A name that `pm2 start` knows for an ecosystem file in JSON.
const FILE: &str = "ecosystem.config.json";
const PATCH: &str = "ecosystem.patch.json";

#[derive(Serialize)]
struct Ecosystem<'a> {
    header: String,
    #[serde(flatten)]
    common: Common<'a>,
    script: String,
    interpreter: Option<&'static str>,
    args: Vec<&'a str>,
    instances: u32,
    exec_mode: &'static str,
    settings: Settings,
}

#[derive(Serialize)]
struct Patch<'a> {
    header: String,
    #[serde(flatten)]
    common: Common<'a>,
    settings: Settings,
}

/// What PM2 does at a stop and at a reload.
#[derive(Serialize)]
struct Settings {
    kill_timeout: u64,
    kill_retry_time: u64,
    treekill: bool,
    shutdown_with_message: bool,
    wait_ready: bool,
    listen_timeout: u64,
}

fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (pm2, line) = ask.platform("pm2", Platform::pm2)?;
    let script = match &pm2.script {
        Some(script) => script.value.clone(),
        None => {
            let script = format!("./{}", ask.resolved.plan.service);
            say!(
                "note: no `script` under `platforms.pm2`: `{script}`, as seen from where PM2 is started"
            );
            script
        }
    };
    say_signal(pm2);
    let data = Ecosystem {
        header: format!("{MARK} pm2 -o DIRECTORY"),
        common: ask.common(line, None),
        script,
        // PM2 looks into a program whose name says nothing, and takes some for text.
        interpreter: (!pm2.has_interpreter()).then_some("none"),
        args: pm2.args.iter().map(|arg| arg.value.as_str()).collect(),
        instances: pm2.instances.as_ref().map_or(1, |count| count.value),
        exec_mode: pm2.exec_mode().as_str(),
        settings: settings(pm2, line),
    };
    Ok(vec![Sheet::new(
        FILE,
        template!("pm2/ecosystem.config.json"),
        data,
    )])
}

fn patch(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (pm2, line) = ask.platform("pm2", Platform::pm2)?;
    say_signal(pm2);
    let data = Patch {
        header: format!("{MARK} pm2 --patch -o DIRECTORY"),
        common: ask.common(line, None),
        settings: settings(pm2, line),
    };
    Ok(vec![Sheet::new(
        PATCH,
        template!("pm2/ecosystem.patch.json"),
        data,
    )])
}

fn settings(pm2: &Pm2, line: &Timeline) -> Settings {
    let is_set = |written: Option<&Written<bool>>| written.is_some_and(|it| it.value);
    Settings {
        kill_timeout: millis(line.grace().value),
        kill_retry_time: millis(pm2.kill_retry_time().value),
        treekill: pm2.treekill(),
        shutdown_with_message: is_set(pm2.shutdown_with_message.as_ref()),
        wait_ready: is_set(pm2.wait_ready.as_ref()),
        listen_timeout: millis(pm2.listen_timeout().value),
    }
}

/// No ecosystem file can say the signal.
fn say_signal(pm2: &Pm2) {
    let signal = pm2.kill_signal.as_ref().map(|signal| signal.value);
    if let Some(signal) = signal.filter(|signal| *signal != Signal::Int) {
        say!(
            "note: the signal is the daemon's to know: start it with `PM2_KILL_SIGNAL={}`",
            signal.name()
        );
    }
}
