//! A port of the host that two containers would publish.

use super::Context;
use crate::finding::{Finding, Place};
use crate::platform::{Platform, Published};

rule! {
    /// A port of the host is published twice.
    ///
    /// ## What it finds
    ///
    /// The same port of the host twice under `ports` of `docker` or `compose`; or once, and several `replicas` that would each publish it.
    ///
    /// ## Why it matters
    ///
    /// The second container does not start: the port is allocated already.
    /// A service of which one replica runs where three are planned has nobody to take over while that one stops.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 3s }
    /// platforms:
    ///   compose: { replicas: 3, ports: ["80:8080"] }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// No port of the host, and a proxy before the replicas; or the container's port alone, for which each replica gets a free one.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 3s }
    /// platforms:
    ///   compose: { replicas: 3, ports: ["8080"] }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: the file does not come up.
    ///
    /// ## Source
    ///
    /// Docker engine: `Bind for 0.0.0.0:80 failed: port is already allocated`.
    pub(super) RULE = "LC414", "published-port-taken", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let (ports, replicas) = match context.manifest.platforms.get(line.platform()) {
            Some(Platform::Docker(docker)) => (&docker.ports, None),
            Some(Platform::Compose(compose)) => (&compose.ports, compose.replicas.as_ref()),
            _ => continue,
        };
        for (at, port) in ports.iter().enumerate() {
            let Some(host) = port.host else { continue };
            let place = Place::Value(port.text.route.clone());
            if let Some(first) = ports[..at].iter().find(|first| first.meets(port)) {
                let message = format!("port {host} of the host is published already");
                findings.push(
                    Finding::new(&RULE, message, place)
                        .on(line.platform())
                        .label("the container does not start")
                        .related(Place::Value(first.text.route.clone()), "published here")
                        .help("publish another port of the host"),
                );
            } else if let Some(replicas) = replicas.filter(|replicas| replicas.value > 1) {
                let message = format!(
                    "{} replicas cannot all publish port {host} of the host",
                    replicas.value
                );
                findings.push(
                    Finding::new(&RULE, message, place)
                        .on(line.platform())
                        .label("the second does not start")
                        .related(
                            Place::Value(replicas.route.clone()),
                            "each would publish it",
                        )
                        .help(format!(
                            "write `\"{}\"` for a free port each, or put a proxy before them",
                            port.container
                        )),
                );
            }
        }
    }
}

impl Published {
    /// Both are on the same port of the host; one without an address is on all of them.
    fn meets(&self, other: &Self) -> bool {
        let apart = match (&self.address, &other.address) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        };
        self.host == other.host && self.udp == other.udp && !apart
    }
}
