//! Interruptible nodes give less notice than the plan needs.

use std::time::Duration;

use super::Context;
use super::verdict::{grace_place, platform_place};
use crate::duration::human;
use crate::finding::{Finding, Place, Severity};
use crate::platform::LoadBalancer;

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
    let Some((line, kubernetes)) = context.kubernetes() else {
        return;
    };
    let Some((whose, notice)) = kubernetes.spot_notice() else {
        return;
    };
    if line.needed() <= notice.value {
        return;
    }
    let message = format!(
        "shutdown needs {}, and {whose} gives {} of notice",
        human(line.needed()),
        human(notice.value)
    );
    let written = kubernetes.spot.as_ref().map(|spot| &spot.route);
    let Some(route) = notice.origin.route().or(written) else {
        return;
    };
    let mut finding = Finding::new(&RULE, message, Place::Value(route.clone()))
        .on(line.platform())
        .label(format!("ordinary pods have {} here", human(notice.value)));
    finding = finding.related(
        grace_place(context, line),
        "the grace period does not help there",
    );
    findings.push(
        finding
            .note(format!("sum: {}", line.sum()))
            .help("shorten the steps, or run this service on nodes that are not interrupted"),
    );
}

fn on_ecs(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, ecs)) = context.ecs().filter(|(_, ecs)| ecs.is_spot()) else {
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
    let place = delay
        .as_ref()
        .and_then(|delay| delay.origin.route())
        .map_or_else(
            || platform_place(context, line),
            |r| Place::Value(r.clone()),
        );
    let mut finding = Finding::new(&RULE, message, place).on(line.platform());
    if let Some(delay) = &delay {
        finding = finding.label(match delay.origin.is_written() {
            true => "deregistration takes up to this long".to_owned(),
            false => format!("no `deregistration_delay` here: {}", human(delay.value)),
        });
        let words = format!(
            "deregistration delay {} ({})",
            human(delay.value),
            delay.origin
        );
        finding = finding.note(words);
    }
    finding.severity = Severity::Error;
    let mut finding = finding.note(format!("sum: {}", line.sum()));
    for (sidecar, figure) in ecs.sidecars.iter().zip(&line.terms.after) {
        let text = "stops after the program, on a clock of its own";
        finding = finding.related(Place::Value(sidecar.timeout.route.clone()), text);
        finding = finding.note(format!("then {}", figure.term()));
    }
    let room = notice.saturating_sub(line.until_gone());
    findings.push(match &delay {
        Some(_) if room >= Duration::from_secs(1) => finding.help(format!(
            "keep all of it within {}: a deregistration delay of at most {}",
            human(notice),
            human(Duration::from_secs(room.as_secs()))
        )),
        _ => finding
            .help("shorten the steps, or run this service on capacity that is not interrupted"),
    });
}
