//! A key of a stop that systemd does not read.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    finding::{Finding, Place},
    text::Segment,
};

rule! {
    /// A key that says how a unit stops is not read where it stands.
    ///
    /// ## What it finds
    ///
    /// `TimeoutStopSec=`, `KillMode=`, `KillSignal=`, `ExecStop=` and their like in `[Unit]` or `[Install]`, or misspelt in `[Service]`.
    ///
    /// ## Why it matters
    ///
    /// systemd logs a line and goes on: the default holds, 90 seconds and SIGTERM, and the file looks as if it were otherwise.
    ///
    /// ## Example
    ///
    /// ```ini deployed
    /// [Unit]
    /// TimeoutStopSec=45s
    /// [Service]
    /// TimeoutStopSec=30s
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The key in `[Service]`, as systemd spells it.
    ///
    /// ```ini deployed
    /// [Unit]
    /// Description=Shop
    /// [Service]
    /// TimeoutStopSec=45s
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: the line does nothing.
    ///
    /// ## Source
    ///
    /// `systemd.service(5)` and `systemd.kill(5)`: these keys belong to `[Service]`; `systemd-analyze verify` calls them unknown elsewhere.
    pub(super) RULE = "LC824", "stop-key-not-read", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        for unit in seen
            .workload
            .containers
            .iter()
            .filter_map(|it| it.unit.as_ref())
        {
            for misplaced in &unit.misplaced {
                let Some(Segment::Key(name)) = misplaced.route.segments().last() else {
                    continue;
                };
                let shown: String = name.chars().take(40).collect();
                let message = format!(
                    "systemd does not read `{shown}=` in `[{}]`",
                    misplaced.section
                );
                let finding = seen
                    .finding(&RULE, message, Place::Key(misplaced.route.clone()))
                    .label("passed over: the default holds");
                let meant = misplaced.meant;
                findings.push(match misplaced.section.as_str() {
                    "Service" => finding.help(format!("systemd calls it `{meant}=`")),
                    _ => finding.help(format!("write `{meant}=` in `[Service]`")),
                });
            }
        }
    }
}
