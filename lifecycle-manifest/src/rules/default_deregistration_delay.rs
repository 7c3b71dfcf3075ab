//! The target group's default delay, where requests are short.

use std::time::Duration;

use super::Context;
use crate::duration::{human, show};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::{Platform, round_up};

rule! {
    /// The deregistration delay is left at its default of five minutes, and requests are short.
    ///
    /// ## What it finds
    ///
    /// A load balancer without `deregistration_delay`, before a service whose `longest_request` is below a minute.
    ///
    /// ## Why it matters
    ///
    /// ECS waits for the delay before it sends any signal, until no connection to the task is left.
    /// Idle keep-alive connections are enough to make every deploy and every scale-in wait the whole five minutes.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { longest_request: 10s }
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   ecs: { load_balancer: {} }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A delay as long as the longest request, and no shorter than routing needs.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { longest_request: 10s }
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   ecs: { load_balancer: { deregistration_delay: 10s } }
    /// ```
    ///
    /// ## Options
    ///
    /// - `traffic.longest_request`: without it nothing is known of the requests, and nothing is found.
    ///
    /// ## When to allow it
    ///
    /// When the target group is somebody else's, and set there.
    ///
    /// ## Source
    ///
    /// `deregistration_delay.timeout_seconds` is 300 unless it is set: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>.
    /// ECS waits for it before the signal: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-connection-draining.html>.
    pub(super) RULE = "LC307", "default-deregistration-delay", Warning, High, check
}

/// Requests below this are short beside five minutes.
const SHORT: Duration = Duration::from_secs(60);

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, ecs)) = context.on(Platform::ecs) else {
        return;
    };
    // On Spot, the delay and the notice are held against each other.
    let Some(balancer) = ecs.load_balancer.as_ref().filter(|_| !ecs.is_spot()) else {
        return;
    };
    let longest = context.manifest.traffic.longest_request.as_ref();
    let Some(longest) = longest.filter(|longest| longest.value < SHORT) else {
        return;
    };
    if balancer.deregistration_delay.is_some() {
        return;
    }
    let delay = balancer.deregistration_delay();
    let fitting = show(round_up(
        longest.value.max(line.terms.settle.value),
        line.facts.unit,
    ));
    let message = format!(
        "a stop may wait {} for requests that take {} at most",
        human(delay.value),
        human(longest.value)
    );
    let edit = Edit::insert(
        balancer.route.clone(),
        "deregistration_delay",
        fitting.as_str(),
    );
    findings.push(
        Finding::new(&RULE, message, Place::Key(balancer.route.clone()))
            .on(line.platform())
            .label(format!(
                "no `deregistration_delay` here: {}, {}",
                human(delay.value),
                delay.origin
            ))
            .related(Place::Value(longest.route.clone()), "the longest request")
            .fix_with(
                format!("write `deregistration_delay: {fitting}`"),
                Fix::new(Safety::Unsafe, [edit]),
            ),
    );
}
