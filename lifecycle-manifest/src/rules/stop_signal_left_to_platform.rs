//! Which signal asks a program to stop is left to a platform that contradicts itself.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    finding::{Finding, Place},
};

rule! {
    /// Which signal asks the program to stop is left to the platform, whose documentation contradicts itself.
    ///
    /// ## What it finds
    ///
    /// A `fly.toml` without `kill_signal`.
    ///
    /// ## Why it matters
    ///
    /// Fly.io's reference says SIGINT, one of its guides SIGTERM. A program that handles only the other one is ended by the first signal, in the middle of its work.
    ///
    /// ## Example
    ///
    /// ```toml deployed
    /// app = "shop"
    /// kill_timeout = 30
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The signal that the program handles.
    ///
    /// ```toml deployed
    /// app = "shop"
    /// kill_signal = "SIGINT"
    /// kill_timeout = 30
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the program handles SIGINT and SIGTERM alike, as one with this project's runtime does.
    ///
    /// ## Source
    ///
    /// <https://fly.io/docs/reference/configuration/>, `kill_signal`; <https://fly.io/docs/blueprints/long-running-tasks/>.
    pub(super) RULE = "LC827", "stop-signal-left-to-platform", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        if seen.workload.platform != "fly" {
            continue;
        }
        for container in seen.containers().filter(|it| it.stop_signal.is_none()) {
            let place = match &container.grace {
                Some(grace) => Place::Value(grace.route.clone()),
                None => match &container.name {
                    Some(name) => Place::Value(name.route.clone()),
                    None => Place::Key(container.route.clone()),
                },
            };
            let message = format!(
                "which signal asks {} to stop is left to Fly.io",
                seen.workload.title()
            );
            findings.push(
                seen.finding(&RULE, message, place)
                    .label("no `kill_signal` here: SIGINT by the reference, SIGTERM by a guide")
                    .help("write the signal that the program handles: `kill_signal = \"SIGTERM\"`, or `\"SIGINT\"`"),
            );
        }
    }
}
