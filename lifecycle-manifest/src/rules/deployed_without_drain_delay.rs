//! Nothing waits until routing has noticed.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{View, container_place},
    finding::{Finding, Place, Side},
};

rule! {
    /// A deployed workload takes traffic, and nothing waits until routing has noticed that it leaves.
    ///
    /// ## What it finds
    ///
    /// Pods behind a Service without a preStop hook. Not looked for beside a manifest, which says how long the program itself waits.
    ///
    /// ## Why it matters
    ///
    /// The signal and the removal from routing begin together. A program that closes its port at the signal refuses the requests that still come: errors at every rollout.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop, labels: { app: shop } }
    /// spec:
    ///   containers: [{ name: shop, image: shop }]
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec: { selector: { app: shop }, ports: [{ port: 80 }] }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// `preStop: { sleep: { seconds: 5 } }`, from Kubernetes 1.30 on.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop, labels: { app: shop } }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       image: shop
    ///       lifecycle: { preStop: { sleep: { seconds: 5 } } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec: { selector: { app: shop }, ports: [{ port: 80 }] }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the program itself goes on serving after the signal for as long as routing needs.
    ///
    /// ## Source
    ///
    /// Real kube-proxy, rolling restart: 35 of 1,750 requests failed without a preStop sleep, 0 of 1,952 with one.
    pub(super) RULE = "LC813", "deployed-without-drain-delay", Warning, Medium
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    if view.has_manifest {
        return;
    }
    for seen in &view.workloads {
        let Some((file, service)) = view
            .services(seen.workload)
            .into_iter()
            .find(|(_, it)| !it.headless)
        else {
            continue;
        };
        let Some(main) = seen.workload.main("", "") else {
            continue;
        };
        let container = &seen.workload.containers[main];
        if container.pre_stop.is_some() {
            continue;
        }
        let message = format!(
            "{} takes requests, and nothing waits until routing has noticed that a pod leaves",
            seen.workload.title()
        );
        let name = service
            .name
            .as_ref()
            .map_or(&service.route, |name| &name.route);
        findings.push(
            seen.finding(&RULE, message, container_place(container))
                .label("no preStop hook here: the signal comes at once")
                .related_in(Side::Deployed(file), Place::Value(name.clone()), "sends requests to it")
                .help("write `lifecycle: { preStop: { sleep: { seconds: 5 } } }`, from Kubernetes 1.30 on")
                .help("or let the program serve on for some seconds after the signal, and say so in a lifecycle.yaml"),
        );
    }
}
