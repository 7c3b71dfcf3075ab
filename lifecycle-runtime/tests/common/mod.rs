//! Plans for tests, and services that are stopped.
#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod schema;
#[path = "../../../tests/skipped.rs"]
mod skipped;

use std::time::Duration;

use lifecycle::plan::{Drift, Kind, OnFailure, Phase, Plan, Step, Timeline};
use lifecycle::{Lifecycle, Report, StepReport};
#[allow(unused_imports, reason = "each test program uses its part")]
pub(crate) use skipped::skipped;
use tokio::time::sleep;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A step and its timeout.
pub(crate) struct Given {
    pub(crate) step: Step,
    pub(crate) timeout: Duration,
}

/// `name` of `kind` with `timeout`, after the steps at `waits_for`.
pub(crate) fn step(name: &str, kind: Kind, timeout: Duration, waits_for: &[usize]) -> Given {
    let phase = match kind {
        Kind::Telemetry | Kind::AuditLog => Phase::Flush,
        Kind::MessageBroker | Kind::Cache | Kind::Database | Kind::File | Kind::Custom => {
            Phase::Close
        }
        _ => Phase::Drain,
    };
    Given {
        step: Step {
            name: name.to_owned().into(),
            kind,
            phase,
            waits_for: waits_for.to_vec().into(),
            best_effort: false,
            lease: None,
            spread: None,
            on_failure: OnFailure::Stop,
        },
        timeout,
    }
}

impl Given {
    pub(crate) fn best_effort(mut self) -> Self {
        self.step.best_effort = true;
        self
    }

    pub(crate) fn restarting(mut self) -> Self {
        self.step.on_failure = OnFailure::Restart;
        self
    }
}

pub(crate) const UNWIND: Duration = ms(250);

/// A plan of these steps; it settles `settle` and knows one platform, `kubernetes`, which does not.
pub(crate) fn plan(settle: Duration, given: Vec<Given>) -> Plan {
    let timeouts: Vec<Duration> = given.iter().map(|it| it.timeout).collect();
    let steps: Vec<Step> = given.into_iter().map(|it| it.step).collect();
    let mut ends: Vec<Duration> = Vec::new();
    for (step, timeout) in steps.iter().zip(&timeouts) {
        let start = step
            .waits_for
            .iter()
            .map(|&other| ends[other])
            .max()
            .unwrap_or_default();
        ends.push(start + *timeout + UNWIND);
    }
    let work = ends.iter().copied().max().unwrap_or_default();
    let timeline = |platform: &'static str, settle: Duration| Timeline {
        platform: platform.into(),
        settle,
        timeouts: timeouts.clone().into(),
        unwind: UNWIND,
        deadline: settle + work + ms(500),
        grace: ms(30_000),
        kill: ms(30_000),
    };
    Plan {
        service: "shop".into(),
        digest: "00112233aabbccdd".into(),
        health: None,
        keep_alive: None,
        drift: Drift::Warn,
        timelines: vec![timeline("kubernetes", Duration::ZERO)].into(),
        unmanaged: timeline("unmanaged", settle),
        steps: steps.into(),
    }
}

/// Runs the service, asks it to stop after a second, and gives the report.
pub(crate) async fn stopped(lifecycle: Lifecycle) -> Report {
    let stop = lifecycle.stop_handle();
    let running = tokio::spawn(lifecycle.embedded().run());
    sleep(ms(1000)).await;
    stop.stop("test");
    running.await.expect("the run does not panic")
}

pub(crate) fn found<'r>(report: &'r Report, name: &str) -> &'r StepReport {
    report
        .steps
        .iter()
        .find(|step| step.name == name)
        .expect("a step of this name")
}

pub(crate) fn window(report: &Report, name: &str) -> (u128, u128) {
    let step = found(report, name);
    let millis = |time: Option<Duration>| time.expect("the step ran").as_millis();
    (millis(step.start), millis(step.end))
}
