//! Two things that would listen on one port.

use std::collections::{HashMap, HashSet};

use super::Context;
use crate::finding::{Finding, Place};
use crate::manifest::Written;

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
    let health = health.map(|port| ("the health server".to_owned(), port));
    let resources = context.manifest.resources.iter();
    let ports: Vec<(String, &Written<u16>)> = resources
        .filter_map(|r| Some((format!("`{}`", r.name), r.port.as_ref()?)))
        .chain(health)
        .collect();
    let taken: HashSet<u16> = ports.iter().map(|(_, port)| port.value).collect();
    let mut first: HashMap<u16, &(String, &Written<u16>)> = HashMap::new();
    let mut given = 0;
    for listener in &ports {
        let (name, port) = listener;
        let Some((other, there)) = first.get(&port.value) else {
            first.insert(port.value, listener);
            continue;
        };
        let message = format!("port {} is taken by {other} already", port.value);
        let finding = Finding::new(&RULE, message, Place::Value(port.route.clone()))
            .label(format!("{name} cannot bind it too"))
            .related(Place::Value(there.route.clone()), "bound here");
        // Each gets another one, so that no two of them meet again.
        let free =
            (given.max(port.value).saturating_add(1)..=u16::MAX).find(|free| !taken.contains(free));
        findings.push(match free {
            Some(free) => {
                given = free;
                finding.fix(
                    format!("write another port, such as `{free}`"),
                    Place::Value(port.route.clone()),
                    free.to_string(),
                )
            }
            None => finding.help("write another port"),
        });
    }
}
