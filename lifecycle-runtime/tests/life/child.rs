//! What the child processes do, by scenario.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use lifecycle::plan::{Health, Kind, Plan};
use lifecycle::{Database, Resources, Runtime, Task, Wiring};

use crate::common::{ms, plan, step};

/// After how long a child's liveness fails.
pub(crate) const WEDGED_AFTER: Duration = ms(600);

/// Long enough that nothing which takes it can be mistaken for something that ended.
const FOREVER: Duration = Duration::from_secs(120);

struct Shop {
    work: Task,
    db: Database,
}

impl Resources for Shop {
    fn wire(self, wiring: &mut Wiring) {
        wiring.add("work", self.work);
        wiring.add("db", self.db);
    }
}

/// A task with 2 s and a database with 1 s after it; the watchdog comes 500 ms after both.
fn shop() -> Plan {
    let health = std::env::var("HEALTH_PORT").ok().map(|port| Health {
        port: Some(port.parse().expect("a port")),
        ready: "/health/ready".into(),
        live: "/health/live".into(),
    });
    Plan {
        health,
        ..plan(
            Duration::ZERO,
            vec![
                step("work", Kind::Task, ms(2000), &[]),
                step("db", Kind::Database, ms(1000), &[0]),
            ],
        )
    }
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("the parent listens");
}

fn db() -> Database {
    Database::new(|| async { say("closed") })
}

fn two_workers() -> Runtime {
    Runtime::multi_thread()
        .worker_threads(2)
        .wedged_after(WEDGED_AFTER)
}

fn one_thread() -> Runtime {
    Runtime::current_thread().wedged_after(WEDGED_AFTER)
}

fn serve(runtime: Runtime, work: impl Fn() -> Task) -> ExitCode {
    runtime.run(Box::leak(Box::new(shop())), || async {
        Shop {
            work: work(),
            db: db(),
        }
    })
}

fn obedient() -> Task {
    Task::new(|stopping| async move {
        say("ready");
        stopping.requested().await;
    })
}

/// Blocks so many workers at once for so long, in a service that is ready.
fn blocking(workers: usize, time: Duration) -> Task {
    Task::new(move |stopping| async move {
        while !lifecycle::health().is_ready() {
            tokio::time::sleep(ms(1)).await;
        }
        say("ready");
        let all = Arc::new(Barrier::new(workers));
        let blocked: Vec<_> = (0..workers)
            .map(|_| {
                let all = Arc::clone(&all);
                tokio::spawn(async move {
                    if all.wait().is_leader() {
                        say("blocked");
                    }
                    thread::sleep(time);
                })
            })
            .collect();
        for one in blocked {
            one.await.expect("it only sleeps");
        }
        say("free");
        stopping.requested().await;
    })
}

/// A start of half a second, then a task that works until its time is over.
fn busy() -> ExitCode {
    two_workers().run(Box::leak(Box::new(shop())), || async {
        say("starting");
        tokio::time::sleep(ms(500)).await;
        Shop {
            work: Task::new(|stopping| async move {
                let _working = stopping.working("order 42");
                say("working");
                stopping.cancelled().await;
            }),
            db: db(),
        }
    })
}

pub(crate) fn run(scenario: &str) -> ExitCode {
    match scenario {
        "busy" => busy(),
        "idle" => serve(two_workers(), obedient),
        "wedged-for-a-while" => serve(two_workers(), || blocking(2, 4 * WEDGED_AFTER)),
        "wedged-for-a-while-current-thread" => {
            serve(one_thread(), || blocking(1, 4 * WEDGED_AFTER))
        }
        "wedged-for-ever" => serve(two_workers(), || blocking(2, FOREVER)),
        "one-worker-blocked" => serve(two_workers(), || blocking(1, FOREVER)),
        "never-wedged" => serve(two_workers().wedged_after(Duration::MAX), || {
            blocking(2, FOREVER)
        }),
        "start-blocks-current-thread" => one_thread().run(Box::leak(Box::new(shop())), || async {
            say("starting");
            thread::sleep(4 * WEDGED_AFTER);
            Shop {
                work: obedient(),
                db: db(),
            }
        }),
        other => panic!("no scenario {other}"),
    }
}
