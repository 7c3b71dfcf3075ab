//! A unit that is never killed.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    finding::{Finding, Place},
};

rule! {
    /// A unit's stop has no end.
    ///
    /// ## What it finds
    ///
    /// A `TimeoutStopSec=` of 0 or `infinity`, or `SendSIGKILL=no`, in a unit of systemd.
    ///
    /// ## Why it matters
    ///
    /// 0 is no limit, and not none.
    /// A program that hangs is never killed: `systemctl stop`, a restart and the shutdown of the host wait for it.
    ///
    /// ## Example
    ///
    /// ```ini deployed
    /// [Service]
    /// ExecStart=/usr/local/bin/shop
    /// TimeoutStopSec=0
    /// ```
    ///
    /// ## What to write instead
    ///
    /// How long a shutdown needs; `lifecycle check` computes it from a manifest.
    ///
    /// ```ini deployed
    /// [Service]
    /// ExecStart=/usr/local/bin/shop
    /// TimeoutStopSec=45s
    /// ```
    ///
    /// ## When to allow it
    ///
    /// For a program whose work must never be cut off, such as one that writes a disk.
    ///
    /// ## Source
    ///
    /// systemd, `src/core/load-fragment.c`: a `TimeoutStopSec=` of 0 becomes `infinity`.
    /// `systemd.kill(5)`: with `SendSIGKILL=no` what does not go by itself stays.
    pub(super) RULE = "LC821", "deployed-stop-without-end", Warning, High
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
            let title = seen.workload.title();
            if let Some(endless) = &unit.endless {
                let message =
                    format!("{title} has no limit for its stop: what hangs is never killed");
                let label = match endless.value.as_str() {
                    "infinity" => "never",
                    _ => "systemd takes this for no limit",
                };
                findings.push(
                    seen.finding(&RULE, message, Place::Value(endless.route.clone()))
                        .label(label)
                        .help("write how long the shutdown needs, such as `TimeoutStopSec=45s`"),
                );
            }
            if let Some(no) = &unit.never_kills {
                let message = format!("{title} sends no SIGKILL: what hangs stays");
                findings.push(
                    seen.finding(&RULE, message, Place::Value(no.route.clone()))
                        .label("the end of `TimeoutStopSec=` ends nothing")
                        .help("take `SendSIGKILL=no` away"),
                );
            }
        }
    }
}
