//! A stop signal that is not sent.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Seen, View},
    finding::{Finding, Place, Severity},
};

rule! {
    /// The stop signal that is written is not the one that is sent.
    ///
    /// ## What it finds
    ///
    /// A `lifecycle.stopSignal`: without `spec.os.name` the pod is refused where the field is known, and no release up to 1.37 knows it unless a feature gate is on.
    ///
    /// ## Why it matters
    ///
    /// The program waits for one signal and gets another: SIGTERM, or what the image says.
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
    ///       lifecycle: { stopSignal: SIGUSR1 }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// `STOPSIGNAL` in the image, which every version heeds.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers: [{ name: shop }]             # its image says STOPSIGNAL SIGUSR1
    /// ```
    ///
    /// ## When to allow it
    ///
    /// On a cluster with the feature gate `ContainerStopSignals`.
    ///
    /// ## Source
    ///
    /// Kubernetes, KEP-4960: alpha and off from 1.33 through 1.37.
    pub(super) RULE = "LC810", "stop-signal-not-sent", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    let pods = |seen: &&Seen<'_>| seen.workload.platform == "kubernetes";
    for seen in view.workloads.iter().filter(pods) {
        for container in seen.containers() {
            let Some(signal) = &container.stop_signal else {
                continue;
            };
            let os = seen.workload.os.as_ref().map(|os| os.value.as_str());
            let (what, severity) = match os {
                None => (
                    "is refused without `spec.os.name`, and is not sent",
                    Severity::Error,
                ),
                Some("windows") if !["SIGTERM", "SIGKILL"].contains(&signal.value.as_str()) => {
                    ("is refused on Windows", Severity::Error)
                }
                Some(_) => ("is not sent", Severity::Warning),
            };
            let message = format!(
                "`stopSignal: {}` of `{}` {what}",
                signal.value,
                container.name()
            );
            let mut finding = seen
                .finding(&RULE, message, Place::Value(signal.route.clone()))
                .label("a feature gate that is off through Kubernetes 1.37")
                .help(format!("write `STOPSIGNAL {}` in the image", signal.value));
            finding.severity = severity;
            findings.push(finding);
        }
    }
}
