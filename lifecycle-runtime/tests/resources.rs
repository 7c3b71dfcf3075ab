//! What each kind of resource makes of a stop, on a paused clock.

mod common;

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{found, ms, plan, step, stopped, window};
use lifecycle::plan::Kind;
use lifecycle::{Lifecycle, Outcome, QueueConsumer, Scheduler, StepOutcome};
use tokio::time::sleep;

const ZERO: Duration = Duration::ZERO;

#[tokio::test(start_paused = true)]
async fn unfinished_jobs_are_named() {
    let plan = plan(
        ZERO,
        vec![step("emails", Kind::QueueConsumer, ms(1000), &[])],
    );
    let service = Lifecycle::new(plan).with(
        "emails",
        QueueConsumer::new(|claims| async move {
            for id in [41, 42] {
                let claims = claims.clone();
                tokio::spawn(async move {
                    while claims.next(async {}).await.is_some() {
                        let _working = claims.working(format!("mail-{id}"));
                        sleep(if id == 42 { ms(3_600_000) } else { ms(900) }).await;
                    }
                });
            }
        }),
    );
    let report = stopped(service).await;
    let emails = found(&report, "emails");
    assert_eq!(emails.outcome, StepOutcome::TimedOut);
    assert_eq!(emails.unfinished, ["mail-42"]);
    assert_eq!(emails.active, 1);
    assert_eq!(emails.oldest, Some(ms(2000)));
}

#[tokio::test(start_paused = true)]
async fn no_job_is_claimed_once_intake_stops_and_the_claimed_one_finishes() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let entries = Arc::clone(&log);
    let plan = plan(
        ZERO,
        vec![step("emails", Kind::QueueConsumer, ms(1000), &[])],
    );
    let service = Lifecycle::new(plan).with(
        "emails",
        QueueConsumer::new(|claims| async move {
            let mut next = 0;
            while let Some(job) = claims
                .next(async {
                    next += 1;
                    next
                })
                .await
            {
                let _working = claims.working(job);
                sleep(ms(400)).await;
                entries.lock().expect("not poisoned").push(job);
            }
        }),
    );
    let report = stopped(service).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(report.total, ms(200));
    assert_eq!(*log.lock().expect("not poisoned"), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_claim_is_dropped_at_once() {
    let plan = plan(
        ZERO,
        vec![step("emails", Kind::QueueConsumer, ms(1000), &[])],
    );
    let service = Lifecycle::new(plan).with(
        "emails",
        QueueConsumer::new(|claims| async move {
            while claims.next(sleep(ms(20_000))).await.is_some() {}
        }),
    );
    assert_eq!(stopped(service).await.total, ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_panics_after_the_stop_is_lost_work() {
    let plan = plan(
        ZERO,
        vec![step("emails", Kind::QueueConsumer, ms(1000), &[])],
    );
    let service = Lifecycle::new(plan).with(
        "emails",
        QueueConsumer::new(|claims| async move {
            let worker = claims.clone();
            tokio::spawn(async move {
                let _working = worker.working("mail-7");
                worker.stopping().await;
                panic!("bad address");
            });
            claims.stopping().await;
        }),
    );
    let report = stopped(service).await;
    let emails = found(&report, "emails");
    assert_eq!(emails.outcome, StepOutcome::Panicked);
    assert_eq!(emails.unfinished, ["mail-7"]);
    assert_eq!(report.exit_code(), 80);
}

#[tokio::test(start_paused = true)]
async fn no_new_tick_after_the_stop_and_the_running_one_finishes() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&runs);
    let plan = plan(ZERO, vec![step("nightly", Kind::Scheduler, ms(1000), &[])]);
    let service = Lifecycle::new(plan).with(
        "nightly",
        Scheduler::every(ms(300), move || {
            let counter = Arc::clone(&counter);
            async move {
                sleep(ms(150)).await;
                counter.fetch_add(1, Ordering::SeqCst);
            }
        }),
    );
    // Runs begin at 300, 600 and 900; the stop comes at 1000.
    let report = stopped(service).await;
    assert_eq!(report.total, ms(50));
    assert_eq!(runs.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_does_not_end_the_schedule_and_one_that_hangs_is_dropped() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&runs);
    let plan = plan(ZERO, vec![step("nightly", Kind::Scheduler, ms(1000), &[])]);
    let service = Lifecycle::new(plan).with(
        "nightly",
        Scheduler::every(ms(300), move || {
            let run = counter.fetch_add(1, Ordering::SeqCst);
            async move {
                match run {
                    0 => Err::<(), _>("disk full"),
                    1 => panic!("bug"),
                    _ => pending().await,
                }
            }
        }),
    );
    let report = stopped(service).await;
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    let nightly = found(&report, "nightly");
    assert_eq!(nightly.outcome, StepOutcome::TimedOut);
    assert_eq!(nightly.oldest, Some(ms(1100)));
    assert_eq!(
        window(&report, "nightly"),
        (0, 1250),
        "it had the time to let go"
    );
}

#[tokio::test(start_paused = true)]
async fn sessions_are_waited_for_after_their_server_has_ended() {
    let plan = plan(ZERO, vec![step("chat", Kind::Websocket, ms(1000), &[])]);
    let service = Lifecycle::new(plan).with(
        "chat",
        lifecycle::WebSockets::new().serve(|stopping| async move {
            let session = stopping.clone();
            tokio::spawn(async move {
                let _working = session.working("10.0.0.7");
                session.requested().await;
                sleep(ms(300)).await;
            });
            stopping.requested().await;
        }),
    );
    assert_eq!(stopped(service).await.total, ms(300));
}
