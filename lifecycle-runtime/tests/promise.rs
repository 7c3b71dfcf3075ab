//! The promise, as a property: whatever hangs, fails, panics or dawdles, each step gets its whole
//! timeout, order is kept, the end comes within what the plan promised, and the report is true.

mod common;

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{UNWIND, ms, plan, step};
use lifecycle::plan::{Kind, Plan};
use lifecycle::{Custom, Lifecycle, QueueConsumer, Report, StepOutcome, Stopping, Task, Telemetry};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

/// What a step does when it is told to stop.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Ends well after this long, which is less than its timeout.
    Slow(u64),
    /// Takes this much longer than its timeout unless it is cancelled, and then this long to let go.
    Late { over: u64, unwind: u64 },
    /// Never ends and ignores its cancellation.
    Hang,
    /// Fails after this long.
    Fail(u64),
    /// Panics after this long.
    Panic(u64),
}

#[derive(Debug, Clone)]
struct Given {
    kind: Kind,
    timeout: u64,
    waits_for: Vec<usize>,
    best_effort: bool,
    fault: Fault,
}

/// When a step's own code saw its window open.
type Seen = Arc<Mutex<Vec<Option<Duration>>>>;

fn fault(timeout: u64) -> impl Strategy<Value = Fault> {
    let within = 0..timeout;
    prop_oneof![
        3 => within.clone().prop_map(Fault::Slow),
        1 => Just(Fault::Slow(timeout - 1)),
        2 => (1..500_u64, 0..400_u64).prop_map(|(over, unwind)| Fault::Late { over, unwind }),
        2 => Just(Fault::Hang),
        1 => within.clone().prop_map(Fault::Fail),
        1 => within.prop_map(Fault::Panic),
    ]
}

fn given(index: usize) -> impl Strategy<Value = Given> {
    let kind = prop_oneof![
        Just(Kind::Task),
        Just(Kind::QueueConsumer),
        Just(Kind::Telemetry),
        Just(Kind::Custom)
    ];
    let timeout = prop_oneof![1..50_u64, 100..20_000_u64];
    let waits_for = proptest::collection::btree_set(0..index.max(1), 0..=index.min(3));
    (kind, timeout, waits_for, any::<bool>()).prop_flat_map(
        move |(kind, timeout, waits_for, best_effort)| {
            let waits_for: Vec<usize> = waits_for
                .into_iter()
                .filter(|&other| other < index)
                .collect();
            fault(timeout).prop_map(move |fault| Given {
                kind,
                timeout,
                waits_for: waits_for.clone(),
                best_effort,
                fault,
            })
        },
    )
}

fn service() -> impl Strategy<Value = (u64, Vec<Given>)> {
    let steps = (1..9_usize).prop_flat_map(|count| (0..count).map(given).collect::<Vec<_>>());
    (prop_oneof![Just(0), 1..10_000_u64], steps)
}

fn plan_of(settle: u64, given: &[Given]) -> Plan {
    let steps = given.iter().enumerate().map(|(index, it)| {
        let made = step(&format!("s{index}"), it.kind, ms(it.timeout), &it.waits_for);
        if it.best_effort {
            made.best_effort()
        } else {
            made
        }
    });
    plan(ms(settle), steps.collect())
}

/// The faults of a closer, which knows of no cancellation.
async fn close(fault: Fault, timeout: u64) -> Result<(), &'static str> {
    match fault {
        Fault::Slow(after) => sleep(ms(after)).await,
        Fault::Late { over, .. } => sleep(ms(timeout + over)).await,
        Fault::Hang => pending().await,
        Fault::Fail(after) => {
            sleep(ms(after)).await;
            return Err("fault");
        }
        Fault::Panic(after) => {
            sleep(ms(after)).await;
            panic!("fault");
        }
    }
    Ok(())
}

async fn serve(stopping: Stopping, fault: Fault, timeout: u64) -> Result<(), &'static str> {
    if let Fault::Late { over, unwind } = fault {
        tokio::select! {
            () = sleep(ms(timeout + over)) => {}
            () = stopping.cancelled() => sleep(ms(unwind)).await,
        }
        return Ok(());
    }
    close(fault, timeout).await
}

fn wire(mut lifecycle: Lifecycle, given: &[Given], seen: &Seen) -> Lifecycle {
    let origin = Instant::now();
    for (index, it) in given.iter().enumerate() {
        let (fault, timeout) = (it.fault, it.timeout);
        let seen = Arc::clone(seen);
        let note = move || {
            seen.lock().expect("not poisoned")[index] = Some(origin.elapsed());
        };
        let name = format!("s{index}");
        lifecycle = match it.kind {
            Kind::Task => lifecycle.with(
                name,
                Task::new(move |stopping| async move {
                    stopping.requested().await;
                    note();
                    serve(stopping, fault, timeout).await
                }),
            ),
            Kind::QueueConsumer => lifecycle.with(
                name,
                QueueConsumer::new(move |claims| async move {
                    let _working = claims.working(index);
                    claims.stopping().await;
                    note();
                    close(fault, timeout).await
                }),
            ),
            Kind::Telemetry => lifecycle.with(
                name,
                Telemetry::new(move || {
                    note();
                    close(fault, timeout)
                }),
            ),
            _ => lifecycle.with(
                name,
                Custom::new(move || {
                    note();
                    close(fault, timeout)
                }),
            ),
        };
    }
    lifecycle
}

/// When and how a step must end, worked out from its fault alone.
struct Expected {
    start: Duration,
    end: Duration,
    outcome: StepOutcome,
    /// When the step's own code was told.
    told: Duration,
}

fn expected(settle: Duration, given: &[Given]) -> Vec<Expected> {
    let mut ends: Vec<Expected> = Vec::new();
    for it in given {
        let start = it
            .waits_for
            .iter()
            .map(|&other| ends[other].end)
            .max()
            .unwrap_or(settle);
        // A consumer claims nothing more as soon as the signal has come, unless it waits for others.
        let pulls = it.kind == Kind::QueueConsumer && it.waits_for.is_empty();
        let told = if pulls { Duration::ZERO } else { start };
        let limit = start + ms(it.timeout);
        let (ends_at, outcome) = match it.fault {
            Fault::Slow(after) => (told + ms(after), StepOutcome::Done),
            Fault::Fail(after) => (told + ms(after), StepOutcome::Failed),
            Fault::Panic(after) => (told + ms(after), StepOutcome::Panicked),
            Fault::Hang => (Duration::MAX, StepOutcome::TimedOut),
            Fault::Late { unwind, .. } if it.kind == Kind::Task => {
                (limit + ms(unwind), StepOutcome::TimedOut)
            }
            Fault::Late { over, .. } => match told + ms(it.timeout + over) {
                late if late <= limit => (late, StepOutcome::Done),
                late => (late, StepOutcome::TimedOut),
            },
        };
        ends.push(Expected {
            start,
            end: ends_at.clamp(start, limit + UNWIND),
            outcome,
            told,
        });
    }
    ends
}

fn run(settle: u64, given: &[Given]) -> (Report, Vec<Option<Duration>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let seen: Seen = Arc::new(Mutex::new(vec![None; given.len()]));
    let report = runtime.block_on(async {
        let lifecycle = wire(Lifecycle::new(plan_of(settle, given)), given, &seen).embedded();
        let stop = lifecycle.stop_handle();
        let running = tokio::spawn(lifecycle.run());
        // Everything has started before time moves for the first time.
        tokio::task::yield_now().await;
        stop.stop("test");
        running.await.expect("the run does not panic")
    });
    let seen = seen.lock().expect("not poisoned").clone();
    (report, seen)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_step_gets_its_whole_timeout_and_the_end_comes_as_promised((settle, given) in service()) {
        let plan = plan_of(settle, &given);
        let (report, seen) = run(settle, &given);
        let expected = expected(ms(settle), &given);

        prop_assert_eq!(report.settle, ms(settle));
        for (index, (expected, step)) in expected.iter().zip(&report.steps).enumerate() {
            let outcome = expected.outcome;
            prop_assert_eq!(step.outcome, outcome, "s{}", index);
            prop_assert_eq!(step.start, Some(expected.start), "s{} begins", index);
            prop_assert_eq!(step.end, Some(expected.end), "s{} ends", index);
            prop_assert_eq!(seen[index], Some(expected.told), "s{}'s own code saw it", index);
            prop_assert_eq!(step.error.is_some(), matches!(outcome, StepOutcome::Failed | StepOutcome::Panicked));
            // A consumer that returns an error has let go of its job itself.
            let lost = matches!(outcome, StepOutcome::TimedOut | StepOutcome::Panicked);
            let job = given[index].kind == Kind::QueueConsumer && lost;
            prop_assert_eq!(step.unfinished.len(), usize::from(job), "s{}'s job is named", index);
        }
        let last = expected.iter().map(|step| step.end).max().unwrap_or_default();
        prop_assert_eq!(report.total, last);
        // The deadline leaves 500 ms after the longest path.
        prop_assert!(report.total + ms(500) <= plan.unmanaged.deadline);

        let bad = |kind: fn(Kind) -> bool| {
            given.iter().zip(&expected).any(|(it, expected)| {
                kind(it.kind) && !it.best_effort && expected.outcome != StepOutcome::Done
            })
        };
        let late_flush = given.iter().zip(&expected).any(|(it, expected)| {
            it.kind == Kind::Telemetry && !it.best_effort && expected.outcome == StepOutcome::TimedOut
        });
        let code = if bad(|kind| matches!(kind, Kind::Task | Kind::QueueConsumer)) || late_flush {
            80
        } else if bad(|kind| matches!(kind, Kind::Telemetry | Kind::Custom)) {
            81
        } else {
            0
        };
        prop_assert_eq!(report.exit_code(), code);

        let json = report.to_json();
        prop_assert!(json.len() <= 4096);
        let parsed: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
        prop_assert_eq!(&parsed["exit_code"], &serde_json::json!(code));
        prop_assert_eq!(common::schema::complaints(&parsed), Vec::<String>::new());
    }
}
