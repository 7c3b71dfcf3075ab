//! Whoever follows readiness notices too late.

use std::time::Duration;

use super::Context;
use crate::duration::{human, show};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::text::Route;
use crate::timeline::Timeline;

rule! {
    /// A fallen readiness is noticed only after the settle time is over.
    ///
    /// ## What it finds
    ///
    /// A readiness period times the failures it takes that is longer than the settle time.
    ///
    /// ## Why it matters
    ///
    /// Whatever follows readiness (a load balancer's health check, a service registry, a proxy) still sends requests when the port is closed.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic:
    ///   settle: 5s
    ///   health: { port: 9090, period: 2s, failures: 3 }
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A shorter period, fewer failures, or a longer settle time.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic:
    ///   settle: 5s
    ///   health: { port: 9090, period: 1s, failures: 3 }
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## Options
    ///
    /// - `traffic.health.period` (2s when not written) and `traffic.health.failures` (1 when not written).
    /// - `traffic.settle` (5s when not written, where routing lags).
    ///
    /// ## When to allow it
    ///
    /// When nothing but the platform's own endpoint list decides where requests go: Kubernetes takes a deleted pod out of it whatever its readiness says.
    ///
    /// ## Source
    ///
    /// Endpoints of a deleted pod are never ready; balancers outside of the cluster poll on their own (KEP-1669).
    pub(super) RULE = "LC303", "readiness-slower-than-settle", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let (Some(health), Some(written)) = (&context.plan.health, &context.manifest.traffic.health)
    else {
        return;
    };
    // A platform that takes traffic away before the signal does not wait for readiness.
    let lagging = context
        .timelines
        .iter()
        .filter(|line| line.terms.routing_lags);
    let Some(settle) = lagging
        .map(|line| &line.terms.settle)
        .filter(|s| !s.value.is_zero())
        .min_by_key(|s| s.value)
    else {
        return;
    };
    let notice = health.notice();
    if notice <= settle.value {
        return;
    }
    let place = match (&written.period, &written.failures) {
        (Some(period), _) => Place::Value(period.route.clone()),
        (None, Some(failures)) => Place::Value(failures.route.clone()),
        (None, None) => Place::Key(written.route.clone()),
    };
    let message = format!(
        "readiness takes up to {} to be noticed, and the settle time is {}",
        human(notice),
        human(settle.value)
    );
    let mut finding = Finding::new(&RULE, message, place)
        .label(match &written.period {
            Some(_) => format!("asked every {}", human(health.period)),
            None => format!(
                "no `period`: asked every {} by default",
                human(health.period)
            ),
        })
        .note(format!(
            "{} failure{} × {} period = {}, settle time {} ({})",
            health.failures,
            if health.failures == 1 { "" } else { "s" },
            human(health.period),
            human(notice),
            human(settle.value),
            settle.origin
        ));
    if let Some(failures) = written
        .failures
        .as_ref()
        .filter(|_| written.period.is_some())
    {
        let text = "and believed after this many bad answers";
        finding = finding.related(Place::Value(failures.route.clone()), text);
    }
    let fitting = settle.value / health.failures.max(1);
    if fitting >= Duration::from_secs(1) {
        let whole = show(Duration::from_secs(fitting.as_secs()));
        let edit = match &written.period {
            Some(period) => Edit::replace(Place::Value(period.route.clone()), whole.as_str()),
            None => Edit::insert(written.route.clone(), "period", whole.as_str()),
        };
        finding = finding.fix_with(
            format!("write `period: {whole}`"),
            Fix::new(Safety::Unsafe, [edit]),
        );
    }
    let longer = show(notice);
    let edit = match settle.origin.route() {
        Some(route) => Edit::replace(Place::Value(route.clone()), longer.as_str()),
        None => Edit::insert(Route::keys(["traffic"]), "settle", longer.as_str()),
    };
    let or = if finding.help.is_empty() {
        "write"
    } else {
        "or"
    };
    let more = notice.saturating_sub(settle.value);
    findings.push(match without_room(context, more) {
        None => finding.fix_with(
            format!("{or} `settle: {longer}`"),
            Fix::new(Safety::Unsafe, [edit]),
        ),
        // A mend that makes another error is none.
        Some(line) => finding.help(format!(
            "{or} `settle: {longer}`, with a longer `grace_period` on {}: it takes {} more, and {} is to spare",
            line.facts.name,
            human(more),
            human(line.spare().unwrap_or_default()),
        )),
    });
}

/// The platform that has least to spare, where its grace period has no room for this much more settling.
fn without_room<'a>(context: &Context<'a>, more: Duration) -> Option<&'a Timeline> {
    let inside = context.timelines.iter();
    let inside = inside.filter(|line| line.terms.routing_lags && line.terms.outside.is_none());
    inside
        .filter(|line| line.spare().is_some_and(|spare| spare < more))
        .min_by_key(|line| line.spare())
}
