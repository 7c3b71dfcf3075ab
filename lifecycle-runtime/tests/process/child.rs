//! What the child processes do, by scenario.

use std::future::pending;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use lifecycle::plan::{Drift, Health, Kind, Plan};
use lifecycle::{Database, Lifecycle, QueueConsumer, Resources, Runtime, Task, Wiring};

use crate::common::{ms, plan, step};

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
fn shop(settle: Duration) -> Plan {
    plan(
        settle,
        vec![
            step("work", Kind::Task, ms(2000), &[]),
            step("db", Kind::Database, ms(1000), &[0]),
        ],
    )
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("the parent listens");
}

fn obedient() -> Task {
    Task::new(|stopping| async move {
        say("ready");
        stopping.requested().await;
    })
}

fn patient() -> Plan {
    let mut plan = shop(Duration::ZERO);
    plan.unmanaged.timeouts = vec![FOREVER, FOREVER].into();
    plan.unmanaged.deadline = FOREVER * 3;
    plan
}

fn leak(plan: Plan) -> &'static Plan {
    Box::leak(Box::new(plan))
}

fn db() -> Database {
    Database::new(|| async { say("closed") })
}

/// Blocks every worker thread, and says `ready` when all are blocked.
fn block_all_workers(workers: usize) -> Task {
    Task::new(move |_| async move {
        let blocked = Arc::new(AtomicUsize::new(0));
        for _ in 0..workers {
            let blocked = Arc::clone(&blocked);
            tokio::spawn(async move {
                if blocked.fetch_add(1, Ordering::SeqCst) + 1 == workers {
                    say("ready");
                }
                thread::sleep(FOREVER);
            });
        }
        pending::<()>().await;
    })
}

struct SaysDropped;

impl Drop for SaysDropped {
    fn drop(&mut self) {
        say("dropped");
    }
}

struct Jobs(QueueConsumer);

impl Resources for Jobs {
    fn wire(self, wiring: &mut Wiring) {
        wiring.add("emails", self.0);
    }
}

pub(crate) fn run(scenario: &str) -> ExitCode {
    match scenario {
        "clean" => serve(shop(ms(0)), obedient),
        "clean-current-thread" => serve_on(Runtime::current_thread(), shop(ms(0)), obedient),
        "refuse" => serve(
            Plan {
                drift: Drift::Refuse,
                ..shop(ms(0))
            },
            obedient,
        ),
        "blocked" => serve(shop(ms(0)), || block_all_workers(2)),
        "blocked-current-thread" => serve_on(Runtime::current_thread(), shop(ms(0)), || {
            block_all_workers(1)
        }),
        "stubborn" => serve(patient(), stubborn),
        "slow" => serve(patient(), slow),
        "dying" => serve(shop(ms(0)), || {
            Task::new(|_| async { Err::<(), _>("lost the lock") })
        }),
        #[cfg(target_os = "linux")]
        "no-thread" => serve(shop(ms(0)), || {
            Task::new(|stopping| async move {
                say("ready");
                stopping.requested().await;
                // Threads that have only logged the signal have ended by then.
                tokio::time::sleep(ms(300)).await;
                leave_no_room_for_a_thread();
            })
        }),
        "hanging-exit" => {
            serve(shop(ms(0)), obedient);
            say("returned");
            thread::sleep(FOREVER);
            ExitCode::SUCCESS
        }
        "hanging-close" => two_workers().run(leak(shop(ms(0))), || async {
            Shop {
                work: obedient(),
                db: Database::blocking(|| thread::sleep(FOREVER)),
            }
        }),
        "jobs" => jobs(),
        "health" => health(ms(4000)),
        "health-settling-long" => health(FOREVER),
        other => start(other),
    }
}

/// Scenarios in which `main` does not return resources.
fn start(scenario: &str) -> ExitCode {
    let plan = leak(shop(ms(0)));
    match scenario {
        "starting" => two_workers().run(plan, || async {
            let _dropped = SaysDropped;
            say("ready");
            pending::<Shop>().await
        }),
        "starting-blocked" => two_workers().run(plan, || async {
            say("ready");
            thread::sleep(FOREVER);
            pending::<Shop>().await
        }),
        "failing" => two_workers().run(plan, || async {
            Err::<Shop, _>(anyhow::anyhow!("connection refused").context("no database"))
        }),
        "failing-plainly" => two_workers().run(plan, || async {
            Err::<Shop, _>(std::io::Error::from(std::io::ErrorKind::AddrInUse))
        }),
        "panicking" => two_workers().run(plan, || async {
            let url = std::env::var("NO_SUCH_VARIABLE").ok();
            let _url = url.expect("DATABASE_URL is set");
            pending::<Shop>().await
        }),
        "unwired" => alone(Lifecycle::new(shop(ms(0)))),
        "unwired-and-embedded" => alone(Lifecycle::new(shop(ms(0))).embedded()),
        other => panic!("no scenario {other}"),
    }
}

/// In a tokio runtime of the program's own.
fn alone(service: Lifecycle) -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("there is one");
    runtime.block_on(service.run()).into()
}

/// Leaves less memory than the stack of a thread takes, with `RUST_MIN_STACK` at 64 MiB.
#[cfg(target_os = "linux")]
fn leave_no_room_for_a_thread() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let status = std::fs::read_to_string("/proc/self/status").expect("of this process");
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let size = size.and_then(|size| size.trim().strip_suffix(" kB"));
    let taken: u64 = size.and_then(|size| size.parse().ok()).expect("a number");
    let limit = Rlimit {
        current: Some((taken + 16 * 1024) * 1024),
        ..getrlimit(Resource::As)
    };
    setrlimit(Resource::As, limit).expect("less is allowed");
    // The stacks of threads that have ended are given out again.
    let sleep = || thread::sleep(FOREVER);
    while thread::Builder::new().spawn(sleep).is_ok() {}
}

fn two_workers() -> Runtime {
    Runtime::multi_thread().worker_threads(2)
}

fn serve(plan: Plan, work: impl Fn() -> Task) -> ExitCode {
    serve_on(two_workers(), plan, work)
}

fn serve_on(runtime: Runtime, plan: Plan, work: impl Fn() -> Task) -> ExitCode {
    runtime.run(leak(plan), || async {
        Shop {
            work: work(),
            db: db(),
        }
    })
}

fn jobs() -> ExitCode {
    let plan = plan(
        ms(0),
        vec![step("emails", Kind::QueueConsumer, ms(300), &[])],
    );
    two_workers().run(leak(plan), || async {
        Jobs(QueueConsumer::new(|claims| async move {
            let _working = claims.working("mail \"42\"\n");
            say("ready");
            pending::<()>().await;
        }))
    })
}

fn health(settle: Duration) -> ExitCode {
    let port: u16 = std::env::var("HEALTH_PORT")
        .expect("set")
        .parse()
        .expect("a port");
    let (ready, live) = ("/health/ready".into(), "/health/live".into());
    let health = Some(Health {
        port: Some(port),
        ready,
        live,
    });
    two_workers().run(
        leak(Plan {
            health,
            ..shop(settle)
        }),
        || async {
            say("starting");
            tokio::time::sleep(ms(1500)).await;
            Shop {
                work: obedient(),
                db: db(),
            }
        },
    )
}

fn stubborn() -> Task {
    Task::new(|_| async {
        say("ready");
        pending::<()>().await;
    })
}

fn slow() -> Task {
    Task::new(|stopping| async move {
        say("ready");
        stopping.requested().await;
        say("stopping");
        tokio::time::sleep(ms(1000)).await;
    })
}
