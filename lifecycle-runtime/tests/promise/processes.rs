//! The promise on real processes: a few random manifests that `check` accepts, each with its service in a
//! process of its own, stopped by real signals as its platform would. Bounds are generous, since the
//! machine may be busy; the platform's SIGKILL is none of them.
//!
//! `LIFECYCLE_SEEDS=17,42` plays these again, and `LIFECYCLE_PROCESSES=400` so many others; a failure
//! names its seed. `processes.seeds` has those that failed once: they are played in every run.

use std::fmt::Write as _;
use std::future::pending;
use std::io::Write as _;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lifecycle::plan::{Kind, Plan};
use lifecycle::{
    BlockingWork, CriticalSection, Database, QueueConsumer, Resources, Runtime, Streams, Task,
    Wiring,
};
use lifecycle_manifest::Analysis;
use rustix::process::Signal;
use serde_json::Value;

use super::common::{UNWIND, ms};
use super::lowered::lowered;
use super::running::{QUICK, start};

/// Seconds of grace in which everything here has room.
const LONG: u64 = 600;
/// Long enough that nothing which takes it can be mistaken for something that ended.
const FOREVER: Duration = Duration::from_secs(120);
/// What a busy machine may add to a step, and the grace period leaves for it.
const SLACK: Duration = Duration::from_secs(5);
/// Services a run, where nobody asks for more.
const COUNT: u64 = 8;
/// Services side by side.
const AT_ONCE: usize = 8;
/// Platforms with a grace period that can be written, and what else each has to know.
const PLATFORMS: [(&str, &str); 7] = [
    ("kubernetes", "image: x, "),
    ("kubernetes", "image: x, app_settle: 200ms, "),
    ("docker", "image: x, "),
    ("compose", "image: x, "),
    ("azure_container_apps", "image: x, "),
    ("systemd", ""),
    ("nomad", ""),
];
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
    platform: (&'static str, &'static str),
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
            platform: self.one(&PLATFORMS),
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
        let mut service = Dice(seed).service();
        // An order at random may be one that `check` refuses: then it is the kinds' own.
        if service.read(LONG).has_errors() {
            for it in &mut service.steps {
                it.waits_for.clear();
            }
        }
        service
    }

    /// With so many seconds of grace.
    fn manifest(&self, grace: u64) -> String {
        let mut text = format!(
            "lifecycle: 1\nservice: shop\nbudget: {{ unwind: {}ms }}\ntraffic: {{ settle: {}ms }}\nresources:\n",
            UNWIND.as_millis(),
            self.settle.as_millis(),
        );
        // One that takes traffic, so that the settle time is owed; and one that says when it is up.
        text.push_str(
            "  edge: { kind: stream, timeout: 5s }\n  watch: { kind: task, timeout: 5s }\n",
        );
        for (index, it) in self.steps.iter().enumerate() {
            let after: Vec<String> = it.waits_for.iter().map(|at| format!("s{at}")).collect();
            let _ = writeln!(
                text,
                "  s{index}: {{ kind: {}, timeout: {}ms, best_effort: {}, after: [{}] }}",
                it.kind().as_str(),
                it.timeout.as_millis(),
                it.best_effort,
                after.join(", "),
            );
        }
        let (platform, keys) = self.platform;
        let _ = writeln!(
            text,
            "platforms:\n  {platform}: {{ {keys}grace_period: {grace}s }}"
        );
        text
    }

    fn read(&self, grace: u64) -> Analysis {
        Analysis::of(&self.manifest(grace))
    }

    /// The plan that the macro would write into the program: what it needs, and no second that is not
    /// there for a busy machine.
    fn plan(&self) -> Plan {
        let resolved = self.read(LONG).resolved.expect("it is well formed");
        let grace = (resolved.timelines[0].needed() + SLACK).as_secs() + 1;
        let analysis = self.read(grace);
        assert!(
            !analysis.has_errors(),
            "{:#?}\n{}",
            analysis.findings,
            self.manifest(grace)
        );
        lowered(&analysis.resolved.expect("it is well formed"))
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
        wiring.add("edge", Streams::new());
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
        let plan = self.plan();
        let line = &plan.timelines[0];
        let mut child = start(
            &seed.to_string(),
            &[("LIFECYCLE_PLATFORM", self.platform.0)],
        );
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
        // The platform's SIGKILL, which must not be needed.
        let ended = child.end(line.kill);
        let manifest = self.manifest(line.grace.as_secs());
        let words = format!("{words}\n{manifest}\n{}\n{:#?}", ended.stderr, ended.report);
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
        assert!(
            millis(&report["total_ms"]) <= Some(line.deadline),
            "{words}"
        );
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
            let settled = begin + ms(1) >= line.settle;
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
