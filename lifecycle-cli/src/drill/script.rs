//! What the platform does, from a timeline.

use std::time::Duration;

use lifecycle_manifest::duration::human;
use lifecycle_manifest::{Resolved, Timeline, contract};

use lifecycle_drill::{PlannedStep, Script};

/// How long after the signal readiness may still say yes without being called late.
const READINESS_BUDGET: Duration = Duration::from_millis(500);

pub(super) fn script(resolved: &Resolved, line: &Timeline) -> Script {
    let terms = &line.terms;
    // Not every wait before the signal is one in which routing notices.
    let paid = terms
        .outside
        .as_ref()
        .filter(|_| !terms.paid_before_signal.is_zero());
    let payer = match (&terms.hook, paid) {
        (Some(hook), _) => hook.term(),
        (None, Some(outside)) => outside.term(),
        (None, None) if line.app_settle.value.is_zero() => "nobody".to_owned(),
        (None, None) => format!("the program, {}", human(line.app_settle.value)),
    };
    // A balancer before the cluster that says how long it goes on sending is taken at its word.
    let propagation = resolved
        .manifest
        .platforms
        .get(line.platform())
        .and_then(|platform| platform.kubernetes()?.load_balancer.as_ref())
        .and_then(|balancer| balancer.propagation.as_ref())
        .map_or(Duration::ZERO, |written| written.value);
    Script {
        service: resolved.plan.service.clone(),
        platform: line.platform().to_owned(),
        platform_label: line.facts.name.to_owned(),
        signals_everyone: false,
        deregistration: terms.outside.as_ref().map(|outside| outside.value),
        deregistration_ends_early: resolved
            .manifest
            .platforms
            .get(line.platform())
            .is_some_and(|platform| platform.ecs().is_some()),
        hook: terms.hook.as_ref().map(|hook| hook.value),
        signal: terms.signal,
        grace: line.grace().value,
        kill_floor: line.facts.kill_floor,
        routing_lag: terms.settle.value.max(propagation),
        readiness_budget: READINESS_BUDGET,
        // Kubernetes would not ask any more; a program that calls itself dead is a fault all the same.
        liveness_probed: true,
        deadline: Some(line.deadline()),
        env: contract::environment(resolved, line)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        settle_payer: payer,
        steps: resolved
            .plan
            .steps
            .iter()
            .zip(&line.windows)
            .map(|(step, window)| PlannedStep {
                name: step.name.clone(),
                kind: step.kind.as_str().to_owned(),
                start: window.start,
                timeout: window.timeout.value,
                end: window.end,
            })
            .collect(),
    }
}
