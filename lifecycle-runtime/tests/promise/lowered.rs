//! From a manifest to what a program holds.

use lifecycle::plan::{Drift, Kind, OnFailure, Phase, Plan, Step, Timeline};
use lifecycle_manifest::Resolved;

/// The plan as the macro writes it into a program.
pub(super) fn lowered(resolved: &Resolved) -> Plan {
    let steps = resolved
        .plan
        .steps
        .iter()
        .enumerate()
        .map(|(index, it)| Step {
            name: it.name.clone().into(),
            kind: kind(it.kind.as_str()),
            phase: match it.phase {
                lifecycle_manifest::Phase::Drain => Phase::Drain,
                lifecycle_manifest::Phase::Flush => Phase::Flush,
                lifecycle_manifest::Phase::Close => Phase::Close,
            },
            waits_for: resolved.plan.waits_for(index).into_iter().collect(),
            best_effort: it.best_effort,
            lease: it.lease,
            spread: it.spread,
            on_failure: OnFailure::Stop,
        });
    let timeline = |line: &lifecycle_manifest::Timeline| Timeline {
        platform: line.platform().into(),
        settle: line.app_settle.value,
        timeouts: line.windows.iter().map(|it| it.timeout.value).collect(),
        unwind: line.unwind,
        deadline: line.deadline(),
        grace: line.grace().value,
        kill: line.grace().value.saturating_sub(line.signal_at()),
    };
    Plan {
        service: resolved.plan.service.clone().into(),
        digest: resolved.digest.clone().into(),
        health: None,
        keep_alive: None,
        drift: Drift::Warn,
        steps: steps.collect(),
        timelines: resolved.timelines.iter().map(timeline).collect(),
        unmanaged: timeline(&lifecycle_manifest::unmanaged(
            &resolved.manifest,
            &resolved.plan,
        )),
    }
}

fn kind(name: &str) -> Kind {
    let kinds = [
        Kind::Stream,
        Kind::Task,
        Kind::QueueConsumer,
        Kind::CriticalSection,
        Kind::BlockingWork,
        Kind::Telemetry,
        Kind::AuditLog,
        Kind::MessageBroker,
        Kind::Cache,
        Kind::Database,
        Kind::Custom,
    ];
    let mut kinds = kinds.into_iter();
    kinds
        .find(|kind| kind.as_str() == name)
        .expect("a kind of these tests")
}
