//! Random plans, random faults, random signals: the steps.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lifecycle::plan::{Kind, Plan};
use lifecycle::testing::Termination;
use lifecycle::{
    CriticalSection, Custom, Gate, Lifecycle, QueueConsumer, Report, Resource, Resources, Signal,
    StepOutcome, Task, Telemetry, Wiring,
};
use proptest::prelude::*;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

use super::common::{UNWIND, ms, plan, step, stopped};
use super::{Fault, holds, on_paused_clock};

/// How long it serves before it is stopped.
const SERVES: Duration = ms(1000);
/// What a step has at most when somebody at a terminal has pressed Ctrl-C.
const HURRIED: Duration = ms(3000);

#[derive(Debug, Clone)]
struct Given {
    kind: Kind,
    timeout: u64,
    waits_for: Vec<usize>,
    best_effort: bool,
    fault: Fault,
}

/// Who stops it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stop {
    /// The service itself.
    Handle,
    Sigterm,
    /// The platform, which has paid for routing to notice.
    PlatformsSigterm,
    /// Somebody at a terminal.
    CtrlC,
}

#[derive(Debug, Clone)]
struct Service {
    settle: u64,
    stop: Stop,
    /// Further SIGTERMs, so long after the first signal: they change nothing.
    again: Vec<u64>,
    steps: Vec<Given>,
}

/// When a step's own code saw its window open.
type Seen = Arc<Mutex<Vec<Option<Duration>>>>;

fn fault(timeout: u64) -> impl Strategy<Value = Fault> {
    let within = 0..timeout;
    prop_oneof![
        3 => within.clone().prop_map(Fault::Slow),
        1 => Just(Fault::Slow(timeout - 1)),
        2 => (1..500_u64, 0..400_u64)
            .prop_map(move |(over, unwind)| Fault::Late { after: timeout + over, unwind }),
        2 => Just(Fault::Hang),
        1 => within.clone().prop_map(Fault::Fail),
        1 => within.prop_map(Fault::Panic),
    ]
}

fn given(index: usize) -> impl Strategy<Value = Given> {
    let kind = prop_oneof![
        Just(Kind::Task),
        Just(Kind::QueueConsumer),
        Just(Kind::CriticalSection),
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
                // Nobody asks those inside how it went.
                fault: match (kind, fault) {
                    (Kind::CriticalSection, Fault::Fail(after)) => Fault::Slow(after),
                    _ => fault,
                },
            })
        },
    )
}

fn service() -> impl Strategy<Value = Service> {
    let stop = prop_oneof![
        Just(Stop::Handle),
        Just(Stop::Sigterm),
        Just(Stop::PlatformsSigterm),
        Just(Stop::CtrlC)
    ];
    let steps = (1..9_usize).prop_flat_map(|count| (0..count).map(given).collect::<Vec<_>>());
    let settle = prop_oneof![Just(0), 1..10_000_u64];
    let again = proptest::collection::vec(1..20_000_u64, 0..3);
    (settle, stop, again, steps).prop_map(|(settle, stop, again, steps)| Service {
        settle,
        stop,
        again,
        steps,
    })
}

impl Service {
    fn plan(&self) -> Plan {
        let steps = self.steps.iter().enumerate().map(|(index, it)| {
            let made = step(&name(index), it.kind, ms(it.timeout), &it.waits_for);
            if it.best_effort {
                made.best_effort()
            } else {
                made
            }
        });
        plan(ms(self.settle), steps.collect())
    }

    fn settle(&self) -> Duration {
        match self.stop {
            Stop::Handle | Stop::Sigterm => ms(self.settle),
            Stop::PlatformsSigterm | Stop::CtrlC => Duration::ZERO,
        }
    }

    /// When and how each step must end, worked out from its fault alone.
    fn expected(&self) -> Vec<Expected> {
        let mut expected: Vec<Expected> = Vec::new();
        for it in &self.steps {
            let ends = it.waits_for.iter().map(|&other| expected[other].end);
            let start = ends.max().unwrap_or(self.settle());
            // A consumer for which nobody makes work any more claims none from the signal on.
            let told = match it.kind == Kind::QueueConsumer && it.waits_for.is_empty() {
                true => Duration::ZERO,
                false => start,
            };
            let limit = match self.stop {
                Stop::CtrlC => ms(it.timeout).min(HURRIED),
                _ => ms(it.timeout),
            };
            let over = start + limit;
            let ends = it.fault.ends().map(|after| told + after);
            let (end, outcome) = match (ends.filter(|&end| end < over), it.fault) {
                (Some(end), Fault::Fail(_)) => (end, StepOutcome::Failed),
                (Some(end), Fault::Panic(_)) => (end, StepOutcome::Panicked),
                (Some(end), _) => (end, StepOutcome::Done),
                (None, fault) => {
                    let hears = matches!(it.kind, Kind::Task | Kind::CriticalSection);
                    let end = match fault {
                        Fault::Late { unwind, .. } if hears => over + ms(unwind),
                        _ => ends.unwrap_or(over + UNWIND),
                    };
                    (end.min(over + UNWIND), StepOutcome::TimedOut)
                }
            };
            expected.push(Expected {
                start,
                told,
                end: end.max(start),
                outcome,
                limit,
                draw: ends == Some(over),
            });
        }
        expected
    }

    fn exit_code(&self, expected: &[Expected]) -> u8 {
        let bad = |code: u8| {
            self.steps.iter().zip(expected).any(|(it, expected)| {
                let draining = !matches!(it.kind, Kind::Telemetry | Kind::Custom);
                let late_flush =
                    it.kind == Kind::Telemetry && expected.outcome == StepOutcome::TimedOut;
                let costs = if draining || late_flush { 80 } else { 81 };
                !it.best_effort && expected.outcome != StepOutcome::Done && costs == code
            })
        };
        [80, 81].into_iter().find(|&code| bad(code)).unwrap_or(0)
    }
}

struct Expected {
    start: Duration,
    /// When its own code hears of it.
    told: Duration,
    end: Duration,
    outcome: StepOutcome,
    limit: Duration,
    /// It ends exactly at its limit: either of two things happens first.
    draw: bool,
}

fn name(index: usize) -> String {
    format!("s{index}")
}

type Wire = Box<dyn FnOnce(&mut Wiring)>;

/// Resources that are wired by what runs them.
#[derive(Default)]
struct Wired(Vec<Wire>);

impl Resources for Wired {
    fn wire(self, wiring: &mut Wiring) {
        self.0.into_iter().for_each(|add| add(wiring));
    }
}

impl Wired {
    fn add(&mut self, index: usize, resource: impl Resource + 'static) {
        self.0
            .push(Box::new(move |wiring| wiring.add(name(index), resource)));
    }
}

fn wire(steps: &[Given], expected: &[Expected], seen: &Seen) -> Wired {
    let origin = Instant::now();
    let mut wired = Wired::default();
    for (index, (it, expected)) in steps.iter().zip(expected).enumerate() {
        let fault = it.fault;
        let seen = Arc::clone(seen);
        let note = move || {
            seen.lock().expect("not poisoned")[index] = origin.elapsed().checked_sub(SERVES);
        };
        match it.kind {
            Kind::Task => {
                wired.add(
                    index,
                    Task::new(move |stopping| async move {
                        stopping.requested().await;
                        note();
                        fault.play_until(stopping.cancelled()).await
                    }),
                );
            }
            Kind::QueueConsumer => {
                wired.add(
                    index,
                    QueueConsumer::new(move |claims| async move {
                        let _working = claims.working(index);
                        claims.stopping().await;
                        note();
                        fault.play().await
                    }),
                );
            }
            Kind::CriticalSection => {
                let section = CriticalSection::new();
                let gate = section.handle();
                let inside = gate.enter(index).expect("it is open");
                let closes = origin + SERVES + expected.start;
                tokio::spawn(async move {
                    closed(&gate, closes).await;
                    note();
                    let _ = fault.play_until(inside.cancelled()).await;
                });
                wired.add(index, section);
            }
            Kind::Telemetry => {
                let telemetry = Telemetry::new(move || {
                    note();
                    fault.play()
                });
                wired.add(index, telemetry);
            }
            _ => {
                let custom = Custom::new(move || {
                    note();
                    fault.play()
                });
                wired.add(index, custom);
            }
        }
    }
    wired
}

/// Resolves when the gate has closed. Looks a millisecond before it should, and then again and again.
async fn closed(gate: &Gate, closes: Instant) {
    sleep_until(closes - ms(1)).await;
    if gate.is_closed() {
        return;
    }
    sleep_until(closes).await;
    for _ in 0..100 {
        if gate.is_closed() {
            return;
        }
        // The executor has its turn in the same moment.
        yield_now().await;
    }
    while !gate.is_closed() {
        sleep(ms(1)).await;
    }
}

fn run(service: &Service, expected: &[Expected]) -> (Report, Vec<Option<Duration>>) {
    let seen: Seen = Arc::new(Mutex::new(vec![None; service.steps.len()]));
    let report = on_paused_clock(async {
        let wired = wire(&service.steps, expected, &seen);
        if service.stop == Stop::Handle {
            return stopped(Lifecycle::new(service.plan()).resources(wired)).await;
        }
        let mut termination = Termination::of(service.plan()).wire(wired).after(SERVES);
        match service.stop {
            Stop::PlatformsSigterm => termination = termination.platform("kubernetes"),
            Stop::CtrlC => termination = termination.ctrl_c(),
            Stop::Handle | Stop::Sigterm => {}
        }
        for &after in &service.again {
            termination = termination.again(ms(after), Signal::Terminate);
        }
        termination.run().await.into_report()
    });
    let seen = seen.lock().expect("not poisoned").clone();
    (report, seen)
}

#[test]
fn each_step_gets_its_whole_timeout_and_the_end_comes_as_promised() {
    holds(
        "steps",
        3000,
        "tests/promise/steps.seeds",
        &service(),
        |service| {
            let expected = service.expected();
            prop_assume!(!expected.iter().any(|it| it.draw));
            let plan = service.plan();
            let (report, seen) = run(&service, &expected);

            prop_assert_eq!(report.settle, service.settle());
            for (index, (expected, step)) in expected.iter().zip(&report.steps).enumerate() {
                let outcome = expected.outcome;
                prop_assert_eq!(step.outcome, outcome, "s{}", index);
                prop_assert_eq!(step.start, Some(expected.start), "s{} begins", index);
                prop_assert_eq!(step.end, Some(expected.end), "s{} ends", index);
                prop_assert_eq!(step.timeout, expected.limit, "s{} has", index);
                prop_assert_eq!(
                    seen[index],
                    Some(expected.told),
                    "s{}'s own code saw it",
                    index
                );
                if outcome != StepOutcome::TimedOut {
                    prop_assert_eq!(step.error.is_some(), outcome != StepOutcome::Done);
                }
                // A consumer that returns an error has let go of its job itself.
                let lost = matches!(outcome, StepOutcome::TimedOut | StepOutcome::Panicked);
                let names = matches!(
                    service.steps[index].kind,
                    Kind::QueueConsumer | Kind::CriticalSection
                );
                prop_assert_eq!(
                    step.unfinished.len(),
                    usize::from(names && lost),
                    "s{}'s work is named",
                    index
                );
            }
            let last = expected
                .iter()
                .map(|step| step.end)
                .max()
                .unwrap_or_default();
            prop_assert_eq!(report.total, last);
            let timeline = match service.stop {
                Stop::PlatformsSigterm => &plan.timelines[0],
                _ => &plan.unmanaged,
            };
            // The deadline leaves 500 ms after the longest path.
            prop_assert!(report.total + ms(500) <= timeline.deadline);

            let code = service.exit_code(&expected);
            prop_assert_eq!(report.exit_code(), code);

            let json = report.to_json();
            prop_assert!(json.len() <= 4096);
            let parsed: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
            prop_assert_eq!(&parsed["exit_code"], &serde_json::json!(code));
            Ok(())
        },
    );
}
