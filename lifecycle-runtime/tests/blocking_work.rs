//! Work that blocks its thread: waited for, told to stop, named, abandoned where nothing helps.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::{Given, found, ms, plan, step};
use lifecycle::plan::Kind;
use lifecycle::{BlockingWork, Lifecycle, Outcome, Report, StepOutcome};
use tokio::time::sleep;

const ZERO: Duration = Duration::ZERO;
/// Long enough that nothing which takes it can be mistaken for something that ended.
const FOREVER: Duration = Duration::from_secs(60);

fn work(timeout: Duration) -> Given {
    step("work", Kind::BlockingWork, timeout, &[])
}

/// Runs the service until it is up, does `then`, and asks it to stop.
async fn stopped_after<F: Future>(given: Given, work: BlockingWork, then: F) -> Report {
    let service = Lifecycle::new(plan(ZERO, vec![given]))
        .with("work", work)
        .embedded();
    let (stop, health) = (service.stop_handle(), service.health());
    let running = tokio::spawn(service.run());
    while !health.is_ready() {
        sleep(ms(1)).await;
    }
    then.await;
    stop.stop("test");
    running.await.unwrap()
}

#[tokio::test]
async fn pieces_and_threads_are_waited_for_and_nothing_new_begins() {
    let blocking = BlockingWork::new();
    let handle = blocking.handle();
    let late = handle.clone();
    let ended = Arc::new(AtomicU32::new(0));
    let (piece, worker) = (Arc::clone(&ended), Arc::clone(&ended));
    let (said, mut heard) = tokio::sync::mpsc::channel::<()>(1);
    let report = stopped_after(work(FOREVER), blocking, async move {
        let ticket = handle.spawn("piece", move |stop| {
            while !stop.is_requested() {
                thread::sleep(ms(1));
            }
            thread::sleep(ms(50));
            piece.fetch_add(1, Ordering::SeqCst);
            7
        });
        let worker = handle.thread("worker", move |stop| {
            assert!(!stop.wait(ms(1)), "nobody has asked yet");
            said.blocking_send(()).unwrap();
            assert!(stop.wait(FOREVER), "the wait ends with the request");
            thread::sleep(ms(50));
            worker.fetch_add(1, Ordering::SeqCst);
        });
        worker.unwrap();
        tokio::spawn(async move { assert_eq!(ticket.unwrap().await, Ok(7)) });
        heard.recv().await.unwrap();
    })
    .await;
    assert_eq!(ended.load(Ordering::SeqCst), 2);
    assert_eq!(report.outcome, Outcome::Clean);
    assert!(late.is_closed());
    late.spawn("late", |_| ()).map(drop).expect_err("closed");
    late.thread("late", |_| ()).expect_err("closed");
}

#[tokio::test]
async fn what_looks_at_its_cancellation_lets_go_and_is_named_with_its_age() {
    let blocking = BlockingWork::new();
    let handle = blocking.handle();
    let report = stopped_after(work(ms(200)), blocking, async move {
        let ticket = handle.spawn("thumbnail 7", |stop| {
            while !stop.is_cancelled() {
                thread::sleep(ms(1));
            }
        });
        drop(ticket.unwrap());
    })
    .await;
    let step = found(&report, "work");
    assert_eq!(step.outcome, StepOutcome::TimedOut);
    assert_eq!(step.unfinished, ["thumbnail 7"]);
    assert_eq!(step.active, 1);
    assert!(step.oldest.unwrap() >= ms(190), "{:?}", step.oldest);
    assert_eq!(step.abandoned, [""; 0]);
}

#[tokio::test]
async fn what_does_not_end_is_abandoned_by_name() {
    let blocking = BlockingWork::new();
    let handle = blocking.handle();
    let (release, released) = mpsc::channel::<()>();
    let report = stopped_after(work(ms(100)), blocking, async move {
        handle
            .thread("deaf", move |_| {
                let _ = released.recv();
            })
            .unwrap();
    })
    .await;
    let step = found(&report, "work");
    assert_eq!(step.outcome, StepOutcome::TimedOut);
    assert_eq!(step.abandoned, ["deaf"]);
    assert_eq!(report.exit_code(), 80);
    drop(release);
}

#[test]
fn what_still_waits_for_a_thread_at_the_timeout_is_never_begun() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let begun = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&begun);
    let (release, released) = mpsc::channel::<()>();
    let report = runtime.block_on(async {
        let blocking = BlockingWork::new();
        let handle = blocking.handle();
        let mut queued = None;
        let report = stopped_after(work(ms(100)), blocking, async {
            let first = handle.spawn("first", move |_| released.recv());
            drop(first.unwrap());
            let second = handle.spawn("second", move |_| counter.fetch_add(1, Ordering::SeqCst));
            queued = Some(second.unwrap());
        })
        .await;
        let lost = queued.unwrap().await.expect_err("never begun");
        assert_eq!(lost.panic(), None);
        assert!(lost.to_string().contains("`second`"), "{lost}");
        report
    });
    let step = found(&report, "work");
    assert_eq!(step.unfinished, ["first", "second"]);
    assert_eq!(step.abandoned, ["first"]);
    drop(release);
    drop(runtime);
    assert_eq!(begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_panic_of_a_piece_reaches_its_ticket_and_the_report_if_the_service_stops() {
    let blocking = BlockingWork::new();
    let handle = blocking.handle();
    let report = stopped_after(work(FOREVER), blocking, async move {
        let early = handle.spawn("early", |_| -> u32 { panic!("bad header") });
        let lost = early.unwrap().await.expect_err("it panicked");
        assert_eq!(lost.panic(), Some("bad header"));
        assert_eq!(lost.to_string(), "`early` panicked: bad header");
        let late = handle.spawn("late", |stop| {
            stop.wait(FOREVER);
            panic!("bad trailer");
        });
        drop(late.unwrap());
    })
    .await;
    let step = found(&report, "work");
    assert_eq!(step.outcome, StepOutcome::Panicked);
    assert_eq!(
        step.unfinished,
        ["late"],
        "the early one was its caller's affair"
    );
    assert_eq!(report.exit_code(), 80);
}

#[tokio::test]
async fn a_worker_thread_that_ends_badly_stops_the_service_in_order() {
    for panics in [false, true] {
        let blocking = BlockingWork::new();
        let handle = blocking.handle();
        let service = Lifecycle::new(plan(ZERO, vec![work(FOREVER)]))
            .with("work", blocking)
            .embedded();
        let worker = handle.thread("sweeper", move |stop| {
            stop.wait(ms(20));
            assert!(!panics, "index out of bounds");
            Err::<(), _>("disk full")
        });
        worker.unwrap();
        let report = service.run().await;
        let (what, outcome) = match panics {
            false => ("`sweeper`: disk full", StepOutcome::Failed),
            true => ("`sweeper`: index out of bounds", StepOutcome::Panicked),
        };
        assert_eq!(
            report.cause.as_deref(),
            Some(&*format!("`work` ended: {what}"))
        );
        assert_eq!(found(&report, "work").outcome, outcome);
        assert_eq!(found(&report, "work").error.as_deref(), Some(what));
        assert_eq!(report.exit_code(), 80);
    }
}

#[tokio::test]
async fn a_service_of_worker_threads_ends_with_them() {
    let blocking = BlockingWork::new();
    let handle = blocking.handle();
    let service = Lifecycle::new(plan(ZERO, vec![work(FOREVER)]))
        .with("work", blocking)
        .embedded();
    handle.thread("batch", |_| thread::sleep(ms(50))).unwrap();
    let report = service.run().await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(
        report.cause.as_deref(),
        Some("everything that served has ended")
    );
}

#[test]
fn it_works_from_threads_outside_of_any_runtime() {
    let blocking = BlockingWork::new();
    let handle = blocking.handle();
    let ticket = handle.spawn("early", |_| 7).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    assert_eq!(runtime.block_on(ticket), Ok(7));
    // A worker thread can wait for async code of the service.
    let inside = runtime.enter();
    let (said, heard) = mpsc::channel();
    let worker = handle.thread("worker", move |_| {
        let _ = said.send(tokio::runtime::Handle::try_current().is_ok());
    });
    worker.unwrap();
    assert!(heard.recv_timeout(FOREVER).unwrap());
    drop(inside);
}

#[tokio::test]
async fn abandoned_is_what_still_runs_named_or_not_and_nothing_that_panicked() {
    let blocking = BlockingWork::new();
    let handle = blocking.handle();
    let (release, released) = mpsc::channel::<()>();
    let report = stopped_after(work(ms(100)), blocking, async move {
        let panics = handle.spawn("panics", |stop| {
            stop.wait(FOREVER);
            panic!("bad trailer");
        });
        drop(panics.unwrap());
        let deaf = move |_| {
            let _ = released.recv();
        };
        handle.thread("", deaf).unwrap();
    })
    .await;
    let step = found(&report, "work");
    assert_eq!(step.outcome, StepOutcome::TimedOut);
    assert_eq!(step.unfinished, ["panics"]);
    assert_eq!(step.abandoned, ["without a name"]);
    drop(release);
}
