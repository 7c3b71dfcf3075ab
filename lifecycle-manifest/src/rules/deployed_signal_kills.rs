//! A stop signal that no program can take.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    finding::{Finding, Place},
    platform::Signal,
};

rule! {
    /// The signal that asks the program to stop is one that no program can take.
    ///
    /// ## What it finds
    ///
    /// A deployed `kill_signal`, `stop_signal`, `KillSignal=` or `stopSignal` of SIGKILL or SIGSTOP.
    ///
    /// ## Why it matters
    ///
    /// SIGKILL ends the program at once: no request is finished, nothing is flushed, and no grace period is of use. SIGSTOP freezes it until SIGKILL comes.
    ///
    /// ## Example
    ///
    /// ```toml deployed
    /// app = "shop"
    /// kill_signal = "SIGKILL"
    /// kill_timeout = 30
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The signal that the program handles.
    ///
    /// ```toml deployed
    /// app = "shop"
    /// kill_signal = "SIGTERM"
    /// kill_timeout = 30
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When nothing is lost with the process, and it is meant to end at once.
    ///
    /// ## Source
    ///
    /// signal(7): SIGKILL and SIGSTOP cannot be caught, blocked, or ignored.
    pub(super) RULE = "LC828", "deployed-signal-kills", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        for container in seen.containers() {
            let Some(written) = &container.stop_signal else {
                continue;
            };
            let what = match Signal::named(&written.value) {
                Some(Signal::Kill) => {
                    "ends it at once: nothing is finished, and the grace period is of no use"
                }
                Some(Signal::Stop) => "freezes it until SIGKILL comes",
                _ => continue,
            };
            let name = match container.name() {
                "" => seen.workload.title(),
                name => format!("`{name}`"),
            };
            let message = format!("{} for {name} {what}", written.value);
            findings.push(
                seen.finding(&RULE, message, Place::Value(written.route.clone()))
                    .label("no program can take this signal")
                    .help("write the signal that the program handles, such as SIGTERM"),
            );
        }
    }
}
