//! The deployment does not open a port on which the manifest's resources listen.

#[cfg(feature = "deployed")]
use crate::{
    deployed::Pair,
    finding::{Finding, Place},
};

rule! {
    /// A resource listens on a port that the deployed container does not open.
    ///
    /// ## What it finds
    ///
    /// A container that lists its ports, and not one of those the manifest's resources listen on.
    /// Ports that only the deployment knows are not compared, nor is a container that lists none.
    ///
    /// ## Why it matters
    ///
    /// One of the two files speaks of another service, or of an earlier one: what drains by the manifest is not what takes the traffic.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    /// platforms:
    ///   kubernetes: { pre_stop: 5s }
    /// ```
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       ports: [{ containerPort: 3000 }]
    ///       lifecycle: { preStop: { sleep: { seconds: 5 } } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The same port in both.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       ports: [{ containerPort: 8080 }]
    ///       lifecycle: { preStop: { sleep: { seconds: 5 } } }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// On Kubernetes a port that is not listed is reached all the same: allow it where the list is kept short on purpose.
    ///
    /// ## Source
    ///
    /// Kubernetes: `ports` is informational (core/v1/types.go, `Container`). ECS: only mapped ports are reached (API reference of `PortMapping`). Fly.io: `internal_port` is what the proxy sends to (<https://fly.io/docs/reference/configuration/>).
    pub(super) RULE = "LC704", "port-drift", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    let container = pair.container();
    if container.ports.is_empty() {
        return;
    }
    let here: Vec<i64> = container
        .ports
        .iter()
        .map(|port| port.number.value)
        .collect();
    let resolved = pair.resolved;
    let resources = &resolved.manifest.resources;
    let main = resolved.plan.main_port(&resolved.manifest);
    for resource in resources {
        let Some(port) = &resource.port else {
            continue;
        };
        // Where the ingress sends to one port, others are open all the same.
        let elsewhere = pair.platform.has_one_ingress_port() && main != Some(port.value);
        if here.contains(&i64::from(port.value)) || elsewhere {
            continue;
        }
        let listed: Vec<String> = here.iter().map(ToString::to_string).collect();
        let message = format!(
            "`{}` listens on port {}, and {} opens {}",
            resource.name,
            port.value,
            pair.title(),
            listed.join(", ")
        );
        let place = Place::Value(container.ports[0].number.route.clone());
        let help = match pair.reader().and_then(|reader| reader.write_port) {
            Some(written) => format!(
                "add `{}`, or mend `port` in the manifest",
                written(port.value)
            ),
            None => "mend `port` in the manifest".to_owned(),
        };
        findings.push(
            pair.finding(&RULE, message, place)
                .label(format!("opened here, and not {}", port.value))
                .beside((Place::Value(port.route.clone()), "listens here".to_owned()))
                .help(help),
        );
    }
}
