//! Tasks, their children, and what is started again, on a paused clock.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Given, found, ms, plan, step, stopped, window};
use lifecycle::plan::Kind;
use lifecycle::{Database, Lifecycle, Outcome, Report, StepOutcome, Task};
use tokio::time::{Instant, sleep};

const ZERO: Duration = Duration::ZERO;

fn work() -> Given {
    step("work", Kind::Task, ms(1000), &[])
}

fn service(given: Given, resource: impl lifecycle::Resource) -> Lifecycle {
    Lifecycle::new(plan(ZERO, vec![given])).with("work", resource)
}

/// Runs until the service stops by itself.
async fn ended(service: Lifecycle) -> Report {
    service.embedded().run().await
}

/// Counts how often it is dropped.
struct Dropped(Arc<AtomicU32>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn children_are_waited_for_counted_and_named() {
    let task = Task::new(|stopping| async move {
        stopping.spawn("quick", sleep(ms(1300)));
        stopping.spawn("slow", pending::<()>());
        stopping.requested().await;
    });
    let report = stopped(service(work(), task)).await;
    let step = found(&report, "work");
    assert_eq!(step.outcome, StepOutcome::TimedOut);
    assert_eq!(step.unfinished, ["slow"]);
    assert_eq!((step.active, step.oldest), (1, Some(ms(2000))));
}

#[tokio::test(start_paused = true)]
async fn children_are_cancelled_with_their_parent_and_dropped_with_it() {
    let dropped = Arc::new(AtomicU32::new(0));
    let (first, second) = (Arc::clone(&dropped), Arc::clone(&dropped));
    let let_go = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&let_go);
    let task = Task::new(move |stopping| async move {
        let mine = stopping.clone();
        stopping.spawn("polite", async move {
            mine.cancelled().await;
            counter.fetch_add(1, Ordering::SeqCst);
        });
        stopping.spawn("deaf", async move {
            let _dropped = Dropped(first);
            pending::<()>().await;
        });
        let _dropped = Dropped(second);
        pending::<()>().await;
    });
    let report = stopped(service(work(), task)).await;
    sleep(ms(1)).await;
    assert_eq!(window(&report, "work"), (0, 1250));
    assert_eq!(let_go.load(Ordering::SeqCst), 1);
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_ends_badly_stops_the_service_in_order() {
    for panics in [false, true] {
        let finished = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&finished);
        let task = Task::new(move |stopping| async move {
            stopping.spawn("reader", async move {
                sleep(ms(500)).await;
                assert!(!panics, "index out of bounds");
                Err::<(), _>("connection reset")
            });
            stopping.requested().await;
            sleep(ms(300)).await;
            counter.fetch_add(1, Ordering::SeqCst);
        });
        let begun = Instant::now();
        let report = ended(service(work(), task)).await;
        let (what, outcome) = match panics {
            false => ("`reader`: connection reset", StepOutcome::Failed),
            true => ("`reader`: index out of bounds", StepOutcome::Panicked),
        };
        assert_eq!(
            report.cause.as_deref(),
            Some(&*format!("`work` ended: {what}"))
        );
        assert_eq!(report.exit_code(), 80);
        assert_eq!(found(&report, "work").outcome, outcome);
        assert_eq!(found(&report, "work").error.as_deref(), Some(what));
        assert_eq!(finished.load(Ordering::SeqCst), 1, "the parent finished");
        assert_eq!(begun.elapsed(), ms(800));
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_called_off_is_no_failure() {
    let task = Task::new(|stopping| async move {
        let child = stopping.spawn("reader", pending::<()>());
        sleep(ms(100)).await;
        child.abort();
    });
    let report = ended(service(work(), task)).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(
        report.cause.as_deref(),
        Some("everything that served has ended")
    );
}

#[cfg(feature = "http")]
#[tokio::test(start_paused = true)]
async fn a_server_goes_on_when_the_last_task_has_ended() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = lifecycle::HttpServer::new(listener, axum::Router::new());
    let http = step("http", Kind::HttpServer, ms(1000), &[]);
    let service = Lifecycle::new(plan(ZERO, vec![http, work()]))
        .with("http", server)
        .with("work", Task::new(|_| sleep(ms(100))));
    let report = stopped(service).await;
    assert_ne!(
        report.cause.as_deref(),
        Some("everything that served has ended")
    );
}

#[tokio::test(start_paused = true)]
async fn handlers_start_children_until_the_window_opens() {
    let task = Task::tasks();
    let (early, late) = (task.handle(), task.handle());
    let done = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&done);
    tokio::spawn(async move {
        sleep(ms(900)).await;
        let mail = async move {
            sleep(ms(400)).await;
            counter.fetch_add(1, Ordering::SeqCst);
        };
        early.spawn("mail", mail).unwrap();
    });
    let refused = tokio::spawn(async move {
        sleep(ms(1001)).await;
        late.spawn("too late", pending::<()>()).map(drop)
    });
    let report = stopped(service(work(), task)).await;
    refused.await.unwrap().expect_err("the window was open");
    assert_eq!(done.load(Ordering::SeqCst), 1);
    assert_eq!(window(&report, "work"), (0, 300));
    assert_eq!(report.rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn a_child_the_service_can_do_without_does_not_stop_it() {
    let task = Task::tasks();
    let handle = task.handle();
    tokio::spawn(async move {
        sleep(ms(100)).await;
        let bad = async { Err::<(), _>("no such address") };
        handle.spawn_best_effort("mail", bad).unwrap();
        let worse = async { panic!("no such address") };
        handle.spawn_best_effort("mail", worse).unwrap();
    });
    let report = stopped(service(work(), task)).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(report.cause.as_deref(), Some("test"));
}

/// A task that ends as `end` says whenever it is started, and when it was.
fn again<F, Fut, O>(end: F) -> (Task<lifecycle::Restarts>, Arc<Mutex<Vec<Duration>>>)
where
    F: Fn(usize, lifecycle::Stopping) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = O> + Send + 'static,
    O: lifecycle::Ending,
{
    let starts: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let (noted, begun) = (Arc::clone(&starts), Instant::now());
    let task = Task::restarting(move |stopping| {
        let mut starts = noted.lock().unwrap();
        starts.push(begun.elapsed());
        end(starts.len() - 1, stopping)
    });
    (task, starts)
}

#[tokio::test(start_paused = true)]
async fn what_ends_badly_is_started_again_after_pauses_that_double() {
    let (task, starts) = again(|round, stopping| async move {
        match round {
            0 | 2 => Err("connection refused"),
            1 => panic!("bug"),
            _ => {
                stopping.requested().await;
                Ok(())
            }
        }
    });
    let report = stopped(service(work().restarting(), task)).await;
    assert_eq!(report.outcome, Outcome::Clean);
    let starts = starts.lock().unwrap();
    let pauses: Vec<u128> = starts
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]).as_millis())
        .collect();
    assert_eq!(pauses.len(), 3);
    for (pause, whole) in pauses.iter().zip([100, 200, 400]) {
        // A timer may fire a millisecond late.
        assert!((whole * 3 / 4..=whole + 1).contains(pause), "{pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_ends_well_is_not_started_again() {
    let (task, starts) = again(|_, _| async {});
    let report = ended(service(work().restarting(), task)).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(starts.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_started_again_during_a_stop() {
    // It fails at 900 and would be started again at 975 to 1000 or later; the stop comes before.
    let (task, starts) = again(|_, _| async {
        sleep(ms(950)).await;
        Err::<(), _>("connection refused")
    });
    let report = stopped(service(work().restarting(), task)).await;
    assert_eq!(starts.lock().unwrap().len(), 1);
    assert_eq!(
        report.outcome,
        Outcome::Clean,
        "nothing ran, nothing is lost"
    );
    assert_eq!(report.total, ZERO);

    // One that fails because of the stop is not started again either, and the report says so.
    let (task, starts) = again(|_, stopping| async move {
        stopping.requested().await;
        sleep(ms(100)).await;
        Err::<(), _>("connection refused")
    });
    let report = stopped(service(work().restarting(), task)).await;
    assert_eq!(starts.lock().unwrap().len(), 1);
    assert_eq!(found(&report, "work").outcome, StepOutcome::Failed);
    assert_eq!(report.total, ms(100));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_started_again_while_the_service_settles() {
    let (task, starts) = again(|_, _| async {
        sleep(ms(1500)).await;
        Err::<(), _>("connection refused")
    });
    let plan = plan(ms(5000), vec![work().restarting()]);
    let report = stopped(Lifecycle::new(plan).with("work", task)).await;
    assert_eq!(starts.lock().unwrap().len(), 1);
    assert_eq!(found(&report, "work").outcome, StepOutcome::Failed);
    assert_eq!(report.total, ms(5000));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_ends_badly_starts_its_parent_again_without_the_others() {
    let dropped = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&dropped);
    let (task, starts) = again(move |round, stopping| {
        let counter = Arc::clone(&counter);
        async move {
            let sibling = counter;
            stopping.spawn("sibling", async move {
                let _dropped = Dropped(sibling);
                pending::<()>().await;
            });
            if round == 0 {
                stopping.spawn("reader", async {
                    sleep(ms(100)).await;
                    Err::<(), _>("connection reset")
                });
            }
            pending::<()>().await;
        }
    });
    let report = stopped(service(work().restarting(), task)).await;
    // Failed at 100, dropped at 350, started again 75 to 100 later.
    let second = starts.lock().unwrap()[1];
    assert!((ms(425)..=ms(452)).contains(&second), "{second:?}");
    assert_eq!(starts.lock().unwrap().len(), 2);
    sleep(ms(1)).await;
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
    let step = found(&report, "work");
    assert_eq!(step.unfinished, ["sibling"]);
    assert_eq!(window(&report, "work"), (0, 1250));
}

#[tokio::test(start_paused = true)]
async fn siblings_finish_when_a_child_fails_during_the_stop() {
    let finished = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&finished);
    let (task, _) = again(move |_, stopping| {
        let counter = Arc::clone(&counter);
        async move {
            stopping.spawn("slow", async move {
                sleep(ms(1800)).await;
                counter.fetch_add(1, Ordering::SeqCst);
            });
            stopping.spawn("reader", async {
                sleep(ms(1200)).await;
                Err::<(), _>("connection reset")
            });
            stopping.requested().await;
        }
    });
    let report = stopped(service(work().restarting(), task)).await;
    assert_eq!(finished.load(Ordering::SeqCst), 1);
    assert_eq!(window(&report, "work"), (0, 800));
    assert_eq!(
        found(&report, "work").error.as_deref(),
        Some("`reader`: connection reset")
    );
}

#[tokio::test(start_paused = true)]
async fn plan_and_wiring_agree_on_what_a_failure_leads_to() {
    let once = || Task::new(|_| async {});
    let report = ended(service(work().restarting(), once())).await;
    assert_eq!(report.outcome, Outcome::StartFailed);
    let said = report.cause.unwrap();
    assert!(said.contains("make it with `restarting`"), "{said}");

    let again = Task::restarting(|_| async {});
    let report = ended(service(work(), again)).await;
    assert_eq!(report.outcome, Outcome::StartFailed);
    let said = report.cause.unwrap();
    assert!(said.contains("make it with `new`"), "{said}");
}

/// On one worker thread, which a task that spins would keep from all others.
#[test]
fn a_child_that_fails_during_the_stop_keeps_no_worker_thread() {
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let report = runtime.block_on(async {
            let task = Task::new(|stopping| async move {
                let mine = stopping.clone();
                stopping.spawn("child", async move {
                    mine.requested().await;
                    sleep(ms(50)).await;
                    Err::<(), _>("no ink")
                });
            });
            let db = step("db", Kind::Database, ms(1000), &[0]);
            let service = Lifecycle::new(plan(ZERO, vec![work(), db]))
                .with("work", task)
                .with("db", Database::new(|| sleep(ms(50))));
            stopped(service).await
        });
        runtime.shutdown_background();
        let _ = said.send(report);
    });
    let report = heard.recv_timeout(Duration::from_secs(20)).unwrap();
    let step = found(&report, "work");
    assert_eq!(step.outcome, StepOutcome::Failed);
    assert_eq!(step.error.as_deref(), Some("`child`: no ink"));
    assert_eq!(found(&report, "db").outcome, StepOutcome::Done);
}
