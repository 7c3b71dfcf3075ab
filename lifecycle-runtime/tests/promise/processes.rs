//! The promise on real processes: a few random services a run, each in a process of its own, stopped
//! by real signals. Bounds are generous, since the machine may be busy.
//!
//! `LIFECYCLE_SEEDS=17,42` plays these again, and `LIFECYCLE_PROCESSES=400` so many others; a failure
//! names its seed. `processes.seeds` has those that failed once: they are played in every run.

use std::future::pending;
use std::io::Write as _;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lifecycle::plan::{Kind, Plan};
use lifecycle::{
    BlockingWork, CriticalSection, Database, QueueConsumer, Resources, Runtime, Task, Wiring,
};
use rustix::process::Signal;
use serde_json::Value;

use super::common::{UNWIND, ms, plan, step};
use super::running::{QUICK, start};

/// Long enough that nothing which takes it can be mistaken for something that ended.
const FOREVER: Duration = Duration::from_secs(120);
/// What a busy machine may add to a step, and the deadline leaves for it.
const SLACK: Duration = Duration::from_secs(5);
/// Services a run, where nobody asks for more.
const COUNT: u64 = 8;
/// Services side by side.
const AT_ONCE: usize = 8;
/// A seed a line; what follows a `#` says what it found.
const FAILED_ONCE: &str = include_str!("processes.seeds");

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Task,
    Consumer,
    Section,
    Blocking,
    Database,
    /// A closing call that blocks its thread.
    BlockingDatabase,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Ends well after so many milliseconds.
    Quick(u64),
    Hang,
    /// Ends when it is cancelled, and not before.
    Yields,
    Fails,
    Panics,
}

#[derive(Debug)]
struct Given {
    what: What,
    fault: Fault,
    timeout: Duration,
    waits_for: Vec<usize>,
    best_effort: bool,
}

#[derive(Debug)]
struct Service {
    settle: Duration,
    first: Signal,
    /// Another signal, so long after the first.
    second: Option<(Signal, Duration)>,
    steps: Vec<Given>,
}

/// `SplitMix64`: the child and its parent make the same of a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("it fits")]
    }

    fn service(&mut self) -> Service {
        let steps = (0..=self.below(6)).map(|index| self.given(index)).collect();
        let second = match self.below(3) {
            0 => None,
            1 => Some((Signal::TERM, ms(20 + self.below(300)))),
            _ => Some((Signal::INT, ms(100 + self.below(400)))),
        };
        Service {
            settle: ms(self.below(2) * self.below(300)),
            first: self.one(&[Signal::TERM, Signal::INT]),
            second,
            steps,
        }
    }

    fn given(&mut self, index: u64) -> Given {
        let what = self.one(&[
            What::Task,
            What::Consumer,
            What::Section,
            What::Blocking,
            What::Database,
            What::BlockingDatabase,
        ]);
        let fault = match self.below(5) {
            0 | 1 => Fault::Quick(self.below(150)),
            2 => Fault::Hang,
            3 => Fault::Yields,
            _ => self.one(&[Fault::Fails, Fault::Panics]),
        };
        let fault = match (what, fault) {
            // Nobody asks those inside how it went.
            (What::Section | What::Blocking, Fault::Fails) => Fault::Quick(10),
            // A closing call knows of no cancellation.
            (What::Database | What::BlockingDatabase, Fault::Yields) => Fault::Hang,
            (_, fault) => fault,
        };
        let timeout = match fault {
            Fault::Hang | Fault::Yields => ms(300 + self.below(900)),
            // A busy machine does not make it late.
            _ => SLACK,
        };
        let mut waits_for: Vec<usize> = Vec::new();
        for other in 0..index {
            if self.below(3) == 0 {
                waits_for.push(usize::try_from(other).expect("it fits"));
            }
        }
        Given {
            what,
            fault,
            timeout,
            waits_for,
            best_effort: self.below(4) == 0,
        }
    }
}

impl Given {
    fn kind(&self) -> Kind {
        match self.what {
            What::Task => Kind::Task,
            What::Consumer => Kind::QueueConsumer,
            What::Section => Kind::CriticalSection,
            What::Blocking => Kind::BlockingWork,
            What::Database | What::BlockingDatabase => Kind::Database,
        }
    }

    fn outcome(&self) -> &'static str {
        match self.fault {
            Fault::Quick(_) => "done",
            Fault::Hang | Fault::Yields => "timed-out",
            Fault::Fails => "failed",
            Fault::Panics => "panicked",
        }
    }

    /// The least that its step takes, once it has begun.
    fn least(&self) -> Duration {
        match self.fault {
            // A consumer for which nobody makes work stops at the signal already.
            Fault::Quick(_) if self.what == What::Consumer => Duration::ZERO,
            Fault::Quick(after) => ms(after),
            Fault::Hang | Fault::Yields => self.timeout,
            Fault::Fails | Fault::Panics => Duration::ZERO,
        }
    }
}

impl Service {
    fn of(seed: u64) -> Self {
        Dice(seed).service()
    }

    fn plan(&self) -> Plan {
        let steps = self.steps.iter().enumerate().map(|(index, it)| {
            let made = step(&format!("s{index}"), it.kind(), it.timeout, &it.waits_for);
            if it.best_effort {
                made.best_effort()
            } else {
                made
            }
        });
        let watch = step("watch", Kind::Task, SLACK, &[]);
        let mut plan = plan(self.settle, steps.chain([watch]).collect());
        plan.unmanaged.deadline += SLACK;
        plan
    }

    fn exit_code(&self) -> i32 {
        let bad = |closing: bool| {
            self.steps.iter().any(|it| {
                let closes = matches!(it.what, What::Database | What::BlockingDatabase);
                closes == closing && !it.best_effort && it.outcome() != "done"
            })
        };
        match (bad(false), bad(true)) {
            (true, _) => 80,
            (false, true) => 81,
            (false, false) => 0,
        }
    }
}

impl Fault {
    async fn play(self, cancelled: impl Future<Output = ()>) -> Result<(), &'static str> {
        match self {
            Self::Quick(after) => tokio::time::sleep(ms(after)).await,
            Self::Hang => pending().await,
            Self::Yields => cancelled.await,
            Self::Fails => return Err("fault"),
            Self::Panics => panic!("fault"),
        }
        Ok(())
    }

    fn block(self, cancelled: impl Fn() -> bool) -> Result<(), &'static str> {
        match self {
            Self::Quick(after) => thread::sleep(ms(after)),
            Self::Hang => thread::sleep(FOREVER),
            Self::Yields => {
                while !cancelled() {
                    thread::sleep(ms(5));
                }
            }
            Self::Fails => return Err("fault"),
            Self::Panics => panic!("fault"),
        }
        Ok(())
    }
}

impl Resources for Service {
    fn wire(self, wiring: &mut Wiring) {
        for (index, it) in self.steps.into_iter().enumerate() {
            let (name, fault) = (format!("s{index}"), it.fault);
            match it.what {
                What::Task => wiring.add(
                    name,
                    Task::new(move |stopping| async move {
                        stopping.requested().await;
                        fault.play(stopping.cancelled()).await
                    }),
                ),
                What::Consumer => wiring.add(
                    name,
                    QueueConsumer::new(move |claims| async move {
                        let _working = claims.working("job");
                        claims.stopping().await;
                        fault.play(claims.cancelled()).await
                    }),
                ),
                What::Section => {
                    let section = CriticalSection::new();
                    let gate = section.handle();
                    let inside = gate.enter("transfer").expect("it is open");
                    tokio::spawn(async move {
                        while !gate.is_closed() {
                            tokio::time::sleep(ms(5)).await;
                        }
                        let _ = fault.play(inside.cancelled()).await;
                    });
                    wiring.add(name, section);
                }
                What::Blocking => {
                    let blocking = BlockingWork::new();
                    let begun = blocking.handle().spawn("scan", move |flag| {
                        while !flag.is_requested() {
                            thread::sleep(ms(5));
                        }
                        fault.block(|| flag.is_cancelled())
                    });
                    drop(begun.expect("it is open"));
                    wiring.add(name, blocking);
                }
                What::Database => wiring.add(name, Database::new(move || fault.play(pending()))),
                What::BlockingDatabase => {
                    wiring.add(name, Database::blocking(move || fault.block(|| false)));
                }
            }
        }
        // Keeps the service up when all that it has is something to close, and says that it is.
        wiring.add(
            "watch",
            Task::new(|stopping| async move {
                println!("ready");
                std::io::stdout().flush().expect("the parent listens");
                stopping.requested().await;
            }),
        );
    }
}

/// What the child does.
pub(super) fn run(seed: &str) -> ExitCode {
    let service = Service::of(seed.parse().expect("a seed"));
    let plan: &'static Plan = Box::leak(Box::new(service.plan()));
    Runtime::multi_thread()
        .worker_threads(2)
        .run(plan, || async { service })
}

impl Service {
    /// What must hold of how it ended.
    fn check(&self, seed: u64) {
        let words = format!("seed {seed}: {self:#?}");
        let mut child = start(&seed.to_string(), &[]);
        child.until("ready");
        // The others start at the same time.
        thread::sleep(ms(100));
        child.signal(self.first);
        if let Some((second, after)) = self.second {
            thread::sleep(after);
            // It may have ended; then there is nobody to tell.
            let pid = rustix::process::Pid::from_child(&child.child);
            let _ = rustix::process::kill_process(pid, second);
        }
        let deadline = self.plan().unmanaged.deadline;
        let ended = child.end(deadline + QUICK);
        let words = format!("{words}\n{}\n{:#?}", ended.stderr, ended.report);
        let report = ended.report();
        assert_eq!(
            report["exit_code"].as_i64(),
            ended.code.map(Into::into),
            "{words}"
        );
        // Somebody who did not want to wait.
        let left = matches!(self.second, Some((Signal::INT, _)));
        if left && ended.code == Some(82) {
            assert_eq!(report["outcome"], "forced", "{words}");
            assert!(ended.took < QUICK, "{words}");
            return;
        }
        assert_eq!(ended.code, Some(self.exit_code()), "{words}");
        let millis = |value: &Value| value.as_u64().map(Duration::from_millis);
        assert!(millis(&report["total_ms"]) <= Some(deadline), "{words}");
        let steps = report["steps"].as_array().expect("steps");
        let found = |index: usize| {
            let name = format!("s{index}");
            let step = steps.iter().find(|step| step["name"] == *name);
            step.unwrap_or_else(|| panic!("no {name}\n{words}"))
        };
        for (index, it) in self.steps.iter().enumerate() {
            let step = found(index);
            assert_eq!(step["outcome"], it.outcome(), "s{index}\n{words}");
            let window = millis(&step["start_ms"]).zip(millis(&step["end_ms"]));
            let (begin, end) = window.unwrap_or_else(|| panic!("s{index} ran\n{words}"));
            // Two moments that were rounded down may seem a millisecond closer than they were.
            let took = end.saturating_sub(begin) + ms(1);
            assert!(took >= it.least(), "s{index} took {took:?}\n{words}");
            assert!(
                took <= it.timeout + UNWIND + SLACK,
                "s{index} took {took:?}\n{words}"
            );
            let settled = begin + ms(1) >= self.settle;
            assert!(
                settled,
                "s{index} began before routing had noticed\n{words}"
            );
            for &other in &it.waits_for {
                let over = millis(&found(other)["end_ms"]);
                assert!(over <= Some(begin), "s{index} waits for s{other}\n{words}");
            }
        }
    }
}

#[test]
fn real_processes_keep_it_too() {
    let chosen = std::env::var("LIFECYCLE_SEEDS").ok();
    let seeds: Vec<u64> = match &chosen {
        Some(seeds) => seeds
            .split(',')
            .map(|seed| seed.trim().parse().expect("a seed"))
            .collect(),
        None => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let first = now.expect("a clock").as_secs() * COUNT;
            let count = super::asked("LIFECYCLE_PROCESSES").unwrap_or(COUNT);
            failed_once().chain(first..first + count).collect()
        }
    };
    println!(
        "LIFECYCLE_SEEDS={}",
        seeds
            .iter()
            .map(u64::to_string)
            .collect::<Vec<_>>()
            .join(",")
    );
    for seeds in seeds.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let services: Vec<_> = seeds
                .iter()
                .map(|&seed| scope.spawn(move || Service::of(seed).check(seed)))
                .collect();
            for service in services {
                if let Err(panic) = service.join() {
                    std::panic::resume_unwind(panic);
                }
            }
        });
    }
}

fn failed_once() -> impl Iterator<Item = u64> {
    let seeds = FAILED_ONCE.lines().map(|line| line.split('#').next());
    let seeds = seeds.flatten().map(str::trim);
    let seeds = seeds.filter(|seed| !seed.is_empty());
    seeds.map(|seed| seed.parse().expect("a seed"))
}
