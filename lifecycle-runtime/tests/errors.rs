//! Errors of the service's own that do more than an error should when they are shown.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::error::Error;
use std::fmt;
use std::sync::mpsc;
use std::time::Duration;

use common::{found, ms, plan, step};
use lifecycle::plan::Kind;
use lifecycle::{BlockingWork, Lifecycle, Outcome, Report, StepOutcome, Task};

/// Shows itself by what the closure does.
struct Shown<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Shown<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

impl<F> fmt::Debug for Shown<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> Error for Shown<F> {}

/// Runs the service to its end, on a runtime of its own: a deadlock fails the test.
fn ended(make: impl FnOnce() -> Lifecycle + Send + 'static) -> Report {
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let report = runtime.block_on(async { make().embedded().run().await });
        runtime.shutdown_background();
        let _ = said.send(report);
    });
    heard
        .recv_timeout(Duration::from_secs(30))
        .expect("no deadlock")
}

fn service(kind: Kind, work: impl lifecycle::Resource) -> Lifecycle {
    Lifecycle::new(plan(ms(0), vec![step("work", kind, ms(2000), &[])])).with("work", work)
}

fn assert_failed(report: &Report, words: &str) {
    assert_eq!(report.outcome, Outcome::Abandoned);
    let step = found(report, "work");
    assert_eq!(step.outcome, StepOutcome::Failed);
    assert_eq!(step.error.as_deref(), Some(words));
    let cause = report.cause.as_deref().unwrap();
    assert_eq!(cause, format!("`work` ended: {words}"));
}

#[test]
fn a_childs_error_that_spawns_another_child_when_it_is_shown() {
    let report = ended(|| {
        let task = Task::new(|stopping| async move {
            let again = stopping.clone();
            stopping.spawn("child", async move {
                Err::<(), _>(Shown(move |f: &mut fmt::Formatter<'_>| {
                    again.spawn("more", async {});
                    f.write_str("no paper")
                }))
            });
            stopping.requested().await;
        });
        service(Kind::Task, task)
    });
    assert_failed(&report, "`child`: no paper");
}

#[test]
fn a_tasks_own_error_that_asks_for_its_health_when_it_is_shown() {
    let report = ended(|| {
        let status = Lifecycle::new(plan(ms(0), Vec::new())).health();
        let task = Task::new(move |stopping| async move {
            Err::<(), _>(Shown(move |f: &mut fmt::Formatter<'_>| {
                let _ = status.status();
                stopping.spawn("more", async {});
                f.write_str("no paper")
            }))
        });
        service(Kind::Task, task)
    });
    assert_failed(&report, "no paper");
}

#[test]
fn a_worker_threads_error_that_begins_more_work_when_it_is_shown() {
    let report = ended(|| {
        let blocking = BlockingWork::new();
        let (handle, again) = (blocking.handle(), blocking.handle());
        let begun = handle.thread("worker", move |_| {
            Err::<(), _>(Shown(move |f: &mut fmt::Formatter<'_>| {
                // Refused once the service stops; asked for all the same.
                drop(again.spawn("more", |_| ()));
                f.write_str("no paper")
            }))
        });
        begun.unwrap();
        service(Kind::BlockingWork, blocking)
    });
    assert_failed(&report, "`worker`: no paper");
}

#[test]
fn an_error_that_cannot_be_shown_is_an_error_all_the_same() {
    const WORDS: &str = "an error that panics when it is shown";
    let report = ended(|| {
        let task = Task::new(|stopping| async move {
            stopping.spawn("child", async {
                Err::<(), _>(Shown(|_: &mut fmt::Formatter<'_>| {
                    panic!("and this panics")
                }))
            });
            stopping.requested().await;
        });
        service(Kind::Task, task)
    });
    assert_failed(&report, &format!("`child`: {WORDS}"));
    // As good as a panic: `to_string` makes one of it.
    let report = ended(|| {
        let task = Task::new(|_| async {
            Err::<(), _>(Shown(|_: &mut fmt::Formatter<'_>| Err(fmt::Error)))
        });
        service(Kind::Task, task)
    });
    assert_failed(&report, WORDS);
}
