//! Two things that would listen on one port.

use std::collections::HashMap;

use super::Context;
use crate::finding::{Finding, Place};

rule! {
    /// Two things are to listen on one port.
    ///
    /// ## What it finds
    ///
    /// The same `port` at two resources, or at a resource and the health server.
    ///
    /// ## Why it matters
    ///
    /// The second to start cannot bind: the program does not come up.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { health: { port: 8080 } }
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Another port; or leave the health server's away, where the service answers for its health itself.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { health: { port: 9090 } }
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## Options
    ///
    /// - `port` of a server, and `traffic.health.port`.
    ///
    /// ## When to allow it
    ///
    /// When one listener serves both resources, as a server that speaks HTTP and WebSocket does.
    /// Writing the port at one of them says so too.
    ///
    /// ## Source
    ///
    /// `bind(2)`: EADDRINUSE.
    pub(super) RULE = "LC501", "port-taken", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let health = context
        .manifest
        .traffic
        .health
        .as_ref()
        .and_then(|health| health.port.as_ref());
    let health = health.map(|port| ("the health server", port));
    let resources = context.manifest.resources.iter();
    let ports = resources.filter_map(|r| Some((r.name.as_str(), r.port.as_ref()?)));
    let mut first = HashMap::new();
    for (name, port) in ports.chain(health) {
        let Some((other, place)) = first.get(&port.value) else {
            first.insert(port.value, (name, Place::Value(port.route.clone())));
            continue;
        };
        let message = format!("port {} is taken by `{other}` already", port.value);
        findings.push(
            Finding::new(&RULE, message, Place::Value(port.route.clone()))
                .label(format!("{name} cannot bind it too"))
                .related(Clone::clone(place), "bound here")
                .help("write another port"),
        );
    }
}
