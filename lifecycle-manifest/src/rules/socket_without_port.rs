//! A socket for a service that listens nowhere.

use super::Context;
use crate::finding::{Edit, Finding, Fix, Place, Safety};

rule! {
    /// systemd is to listen for a service that names no port.
    ///
    /// ## What it finds
    ///
    /// `socket: true` under `systemd`, where no resource of the manifest has a `port`.
    ///
    /// ## Why it matters
    ///
    /// There is nothing that systemd could listen on: no socket unit can be written, and the program is handed nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   systemd: { socket: true }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The port at its server, or no socket.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   systemd: { socket: true }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the `.socket` unit is written by hand, and listens on a path.
    ///
    /// ## Source
    ///
    /// `systemd.socket(5)`: a socket unit without `ListenStream=` or its like is refused.
    pub(super) RULE = "LC422", "socket-without-port", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut resources = context.manifest.resources.iter();
    if resources.any(|resource| resource.port.is_some()) {
        return;
    }
    for line in context.timelines {
        let systemd = context.entry(line).and_then(|it| it.systemd());
        let Some(socket) = systemd
            .and_then(|it| it.socket.as_ref())
            .filter(|socket| socket.value)
        else {
            continue;
        };
        let place = Place::Value(socket.route.clone());
        let message = "systemd is to listen for this service, and no resource has a `port`";
        let remove = Edit::Remove {
            entry: socket.route.clone(),
        };
        findings.push(
            Finding::new(&RULE, message, place)
                .on(line.platform())
                .label("listens on what?")
                .help("write `port:` at the resource that takes the connections")
                .fix_with("or take `socket` away", Fix::new(Safety::Unsafe, [remove])),
        );
    }
}
