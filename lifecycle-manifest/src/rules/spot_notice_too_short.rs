//! Interruptible nodes give less notice than the plan needs.

use std::time::Duration;

use super::Context;
use super::shorter::timeouts_within;
use super::verdict::{grace_place, platform_place};
use crate::duration::{human, show};
use crate::figure::Figure;
use crate::finding::{Edit, Finding, Fix, Place, Safety, Severity};
use crate::platform::{LoadBalancer, Platform, Spot};

rule! {
    /// The notice of an interruptible node is shorter than the shutdown.
    ///
    /// ## What it finds
    ///
    /// A plan on Spot capacity that needs more than the notice; on ECS together with the deregistration delay before it and the sidecars after it, and as an error.
    ///
    /// ## Why it matters
    ///
    /// The machine goes when the notice is over, whatever the grace period says.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 20s }
    /// platforms:
    ///   kubernetes: { spot: gke, grace_period: 60s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Steps that fit the notice, or nodes that are not interrupted.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 20s }
    /// platforms:
    ///   kubernetes: { spot: gke, grace_period: 60s, timeouts: { http: 6s } }
    /// ```
    ///
    /// ## Options
    ///
    /// - `spot` under `kubernetes`: `aws` or `gke`; under `ecs`: `true` for Spot capacity.
    /// - `limits.spot_notice` under `kubernetes`: the notice, where it is not the usual.
    /// - `sidecars` under `ecs`: containers that stop after the program, each on a clock of its own.
    /// - `timeouts` under the platform: steps that are tighter there.
    /// - `load_balancer.deregistration_delay` under `ecs` (300s when not written).
    ///
    /// ## When to allow it
    ///
    /// When losing the work of an interrupted node is acceptable and rare enough.
    ///
    /// ## Source
    ///
    /// EC2 and Fargate Spot: two minutes, <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html>.
    /// GKE Spot: 30 seconds, of which ordinary pods get 15, <https://docs.cloud.google.com/kubernetes-engine/docs/concepts/spot-vms>.
    pub(super) RULE = "LC403", "spot-notice-too-short", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    on_kubernetes(context, findings);
    on_ecs(context, findings);
}

fn on_kubernetes(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, kubernetes)) = context.on(Platform::kubernetes) else {
        return;
    };
    let Some((whose, notice)) = kubernetes.spot_notice() else {
        return;
    };
    let spot = kubernetes.spot.as_ref();
    let route = notice.origin.route().or(spot.map(|spot| &spot.route));
    let Some(route) = route.filter(|_| line.needed() > notice.value) else {
        return;
    };
    let notice = notice.value;
    let message = format!(
        "shutdown needs {}, and {whose} gives {} of notice",
        human(line.needed()),
        human(notice)
    );
    let mut finding = Finding::new(&RULE, message, Place::Value(route.clone()))
        .on(line.platform())
        .label(match spot.map(|spot| spot.value) {
            Some(Spot::Gke) => format!("ordinary pods get {} of its notice", human(notice)),
            _ => format!("the machine is gone {} after its notice", human(notice)),
        })
        .related(
            grace_place(context, line),
            "a longer grace period does not help there",
        )
        .note(format!("sum: {}, notice {}", line.sum(), human(notice)));
    finding.help.extend(timeouts_within(context, line, notice));
    findings.push(with_other_nodes(
        finding,
        spot.map_or("spot_notice", |_| "spot"),
    ));
}

/// Adds the way out that needs other machines.
fn with_other_nodes(finding: Finding, key: &str) -> Finding {
    finding.or_help(&format!(
        "run it where nothing is interrupted, and take `{key}` away"
    ))
}

fn on_ecs(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, ecs)) = context.on(Platform::ecs).filter(|(_, ecs)| ecs.is_spot()) else {
        return;
    };
    let notice = crate::platform::SPOT_NOTICE;
    let delay = ecs
        .load_balancer
        .as_ref()
        .map(LoadBalancer::deregistration_delay);
    let before = delay.as_ref().map_or(Duration::ZERO, |delay| delay.value);
    let total = before + line.until_gone();
    if total <= notice {
        return;
    }
    let what = match (&delay, ecs.sidecars.is_empty()) {
        (Some(_), true) => "deregistration and shutdown together need",
        (Some(_), false) => "deregistration, shutdown and sidecars together need",
        (None, true) => "shutdown needs",
        (None, false) => "shutdown and sidecars together need",
    };
    let message = format!(
        "{what} {}, and Spot gives {} of notice",
        human(total),
        human(notice)
    );
    let place = match (&delay, &ecs.spot) {
        (Some(delay), _) => match delay.origin.route() {
            Some(route) => Place::Value(route.clone()),
            None => platform_place(context, line),
        },
        (None, Some(spot)) => Place::Value(spot.route.clone()),
        (None, None) => platform_place(context, line),
    };
    let mut finding = Finding::new(&RULE, message, place)
        .on(line.platform())
        .label(format!(
            "the task is gone {} after the notice",
            human(notice)
        ));
    finding.severity = Severity::Error;
    if let Some(delay) = &delay {
        finding = finding.label(match delay.origin.is_written() {
            true => "deregistration takes up to this long".to_owned(),
            false => format!(
                "no `deregistration_delay` here: {}, {}",
                human(delay.value),
                delay.origin
            ),
        });
    }
    for (sidecar, figure) in ecs.sidecars.iter().zip(&line.terms.after) {
        let text = format!("stops after the program, within {}", human(figure.value));
        finding = finding.related(Place::Value(sidecar.timeout.route.clone()), text);
    }
    let mut parts: Vec<String> = delay.iter().map(Figure::term).collect();
    parts.push(format!("{} shutdown", human(line.needed())));
    parts.extend(line.terms.after.iter().map(Figure::term));
    if parts.len() > 1 {
        finding = finding.note(format!(
            "{} = {}, notice {}",
            parts.join(" + "),
            human(total),
            human(notice)
        ));
    }
    finding = finding.note(format!("shutdown: {}", line.sum()));
    let room = Duration::from_secs(notice.saturating_sub(line.until_gone()).as_secs());
    findings.push(match (&delay, &ecs.load_balancer) {
        // A delay of nothing would cut every request off.
        (Some(delay), Some(balancer)) if !room.is_zero() => {
            let most = show(room);
            let edit = match delay.origin.route() {
                Some(route) => Edit::replace(Place::Value(route.clone()), most.as_str()),
                None => Edit::insert(
                    balancer.route.clone(),
                    "deregistration_delay",
                    most.as_str(),
                ),
            };
            finding.fix_with(
                format!("write `deregistration_delay: {most}` or less"),
                Fix::new(Safety::Unsafe, [edit]),
            )
        }
        _ => {
            let others = total.saturating_sub(line.needed());
            let left = notice.saturating_sub(others);
            finding.help.extend(timeouts_within(context, line, left));
            with_other_nodes(finding, "spot")
        }
    });
}
