//! A unit whose stop leaves children behind.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    finding::{Finding, Place},
};

rule! {
    /// A unit's stop leaves the program's children running.
    ///
    /// ## What it finds
    ///
    /// `KillMode=process` or `KillMode=none` in a unit of systemd.
    ///
    /// ## Why it matters
    ///
    /// What the program has started lives on, holds its ports and files, and is there beside the next instance.
    /// With `none` not even the program gets a signal.
    ///
    /// ## Example
    ///
    /// ```ini deployed
    /// [Service]
    /// ExecStart=/usr/local/bin/shop
    /// TimeoutStopSec=45s
    /// KillMode=process
    /// ```
    ///
    /// ## What to write instead
    ///
    /// `mixed`: SIGTERM for the program, SIGKILL for all that is left.
    ///
    /// ```ini deployed
    /// [Service]
    /// ExecStart=/usr/local/bin/shop
    /// TimeoutStopSec=45s
    /// KillMode=mixed
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When a child is meant to outlive the service.
    ///
    /// ## Source
    ///
    /// `systemd.kill(5)`, `KillMode=`: both are advised against.
    pub(super) RULE = "LC822", "deployed-children-left-behind", Warning, High
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
            let mode = unit.kill_mode.as_ref();
            let Some(mode) = mode.filter(|it| ["process", "none"].contains(&it.value.as_str()))
            else {
                continue;
            };
            let message = format!(
                "{} leaves running what its program has started",
                seen.workload.title()
            );
            let label = match mode.value.as_str() {
                "none" => "nobody is signalled, and nobody killed",
                _ => "only the program itself is signalled and killed",
            };
            findings.push(
                seen.finding(&RULE, message, Place::Value(mode.route.clone()))
                    .label(label)
                    .help("write `KillMode=mixed`"),
            );
        }
    }
}
