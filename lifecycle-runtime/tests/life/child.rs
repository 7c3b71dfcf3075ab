//! What the child processes do, by scenario.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use lifecycle::plan::{Drift, Health, Kind, Plan};
use lifecycle::{Cache, Database, Resources, Runtime, Task, Telemetry, Wiring};
use signal_hook::consts::SIGUSR1;
use tracing::Level;

use crate::common::{ms, plan, step};
use crate::said::Said;

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
    settling(Duration::ZERO)
}

fn settling(settle: Duration) -> Plan {
    let steps = vec![
        step("work", Kind::Task, ms(2000), &[]),
        step("db", Kind::Database, ms(1000), &[0]),
    ];
    healthy(plan(settle, steps))
}

/// The same, with health where the test asks for it.
fn healthy(plan: Plan) -> Plan {
    let health = std::env::var("HEALTH_PORT").ok().map(|port| Health {
        port: Some(port.parse().expect("a port")),
        ready: "/health/ready".into(),
        live: "/health/live".into(),
    });
    Plan { health, ..plan }
}

/// Nothing but telemetry, whose last call takes a while.
struct Traces(Telemetry);

impl Resources for Traces {
    fn wire(self, wiring: &mut Wiring) {
        wiring.add("traces", self.0);
    }
}

fn last_call_takes(time: Duration) -> ExitCode {
    let steps = vec![step("traces", Kind::Telemetry, 4 * time, &[])];
    let plan = healthy(plan(Duration::ZERO, steps));
    two_workers().run(Box::leak(Box::new(plan)), || async move {
        tokio::spawn(async {
            while !lifecycle::health().is_ready() {
                tokio::time::sleep(ms(1)).await;
            }
            say("ready");
        });
        let last = move || async move {
            say("last call");
            tokio::time::sleep(time).await;
        };
        Traces(Telemetry::new(|| async {}).finally(last))
    })
}

pub(crate) fn say(line: &str) {
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

/// Steps that have all the time in the world.
fn patient() -> Plan {
    let mut plan = shop();
    for timeline in plan
        .timelines
        .to_mut()
        .iter_mut()
        .chain([&mut plan.unmanaged])
    {
        timeline.timeouts = vec![FOREVER, FOREVER].into();
        timeline.deadline = FOREVER * 3;
    }
    plan
}

fn serve(runtime: Runtime, work: impl Fn() -> Task) -> ExitCode {
    serve_by(runtime, shop(), work)
}

fn serve_by(runtime: Runtime, plan: Plan, work: impl Fn() -> Task) -> ExitCode {
    runtime.run(Box::leak(Box::new(plan)), || async {
        Shop {
            work: work(),
            db: db(),
        }
    })
}

fn obedient() -> Task {
    Task::new(|stopping| async move {
        while !lifecycle::health().is_ready() {
            tokio::time::sleep(ms(1)).await;
        }
        say("ready");
        stopping.requested().await;
    })
}

/// Blocks so many workers at once for so long, in a service that is ready.
fn blocking(workers: usize, time: Duration) -> Task {
    blocking_later(Duration::ZERO, workers, time)
}

fn blocking_later(pause: Duration, workers: usize, time: Duration) -> Task {
    Task::new(move |stopping| async move {
        while !lifecycle::health().is_ready() {
            tokio::time::sleep(ms(1)).await;
        }
        say("ready");
        tokio::time::sleep(pause).await;
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
fn busy(plan: Plan) -> ExitCode {
    two_workers().run(Box::leak(Box::new(plan)), || async {
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

/// A task that uses a cache that uses a database, each of which says what becomes of it.
struct Chain {
    work: Task,
    cache: Cache,
    db: Database,
}

impl Resources for Chain {
    fn wire(self, wiring: &mut Wiring) {
        wiring.add("work", self.work);
        wiring.add("cache", self.cache);
        wiring.add("db", self.db);
    }
}

/// What goes wrong in a start.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    None,
    /// A long time before `Runtime::run`.
    Late,
    SlowMain,
    DbDown,
    CacheHangs,
    CacheRefuses,
}

fn startup(trouble: Trouble) -> ExitCode {
    let plan = Plan {
        health: shop().health,
        ..plan(
            ms(1000),
            vec![
                step("work", Kind::Task, ms(2000), &[]),
                step("cache", Kind::Cache, ms(1000), &[0]),
                step("db", Kind::Database, ms(1000), &[1]),
            ],
        )
    };
    let slowly = async |what: &'static str| {
        say(&format!("{what} asked"));
        tokio::time::sleep(ms(150)).await;
        say(&format!("{what} up"));
    };
    // On a line of its own, after what the test harness writes.
    say("\nbegins");
    thread::sleep(if trouble == Trouble::Late {
        FOREVER
    } else {
        ms(100)
    });
    two_workers().run(Box::leak(Box::new(plan)), || async move {
        say("main");
        tokio::time::sleep(if trouble == Trouble::SlowMain {
            FOREVER
        } else {
            ms(200)
        })
        .await;
        let db = Database::new(|| async { say("db closed") });
        let db = match trouble {
            Trouble::DbDown => db.started_when(|| async {
                say("db asked");
                Err::<(), _>("connection refused")
            }),
            _ => db.started_when(move || slowly("db")),
        };
        let cache = Cache::new(|| async { say("cache closed") });
        let cache = match trouble {
            Trouble::CacheHangs => cache.started_when(|| async {
                say("cache asked");
                std::future::pending::<()>().await;
            }),
            Trouble::CacheRefuses => cache
                .started_when(|| async { Err::<(), _>("no route") })
                .started_within(ms(700)),
            _ => cache.started_when(move || slowly("cache")),
        };
        let work = Task::new(|stopping| async move {
            say("work runs");
            stopping.requested().await;
            say("work stops");
        });
        say("main returns");
        Chain { work, cache, db }
    })
}

/// A service that settles 1.5 s on its own and not on its platforms, of which Cloud Run tightens the
/// first step to 300 ms; what is in flight takes 600 ms.
fn contract(drift: Drift, stops_itself: bool) -> ExitCode {
    let mut plan = settling(ms(1500));
    let mut cloud_run = plan.timelines[0].clone();
    cloud_run.platform = "cloud_run".into();
    cloud_run.timeouts = vec![ms(300), ms(1000)].into();
    plan.timelines.to_mut().push(cloud_run);
    plan.drift = drift;
    two_workers().run(Box::leak(Box::new(plan)), || async move {
        say("main");
        tracing::subscriber::set_global_default(Said(Level::WARN)).expect("the first");
        let work = Task::new(move |stopping| async move {
            while !lifecycle::health().is_ready() {
                tokio::time::sleep(ms(1)).await;
            }
            say("ready");
            if stops_itself {
                lifecycle::stop("enough");
            }
            stopping.requested().await;
            tokio::time::sleep(ms(600)).await;
        });
        Shop { work, db: db() }
    })
}

pub(crate) fn run(scenario: &str) -> ExitCode {
    match scenario {
        "busy" => busy(shop()),
        "busy-and-settling" => busy(settling(ms(2000))),
        "settling-long" => serve_by(two_workers(), settling(FOREVER), obedient),
        "stubborn-and-over" => serve_by(two_workers(), patient(), || {
            Task::new(|stopping| async move {
                let _working = stopping.working("the last order");
                lifecycle::stop("sold out");
                stopping.requested().await;
                say("ready");
                std::future::pending::<()>().await;
            })
        }),
        "stubborn" => serve_by(two_workers(), patient(), || {
            Task::new(|stopping| async move {
                let _working = stopping.working("the last order");
                say("ready");
                stopping.cancelled().await;
            })
        }),
        "startup" => startup(Trouble::None),
        "startup-late" => startup(Trouble::Late),
        "startup-slow-main" => startup(Trouble::SlowMain),
        "startup-db-down" => startup(Trouble::DbDown),
        "startup-cache-hangs" => startup(Trouble::CacheHangs),
        "startup-cache-refuses" => startup(Trouble::CacheRefuses),
        "stubborn-and-says-all-its-log" => {
            tracing::subscriber::set_global_default(Said(Level::INFO)).expect("the first");
            serve_by(two_workers(), patient(), || {
                Task::new(|_| async {
                    say("ready");
                    std::future::pending::<()>().await;
                })
            })
        }
        "says-its-log" => {
            tracing::subscriber::set_global_default(Said(Level::WARN)).expect("the first");
            serve(two_workers(), obedient)
        }
        #[cfg(feature = "aws")]
        "waits-for-spot" => serve(two_workers(), || {
            Task::new(|stopping| async move {
                let notice = lifecycle::aws::spot_interruption().await;
                lifecycle::stop(format!("{}, about {}", notice.action, notice.at));
                stopping.requested().await;
            })
        }),
        "wedged-and-watched" => {
            thread::spawn(|| {
                let is_live = |wanted| {
                    while lifecycle::health().is_live() != wanted {
                        thread::sleep(ms(5));
                    }
                };
                is_live(false);
                say("not live");
                is_live(true);
                say("live again");
            });
            serve(two_workers(), || blocking(2, 4 * WEDGED_AFTER))
        }
        "last-call" => last_call_takes(ms(1500)),
        "contract" => contract(Drift::Warn, false),
        "contract-refuse" => contract(Drift::Refuse, false),
        "contract-stops-itself" => contract(Drift::Warn, true),
        "no-start" => two_workers().run(Box::leak(Box::new(shop())), || async {
            Err::<Shop, _>(anyhow::anyhow!("refused").context("no database"))
        }),
        // Time enough for a few signs of life.
        "wedged-later" => serve(two_workers().wedged_after(FOREVER), || {
            blocking_later(ms(5000), 2, FOREVER)
        }),
        "usr1-of-its-own" => {
            signal_hook::flag::register(SIGUSR1, Arc::default()).expect("registered");
            serve(two_workers(), obedient)
        }
        "idle" => serve(two_workers(), obedient),
        "wedged-for-a-while" => serve(two_workers(), || blocking(2, 4 * WEDGED_AFTER)),
        "wedged-for-a-while-current-thread" => {
            serve(one_thread(), || blocking(1, 4 * WEDGED_AFTER))
        }
        "wedged-for-ever" => serve(two_workers(), || blocking(2, FOREVER)),
        "wedged-for-ever-current-thread" => serve(one_thread(), || blocking(1, FOREVER)),
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
