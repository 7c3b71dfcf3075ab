//! A sidecar that is gone while the program still needs it.

use super::Context;
use crate::duration::{human, show};
use crate::finding::{Confidence, Edit, Finding, Fix, Place, Safety, Severity};
use crate::platform::{Beside, Kubernetes, Platform, round_up};
use crate::timeline::Timeline;

rule! {
    /// A sidecar that is not native leaves before the program has finished.
    ///
    /// ## What it finds
    ///
    /// On Kubernetes a sidecar with `native: false` whose own shutdown is shorter than the program's hook and shutdown together.
    /// As a warning: on Cloud Run and Azure Container Apps any sidecar whose own shutdown is shorter than the program's.
    ///
    /// ## Why it matters
    ///
    /// Such a sidecar gets its signal when the pod is stopped, whatever hook the program has.
    /// Cloud Run signals all containers of an instance at once, in whatever order they were started.
    /// Once the proxy is gone, the program's last calls (to the database, to a peer, to the collector) fail.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes:
    ///     grace_period: 60s
    ///     sidecars: [{ name: proxy, timeout: 5s, native: false }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A native sidecar (an init container with `restartPolicy: Always`), which stops after the program; or a drain of its own as long as the program's.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes:
    ///     grace_period: 60s
    ///     sidecars: [{ name: proxy, timeout: 5s }]
    /// ```
    ///
    /// ## Options
    ///
    /// - `sidecars[].native` under `kubernetes` (true when not written): needs Kubernetes 1.29.
    /// - `sidecars[].timeout`: how long it takes to stop; on Cloud Run and Azure Container Apps, how long after the signal it is still there.
    ///
    /// ## When to allow it
    ///
    /// When the program does not use it while it shuts down.
    ///
    /// ## Source
    ///
    /// Istio's agent sleeps `terminationDrainDuration` (5s) and then stops Envoy whatever is open (istio/istio#34855).
    /// A Cloud SQL proxy with a term timeout of 0 leaves at once (porter-dev/porter-charts#1104).
    /// Cloud Run: <https://docs.cloud.google.com/run/docs/container-contract>. For Azure Container Apps no order is documented.
    pub(super) RULE = "LC401", "sidecar-leaves-first", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    if let Some((line, kubernetes)) = context.on(Platform::kubernetes) {
        on_kubernetes(line, kubernetes, findings);
    }
    for line in context.timelines {
        let beside = context.entry(line).map_or(&[][..], Platform::beside);
        findings.extend(
            beside
                .iter()
                .filter_map(|sidecar| told_at_once(line, sidecar)),
        );
    }
}

/// Where all containers are signalled at once. That the program needs the sidecar to the end is not
/// known, and there is no other order to choose.
fn told_at_once(line: &Timeline, sidecar: &Beside) -> Option<Finding> {
    let end = line.signal_at() + line.steps_end();
    if sidecar.timeout.value >= end {
        return None;
    }
    let message = format!(
        "the sidecar `{}` leaves {} after the signal, and the program needs up to {}",
        sidecar.name.value,
        human(sidecar.timeout.value),
        human(end)
    );
    let place = Place::Value(sidecar.timeout.route.clone());
    let mut finding = Finding::new(&RULE, message, place.clone())
        .on(line.platform())
        .label("it gets its signal together with the program");
    finding.severity = Severity::Warning;
    finding.confidence = Confidence::Medium;
    let longer = round_up(end, line.facts.unit);
    let given = line.grace().value.saturating_sub(line.signal_at());
    Some(match longer <= given {
        true => {
            let text = show(longer);
            finding.fix(
                format!("let it stay for as long as the program: `timeout: {text}`"),
                place,
                text,
            )
        }
        false => finding.help("let the program's steps be over before it leaves"),
    })
}

fn on_kubernetes(line: &Timeline, kubernetes: &Kubernetes, findings: &mut Vec<Finding>) {
    // Its signal does not wait for the program's hook: the kubelet stops every container by
    // itself, each after its own hook.
    let end = line.signal_at() + line.steps_end();
    for sidecar in kubernetes
        .sidecars
        .iter()
        .filter(|s| !s.native && s.timeout.value < end)
    {
        let message = format!(
            "the sidecar `{}` leaves {} after the stop, and the program needs up to {}",
            sidecar.name.value,
            human(sidecar.timeout.value),
            human(end)
        );
        let place = Place::Value(sidecar.timeout.route.clone());
        let finding = Finding::new(&RULE, message, place)
            .on(line.platform())
            .label("it gets its signal at the pod's stop")
            .note(format!(
                "the program gets its signal {}, and needs {} from there",
                match line.signal_at() {
                    at if at.is_zero() => "then too".to_owned(),
                    at => format!("{} later", human(at)),
                },
                human(line.steps_end())
            ));
        let native = sidecar.timeout.route.parent().map(|it| it.key("native"));
        // Advice that the cluster could not follow is none.
        let finding = match native.filter(|_| kubernetes.has_native_sidecars()) {
            Some(entry) => finding.fix_with(
                "make it a native sidecar, which stops after the program: take `native` away",
                Fix::new(Safety::Unsafe, [Edit::Remove { entry }]),
            ),
            None => finding,
        };
        let longer = show(round_up(end, line.facts.unit));
        let or = if finding.help.is_empty() {
            "let"
        } else {
            "or let"
        };
        let text = format!("{or} it drain for as long as the program: `timeout: {longer}`");
        findings.push(finding.fix(text, Place::Value(sidecar.timeout.route.clone()), longer));
    }
}
