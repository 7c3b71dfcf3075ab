//! A gate before critical sections: nobody enters once it is closed, those inside finish.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use common::{Given, found, ms, plan, step, stopped, window};
use lifecycle::plan::Kind;
use lifecycle::{CriticalSection, Lifecycle, Outcome, StepOutcome, Task};
use tokio::time::sleep;

const ZERO: Duration = Duration::ZERO;

fn transfers() -> Given {
    step("transfers", Kind::CriticalSection, ms(1000), &[])
}

#[tokio::test(start_paused = true)]
async fn those_inside_finish_and_nobody_else_enters() {
    let section = CriticalSection::new();
    let gate = section.handle();
    let service = Lifecycle::new(plan(ZERO, vec![transfers()])).with("transfers", section);
    let inside = gate.clone();
    let first = tokio::spawn(async move {
        // From 500 to 1600; the gate closes at 1000.
        sleep(ms(500)).await;
        inside.run("first", sleep(ms(1100))).await
    });
    let late = gate.clone();
    let second = tokio::spawn(async move {
        sleep(ms(1001)).await;
        late.enter("second").map(drop)
    });
    let report = stopped(service).await;
    first.await.unwrap().expect("it was inside before");
    let refused = second.await.unwrap().expect_err("the gate is closed");
    assert_eq!(refused.retry_after(), ms(1000));
    assert!(gate.is_closed());
    assert_eq!(window(&report, "transfers"), (0, 600));
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(found(&report, "transfers").rejected, 1);
    assert_eq!(report.rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn who_stays_inside_is_cancelled_and_named_with_its_age() {
    let section = CriticalSection::new();
    let gate = section.handle();
    let service = Lifecycle::new(plan(ZERO, vec![transfers()])).with("transfers", section);
    tokio::spawn(async move {
        let inside = gate.enter("4711").unwrap();
        inside.cancelled().await;
        assert!(inside.is_cancelled());
        sleep(ms(100)).await;
    });
    let report = stopped(service).await;
    let step = found(&report, "transfers");
    assert_eq!(step.outcome, StepOutcome::TimedOut);
    assert_eq!((step.active, step.oldest), (1, Some(ms(2000))));
    assert_eq!(step.unfinished, ["4711"]);
    assert_eq!(
        window(&report, "transfers"),
        (0, 1100),
        "it let go in its time"
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_inside_is_lost_work() {
    let section = CriticalSection::new();
    let gate = section.handle();
    let service = Lifecycle::new(plan(ZERO, vec![transfers()])).with("transfers", section);
    tokio::spawn(async move {
        let _inside = gate.enter("4711").unwrap();
        sleep(ms(1500)).await;
        panic!("no such account");
    });
    let report = stopped(service).await;
    assert_eq!(found(&report, "transfers").outcome, StepOutcome::Panicked);
    assert_eq!(found(&report, "transfers").unfinished, ["4711"]);
    assert_eq!(report.exit_code(), 80);
}

#[tokio::test(start_paused = true)]
async fn what_uses_the_gate_may_enter_until_it_has_stopped_itself() {
    let section = CriticalSection::new();
    let gate = section.handle();
    let steps = vec![
        step("work", Kind::Task, ms(1000), &[]),
        step("transfers", Kind::CriticalSection, ms(1000), &[0]),
    ];
    let service = Lifecycle::new(plan(ZERO, steps))
        .with(
            "work",
            Task::new(move |stopping| async move {
                stopping.requested().await;
                sleep(ms(300)).await;
                let inside = gate
                    .enter("the last one")
                    .map_err(|error| error.to_string())?;
                tokio::spawn(async move {
                    sleep(ms(200)).await;
                    drop(inside);
                });
                Ok::<(), String>(())
            }),
        )
        .with("transfers", section);
    let report = stopped(service).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(window(&report, "work"), (0, 300));
    assert_eq!(window(&report, "transfers"), (300, 500));
}

/// The gate closes while threads stream through it: whoever was let in has left when the step ends,
/// and nobody is let in afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_entry_is_lost_between_closing_and_entering() {
    for round in 0..50 {
        let section = CriticalSection::new();
        let (inside, begun, left) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicU64::new(0)),
        );
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let gate = section.handle();
                let (inside, begun, left) =
                    (Arc::clone(&inside), Arc::clone(&begun), Arc::clone(&left));
                thread::spawn(move || {
                    let mut refused = 0_u64;
                    while refused < 100 {
                        if let Ok(guard) = gate.enter("x") {
                            begun.fetch_add(1, Ordering::SeqCst);
                            inside.fetch_add(1, Ordering::SeqCst);
                            thread::yield_now();
                            inside.fetch_sub(1, Ordering::SeqCst);
                            left.fetch_add(1, Ordering::SeqCst);
                            drop(guard);
                        } else {
                            refused += 1;
                        }
                    }
                })
            })
            .collect();
        let lifecycle = Lifecycle::new(plan(ZERO, vec![transfers()]))
            .with("transfers", section)
            .embedded();
        let (stop, health) = (lifecycle.stop_handle(), lifecycle.health());
        let running = tokio::spawn(lifecycle.run());
        while !health.is_ready() || begun.load(Ordering::SeqCst) < 20 {
            tokio::task::yield_now().await;
        }
        stop.stop("test");
        let report = running.await.unwrap();
        assert_eq!(inside.load(Ordering::SeqCst), 0, "round {round}");
        let before = begun.load(Ordering::SeqCst);
        assert_eq!(before, left.load(Ordering::SeqCst));
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(before, begun.load(Ordering::SeqCst), "nobody entered later");
        assert_eq!(report.outcome, Outcome::Clean);
    }
}
