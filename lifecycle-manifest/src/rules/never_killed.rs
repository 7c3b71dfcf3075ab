//! A container that nothing kills.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    finding::{Finding, Place},
};

rule! {
    /// A container is never killed, however long it takes to stop.
    ///
    /// ## What it finds
    ///
    /// A `StopTimeout` below zero of a container, or a `stop_grace_period` of a second less than nothing in a Compose file.
    ///
    /// ## Why it matters
    ///
    /// The engine sends the signal and waits without end.
    /// A program that hangs holds `docker stop`, `compose down`, and the engine's own shutdown.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// - Name: /shop
    ///   Config: { Image: shop, StopTimeout: -1 }
    ///   HostConfig: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// How long the shutdown needs, as `--stop-timeout`.
    ///
    /// ```yaml deployed
    /// - Name: /shop
    ///   Config: { Image: shop, StopTimeout: 45 }
    ///   HostConfig: {}
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When something else outside of the container bounds its stop.
    ///
    /// ## Source
    ///
    /// <https://docs.docker.com/reference/cli/docker/container/stop/>: a timeout of -1 waits without limit.
    /// moby, `daemon/daemon.go`: one such container makes the engine's shutdown unlimited too.
    pub(super) RULE = "LC820", "never-killed", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        for container in &seen.workload.containers {
            let Some(route) = &container.endless else {
                continue;
            };
            let message = format!(
                "`{}` is never killed, however long it takes to stop",
                container.name()
            );
            findings.push(
                seen.finding(&RULE, message, Place::Value(route.clone()))
                    .label("below zero: no limit at all")
                    .help("write how long the shutdown needs"),
            );
        }
    }
}
