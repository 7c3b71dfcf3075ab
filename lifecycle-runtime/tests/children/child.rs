//! What the child processes do, by scenario.

use std::future::pending;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lifecycle::plan::{Kind, Plan};
use lifecycle::{BlockingWork, ChildProcess, Lifecycle, Resources, Runtime, Task, Wiring};

use crate::common::{ms, plan, step};
use crate::sh;

/// Long enough that nothing which takes it can be mistaken for something that ended.
const FOREVER: Duration = Duration::from_secs(120);

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("the parent listens");
}

struct Shop {
    proxy: ChildProcess,
    work: Task,
}

impl Resources for Shop {
    fn wire(self, wiring: &mut Wiring) {
        wiring.add("proxy", self.proxy);
        wiring.add("work", self.work);
    }
}

struct Blocked(BlockingWork);

impl Resources for Blocked {
    fn wire(self, wiring: &mut Wiring) {
        wiring.add("work", self.0);
    }
}

fn shop(timeout: Duration) -> Plan {
    plan(
        Duration::ZERO,
        vec![
            step("proxy", Kind::ChildProcess, timeout, &[]),
            step("work", Kind::Task, ms(1000), &[]),
        ],
    )
}

fn leak(plan: Plan) -> &'static Plan {
    Box::leak(Box::new(plan))
}

fn runtime() -> Runtime {
    Runtime::multi_thread().worker_threads(2)
}

/// A program that does not listen, with a child of its own.
fn deaf() -> ChildProcess {
    ChildProcess::new(sh(
        "trap '' TERM INT; sleep 300 >/dev/null 2>&1 & echo pids $$ $!; \
         exec >/dev/null 2>&1; for _ in $(seq 60); do sleep 1; done",
    ))
}

fn obedient() -> Task {
    Task::new(|stopping| async move {
        stopping.requested().await;
        say("closed");
    })
}

/// Blocks every worker thread, and says `ready` when all are blocked.
fn block_all_workers() -> Task {
    Task::new(|_| async {
        // The program has been started and has spoken by then.
        tokio::time::sleep(ms(500)).await;
        let blocked = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let blocked = Arc::clone(&blocked);
            tokio::spawn(async move {
                if blocked.fetch_add(1, Ordering::SeqCst) == 1 {
                    say("ready");
                }
                thread::sleep(FOREVER);
            });
        }
        pending::<()>().await;
    })
}

pub(crate) fn run(scenario: &str) -> ExitCode {
    let serve = |timeout, work: fn() -> Task| {
        runtime().run(leak(shop(timeout)), || async move {
            Shop {
                proxy: deaf(),
                work: work(),
            }
        })
    };
    match scenario {
        "blocked-with-program" => serve(ms(1000), block_all_workers),
        "deaf-program" => serve(FOREVER, obedient),
        "deaf-program-short" => serve(ms(300), obedient),
        "deaf-thread" => deaf_thread(),
        "orphans" => runtime().run(leak(shop(ms(1000))), || async {
            Shop {
                proxy: ChildProcess::on_demand(),
                work: Task::new(orphans),
            }
        }),
        "orphans-by-hand" => {
            lifecycle::init();
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let service = Lifecycle::new(leak(shop(ms(1000))))
                .with("proxy", ChildProcess::on_demand())
                .with("work", Task::new(orphans));
            runtime.block_on(service.run()).into()
        }
        "environment" => runtime().run(leak(shop(ms(1000))), || async {
            let proxy = ChildProcess::new(told("main"));
            let programs = proxy.handle();
            let work = Task::new(|stopping| async move {
                let mut short = programs.spawn(told("short")).expect("it is open");
                stopping.requested().await;
                short.wait().await.expect("a status");
            });
            Shop { proxy, work }
        }),
        other => panic!("no scenario {other}"),
    }
}

/// What the runtime reads, as a regular expression; the tests themselves are told more by that prefix.
const OURS: &str = "LIFECYCLE_(PLATFORM|DIGEST|GRACE_MS|REPORT|FAULTS|HEALTH_PORT|AWS|INIT)";

/// A program that says what it was told by its environment, and stays where it is the `main` one.
fn told(name: &str) -> std::process::Command {
    let mut program = sh(&format!(
        "echo {name}: $(env | grep -E '^({OURS}|(NOTIFY|WATCHDOG|LISTEN)_[A-Z_]*)=' | sort) \
         $SCENARIO $EXTRA.; [ {name} = short ] || exec sleep 300"
    ));
    program.env("LIFECYCLE_PLATFORM", name);
    program
}

fn deaf_thread() -> ExitCode {
    let plan = plan(
        Duration::ZERO,
        vec![step("work", Kind::BlockingWork, ms(300), &[])],
    );
    runtime().run(leak(plan), || async {
        let work = BlockingWork::new();
        let handle = work.handle();
        let piece = handle.spawn("deaf piece", |_| thread::sleep(FOREVER));
        drop(piece.expect("it is open"));
        let worker = handle.thread("deaf worker", |_| {
            say("ready");
            thread::sleep(FOREVER);
        });
        worker.expect("it is open");
        Blocked(work)
    })
}

/// Makes orphans, and has a child of its own that it waits for late.
async fn orphans(stopping: lifecycle::Stopping) {
    let who = match (std::process::id(), std::os::unix::process::parent_id()) {
        (1, _) => "the first process",
        (_, 1) => "a child of the first process",
        _ => "some process",
    };
    say(&format!("up as {who}"));
    let mut own = sh("exit 7").spawn().expect("a shell");
    let leaves = sh("(sleep 0.1; exit 3) & (setsid sh -c 'sleep 0.1' &) ; exit 0")
        .status()
        .expect("a shell");
    assert!(leaves.success());
    let begun = Instant::now();
    thread::sleep(ms(400));
    // One zombie is its own child.
    while zombies() > 1 && begun.elapsed() < ms(3000) {
        thread::sleep(ms(20));
    }
    say(if zombies() > 1 {
        "zombies stay"
    } else {
        "all reaped"
    });
    let status = own.wait().expect("nobody took its status");
    say(&format!("own child: {status}"));
    stopping.requested().await;
    say("closed");
}

/// How many zombies there are in this process namespace.
fn zombies() -> usize {
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    processes
        .filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok())
        .filter(|stat| {
            stat.rsplit_once(')')
                .is_some_and(|(_, rest)| rest.starts_with(" Z"))
        })
        .count()
}
