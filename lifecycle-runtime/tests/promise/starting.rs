//! Random plans and random start-up probes, stopped at a random moment: in the middle of the start as
//! often as after it.
//!
//! Whatever a resource does takes an even number of milliseconds and the signal comes at an odd one,
//! so that no two things of which one decides the other happen in the same moment.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lifecycle::plan::{Kind, Plan};
use lifecycle::testing::Termination;
use lifecycle::{Database, Outcome, Report, StepOutcome, Task};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::common::{ms, plan, step};
use super::{holds, on_paused_clock};

/// How a resource comes up.
#[derive(Debug, Clone, Copy)]
enum Probe {
    /// It is up as soon as it is started.
    None,
    /// It says yes after this long.
    Slow(u64),
    /// It says no so often, and then yes.
    Nos(usize),
    Never,
    Hang,
    Panic(u64),
}

#[derive(Debug, Clone)]
struct Given {
    /// Something that runs, and not only something that is closed.
    task: bool,
    waits_for: Vec<usize>,
    probe: Probe,
    /// How long the probe may say no.
    limit: u64,
    /// How long it takes to stop.
    stops: u64,
}

#[derive(Debug, Clone)]
struct Service {
    settle: u64,
    signal: u64,
    resources: Vec<Given>,
}

const TIMEOUT: u64 = 1000;

fn even(range: std::ops::Range<u64>) -> impl Strategy<Value = u64> {
    range.prop_map(|half| 2 * half)
}

fn given(index: usize) -> impl Strategy<Value = Given> {
    let probe = prop_oneof![
        4 => Just(Probe::None),
        4 => even(0..1000).prop_map(Probe::Slow),
        4 => (0..6_usize).prop_map(Probe::Nos),
        1 => Just(Probe::Never),
        1 => Just(Probe::Hang),
        1 => even(0..1000).prop_map(Probe::Panic),
    ];
    let waits_for = proptest::collection::btree_set(0..index.max(1), 0..=index.min(2));
    let limit = prop_oneof![even(1..2000), Just(60_000)];
    (any::<bool>(), waits_for, probe, limit, even(0..TIMEOUT / 4)).prop_map(
        move |(task, waits_for, probe, limit, stops)| Given {
            task,
            waits_for: waits_for
                .into_iter()
                .filter(|&other| other < index)
                .collect(),
            probe,
            limit,
            stops,
        },
    )
}

fn service() -> impl Strategy<Value = Service> {
    let resources = (1..8_usize).prop_flat_map(|count| (0..count).map(given).collect::<Vec<_>>());
    let signal = prop_oneof![0..1000_u64, 0..8000_u64].prop_map(|half| 2 * half + 1);
    (even(0..2000), signal, resources).prop_map(|(settle, signal, resources)| Service {
        settle,
        signal,
        resources,
    })
}

/// What must become of the start, worked out from the probes alone.
struct Start {
    /// When each begins, if all it uses come up.
    began: Vec<Option<Duration>>,
    /// When the first of them has failed.
    failed: Option<Duration>,
    /// When all are up.
    ready: Option<Duration>,
}

impl Given {
    /// How long after its beginning it is up, or has failed.
    fn up(&self) -> Result<Duration, Duration> {
        let limit = ms(self.limit);
        let up = match self.probe {
            Probe::None => return Ok(Duration::ZERO),
            Probe::Slow(after) => ms(after),
            // 100 ms, doubled up to 2 s.
            Probe::Nos(count) => (0..count).map(|nth| ms((100 << nth).min(2000))).sum(),
            Probe::Panic(after) if ms(after) < limit => return Err(ms(after)),
            Probe::Never | Probe::Hang | Probe::Panic(_) => return Err(limit),
        };
        if up < limit { Ok(up) } else { Err(limit) }
    }
}

impl Service {
    fn plan(&self) -> Plan {
        let steps = self.resources.iter().enumerate().map(|(index, it)| {
            let kind = if it.task { Kind::Task } else { Kind::Database };
            step(&format!("r{index}"), kind, ms(TIMEOUT), &it.waits_for)
        });
        plan(ms(self.settle), steps.collect())
    }

    fn start(&self) -> Start {
        let count = self.resources.len();
        let mut began = vec![Some(Duration::ZERO); count];
        let mut failed: Option<Duration> = None;
        let mut ready = Some(Duration::ZERO);
        for (index, it) in self.resources.iter().enumerate().rev() {
            let up = match began[index].map(|began| (began, it.up())) {
                Some((began, Ok(after))) => Some(began + after),
                Some((began, Err(after))) => {
                    let at = began + after;
                    failed = Some(failed.map_or(at, |other| other.min(at)));
                    None
                }
                None => None,
            };
            // What this one waits for when it stops uses it, and starts after it.
            for &user in &it.waits_for {
                began[user] = began[user].zip(up).map(|(one, other)| one.max(other));
            }
            ready = ready.zip(up).map(|(one, other)| one.max(other));
        }
        Start {
            began,
            failed,
            ready,
        }
    }
}

/// When each was begun and closed.
#[derive(Debug, Default, Clone)]
struct Seen {
    ran: Option<Duration>,
    closed: Vec<Duration>,
}

fn run(service: &Service) -> (Report, Vec<Seen>) {
    let seen = Arc::new(Mutex::new(vec![Seen::default(); service.resources.len()]));
    let report = on_paused_clock(async {
        let origin = Instant::now();
        let mut termination = Termination::of(service.plan()).while_starting(ms(service.signal));
        for (index, it) in service.resources.iter().enumerate() {
            let (stops, probe) = (ms(it.stops), it.probe);
            let asked = Arc::new(Mutex::new(0));
            let probe = move || {
                let mut asked = asked.lock().expect("not poisoned");
                *asked += 1;
                answer(probe, *asked)
            };
            let seen = Arc::clone(&seen);
            let note = move |what: fn(&mut Seen, Duration)| {
                what(
                    &mut seen.lock().expect("not poisoned")[index],
                    origin.elapsed(),
                );
            };
            let name = format!("r{index}");
            let (asks, limit) = (!matches!(it.probe, Probe::None), ms(it.limit));
            if it.task {
                let mut task = Task::new(move |stopping| async move {
                    note(|seen, now| seen.ran = Some(now));
                    stopping.requested().await;
                    note(|seen, now| seen.closed.push(now));
                    sleep(stops).await;
                });
                if asks {
                    task = task.started_when(probe).started_within(limit);
                }
                termination = termination.with(name, task);
            } else {
                let mut database = Database::new(move || {
                    note(|seen, now| seen.closed.push(now));
                    sleep(stops)
                });
                if asks {
                    database = database.started_when(probe).started_within(limit);
                }
                termination = termination.with(name, database);
            }
        }
        termination.run().await.into_report()
    });
    let seen = seen.lock().expect("not poisoned").clone();
    (report, seen)
}

async fn answer(probe: Probe, asked: usize) -> Result<(), &'static str> {
    match probe {
        Probe::None => Ok(()),
        Probe::Slow(after) => {
            sleep(ms(after)).await;
            Ok(())
        }
        Probe::Nos(count) if asked > count => Ok(()),
        Probe::Nos(_) | Probe::Never => Err("not yet"),
        Probe::Hang => pending().await,
        Probe::Panic(after) => {
            sleep(ms(after)).await;
            panic!("fault");
        }
    }
}

#[test]
fn a_service_starts_in_order_and_stops_in_order_wherever_it_has_come() {
    holds(
        "starts",
        1000,
        "tests/promise/starting.seeds",
        &service(),
        |service| {
            let start = service.start();
            let signal = ms(service.signal);
            let failed = start.failed.filter(|&at| at < signal);
            let leaves = failed.unwrap_or(signal);
            // What would begin in the very moment in which another fails may or may not.
            prop_assume!(!start.began.contains(&Some(leaves)) && start.ready != Some(leaves));
            let ready = start.ready.filter(|&at| at < leaves);
            let (report, seen) = run(&service);

            prop_assert_eq!(report.ready_after, ready);
            match failed {
                Some(at) => {
                    prop_assert_eq!(report.outcome, Outcome::StartFailed);
                    prop_assert_eq!(report.exit_code(), 1);
                    prop_assert!(
                        report
                            .cause
                            .is_some_and(|cause| cause.contains("did not start"))
                    );
                    // One that comes while it is on its way out is in the report as well.
                    prop_assert_eq!(report.signal.is_some(), at + report.total > signal);
                }
                None => prop_assert_eq!((report.outcome, report.exit_code()), (Outcome::Clean, 0)),
            }
            // Nobody was sent here before it was ready, so nobody has to notice.
            let settle = if ready.is_some() {
                ms(service.settle)
            } else {
                Duration::ZERO
            };
            prop_assert_eq!(report.settle, settle);

            let mut ends: Vec<Duration> = Vec::new();
            for (index, it) in service.resources.iter().enumerate() {
                let began = start.began[index].filter(|&at| at < leaves);
                let (seen, said) = (&seen[index], &report.steps[index]);
                let lives = !it.task || began.is_some();
                let opens = it
                    .waits_for
                    .iter()
                    .map(|&other| ends[other])
                    .max()
                    .unwrap_or(settle);
                let closes = opens + if lives { ms(it.stops) } else { Duration::ZERO };
                prop_assert_eq!(seen.ran, began.filter(|_| it.task), "r{} runs", index);
                let told = lives.then_some(leaves + opens);
                prop_assert_eq!(
                    &seen.closed,
                    &Vec::from_iter(told),
                    "r{} is told once",
                    index
                );
                prop_assert_eq!(said.start, Some(opens), "r{} begins to stop", index);
                prop_assert_eq!(said.end, Some(closes), "r{} has stopped", index);
                prop_assert_eq!(said.outcome, StepOutcome::Done, "r{}", index);
                ends.push(closes);
            }
            prop_assert_eq!(report.total, ends.into_iter().max().unwrap_or_default());
            Ok(())
        },
    );
}
