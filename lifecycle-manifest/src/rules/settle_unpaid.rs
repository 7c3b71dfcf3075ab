//! Nobody waits until routing has noticed.

use super::Context;
use super::verdict::platform_place;
use crate::duration::{human, show};
use crate::finding::{Finding, Place, Severity};

rule! {
    /// The instance stops before routing has noticed that it leaves.
    ///
    /// ## What it finds
    ///
    /// A settle time that neither the platform nor the program waits for in full.
    /// As a warning: a settle time of zero where routing lags behind the stop.
    ///
    /// ## Why it matters
    ///
    /// Requests keep arriving for as long as routing needs, and meet a closed port: 502s at every deploy.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { settle: 10s }
    /// resources:
    ///   http: { kind: http-server, timeout: 10s }
    /// platforms:
    ///   kubernetes: { pre_stop: 3s, app_settle: 2s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Leave `pre_stop` and `app_settle` away: the platform waits as long as it can, and the program for the rest.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { settle: 10s }
    /// resources:
    ///   http: { kind: http-server, timeout: 10s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## Options
    ///
    /// - `traffic.settle` (5s when not written, where routing lags): how long routing needs to notice.
    /// - `pre_stop` under `kubernetes`, `load_balancer.deregistration_delay` under `ecs`: what the platform waits before the signal.
    /// - `app_settle` under a platform: how long the program keeps serving after the signal. Not written, it is what is left of the settle time.
    ///
    /// ## When to allow it
    ///
    /// A settle time of zero is right where clients retry on a refused connection, or nothing routes to the service.
    ///
    /// ## Source
    ///
    /// Endpoints are taken away while the pod is stopped, with no order between the two: <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination>.
    /// Real kube-proxy, rolling restart: 35 of 1,750 requests failed without a preStop sleep, none of 1,952 with one.
    pub(super) RULE = "LC301", "settle-unpaid", Error, Medium, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let paid = line.terms.paid_before_signal + line.app_settle.value;
        let owed = line.terms.settle.value;
        let Some(missing) = owed.checked_sub(paid).filter(|missing| !missing.is_zero()) else {
            continue;
        };
        let written = line.app_settle.origin.route();
        let place = match written {
            Some(route) => Place::Value(route.clone()),
            None => platform_place(context, line),
        };
        let message = format!(
            "on {} the port closes {} before routing has noticed",
            line.facts.name,
            human(missing)
        );
        let mut finding = Finding::new(&RULE, message, place)
            .on(line.platform())
            .label(format!(
                "the program serves on for {} after the signal",
                human(line.app_settle.value)
            ))
            .note(format!(
                "routing needs {} ({}): {} pass before the signal, {} after it",
                human(owed),
                line.terms.settle.origin,
                human(line.terms.paid_before_signal),
                human(line.app_settle.value)
            ));
        if let Some(route) = line.terms.settle.origin.route() {
            finding = finding.related(Place::Value(route.clone()), "routing needs this long");
        }
        let rest = show(line.app_settle.value + missing);
        findings.push(match written {
            Some(route) => finding.fix(
                format!("write `app_settle: {rest}`"),
                Place::Value(route.clone()),
                rest,
            ),
            None => finding.help(format!("write `app_settle: {rest}`")),
        });
    }
    zero(context, findings);
}

/// A settle time of zero, said once for all platforms whose routing lags.
fn zero(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some(settle) = context
        .manifest
        .traffic
        .settle
        .as_ref()
        .filter(|s| s.value.is_zero())
    else {
        return;
    };
    let takes_traffic = context
        .plan
        .steps
        .iter()
        .any(|step| step.kind.takes_traffic());
    let unpaid: Vec<&str> = context
        .timelines
        .iter()
        .filter(|line| line.terms.routing_lags && line.terms.paid_before_signal.is_zero())
        .filter(|line| line.app_settle.value.is_zero())
        .map(|line| line.facts.name)
        .collect();
    if !takes_traffic || unpaid.is_empty() {
        return;
    }
    let place = Place::Value(settle.route.clone());
    let message = format!(
        "on {} requests still arrive when the port is closed",
        match unpaid.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => unpaid.concat(),
        }
    );
    let mut finding = Finding::new(&RULE, message, place.clone())
        .label("nobody waits until routing has noticed")
        .fix("write `settle: 5s`, the default", place, "5s");
    finding.severity = Severity::Warning;
    findings.push(finding);
}
