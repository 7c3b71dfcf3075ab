//! A readiness command that nobody asks any more once the pod is told to leave.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Pair, ProbeAction},
    finding::{Finding, Place},
    platform::EXEC_READINESS_FROZEN,
};

rule! {
    /// The readiness command of a leaving pod is not run again on this Kubernetes.
    ///
    /// ## What it finds
    ///
    /// A deployed `readinessProbe` with `exec` where the manifest's `version` is 1.35 or 1.36.
    ///
    /// ## Why it matters
    ///
    /// Kubelets of 1.35, and of 1.36 from its third patch on, keep the last answer of a command while the pod stops.
    /// A load balancer that follows readiness by itself never hears that the pod is leaving, and sends to it until it is gone.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    /// platforms:
    ///   kubernetes: { version: "1.35" }
    /// ```
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       lifecycle: { preStop: { sleep: { seconds: 5 } } }
    ///       readinessProbe: { exec: { command: [/bin/ready] } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A request: those are asked until the container is gone.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       lifecycle: { preStop: { sleep: { seconds: 5 } } }
    ///       readinessProbe: { httpGet: { path: /ready, port: 8080 } }
    /// ```
    ///
    /// ## Options
    ///
    /// - `version` under `kubernetes`: the oldest cluster that the files must work on.
    ///
    /// ## When to allow it
    ///
    /// When nothing but the cluster's own Services sends to the pod: those stop at the deletion, whatever readiness says.
    ///
    /// ## Source
    ///
    /// kubernetes/kubernetes#140509 and #140881, mended by #140882.
    pub(super) RULE = "LC716", "readiness-freezes", Warning, Medium
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    let version = pair
        .platform
        .kubernetes()
        .and_then(|it| it.version.as_ref());
    let Some(version) = version.filter(|it| EXEC_READINESS_FROZEN.contains(&it.value.minor)) else {
        return;
    };
    let Some(probe) = &pair.container().readiness else {
        return;
    };
    if !matches!(probe.action, ProbeAction::Exec(_)) {
        return;
    }
    let minor = version.value.minor;
    let message = format!(
        "{} asks for readiness by a command, which Kubernetes 1.{minor} does not run while a pod stops",
        pair.title()
    );
    findings.push(
        pair.finding(&RULE, message, Place::Key(probe.route.clone()))
            .label("its last answer stands until the pod is gone")
            .beside((
                Place::Value(version.route.clone()),
                format!("1.{minor} in the manifest"),
            ))
            .help("ask by `httpGet`, `tcpSocket` or `grpc`"),
    );
}
