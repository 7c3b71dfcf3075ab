//! What the platform does, from a timeline.

use std::time::Duration;

use anyhow::{Result, bail};
use lifecycle_manifest::duration::human;
use lifecycle_manifest::platform::KillMode;
use lifecycle_manifest::{DrillExpect, Platform, Resolved, Timeline, Written, contract};

use super::target;
use crate::cli::DrillArgs;
use lifecycle_drill::{Expectations, PlannedStep, Script};

/// How long after the signal readiness may still say yes without being called late.
const READINESS_BUDGET: Duration = Duration::from_millis(500);

/// An error where the drill would play a signal that the platform never sends. An engine that plays the
/// stop by itself sends what it sends.
pub(super) fn ensure_signalled(
    args: &DrillArgs,
    resolved: &Resolved,
    line: &Timeline,
) -> Result<()> {
    let key = line.platform();
    if target::own_platform(args) == Some(key) {
        return Ok(());
    }
    let (written, instead, remedy) = match resolved.manifest.platforms.get(key) {
        Some(Platform::Pm2(pm2)) if is_set(pm2.shutdown_with_message.as_ref()) => (
            "shutdown_with_message: true",
            "PM2 sends this program no signal but the message `shutdown` on Node's channel, which the \
             drill does not speak",
            "take `shutdown_with_message` away, and PM2 sends its signal",
        ),
        Some(Platform::Systemd(systemd)) if systemd.kill_mode() == KillMode::None => (
            "kill_mode: none",
            "systemd sends this program no signal, and never ends it",
            "write `kill_mode: mixed`, and systemd sends SIGTERM",
        ),
        _ => return Ok(()),
    };
    bail!(
        "there is no signal to play: with `{written}` under `{key}` {instead}; {remedy}, or name with \
         --platform one that signals"
    );
}

fn is_set(written: Option<&Written<bool>>) -> bool {
    written.is_some_and(|written| written.value)
}

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

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use lifecycle_manifest::Analysis;

    use super::*;
    use crate::cli::{Cli, Command};

    /// What is objected to in a drill of a manifest with this entry, with these flags.
    fn objection(platform: &str, entry: &str, flags: &[&str]) -> Option<String> {
        let text = format!(
            "lifecycle: 1\nservice: shop\nresources: {{ http: {{ kind: http-server, port: 8080, timeout: \
             3s }} }}\nplatforms: {{ {platform}: {entry} }}\n"
        );
        let analysis = Analysis::of(&text);
        let resolved = analysis
            .resolved
            .unwrap_or_else(|| panic!("{entry}: {:?}", analysis.findings));
        let words = ["lifecycle", "drill"];
        let cli = Cli::try_parse_from(words.iter().chain(flags)).unwrap();
        let Command::Drill(args) = cli.command else {
            unreachable!()
        };
        let checked = ensure_signalled(&args, &resolved, &resolved.timelines[0]);
        checked.err().map(|error| error.to_string())
    }

    #[test]
    fn what_the_platform_does_not_signal_is_not_drilled_by_signal() {
        let message = |truth: &str| {
            format!("{{ grace_period: 10s, script: server.js, shutdown_with_message: {truth} }}")
        };
        let said = objection("pm2", &message("true"), &[]).unwrap();
        assert!(
            said.contains("no signal but the message `shutdown`"),
            "{said}"
        );
        assert!(
            said.contains("`shutdown_with_message: true` under `pm2`"),
            "{said}"
        );
        assert!(said.contains("--platform"), "{said}");
        assert_eq!(objection("pm2", &message("false"), &[]), None);
        assert_eq!(objection("pm2", "{ grace_period: 10s }", &[]), None);

        let said = objection("systemd", "{ kill_mode: none }", &[]).unwrap();
        assert!(said.contains("`kill_mode: none` under `systemd`"), "{said}");
        assert!(said.contains("never ends it"), "{said}");
        for signalled in [
            "{ kill_mode: process }",
            "{ kill_mode: control-group }",
            "{}",
        ] {
            assert_eq!(objection("systemd", signalled, &[]), None, "{signalled}");
        }
        assert_eq!(objection("kubernetes", "{}", &[]), None);
    }

    #[test]
    fn an_engine_that_stops_it_by_itself_sends_what_it_sends() {
        let unit = ["--unit", "shop.service"];
        assert_eq!(objection("systemd", "{ kill_mode: none }", &unit), None);
    }
}
