//! A command before the signal that is given more time than systemd gives it.

use super::Context;
use super::verdict::grace_words;
use crate::duration::{human, show};
use crate::finding::{Finding, Place};
use crate::platform::ExecStop;

rule! {
    /// A command that runs before the signal has less time than is written for it.
    ///
    /// ## What it finds
    ///
    /// An `exec_stop` whose time is longer than the grace period.
    ///
    /// ## Why it matters
    ///
    /// systemd gives each `ExecStop=` command a `TimeoutStopSec=` of its own, and no more.
    /// When that is over the command is killed, those behind it do not run, and the signal is sent at once: whatever the command was to wait for has not come.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   systemd:
    ///     grace_period: 30s
    ///     exec_stop:
    ///       - { command: [/usr/local/bin/deregister, --wait], timeout: 45s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A shorter command, or a longer grace period.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   systemd:
    ///     grace_period: 30s
    ///     exec_stop:
    ///       - { command: [/usr/local/bin/deregister, --wait], timeout: 20s }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: the command is cut off as written.
    ///
    /// ## Source
    ///
    /// `systemd.service(5)`, `TimeoutStopSec=`: it holds for each `ExecStop=` command; where one fails or is late, the rest are skipped.
    pub(super) RULE = "LC421", "exec-stop-cut-off", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let Some(systemd) = context.entry(line).and_then(|it| it.systemd()) else {
            continue;
        };
        let grace = line.grace().value;
        for (at, stop) in systemd.exec_stop.iter().enumerate() {
            let time = stop.timeout();
            if time.value <= grace {
                continue;
            }
            let what = match stop {
                ExecStop::Sleep(_) => "a sleep".to_owned(),
                ExecStop::Command { command, .. } => format!("`{}`", command.path.value),
            };
            let message = format!(
                "{what} before the signal may take {}, and systemd ends it after {}",
                human(time.value),
                human(grace)
            );
            let place = Place::Value(time.route.clone());
            let mut finding = Finding::new(&RULE, message, place.clone())
                .on(line.platform())
                .label("longer than a command has")
                .note(format!("each command has the {}", grace_words(line)));
            if let Some(route) = line.grace().origin.route() {
                finding = finding.related(Place::Value(route.clone()), "for each of them");
            }
            if at + 1 < systemd.exec_stop.len() {
                finding = finding.note("the commands behind it do not run then");
            }
            let most = show(grace);
            findings.push(
                finding
                    .fix(format!("write `{most}` or less"), place, most)
                    .help(format!("or `grace_period: {}`", show(time.value))),
            );
        }
    }
}
