//! Telemetry: exporters side by side, and what comes at the very end. With real exporters and a real
//! collector: `tests/telemetry`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::future::pending;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use common::{Given, UNWIND, ms, plan, step};
use lifecycle::plan::Kind;
use lifecycle::testing::{Fault, Terminated, Termination};
use lifecycle::{Database, Exporter, Outcome, StepOutcome, Telemetry};
use tokio::time::{Instant, sleep};

/// What was called, in order.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn note(&self, what: &str) -> impl Future<Output = ()> + Send + use<> {
        let (this, what) = (self.clone(), what.to_owned());
        async move { this.0.lock().unwrap().push(what) }
    }

    fn taken(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn traces() -> Given {
    step("telemetry", Kind::Telemetry, ms(2000), &[])
}

/// `telemetry`, then `db`, which takes 100 ms.
fn shop(telemetry: Telemetry, given: Given) -> Termination {
    Termination::of(plan(
        ms(0),
        vec![given, step("db", Kind::Database, ms(3000), &[0])],
    ))
    .with("telemetry", telemetry)
    .with("db", Database::new(|| sleep(ms(100))))
}

async fn ended(telemetry: Telemetry) -> Terminated {
    shop(telemetry, traces()).run().await
}

#[tokio::test(start_paused = true)]
async fn what_comes_last_comes_after_the_last_step() {
    let notes = Notes::default();
    let (flush, close, last) = (notes.note("flush"), notes.note("close"), notes.note("last"));
    let given = vec![traces(), step("db", Kind::Database, ms(3000), &[0])];
    let report = Termination::of(plan(ms(0), given))
        .with("telemetry", Telemetry::new(|| flush).finally(|| last))
        .with(
            "db",
            Database::new(|| async {
                sleep(ms(100)).await;
                close.await;
            }),
        )
        .run()
        .await;
    report.assert_clean();
    assert_eq!(notes.taken(), ["flush", "close", "last"]);
    assert_eq!(report.total, ms(100), "the report was made before");
}

#[tokio::test(start_paused = true)]
async fn exporters_are_flushed_side_by_side() {
    let report = ended(Telemetry::all([
        Exporter::new("traces", || sleep(ms(1500))),
        Exporter::new("metrics", || sleep(ms(1900))),
    ]))
    .await;
    report.assert_clean();
    assert_eq!(report.step("telemetry").end, Some(ms(1900)));
}

#[tokio::test(start_paused = true)]
async fn of_several_the_one_that_hangs_is_named_and_not_asked_again() {
    let notes = Notes::default();
    let (flushed, last, never) = (notes.note("flushed"), notes.note("last"), notes.note("no"));
    let report = ended(Telemetry::all([
        Exporter::new("traces", pending::<()>).finally(|| never),
        Exporter::new("logs", || flushed).finally(|| last),
    ]))
    .await;
    let telemetry = report.step("telemetry");
    assert_eq!(telemetry.outcome, StepOutcome::TimedOut);
    assert_eq!(telemetry.unfinished, ["traces"]);
    assert_eq!((telemetry.active, telemetry.oldest), (1, Some(ms(2000))));
    assert_eq!(telemetry.end, Some(ms(2000) + UNWIND));
    assert_eq!(notes.taken(), ["flushed", "last"]);
    report.assert_outcome(Outcome::Abandoned);
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_all_is_not_asked_where_one_hangs() {
    let notes = Notes::default();
    let last = notes.note("last");
    ended(Telemetry::new(pending::<()>).finally(|| last)).await;
    assert_eq!(notes.taken(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn each_failure_is_told_by_name() {
    let report = ended(Telemetry::all([
        Exporter::new("traces", || async { Err::<(), _>("refused") }),
        Exporter::new("metrics", || async {}),
        Exporter::blocking("logs", || Err::<(), _>("reset")),
    ]))
    .await;
    let telemetry = report.step("telemetry");
    assert_eq!(telemetry.outcome, StepOutcome::Failed);
    let error = telemetry.error.as_deref();
    assert_eq!(error, Some("traces: refused; logs: reset"));

    let panicking = Exporter::new("logs", || async { panic!("no file") });
    let report = ended(Telemetry::all([panicking])).await;
    let telemetry = report.step("telemetry");
    assert_eq!(telemetry.outcome, StepOutcome::Panicked);
    assert_eq!(telemetry.error.as_deref(), Some("logs: no file"));
}

#[tokio::test(start_paused = true)]
async fn a_failure_at_the_very_end_is_in_the_report_too() {
    let begun = Instant::now();
    let failing = || Telemetry::new(|| async {}).finally(|| async { Err::<(), _>("gone") });
    let report = ended(failing()).await;
    let telemetry = report.step("telemetry");
    assert_eq!(telemetry.outcome, StepOutcome::Failed);
    assert_eq!(telemetry.error.as_deref(), Some("at the very end: gone"));
    report.assert_outcome(Outcome::CleanupFailed);
    assert_eq!(begun.elapsed(), ms(1100), "a failure takes no time");

    let report = shop(failing(), traces().best_effort()).run().await;
    report.assert_outcome(Outcome::Clean);
}

#[tokio::test(start_paused = true)]
async fn what_hangs_at_the_very_end_has_the_steps_timeout() {
    let begun = Instant::now();
    let report = ended(Telemetry::new(|| async {}).finally(pending::<()>)).await;
    let telemetry = report.step("telemetry");
    assert_eq!(telemetry.outcome, StepOutcome::TimedOut);
    let error = telemetry.error.as_deref();
    assert_eq!(error, Some("at the very end: no end within 2s"));
    report.assert_outcome(Outcome::Abandoned);
    assert_eq!(begun.elapsed(), ms(1000 + 100 + 2000));
}

#[tokio::test(start_paused = true)]
async fn and_never_more_than_is_left_until_the_deadline() {
    let begun = Instant::now();
    let telemetry = Telemetry::new(|| sleep(ms(1999))).finally(pending::<()>);
    let report = shop(telemetry, traces())
        .fault("db", Fault::Hang)
        .run()
        .await;
    assert_eq!(report.step("db").outcome, StepOutcome::TimedOut);
    // The deadline is 500 ms after all windows; it is not the watchdog that ends this.
    let last_step = ms(1999 + 3000) + UNWIND;
    assert_eq!(report.total, last_step);
    let deadline = ms(2000 + 3000 + 500) + UNWIND * 2;
    assert_eq!(begun.elapsed() + ms(100), ms(1000) + deadline);
    assert!(matches!(report.outcome, Outcome::Abandoned));
}

#[tokio::test(start_paused = true)]
async fn where_no_time_is_left_it_is_said() {
    let mut plan = plan(ms(0), vec![traces()]);
    plan.unmanaged.deadline = ms(50);
    let report = Termination::of(plan)
        .with(
            "telemetry",
            Telemetry::new(|| async {}).finally(pending::<()>),
        )
        .run()
        .await;
    let error = report.step("telemetry").error.as_deref();
    assert_eq!(error, Some("at the very end: no time was left for it"));
}

/// A client as Sentry's is: its flush blocks until its transport has sent everything, or gives false.
struct Client(mpsc::Receiver<()>);

impl Client {
    fn flush(&self, within: Duration) -> bool {
        self.0.recv_timeout(within).is_ok()
    }

    /// The flush of a service that uses it.
    fn sent(&self, within: Duration) -> Result<(), &'static str> {
        match self.flush(within) {
            true => Ok(()),
            false => Err("events were not sent"),
        }
    }
}

/// Stopped on a running clock: such a client blocks a real thread.
async fn really_ended(telemetry: Telemetry, timeout: Duration) -> Terminated {
    let given = step("telemetry", Kind::Telemetry, timeout, &[]);
    let report = shop(telemetry, given).after(ms(20)).run().await;
    assert!(!report.paused());
    assert_eq!(report.step("db").outcome, StepOutcome::Done);
    report
}

#[tokio::test]
async fn a_client_that_has_sent_everything_is_done() {
    let (transport, sent) = mpsc::channel();
    transport.send(()).unwrap();
    let telemetry = Telemetry::blocking(move || Client(sent).sent(ms(60_000)));
    really_ended(telemetry, ms(30_000)).await.assert_clean();
}

#[tokio::test]
async fn a_client_that_could_not_send_everything_in_its_own_time_fails_the_step() {
    let (_transport, sent) = mpsc::channel();
    let telemetry = Telemetry::blocking(move || Client(sent).sent(ms(100)));
    let report = really_ended(telemetry, ms(30_000)).await;
    let telemetry = report.step("telemetry");
    assert_eq!(telemetry.outcome, StepOutcome::Failed);
    assert_eq!(telemetry.error.as_deref(), Some("events were not sent"));
    let took = telemetry.end.unwrap();
    assert!(took >= ms(100) && took < ms(20_000), "{took:?}");
    report.assert_outcome(Outcome::CleanupFailed);
    assert_eq!(report.exit_code(), 81);
}

#[tokio::test]
async fn a_client_that_blocks_beyond_the_steps_timeout_is_left_behind_and_named() {
    for alone in [true, false] {
        let (transport, sent) = mpsc::channel();
        let flush = move || Client(sent).sent(ms(60_000));
        let telemetry = match alone {
            true => Telemetry::blocking(flush),
            false => Telemetry::all([
                Exporter::blocking("sentry", flush),
                Exporter::new("traces", || async {}),
            ]),
        };
        let report = really_ended(telemetry, ms(200)).await;
        let telemetry = report.step("telemetry");
        assert_eq!(telemetry.outcome, StepOutcome::TimedOut);
        assert_eq!(telemetry.active, 1);
        // One that is alone has no name but the step's.
        let named: &[&str] = if alone { &[] } else { &["sentry"] };
        assert_eq!(telemetry.unfinished, named);
        let took = telemetry.end.unwrap();
        assert!(took >= ms(200) && took < ms(20_000), "{took:?}");
        report.assert_outcome(Outcome::Abandoned);
        assert_eq!(report.exit_code(), 80);
        // The thread ends now; the runtime would wait for it.
        drop(transport);
    }
}
