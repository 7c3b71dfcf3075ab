//! A container that is started first, and stopped at the same time.

#[cfg(feature = "deployed")]
use crate::deployed::View;
#[cfg(feature = "deployed")]
use crate::finding::{Finding, Place};
#[cfg(feature = "deployed")]
use crate::platform::Platform;

rule! {
    /// A container is waited for at the start, and not at the stop.
    ///
    /// ## What it finds
    ///
    /// On Cloud Run, a container that `run.googleapis.com/container-dependencies` has wait for another one.
    /// Where a manifest is given: only if it does not say under `sidecars` how long that other one stays.
    ///
    /// ## Why it matters
    ///
    /// The order holds for the start alone.
    /// At the stop all containers get SIGTERM at once, so the proxy or the collector that the program needs for its last calls may be gone first.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apiVersion: serving.knative.dev/v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   template:
    ///     metadata:
    ///       annotations: { run.googleapis.com/container-dependencies: '{"shop":["proxy"]}' }
    ///     spec:
    ///       containers:
    ///         - { name: shop, image: shop, ports: [{ containerPort: 8080 }] }
    ///         - { name: proxy, image: proxy }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A sidecar that stays for as long as the program needs it, and its time in the manifest; or a program that does not need one.
    ///
    /// ```yaml deployed
    /// apiVersion: serving.knative.dev/v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   template:
    ///     spec:
    ///       containers:
    ///         - { name: shop, image: shop, ports: [{ containerPort: 8080 }] }
    /// ```
    ///
    /// ## Options
    ///
    /// - `sidecars` under `cloud_run`: how long after the signal each of them is still there.
    ///
    /// ## When to allow it
    ///
    /// When the program does not use the other container while it shuts down.
    ///
    /// ## Source
    ///
    /// SIGTERM goes to all containers of the instance: <https://docs.cloud.google.com/run/docs/container-contract>.
    pub(super) RULE = "LC834", "deployed-sidecar-not-waited-for", Warning, Medium
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    let workloads = view.workloads.iter();
    for seen in workloads.filter(|seen| seen.workload.platform == "cloud_run") {
        let told = seen.platform.map_or(&[][..], Platform::beside);
        for container in &seen.workload.containers {
            // Of others than the program a manifest says nothing.
            if seen.main.is_some_and(|main| main.route != container.route) {
                continue;
            }
            let unsaid = |name: &str| told.iter().all(|it| it.name.value != name);
            let others: Vec<&str> = container
                .depends_on
                .iter()
                .map(|depends| depends.container.value.as_str())
                .filter(|name| unsaid(name))
                .collect();
            let (Some(first), false) = (container.depends_on.first(), others.is_empty()) else {
                continue;
            };
            let message = format!(
                "`{}` waits for `{}` at its start, and all are told to stop at once",
                container.name(),
                others.join("`, `")
            );
            findings.push(
                seen.finding(&RULE, message, Place::Value(first.container.route.clone()))
                    .label("an order for the start alone")
                    .help("let it stay for as long as the program needs it, and say so under `sidecars` in the manifest"),
            );
        }
    }
}
