//! The longest request is longer than what it is given to finish.

use std::collections::HashSet;
use std::time::Duration;

use super::Context;
use super::verdict::platform_place;
use crate::duration::{human, show};
use crate::figure::Figure;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::kind::Kind;
use crate::manifest::Written;
use crate::platform::{Balancer, DEREGISTRATION_DELAY_CAP, Ecs, LoadBalancer, Platform, round_up};
use crate::text::Route;
use crate::timeline::{Timeline, Window};

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
    let mut seen = HashSet::new();
    for line in context.timelines {
        // Behind a deregistration delay, requests end before the signal or are let go of there. What
        // other platforms wait for first only lets traffic move away.
        let deregisters = context.entry(line).and_then(Platform::ecs).is_some();
        if let Some(delay) = line.terms.outside.as_ref().filter(|_| deregisters) {
            if delay.value < longest.value {
                findings.push(by_deregistration(context, line, delay, longest));
            }
            continue;
        }
        // A balancer in front of a cluster, or of Spot capacity, lets go of them by itself; the program
        // still has its steps.
        let delay = match context.entry(line) {
            Some(Platform::Kubernetes(it)) => it.load_balancer.as_ref().and_then(Balancer::delay),
            Some(Platform::Ecs(it)) => {
                let balancer = it.load_balancer.as_ref();
                balancer.map(LoadBalancer::deregistration_delay)
            }
            _ => None,
        };
        if let Some(delay) = delay
            && delay.value < longest.value
        {
            findings.push(by_deregistration(context, line, &delay, longest));
        }
        for (step, window) in context.plan.steps.iter().zip(&line.windows) {
            let Some(route) = window.timeout.origin.route() else {
                continue;
            };
            let serves = matches!(step.kind, Kind::HttpServer | Kind::GrpcServer);
            if serves && window.timeout.value < longest.value && seen.insert(route) {
                findings.push(by_timeout(context, &step.name, window, route, longest));
            }
        }
    }
}

fn by_timeout(
    context: &Context<'_>,
    name: &str,
    window: &Window,
    route: &Route,
    longest: &Written<Duration>,
) -> Finding {
    let message = format!(
        "a request may take {}, and `{name}` has {} to finish it",
        human(longest.value),
        human(window.timeout.value)
    );
    let mut finding = Finding::new(&RULE, message, Place::Value(route.clone()))
        .label("it is cut off here")
        .related(Place::Value(longest.route.clone()), "the longest request");
    // A timeout of the resource holds on every platform, one of a platform on that one.
    let own = context.timelines.iter().find(|line| {
        let platform = context.manifest.platforms.get(line.platform());
        platform.is_some_and(|it| route.segments().starts_with(it.common().route.segments()))
    });
    if let Some(line) = own {
        finding = finding.on(line.platform());
    }
    let more = longest.value.saturating_sub(window.timeout.value);
    let refused = context
        .timelines
        .iter()
        .filter(|line| {
            let mut windows = line.windows.iter();
            windows.any(|window| window.timeout.origin.route() == Some(route))
        })
        .find(|line| {
            let cap = line.terms.cap.as_ref();
            cap.is_some_and(|cap| line.needed() + more > cap.limit)
        });
    let text = show(longest.value);
    let finding = match refused {
        Some(line) => finding.help(format!(
            "{} has no room for {text}: let such requests be shorter, or safe to send again",
            line.facts.name
        )),
        None => finding.fix(
            format!("give it that long: `{text}`"),
            Place::Value(route.clone()),
            text,
        ),
    };
    finding.help("or say in `longest_request` what the longest request really is")
}

fn by_deregistration(
    context: &Context<'_>,
    line: &Timeline,
    delay: &Figure,
    longest: &Written<Duration>,
) -> Finding {
    let message = format!(
        "a request may take {}, and the {} is {}",
        human(longest.value),
        delay.label,
        human(delay.value)
    );
    let finding = Finding::new(&RULE, message, Place::Value(longest.route.clone()))
        .on(line.platform())
        .label("the longest request");
    let finding = match delay.origin.route() {
        Some(route) => finding.related(
            Place::Value(route.clone()),
            "the balancer lets go of it after this",
        ),
        None => finding.related(
            platform_place(context, line),
            format!(
                "no {} here: {}, {}",
                delay.label,
                human(delay.value),
                delay.origin
            ),
        ),
    };
    let enough = round_up(longest.value, line.facts.unit);
    let text = show(enough);
    let ecs = context.entry(line).and_then(Platform::ecs);
    match delay.origin.route() {
        // What is in front of a cluster is set there; here it is only said.
        Some(route) if ecs.is_none() => finding.fix(
            format!("let it wait that long, and write `deregistration_delay: {text}`"),
            Place::Value(route.clone()),
            text,
        ),
        _ if enough <= DEREGISTRATION_DELAY_CAP => {
            // On Spot the delay is part of what the notice has to hold, which may be too little for it.
            let safety = match ecs.is_some_and(Ecs::is_spot) {
                true => Safety::Unsafe,
                false => Safety::Safe,
            };
            let help = format!("write `deregistration_delay: {text}`");
            let balancer = Route::keys(["platforms", line.platform(), "load_balancer"]);
            let edit = Edit::insert(balancer, "deregistration_delay", text);
            finding.fix_with(help, Fix::new(safety, [edit]))
        }
        _ => finding.help(format!(
            "a target group waits {} at most: let such requests be shorter, or safe to send again",
            human(DEREGISTRATION_DELAY_CAP)
        )),
    }
}
