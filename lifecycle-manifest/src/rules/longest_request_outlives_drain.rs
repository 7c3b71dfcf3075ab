//! The longest request is longer than what it is given to finish.

use std::collections::HashSet;

use super::Context;
use crate::duration::human;
use crate::finding::{Finding, Place};
use crate::kind::Kind;
use crate::platform::{Balancer, Platform};

rule! {
    /// The longest request takes longer than the time it has to finish.
    ///
    /// ## What it finds
    ///
    /// A `traffic.longest_request` longer than a server's timeout, or longer than the deregistration delay before it.
    /// A server behind a deregistration delay that covers the request is fine with less: the request has ended when the signal comes.
    ///
    /// ## Why it matters
    ///
    /// Such a request that begins just before the stop is cut off.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { longest_request: 20s }
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A timeout (or a deregistration delay) as long as the longest request, or the longest request as it really is.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { longest_request: 15s }
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## Options
    ///
    /// - `traffic.longest_request`: not written, nothing is compared.
    /// - `timeout` of a server, and `timeouts` under a platform.
    /// - `load_balancer.deregistration_delay` under `ecs` (300s when not written).
    ///
    /// ## When to allow it
    ///
    /// When such requests can be retried safely, and clients do.
    ///
    /// ## Source
    ///
    /// ECS waits for the deregistration delay at most, then sends the signal: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-connection-draining.html>.
    pub(super) RULE = "LC306", "longest-request-outlives-drain", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some(longest) = &context.manifest.traffic.longest_request else {
        return;
    };
    let place = || Place::Value(longest.route.clone());
    let mut seen = HashSet::new();
    for line in context.timelines {
        for (step, window) in context.plan.steps.iter().zip(&line.windows) {
            let Some(route) = window.timeout.origin.route() else {
                continue;
            };
            let serves = matches!(step.kind, Kind::HttpServer | Kind::GrpcServer);
            if !serves || window.timeout.value >= longest.value || !seen.insert(route) {
                continue;
            }
            let message = format!(
                "a request may take {}, and `{}` has {} to finish it",
                human(longest.value),
                step.name,
                human(window.timeout.value)
            );
            let finding = Finding::new(&RULE, message, Place::Value(route.clone()))
                .on(line.platform())
                .label("it is cut off here")
                .related(place(), "the longest request");
            findings
                .push(finding.help("give it that long, or say what the longest request really is"));
        }
        let balancer = match context.manifest.platforms.get(line.platform()) {
            Some(Platform::Kubernetes(kubernetes)) => kubernetes.load_balancer.as_ref(),
            _ => None,
        };
        let delay = balancer.and_then(Balancer::delay);
        let delay = delay.or_else(|| line.terms.outside.clone());
        let Some(delay) = delay.filter(|delay| delay.value < longest.value) else {
            continue;
        };
        let message = format!(
            "a request may take {}, and the {} is {}",
            human(longest.value),
            delay.label,
            human(delay.value)
        );
        let mut finding = Finding::new(&RULE, message, place())
            .on(line.platform())
            .label("the longest request")
            .note(format!(
                "{} {} ({})",
                delay.label,
                human(delay.value),
                delay.origin
            ));
        if let Some(route) = delay.origin.route() {
            finding = finding.related(
                Place::Value(route.clone()),
                "the balancer ends it after this",
            );
        }
        findings.push(finding.help("raise the deregistration delay to the longest request"));
    }
}
