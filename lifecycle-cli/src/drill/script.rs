//! What the platform does, from a timeline.

use std::time::Duration;

use lifecycle_manifest::duration::human;
use lifecycle_manifest::{DrillExpect, Platform, Resolved, Timeline, Written, contract};

use lifecycle_drill::{Expectations, PlannedStep, Script};

/// How long after the signal readiness may still say yes without being called late.
const READINESS_BUDGET: Duration = Duration::from_millis(500);

pub(super) fn script(resolved: &Resolved, line: &Timeline) -> Script {
    let terms = &line.terms;
    let drill = resolved.manifest.drill.as_ref();
    let expect = drill.map(|drill| drill.expect.clone()).unwrap_or_default();
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
    let platform = resolved.manifest.platforms.get(line.platform());
    // A balancer before the cluster that says how long it goes on sending is taken at its word.
    let propagation = platform
        .and_then(|platform| platform.kubernetes()?.load_balancer.as_ref())
        .and_then(|balancer| balancer.propagation.as_ref())
        .map_or(Duration::ZERO, |written| written.value);
    Script {
        service: resolved.plan.service.clone(),
        platform: line.platform().to_owned(),
        platform_label: line.facts.name.to_owned(),
        deregistration: terms.outside.as_ref().map(|outside| outside.value),
        deregistration_ends_early: platform.is_some_and(|platform| platform.ecs().is_some()),
        hook: terms.hook.as_ref().map(|hook| hook.value),
        signal: terms.signal,
        signals_everyone: platform.is_some_and(Platform::signals_everyone),
        grace: line.grace().value,
        kill_floor: line.facts.kill_floor,
        routing_lag: terms.settle.value.max(propagation),
        readiness_budget: expect
            .readiness_within
            .as_ref()
            .map_or(READINESS_BUDGET, |within| within.value),
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
        expect: expectations(&expect),
    }
}

/// What is written, and the defaults for the rest.
fn expectations(written: &DrillExpect) -> Expectations {
    fn number<N: Copy>(written: Option<&Written<N>>) -> Option<N> {
        written.map(|written| written.value)
    }
    let millis = |written: &Option<Written<Duration>>| {
        written
            .as_ref()
            .map(|written| written.value.as_secs_f64() * 1_000.0)
    };
    let usual = Expectations::default();
    Expectations {
        lost: number(written.lost.as_ref()).unwrap_or(usual.lost),
        server_errors: number(written.server_errors.as_ref()).unwrap_or(usual.server_errors),
        refused: number(written.refused.as_ref()),
        exit_code: number(written.exit_code.as_ref()).map_or(usual.exit_code, i32::from),
        exit_within_ms: millis(&written.exit_within),
        p99_ms: millis(&written.p99),
    }
}
