//! The server closes idle connections before the balancer in front of it does.

use std::time::Duration;

use super::Context;
use crate::duration::{human, show};
use crate::figure::Figure;
use crate::finding::{Finding, Place, Severity};
use crate::manifest::Written;
use crate::platform::{Balancer, Platform};
use crate::text::Route;
use crate::timeline::Timeline;

rule! {
    /// The server closes idle connections before the load balancer does.
    ///
    /// ## What it finds
    ///
    /// A `traffic.keep_alive` no longer than the balancer's idle timeout: on ECS the written one or the default, on Kubernetes the written one.
    /// One that is less than five seconds longer is a warning.
    ///
    /// ## Why it matters
    ///
    /// The balancer reuses a connection in the instant in which the server closes it: a 502 now and then, at any time and not only at deploys.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { keep_alive: 60s }
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   ecs: { load_balancer: { deregistration_delay: 30s } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A keep-alive at least five seconds longer than the idle timeout.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { keep_alive: 65s }
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   ecs: { load_balancer: { deregistration_delay: 30s } }
    /// ```
    ///
    /// ## Options
    ///
    /// - `traffic.keep_alive`: how long the server keeps an idle connection. Not written, nothing is compared.
    /// - `load_balancer.idle_timeout` under `ecs` (60s when not written, the default of an Application Load Balancer).
    ///
    /// ## When to allow it
    ///
    /// Never: it fails requests at random.
    ///
    /// ## Source
    ///
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>: the idle timeout of the application is to be larger than the balancer's.
    pub(super) RULE = "LC305", "keep-alive-below-balancer", Error, High, check
}

const ROOM: Duration = Duration::from_secs(5);

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some(keep_alive) = &context.manifest.traffic.keep_alive else {
        return;
    };
    let mut balancers: Vec<(&Timeline, Route, Figure)> = Vec::new();
    if let Some((line, kubernetes)) = context.on(Platform::kubernetes)
        && let Some(idle) = kubernetes.load_balancer.as_ref().and_then(Balancer::idle)
    {
        balancers.push((line, kubernetes.common.route.clone(), idle));
    }
    if let Some((line, ecs)) = context.on(Platform::ecs)
        && let Some(balancer) = &ecs.load_balancer
    {
        balancers.push((line, balancer.route.clone(), balancer.idle_timeout()));
    }
    for (line, balancer, idle) in balancers {
        if keep_alive.value < idle.value + ROOM {
            findings.push(finding(keep_alive, line, &balancer, &idle));
        }
    }
}

fn finding(
    keep_alive: &Written<Duration>,
    line: &Timeline,
    balancer: &Route,
    idle: &Figure,
) -> Finding {
    let message = format!(
        "the server closes idle connections after {}, and the load balancer keeps them for {}",
        human(keep_alive.value),
        human(idle.value)
    );
    let place = Place::Value(keep_alive.route.clone());
    let mut finding = Finding::new(&RULE, message, place.clone())
        .on(line.platform())
        .label(match keep_alive.value <= idle.value {
            true => "the balancer may still use the connection then",
            false => "a request that is sent in the last moment may still come then",
        });
    if keep_alive.value > idle.value {
        finding.severity = Severity::Warning;
    }
    finding = match idle.origin.route() {
        Some(route) => finding.related(
            Place::Value(route.clone()),
            "the balancer keeps idle connections for this long",
        ),
        None => finding.related(
            Place::Key(balancer.clone()),
            format!(
                "no `idle_timeout` here: {}, {}",
                human(idle.value),
                idle.origin
            ),
        ),
    };
    let longer = show(idle.value + ROOM);
    finding.fix(
        format!("write `keep_alive: {longer}` or more"),
        place,
        longer,
    )
}
