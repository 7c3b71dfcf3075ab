//! A balancer in front of the cluster sends on after the pod has stopped listening.

use super::Context;
use crate::duration::{human, show};
use crate::finding::{Finding, Place, Severity};

rule! {
    /// The load balancer keeps sending requests after the pod has stopped listening.
    ///
    /// ## What it finds
    ///
    /// A `load_balancer.propagation` that is longer than what hook and program wait before the listener closes.
    /// As a warning: a deregistration delay longer than the grace period.
    ///
    /// ## Why it matters
    ///
    /// A balancer that targets pods directly follows on its own clock, which the grace period does not know of.
    /// Requests that it still sends meet a closed port.
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
    ///     grace_period: 50s
    ///     pre_stop: 25s
    ///     load_balancer: { propagation: 30s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A preStop sleep of at least the propagation, and a grace period that holds it; or a settle time of that length, and no `pre_stop` at all.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes:
    ///     grace_period: 51s
    ///     pre_stop: 30s
    ///     load_balancer: { propagation: 30s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `load_balancer.propagation` under `kubernetes`: how long it keeps sending requests after the pod's stop.
    /// - `load_balancer.deregistration_delay` under `kubernetes`: how long it lets requests that it has sent finish.
    ///
    /// ## When to allow it
    ///
    /// A long deregistration delay alone is harmless when no request lasts that long.
    ///
    /// ## Source
    ///
    /// About 1,000 errors a minute at deploy with a sleep of 25s against 30s, none with 35s (EclipseFdn/open-vsx.org#12422).
    pub(super) RULE = "LC304", "drain-outlived-by-load-balancer", Error, Medium, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, kubernetes)) = context.kubernetes() else {
        return;
    };
    let Some(balancer) = &kubernetes.load_balancer else {
        return;
    };
    let waited = line.terms.paid_before_signal + line.app_settle.value;
    if let Some(propagation) = balancer.propagation.as_ref().filter(|p| p.value > waited) {
        let message = format!(
            "the load balancer sends requests for {}, and the pod stops listening after {}",
            human(propagation.value),
            human(waited)
        );
        let mut finding = Finding::new(&RULE, message, Place::Value(propagation.route.clone()))
            .on(line.platform())
            .label("it still sends for this long");
        let hook = line
            .terms
            .hook
            .as_ref()
            .and_then(|hook| hook.origin.route());
        if let Some(route) = hook.or(line.terms.settle.origin.route()) {
            finding = finding.related(Place::Value(route.clone()), "nobody waits longer than this");
        }
        findings.push(finding.help(format!(
            "write `pre_stop: {}`, and see that the grace period holds it",
            show(propagation.value)
        )));
    }
    if let Some(delay) = balancer
        .deregistration_delay
        .as_ref()
        .filter(|d| d.value > line.grace().value)
    {
        let message = format!(
            "the balancer lets requests last {}, and the pod is gone after {}",
            human(delay.value),
            human(line.grace().value)
        );
        let mut finding = Finding::new(&RULE, message, Place::Value(delay.route.clone()))
            .on(line.platform())
            .label("longer than the grace period")
            .help("a delay no longer than the grace period frees the target in time");
        finding.severity = Severity::Warning;
        findings.push(finding);
    }
}
