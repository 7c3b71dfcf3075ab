//! A Service sends to pods that leave.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    finding::{Finding, Place},
};

rule! {
    /// A Service goes on sending to pods that are leaving.
    ///
    /// ## What it finds
    ///
    /// `publishNotReadyAddresses: true` at a Service with a cluster address.
    ///
    /// ## Why it matters
    ///
    /// A pod that is stopping stays among the ready ones: clients are sent to it until it is gone.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   publishNotReadyAddresses: true
    ///   selector: { app: shop }
    ///   ports: [{ port: 80 }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A Service without it for clients, and a headless one with it for peers that must find one another early.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ port: 80 }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When clients expect to reach pods that are not ready.
    ///
    /// ## Source
    ///
    /// Kubernetes, discovery/v1/types.go: `ready` is true for a terminating endpoint only where the Service says so.
    pub(super) RULE = "LC811", "traffic-to-leaving-pods", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (file, service) in view.all_services() {
        let Some(publishes) = service.publishes_not_ready.as_ref().filter(|it| it.value) else {
            continue;
        };
        if service.headless {
            continue;
        }
        let name = service
            .name
            .as_ref()
            .map_or("without a name", |name| name.value.as_str());
        let message = format!("the Service {name} sends to pods that are leaving");
        findings.push(
            Finding::new(&RULE, message, Place::Value(publishes.route.clone()))
                .in_deployed(file)
                .on("kubernetes")
                .label("a pod that is stopping counts as ready")
                .help("take it away, or give peers a headless Service of their own"),
        );
    }
}
