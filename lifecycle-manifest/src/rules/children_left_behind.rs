//! Children that a stop leaves behind.

use super::Context;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::KillMode;

rule! {
    /// A stop leaves the program's children running.
    ///
    /// ## What it finds
    ///
    /// A `kill_mode` of `process` or `none` under `systemd`.
    ///
    /// ## Why it matters
    ///
    /// With `process` only the program itself is killed: what it has started lives on, holds its ports and files, and is there beside the next instance.
    /// With `none` nothing is signalled at all.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   systemd: { kill_mode: process }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// `mixed`: the program is asked to stop, and what is left of its children when it has gone, or when the time is up, is killed.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   systemd: { kill_mode: mixed }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When a child is meant to outlive the service, such as a session that a user goes on working in.
    ///
    /// ## Source
    ///
    /// `systemd.kill(5)`: with `process` only the main process is killed, which systemd advises against; `none` is deprecated.
    pub(super) RULE = "LC419", "children-left-behind", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let systemd = context.entry(line).and_then(|it| it.systemd());
        let mode = systemd.and_then(|it| it.kill_mode.as_ref());
        let Some(mode) = mode.filter(|mode| mode.value.leaves_children()) else {
            continue;
        };
        let (message, label) = match mode.value {
            KillMode::None => (
                "with this kill mode systemd sends the program no signal at all",
                "nobody is asked to stop, and nobody killed",
            ),
            _ => (
                "with this kill mode what the program has started lives on after it",
                "only the program itself is signalled and killed",
            ),
        };
        let place = Place::Value(mode.route.clone());
        let edit = Edit::replace(place.clone(), KillMode::Mixed.as_str());
        findings.push(
            Finding::new(&RULE, message, place)
                .on(line.platform())
                .label(label)
                .fix_with(
                    "write `mixed`: SIGTERM for the program, SIGKILL for all that is left",
                    Fix::new(Safety::Unsafe, [edit]),
                ),
        );
    }
}
