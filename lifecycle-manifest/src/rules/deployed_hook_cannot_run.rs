//! A deployed hook that the kubelet does not run.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Action, View},
    finding::{Finding, Place},
};

rule! {
    /// A deployed preStop hook is of a kind that never runs.
    ///
    /// ## What it finds
    ///
    /// A `tcpSocket` hook, which the API takes and the kubelet does not run; a hook without anything to do.
    ///
    /// ## Why it matters
    ///
    /// The hook fails at every stop, and the signal comes at once.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       lifecycle: { preStop: { tcpSocket: { port: 8080 } } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// `sleep`, `exec` or `httpGet`.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       lifecycle: { preStop: { sleep: { seconds: 5 } } }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: it does nothing.
    ///
    /// ## Source
    ///
    /// Kubernetes: `tcpSocket` of a lifecycle handler is deprecated and fails at run time (core/v1/types.go, `LifecycleHandler`).
    pub(super) RULE = "LC807", "deployed-hook-cannot-run", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        for container in seen.containers() {
            let Some(hook) = &container.pre_stop else {
                continue;
            };
            let (what, place) = match &hook.action {
                Action::Tcp(route) => (
                    "opens a TCP connection, and the kubelet runs no such hook",
                    Place::Key(route.clone()),
                ),
                Action::Exec(command) if command.is_empty() => (
                    "runs a command, and names none",
                    Place::Key(hook.route.clone()),
                ),
                _ => continue,
            };
            let message = format!("the preStop hook of `{}` {what}", container.name());
            findings.push(
                seen.finding(&RULE, message, place)
                    .label("fails, and the signal comes at once")
                    .help("write `sleep: { seconds: 5 }`, from Kubernetes 1.30 on, or `exec` or `httpGet`"),
            );
        }
    }
}
