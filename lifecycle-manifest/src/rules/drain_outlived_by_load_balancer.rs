//! A balancer in front of the cluster sends on after the pod has stopped listening.

use std::time::Duration;

use super::Context;
use super::verdict::{grace_label, grace_place};
use crate::duration::{human, show};
use crate::finding::{Edit, Finding, Fix, Place, Safety, Severity};
use crate::manifest::Written;
use crate::platform::{Kubernetes, Platform, PreStop, round_up};
use crate::timeline::Timeline;

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
    let Some((line, kubernetes)) = context.on(Platform::kubernetes) else {
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
        let waits = hook.or(line.app_settle.origin.route());
        if let Some(route) = waits.or(line.terms.settle.origin.route()) {
            finding = finding.related(Place::Value(route.clone()), "nobody waits longer than this");
        } else {
            let payer = match line.terms.hook {
                Some(_) => "no `pre_stop` here: the hook is as long as the settle time",
                None => "the program waits for the settle time",
            };
            finding = finding.note(format!(
                "{payer}, {} ({})",
                human(line.terms.settle.value),
                line.terms.settle.origin
            ));
        }
        findings.push(with_longer_hook(
            finding,
            context,
            line,
            kubernetes,
            propagation.value,
        ));
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
            .related(grace_place(context, line), grace_label(line));
        let most = show(line.grace().value);
        finding = finding.fix(
            format!("write `deregistration_delay: {most}` or less: no request outlives the pod"),
            Place::Value(delay.route.clone()),
            most,
        );
        finding.severity = Severity::Warning;
        findings.push(finding);
    }
}

/// Adds the way out by a hook as long as the balancer needs, and by a grace period that holds it.
fn with_longer_hook(
    finding: Finding,
    context: &Context<'_>,
    line: &Timeline,
    kubernetes: &Kubernetes,
    propagation: Duration,
) -> Finding {
    // What the program is told to wait by itself, the hook need not.
    let own = kubernetes.common.app_settle.as_ref();
    let own = own.map_or(Duration::ZERO, |own| own.value);
    let wait = round_up(propagation.saturating_sub(own), line.facts.unit);
    let sleep = show(wait);
    let route = kubernetes.common.route.key("pre_stop");
    let written = match &kubernetes.pre_stop {
        // What a command or a request does beside waiting is not ours to replace.
        Some(PreStop::Exec { .. }) => {
            return finding.help(format!("let the command wait for {sleep} in all"));
        }
        Some(PreStop::Http { .. }) => {
            return finding.help(format!(
                "answer the hook's request after {sleep}, not before"
            ));
        }
        Some(PreStop::Sleep(sleep)) => Some(&sleep.route),
        None => None,
    };
    if !kubernetes.has_native_sleep() {
        let settle = format!("write `settle: {sleep}`: without a native sleep the program waits");
        return finding.help(settle);
    }
    let hook = match written {
        Some(route) => Edit::replace(Place::Value(route.clone()), sleep.as_str()),
        None => Edit::insert(kubernetes.common.route.clone(), "pre_stop", sleep.as_str()),
    };
    let mut longer = kubernetes.clone();
    longer.pre_stop = Some(PreStop::Sleep(Written { value: wait, route }));
    let longer = Platform::Kubernetes(longer);
    let longer = Timeline::new(context.manifest, context.plan, &longer);
    let Some(grace) = longer.smallest_grace().filter(|_| longer.spare().is_none()) else {
        let fix = Fix::new(Safety::Safe, [hook]);
        return finding.fix_with(format!("write `pre_stop: {sleep}`"), fix);
    };
    let text = format!(
        "write `pre_stop: {sleep}` and `grace_period: {}`",
        show(grace)
    );
    let grace = match line.grace().origin.route() {
        Some(place) => Edit::replace(Place::Value(place.clone()), show(grace)),
        None => Edit::insert(kubernetes.common.route.clone(), "grace_period", show(grace)),
    };
    finding.fix_with(text, Fix::new(Safety::Safe, [hook, grace]))
}
