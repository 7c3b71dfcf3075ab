//! systemd: a service unit, and a socket unit where systemd is to listen; or a drop-in for a unit that
//! somebody owns already.

use anyhow::Result;
use lifecycle_manifest::deployed::unit::{self, Expands, command_line, quote, show_time_span};
use lifecycle_manifest::platform::{ExecStop, ServiceType, Systemd, seconds};
use lifecycle_manifest::{Platform, Timeline};
use minijinja::Value;
use serde::Serialize;

use super::files::MARK;
use super::{Ask, Common, Port, Sheet, Target, Template, template};
use crate::talk::say;
use crate::template;

pub(super) static TARGET: Target = Target {
    name: "systemd",
    aliases: &[],
    key: "systemd",
    about: "systemd: service unit, socket unit; --patch: a drop-in for a unit that is there",
    files,
    patch: Some(patch),
    names: |service| vec![service_unit(service), socket_unit(service)],
};

const SERVICE: Template = template!("systemd/unit.service").quoted_by(unit::value);
const SOCKET: Template = template!("systemd/unit.socket").quoted_by(unit::value);
const DROP_IN: Template = template!("systemd/lifecycle.conf").quoted_by(unit::value);

/// What bounds a command that runs before the signal, and kills it (coreutils).
const TIMEOUT: &str = "/usr/bin/timeout";

fn service_unit(service: &str) -> String {
    format!("{service}.service")
}

fn socket_unit(service: &str) -> String {
    format!("{service}.socket")
}

#[derive(Serialize)]
struct Data<'a> {
    header: Value,
    #[serde(flatten)]
    common: Common<'a>,
    sum: Value,
    /// `NAME=value`, quoted.
    assignments: Vec<Value>,
    /// Its name, where there is one.
    socket: Option<String>,
    ports: Vec<Port>,
    #[serde(rename = "type")]
    service_type: &'static str,
    notifies: bool,
    exec_start: Value,
    user: Option<&'a str>,
    watchdog: Option<String>,
    /// Whole command lines, quoted.
    exec_stop: Vec<Value>,
    kill_mode: &'static str,
    signal: &'static str,
    timeout: String,
}

fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (systemd, line) = ask.platform("systemd", Platform::systemd)?;
    let service = &ask.resolved.plan.service;
    let data = data(ask, systemd, line, "systemd");
    if systemd.exec.is_none() {
        say!("note: no `exec` under `platforms.systemd`: the unit starts /usr/local/bin/{service}");
    }
    if systemd.user.is_none() {
        say!("note: no `user` under `platforms.systemd`: the service runs as root");
    }
    if data.notifies && systemd.service_type.is_none() {
        say!(
            "note: Type=notify: systemd waits until the program says that it is up, as this runtime does; \
             for another program write `type: exec`"
        );
    }
    let mut sheets = vec![Sheet::new(service_unit(service), SERVICE, &data)];
    if let Some(socket) = &data.socket {
        say!(
            "note: who connects after `systemctl stop {service}` starts it again; `systemctl stop {socket} \
             {service}` ends both"
        );
        sheets.push(Sheet::new(socket.as_str(), SOCKET, &data));
    }
    Ok(sheets)
}

fn patch(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (systemd, line) = ask.platform("systemd", Platform::systemd)?;
    let path = format!(
        "{}.d/lifecycle.conf",
        service_unit(&ask.resolved.plan.service)
    );
    let data = data(ask, systemd, line, "systemd --patch");
    Ok(vec![Sheet::new(path, DROP_IN, &data)])
}

fn data<'a>(ask: &Ask<'a>, systemd: &'a Systemd, line: &Timeline, command: &str) -> Data<'a> {
    let header = format!(
        "{MARK} {command} from lifecycle.yaml; change the manifest and run it again with -o and this directory"
    );
    let common = ask.common(line, None);
    let assignments = common.environment.iter().map(|variable| {
        let assignment = format!("{}={}", variable.name, variable.value);
        Value::from_safe_string(quote(&assignment, Expands::Specifiers))
    });
    let program = format!("/usr/local/bin/{}", common.service);
    let exec_start = match &systemd.exec {
        Some(exec) => command_line(exec.words()),
        None => command_line([program.as_str()]),
    };
    let service_type = systemd.service_type();
    Data {
        header: template::comment(&header),
        sum: template::comment(&line.sum()),
        assignments: assignments.collect(),
        socket: systemd.has_socket().then(|| socket_unit(common.service)),
        ports: ask.ports(false),
        service_type: service_type.as_str(),
        notifies: service_type == ServiceType::Notify,
        exec_start: Value::from_safe_string(exec_start),
        user: systemd.user.as_ref().map(|user| user.value.as_str()),
        watchdog: systemd
            .watchdog
            .as_ref()
            .map(|watchdog| show_time_span(watchdog.value)),
        exec_stop: systemd.exec_stop.iter().map(exec_stop).collect(),
        kill_mode: systemd.kill_mode().as_str(),
        signal: line.terms.signal.name(),
        timeout: show_time_span(line.grace().value),
        common,
    }
}

/// A sleep, or a command that is killed when its time is over. That it failed then is no failure of the
/// service's: what is behind it runs all the same.
fn exec_stop(stop: &ExecStop) -> Value {
    let words = stop.words();
    let words = words.iter().map(String::as_str);
    Value::from_safe_string(match stop {
        ExecStop::Sleep(_) => command_line(words),
        ExecStop::Command { timeout, .. } => {
            let time = seconds(timeout.value) + "s";
            let bound = [TIMEOUT, "--signal=KILL", time.as_str()];
            format!("-{}", command_line(bound.into_iter().chain(words)))
        }
    })
}
