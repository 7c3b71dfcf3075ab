//! A deployed hook that Compose waits for without end.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    finding::{Finding, Place},
};

rule! {
    /// A deployed hook has no end, and the stop waits for it.
    ///
    /// ## What it finds
    ///
    /// A `pre_stop` hook in a Compose file that neither sleeps for a time that can be told, nor runs under a `timeout` that kills.
    ///
    /// ## Why it matters
    ///
    /// Compose waits for a hook as long as it runs, and sends no signal until it has ended: `stop_grace_period` is no limit to it.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// services:
    ///   shop:
    ///     image: shop
    ///     pre_stop:
    ///       - command: [./leave-the-cluster]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A `timeout` that ends it; `|| true`, as Compose does not stop a container whose hook fails.
    ///
    /// ```yaml deployed
    /// services:
    ///   shop:
    ///     image: shop
    ///     pre_stop:
    ///       - command: [sh, -c, "timeout -s KILL 5 ./leave-the-cluster || true"]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the command bounds itself.
    ///
    /// ## Source
    ///
    /// docker/compose, `pkg/compose/{stop,hook}.go`.
    /// Compose 2.40: a hook that hung held `stop` until it was killed.
    pub(super) RULE = "LC818", "deployed-hook-never-ends", Warning, Medium
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        for container in &seen.workload.containers {
            for hook in container.hooks.iter().filter(|hook| hook.bound().is_none()) {
                let shown: String = hook.words().chars().take(60).collect();
                let message = format!(
                    "Compose waits for the hook `{shown}` of `{}` without end",
                    container.name()
                );
                findings.push(
                    seen.finding(&RULE, message, Place::Value(hook.route.clone()))
                        .label("no signal is sent until it has ended")
                        .help("let `timeout -s KILL SECONDS` run it, with `|| true` behind it: a hook that fails keeps its container from being stopped"),
                );
            }
        }
    }
}
