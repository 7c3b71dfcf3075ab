//! A mesh's proxy that is signalled together with the program.

use std::time::Duration;

use super::Context;
use super::verdict::{grace_label, grace_place};
use crate::duration::{human, show};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::manifest::Written;
use crate::platform::{Kubernetes, Mesh, Platform, round_up};
use crate::text::Route;
use crate::timeline::Timeline;

rule! {
    /// The mesh's proxy is no native sidecar, and its drain does not match the program's.
    ///
    /// ## What it finds
    ///
    /// A mesh whose proxy is not native (`native: false`, or a cluster below 1.29), and that leaves before the program has finished, or refuses new requests before, as Linkerd's does; or that waits for connections longer than the grace period.
    ///
    /// ## Why it matters
    ///
    /// Such a proxy gets its signal when the pod is stopped.
    /// Once it has gone, the program's last calls fail: to the database, to a peer, to the collector.
    /// One that waits too long is killed with whatever it still carries.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { mesh: { name: istio, native: false } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A drain as long as the program's shutdown, or a native proxy, which stops after the program.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { mesh: { name: istio, native: false, drain: 21s } }
    /// ```
    ///
    /// ## Options
    ///
    /// - `platforms.kubernetes.mesh.native`: the proxy is a native sidecar; it is, unless something else is said, from 1.29 on.
    /// - `platforms.kubernetes.mesh.drain`: generated as `terminationDrainDuration` (Istio) or `config.linkerd.io/shutdown-grace-period` (Linkerd).
    ///
    /// ## When to allow it
    ///
    /// When the program calls nothing through the mesh while it shuts down.
    ///
    /// ## Source
    ///
    /// Istio's agent sleeps `terminationDrainDuration` (5s) and then stops Envoy, whatever is open: istio/istio `pkg/envoy/agent.go`.
    /// Linkerd's proxy refuses new requests from its signal on and waits 120s for those it has: linkerd/website `tasks/graceful-shutdown.md`.
    pub(super) RULE = "LC406", "mesh-leaves-first", Warning, Medium, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, kubernetes)) = context.on(Platform::kubernetes) else {
        return;
    };
    let (Some(mesh), Some(drain)) = (&kubernetes.mesh, kubernetes.proxy_drain()) else {
        return;
    };
    if kubernetes.has_native_proxy() {
        return;
    }
    let name = mesh.value.name();
    let end = line.signal_at() + line.steps_end();
    let grace = line.grace().value;
    if mesh.value == Mesh::Linkerd && !end.is_zero() {
        findings.push(refused(line, mesh, end));
    }
    let message = if drain.value < end {
        format!(
            "{name}'s proxy leaves {} after the stop, and the program needs up to {}",
            human(drain.value),
            human(end)
        )
    } else if drain.value > grace {
        format!(
            "{name}'s proxy waits {} for connections, and the pod is killed after {}",
            human(drain.value),
            human(grace)
        )
    } else {
        return;
    };
    let place = drain.origin.route().unwrap_or(&mesh.route).clone();
    let mut finding = Finding::new(&RULE, message, Place::Value(place))
        .on(line.platform())
        .label(match drain.origin.route() {
            Some(_) => "it gets its signal at the pod's stop".to_owned(),
            None => format!("no `drain` here: {}, {}", human(drain.value), drain.origin),
        });
    finding = match (&kubernetes.proxy.native, &kubernetes.version) {
        (Some(native), _) => finding.related(Place::Value(native.route.clone()), "not native"),
        (None, Some(version)) => {
            let text = "no native sidecars in this cluster";
            finding.related(Place::Value(version.route.clone()), text)
        }
        (None, None) => finding,
    };
    if drain.value > grace {
        finding = finding.related(grace_place(context, line), grace_label(line));
    }
    finding = finding.note(format!(
        "the program: {} to the signal, {} from it",
        human(line.signal_at()),
        human(line.steps_end())
    ));
    let fitting = round_up(end, line.facts.unit);
    findings.push(match fitting <= grace {
        true => {
            let text = show(fitting);
            let fix = Fix::new(Safety::Unsafe, [drain_of(kubernetes, &text)]);
            let help = format!("let it drain for as long: `drain: {text}`");
            finding.fix_with(help, fix)
        }
        false => finding.help("make the plan fit the grace period first"),
    });
}

/// However long Linkerd's proxy waits for what it has, it takes nothing new.
fn refused(line: &Timeline, mesh: &Written<Mesh>, end: Duration) -> Finding {
    let message = format!(
        "Linkerd's proxy refuses new requests from the pod's stop on, the program's own too, and the \
         program needs up to {}",
        human(end)
    );
    Finding::new(&RULE, message, Place::Value(mesh.route.clone()))
        .on(line.platform())
        .label("it gets its signal at the pod's stop")
        .help("inject it as a native sidecar, which Linkerd does by itself since 2.20")
        .help(format!(
            "or inject it with `--wait-before-exit-seconds` of {} or more, and allow this finding",
            round_up(end, line.facts.unit).as_secs()
        ))
}

/// The edit that writes the proxy's drain, in the shape in which the mesh is written.
fn drain_of(kubernetes: &Kubernetes, text: &str) -> Edit {
    let route: Route = kubernetes.common.route.key("mesh");
    match (&kubernetes.proxy.drain, &kubernetes.mesh) {
        (Some(drain), _) => Edit::replace(Place::Value(drain.route.clone()), text),
        (None, Some(mesh)) if mesh.route == route => {
            let name = mesh.value.as_str();
            let with = format!("{{ name: {name}, drain: {text} }}");
            Edit::replace(Place::Value(route), with)
        }
        (None, _) => Edit::insert(route, "drain", text),
    }
}
