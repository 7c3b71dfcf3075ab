//! A published port that leads nowhere.

use super::Context;
use crate::finding::{Finding, Place};
use crate::platform::Platform;

rule! {
    /// A published port leads to one that nothing listens on.
    ///
    /// ## What it finds
    ///
    /// An entry of `ports` under `docker` or `compose` whose port in the container is neither a resource's nor the health server's.
    /// Where no resource says its port, nothing is known and nothing is said.
    ///
    /// ## Why it matters
    ///
    /// Clients of that port are refused, and the requests that a shutdown would drain come in elsewhere, or not at all.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 3s }
    /// platforms:
    ///   docker: { ports: ["80:80"] }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The port that the resource listens on, behind the colon.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 3s }
    /// platforms:
    ///   docker: { ports: ["80:8080"] }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the program opens ports that are no resource of the manifest.
    ///
    /// ## Source
    ///
    /// <https://docs.docker.com/engine/network/port-publishing/>.
    pub(super) RULE = "LC415", "published-port-closed", Warning, Medium, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let resources = context.manifest.resources.iter();
    let mut open: Vec<u16> = resources
        .filter_map(|resource| Some(resource.port.as_ref()?.value))
        .collect();
    if open.is_empty() {
        return;
    }
    open.extend(context.plan.health.as_ref().and_then(|health| health.port));
    for line in context.timelines {
        let ports = match context.manifest.platforms.get(line.platform()) {
            Some(Platform::Docker(docker)) => &docker.ports,
            Some(Platform::Compose(compose)) => &compose.ports,
            _ => continue,
        };
        for port in ports.iter().filter(|it| !open.contains(&it.container)) {
            let known: Vec<String> = open.iter().map(|port| format!("`{port}`")).collect();
            let message = format!(
                "nothing listens on port {} of the container",
                port.container
            );
            findings.push(
                Finding::new(&RULE, message, Place::Value(port.text.route.clone()))
                    .on(line.platform())
                    .label("leads nowhere")
                    .help(format!("the ports that are open are {}", known.join(", "))),
            );
        }
    }
}
