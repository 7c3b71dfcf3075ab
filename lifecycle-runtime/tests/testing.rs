//! `lifecycle::testing`: a service's own test plays its termination.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{UNWIND, ms, plan, step};
use lifecycle::plan::{Kind, Plan};
use lifecycle::testing::{Fault, Terminated, Termination};
use lifecycle::{
    BlockingWork, Custom, Database, Outcome, QueueConsumer, Signal, StepOutcome, Task, Telemetry,
};
use tokio::time::sleep;

/// `work`, then `traces`, then `db`; one second of settling unless the platform is Kubernetes.
fn shop() -> Plan {
    plan(
        ms(1000),
        vec![
            step("work", Kind::Task, ms(5000), &[]),
            step("traces", Kind::Telemetry, ms(2000), &[0]),
            step("db", Kind::Database, ms(3000), &[1]),
        ],
    )
}

fn wired() -> Termination {
    Termination::of(shop())
        .with(
            "work",
            Task::new(|stopping| async move {
                stopping.requested().await;
                sleep(ms(700)).await;
            }),
        )
        .with("traces", Telemetry::new(|| sleep(ms(100))))
        .with("db", Database::new(|| sleep(ms(50))))
}

fn words(panicking: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(panicking)).expect_err("it fails");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn without_a_fault_it_is_clean_and_its_times_are_exact() {
    let report = wired().run().await;
    report.assert_clean();
    report.assert_nothing_lost();
    report.assert_order(&["work", "traces", "db"]);
    assert_eq!(report.signal, Some(Signal::Terminate));
    assert_eq!(report.settle, ms(1000));
    assert_eq!(report.total, ms(1000 + 700 + 100 + 50));
    assert_eq!(report.uptime, ms(1000), "as long as it serves by default");
    assert_eq!(report.ready_after, Some(ms(0)));
    assert!(report.paused());
    assert_eq!(report.faults, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_platform_is_the_one_that_was_asked_for() {
    let report = wired().platform("kubernetes").run().await;
    assert_eq!(report.platform.as_deref(), Some("kubernetes"));
    assert_eq!(report.settle, ms(0), "Kubernetes has paid for it");
    assert_eq!(report.left_before_kill(), ms(30_000 - 850));
    assert_eq!(report.left_before_deadline(), ms(10_000 + 750 + 500 - 850));
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the plan has no platform `ecs`; it has kubernetes")]
async fn a_platform_that_the_plan_does_not_have() {
    wired().platform("ecs").run().await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the plan has no resource `orders`; it has work, traces, db")]
async fn a_fault_of_nobody() {
    wired().fault("orders", Fault::Hang).run().await;
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_cut_off_and_the_rest_goes_on() {
    let report = wired().fault("work", Fault::Hang).run().await;
    report.assert_outcome(Outcome::Abandoned);
    let work = report.step("work");
    assert_eq!(work.outcome, StepOutcome::TimedOut);
    assert_eq!(work.end, Some(ms(1000 + 5000) + UNWIND));
    assert_eq!(report.step("db").outcome, StepOutcome::Done);
    assert_eq!(report.faults, ["work=hang"]);
}

#[tokio::test(start_paused = true)]
async fn what_fails_or_panics_says_so() {
    let report = wired()
        .fault("db", Fault::Fail)
        .fault("traces", Fault::Panic)
        .run()
        .await;
    report.assert_outcome(Outcome::CleanupFailed);
    assert_eq!(report.step("db").outcome, StepOutcome::Failed);
    assert_eq!(report.step("traces").outcome, StepOutcome::Panicked);
    for name in ["db", "traces"] {
        let error = report.step(name).error.as_deref();
        assert_eq!(error, Some("an injected fault"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_slow_has_its_whole_timeout_and_lets_go_when_cancelled() {
    let report = wired().fault("db", Fault::Slow(ms(2000))).run().await;
    report.assert_clean();
    assert_eq!(report.total, ms(1000 + 700 + 100 + 50 + 2000));

    let report = wired().fault("db", Fault::Slow(ms(20_000))).run().await;
    let db = report.step("db");
    assert_eq!(db.outcome, StepOutcome::TimedOut);
    assert_eq!(db.end, db.start.map(|start| start + ms(3000)), "no unwind");
}

#[tokio::test(start_paused = true)]
async fn a_faulty_resource_is_stopped_all_the_same() {
    let closed = Arc::new(AtomicU32::new(0));
    for fault in [Fault::Hang, Fault::Fail, Fault::Panic, Fault::Block(ms(1))] {
        let closed = Arc::clone(&closed);
        Termination::of(plan(ms(0), vec![step("db", Kind::Custom, ms(3000), &[])]))
            .with(
                "db",
                Custom::new(move || async move {
                    closed.fetch_add(1, Ordering::Relaxed);
                }),
            )
            .fault("db", fault)
            .run()
            .await;
    }
    assert_eq!(closed.load(Ordering::Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn what_dies_while_the_service_runs_stops_it() {
    let report = wired().fault("work", Fault::Die(ms(300))).run().await;
    assert_eq!(report.signal, None);
    assert_eq!(
        report.cause.as_deref(),
        Some("`work` ended: an injected fault")
    );
    assert_eq!(report.uptime, ms(300));
    report.assert_outcome(Outcome::Abandoned);
    assert_eq!(report.step("work").outcome, StepOutcome::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_signal_while_it_starts() {
    let start = || async {
        sleep(ms(400)).await;
        pending::<Shop>().await
    };
    let report = Termination::of(shop())
        .start(start)
        .while_starting(ms(200))
        .run()
        .await;
    report.assert_clean();
    assert!(report.steps.is_empty());
    assert_eq!((report.uptime, report.ready_after), (ms(200), None));
}

struct Shop;

impl lifecycle::Resources for Shop {
    fn wire(self, _: &mut lifecycle::Wiring) {}
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_or_panics_is_the_report() {
    let failing = || async { Err::<Shop, _>("no database") };
    let report = Termination::of(shop()).start(failing).run().await;
    report.assert_outcome(Outcome::StartFailed);
    assert_eq!(report.cause.as_deref(), Some("no database"));

    let panicking = || async {
        assert!(pending_panics(), "no configuration");
        Shop
    };
    let report = Termination::of(shop()).start(panicking).run().await;
    let cause = report.cause.as_deref();
    assert_eq!(cause, Some("main panicked: no configuration"));
}

fn pending_panics() -> bool {
    false
}

#[tokio::test(start_paused = true)]
async fn a_second_sigint_leaves_at_once_and_a_second_sigterm_does_not() {
    let report = wired()
        .fault("work", Fault::Hang)
        .again(ms(1500), Signal::Terminate)
        .again(ms(2000), Signal::Interrupt)
        .run()
        .await;
    report.assert_outcome(Outcome::Forced);
    assert_eq!(report.exit_code(), 82);
    assert_eq!(report.total, ms(2000));
    assert_eq!(report.step("work").outcome, StepOutcome::Running);
    assert_eq!(report.step("db").outcome, StepOutcome::Skipped);
}

#[tokio::test(start_paused = true)]
async fn somebody_at_a_terminal_does_not_wait() {
    let report = wired().ctrl_c().fault("work", Fault::Hang).run().await;
    assert_eq!(report.settle, ms(0));
    assert_eq!(report.step("work").timeout, ms(3000));
}

#[tokio::test(start_paused = true)]
async fn the_watchdog_ends_the_run_and_not_the_test() {
    let mut shop = shop();
    // As if the plan had promised more than it can keep.
    shop.unmanaged.deadline = ms(1200);
    let report = Termination::of(shop)
        .with("work", Task::new(|_| pending::<()>()))
        .with("traces", Telemetry::new(|| async {}))
        .with("db", Database::new(|| async {}))
        .run()
        .await;
    report.assert_outcome(Outcome::Forced);
    assert_eq!(report.total, ms(1200));
    assert_eq!(report.step("work").active, 1);
}

#[tokio::test(start_paused = true)]
async fn traffic_says_when_the_signal_comes() {
    let report = Termination::of(plan(
        ms(0),
        vec![step("jobs", Kind::QueueConsumer, ms(2000), &[])],
    ))
    .with(
        "jobs",
        QueueConsumer::new(|claims| async move {
            let _working = claims.working("job-7");
            sleep(ms(60_000)).await;
        }),
    )
    .traffic(|service| async move {
        assert!(service.health().is_ready());
        sleep(ms(5000)).await;
        service.terminate();
        service.stopping().await;
        assert!(!service.health().is_ready());
        service.stopped().await;
    })
    .run()
    .await;
    assert_eq!(report.uptime, ms(5000));
    assert_eq!(report.step("jobs").unfinished, ["job-7"]);
}

#[tokio::test(start_paused = true)]
async fn traffic_that_ends_is_followed_by_the_signal_and_endless_traffic_is_dropped() {
    let report = wired().traffic(|_| sleep(ms(40))).run().await;
    assert_eq!(report.uptime, ms(40));

    let endless = wired().traffic(|service| async move {
        service.terminate();
        pending::<()>().await;
    });
    endless.run().await.assert_clean();
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the answer was wrong")]
async fn a_panic_of_the_traffic_is_the_tests() {
    wired()
        .traffic(|service| async move {
            assert!(!service.health().is_ready(), "the answer was wrong");
        })
        .run()
        .await;
}

#[tokio::test]
async fn on_a_running_clock_it_takes_its_time_and_is_still_right() {
    let report = Termination::of(plan(ms(0), vec![step("db", Kind::Custom, ms(3000), &[])]))
        .with("db", Custom::new(|| sleep(ms(20))))
        .after(Duration::ZERO)
        .run()
        .await;
    report.assert_clean();
    assert!(!report.paused());
    assert!(report.total >= ms(20));
}

#[tokio::test(start_paused = true)]
async fn an_assertion_that_fails_shows_the_whole_report() {
    let report: Terminated = wired().fault("work", Fault::Hang).run().await;
    let table = "shop on no platform: abandoned, exit code 80, after 6.4s, 23.6s before SIGKILL
  work    drain  timed-out  1s … 6.25s, timeout 5s
  traces  flush  done       6.25s … 6.35s, timeout 2s
  db      close  done       6.35s … 6.4s, timeout 3s";
    assert_eq!(report.to_string(), table);
    assert_eq!(
        words(|| report.assert_clean()),
        format!("it did not stop cleanly\n{table}")
    );
    assert_eq!(
        words(|| report.assert_outcome(Outcome::Clean)),
        format!("it ended as abandoned, not as clean\n{table}")
    );
    assert_eq!(
        words(|| report.assert_order(&["db", "work"])),
        format!("`work` did not wait for `db`\n{table}")
    );
    assert_eq!(
        words(|| drop(report.step("none").clone())),
        format!("there is no step `none`\n{table}")
    );
}

/// A client on the test's own runtime, over loopback: the paused clock waits for it.
#[cfg(feature = "http")]
#[tokio::test(start_paused = true)]
async fn requests_over_loopback_are_answered_while_it_drains() {
    use axum::{Router, routing::get};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route(
        "/",
        get(|| async {
            sleep(ms(3000)).await;
            "late"
        }),
    );
    let server = lifecycle::HttpServer::new(listener, router);
    let report = Termination::of(plan(
        ms(500),
        vec![step("http", Kind::HttpServer, ms(10_000), &[])],
    ))
    .with("http", server)
    .traffic(move |service| async move {
        let mut client = TcpStream::connect(address).await.unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n")
            .await
            .unwrap();
        // The request is in flight when the signal comes.
        sleep(ms(100)).await;
        service.terminate();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.ends_with("late"), "{answer}");
    })
    .run()
    .await;
    report.assert_clean();
    report.assert_nothing_lost();
    let http = report.step("http").end.unwrap();
    assert!(http >= ms(2900) && http < ms(3500), "{http:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fault_makes_no_resource_one_that_the_service_runs_for() {
    let plan = plan(
        ms(0),
        vec![
            step("work", Kind::Task, ms(1000), &[]),
            step("hashing", Kind::BlockingWork, ms(1000), &[]),
        ],
    );
    let playing = Termination::of(plan)
        .with("work", Task::new(|_| sleep(ms(100))))
        .with("hashing", BlockingWork::new())
        .fault("hashing", Fault::Slow(ms(100)))
        .without_signal()
        .run();
    let report = tokio::time::timeout(ms(60_000), playing).await.unwrap();
    let cause = report.cause.as_deref();
    assert_eq!(cause, Some("everything that served has ended"));
}
