//! The shutdown's meaning, on a paused clock: what every fault does to its own step and to others.

mod common;

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{UNWIND, found, ms, plan, step, stopped, window};
use lifecycle::plan::{Kind, Plan};
use lifecycle::{Custom, Database, Lifecycle, Outcome, StepOutcome, Task, Telemetry};
use tokio::time::{Instant, sleep};

const ZERO: Duration = Duration::ZERO;

/// A drain step `work`, a flush step `traces` after it, a close step `db` after both.
fn three() -> Plan {
    plan(
        ZERO,
        vec![
            step("work", Kind::Task, ms(1000), &[]),
            step("traces", Kind::Telemetry, ms(500), &[0]),
            step("db", Kind::Database, ms(2000), &[0, 1]),
        ],
    )
}

fn obedient() -> Task {
    Task::new(|stopping| async move { stopping.requested().await })
}

fn quick() -> Database {
    Database::new(|| async {})
}

#[tokio::test(start_paused = true)]
async fn with_nothing_to_do_it_takes_no_time() {
    let service = Lifecycle::new(three())
        .with("work", obedient())
        .with("traces", Telemetry::new(|| async {}))
        .with("db", quick());
    let report = stopped(service).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(report.exit_code(), 0);
    assert_eq!(report.total, ZERO);
    assert_eq!(report.cause.as_deref(), Some("test"));
}

#[tokio::test(start_paused = true)]
async fn settle_comes_before_everything_and_the_service_still_serves() {
    let served = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&served);
    let service = Lifecycle::new(plan(
        ms(5000),
        vec![step("work", Kind::Task, ms(1000), &[])],
    ))
    .with(
        "work",
        Task::new(|stopping| async move {
            while !stopping.is_requested() {
                tokio::select! {
                    () = stopping.requested() => {}
                    () = sleep(ms(100)) => { counter.fetch_add(1, Ordering::SeqCst); }
                }
            }
        }),
    );
    let service = service.embedded();
    let (stop, health) = (service.stop_handle(), service.health());
    assert!(!health.is_ready());
    let running = tokio::spawn(service.run());
    sleep(ms(10)).await;
    assert!(health.is_ready());
    stop.stop("test");
    assert!(
        !health.is_ready(),
        "readiness is down before anything else happens"
    );
    assert!(health.is_live() && health.is_stopping());
    let report = running.await.expect("the run does not panic");
    assert_eq!(report.settle, ms(5000));
    assert_eq!(window(&report, "work"), (5000, 5000));
    assert!(served.load(Ordering::SeqCst) >= 50);
    assert!(health.is_live());
}

#[tokio::test(start_paused = true)]
async fn without_an_announcement_the_program_settles_itself_on_every_platform() {
    // The platform's timeline pays nothing, because preStop would have; nobody called preStop here.
    let service = Lifecycle::new(plan(
        ms(3000),
        vec![step("work", Kind::Task, ms(1000), &[])],
    ))
    .platform("kubernetes")
    .with("work", obedient());
    let report = stopped(service).await;
    assert_eq!(report.settle, ms(3000));
    assert_eq!(report.platform.as_deref(), Some("kubernetes"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_step_is_waited_for_to_its_last_millisecond() {
    let service = Lifecycle::new(three())
        .with(
            "work",
            Task::new(|stopping| async move {
                stopping.requested().await;
                sleep(ms(999)).await;
            }),
        )
        .with("traces", Telemetry::new(|| async { sleep(ms(499)).await }))
        .with("db", Database::new(|| async { sleep(ms(1999)).await }));
    let report = stopped(service).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(window(&report, "work"), (0, 999));
    assert_eq!(window(&report, "traces"), (999, 1498));
    assert_eq!(window(&report, "db"), (1498, 3497));
}

#[tokio::test(start_paused = true)]
async fn a_hanging_step_ends_after_timeout_and_unwind_and_the_others_get_all_of_theirs() {
    let service = Lifecycle::new(three())
        .with("work", Task::new(|_| pending::<()>()))
        .with("traces", Telemetry::new(pending::<()>))
        .with("db", Database::new(|| async { sleep(ms(1999)).await }));
    let report = stopped(service).await;
    assert_eq!(report.outcome, Outcome::Abandoned);
    assert_eq!(report.exit_code(), 80);
    assert_eq!(window(&report, "work"), (0, 1250));
    assert_eq!(found(&report, "work").outcome, StepOutcome::TimedOut);
    assert_eq!(found(&report, "work").active, 1);
    assert_eq!(window(&report, "traces"), (1250, 2000));
    assert_eq!(window(&report, "db"), (2000, 3999));
    assert_eq!(found(&report, "db").outcome, StepOutcome::Done);
}

#[tokio::test(start_paused = true)]
async fn cancelled_work_that_lets_go_ends_the_window_early() {
    let gave_back = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&gave_back);
    let service = Lifecycle::new(three())
        .with(
            "work",
            Task::new(|stopping| async move {
                stopping.cancelled().await;
                sleep(ms(100)).await;
                counter.fetch_add(1, Ordering::SeqCst);
            }),
        )
        .with("traces", Telemetry::new(|| async {}))
        .with("db", quick());
    let report = stopped(service).await;
    assert_eq!(window(&report, "work"), (0, 1100));
    assert_eq!(found(&report, "work").outcome, StepOutcome::TimedOut);
    assert_eq!(
        gave_back.load(Ordering::SeqCst),
        1,
        "the unwind time was honoured"
    );
    assert_eq!(report.exit_code(), 80);
}

#[tokio::test(start_paused = true)]
async fn work_that_ignores_its_cancellation_is_dropped() {
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let guard = Dropped(Arc::clone(&dropped));
    let service = Lifecycle::new(three())
        .with(
            "work",
            Task::new(|_| async move {
                let _guard = guard;
                pending::<()>().await;
            }),
        )
        .with("traces", Telemetry::new(|| async {}))
        .with("db", Database::new(|| async { sleep(ms(10)).await }));
    stopped(service).await;
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failing_close_is_told_and_stops_nobody() {
    let service = Lifecycle::new(three())
        .with("work", obedient())
        .with(
            "traces",
            Telemetry::new(|| async { Err::<(), _>("collector unreachable") }),
        )
        .with(
            "db",
            Database::new(|| async {
                Err::<(), _>(anyhow::anyhow!("reset").context("cannot close"))
            }),
        );
    let report = stopped(service).await;
    assert_eq!(report.outcome, Outcome::CleanupFailed);
    assert_eq!(report.exit_code(), 81);
    assert_eq!(found(&report, "traces").outcome, StepOutcome::Failed);
    assert_eq!(
        found(&report, "traces").error.as_deref(),
        Some("collector unreachable")
    );
    assert_eq!(
        found(&report, "db").error.as_deref(),
        Some("cannot close: reset")
    );
}

#[tokio::test(start_paused = true)]
async fn a_panicking_close_is_told_and_stops_nobody() {
    let service = Lifecycle::new(three())
        .with("work", obedient())
        .with(
            "traces",
            Telemetry::new(|| async { assert!(ZERO > ms(1), "no {}", "spans") }),
        )
        .with("db", quick());
    let report = stopped(service).await;
    assert_eq!(found(&report, "traces").outcome, StepOutcome::Panicked);
    assert_eq!(found(&report, "traces").error.as_deref(), Some("no spans"));
    assert_eq!(found(&report, "db").outcome, StepOutcome::Done);
    assert_eq!(report.exit_code(), 81);
}

#[tokio::test(start_paused = true)]
async fn a_closure_that_panics_before_its_future_exists_is_caught_as_well() {
    #[allow(clippy::unused_async, reason = "the call itself panics")]
    fn never() -> std::future::Ready<()> {
        panic!("at once")
    }
    let service = Lifecycle::new(three())
        .with("work", obedient())
        .with("traces", Telemetry::new(never))
        .with("db", Database::blocking(|| panic!("in a thread")));
    let report = stopped(service).await;
    assert_eq!(found(&report, "traces").outcome, StepOutcome::Panicked);
    assert_eq!(found(&report, "db").error.as_deref(), Some("in a thread"));
}

#[tokio::test(start_paused = true)]
async fn best_effort_is_told_and_does_not_change_the_exit_code() {
    let plan = plan(
        ZERO,
        vec![step("traces", Kind::Telemetry, ms(500), &[]).best_effort()],
    );
    let report = stopped(Lifecycle::new(plan).with("traces", Telemetry::new(pending::<()>))).await;
    assert_eq!(found(&report, "traces").outcome, StepOutcome::TimedOut);
    assert_eq!(report.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn abandoned_work_outweighs_a_failed_close() {
    let service = Lifecycle::new(three())
        .with("work", Task::new(|_| pending::<()>()))
        .with("traces", Telemetry::new(|| async {}))
        .with("db", Database::new(|| async { Err::<(), _>("no") }));
    assert_eq!(stopped(service).await.exit_code(), 80);
}

#[tokio::test(start_paused = true)]
async fn steps_that_need_not_wait_run_side_by_side() {
    let plan = plan(
        ZERO,
        vec![
            step("a", Kind::Custom, ms(1000), &[]),
            step("b", Kind::Custom, ms(1000), &[]),
            step("c", Kind::Custom, ms(1000), &[0]),
            step("d", Kind::Custom, ms(1000), &[1, 2]),
        ],
    );
    let wait = |time| Custom::new(move || async move { sleep(ms(time)).await });
    let service = Lifecycle::new(plan)
        .with("a", wait(300))
        .with("b", wait(500))
        .with("c", wait(100))
        .with("d", wait(50));
    let report = stopped(service).await;
    assert_eq!(window(&report, "a"), (0, 300));
    assert_eq!(window(&report, "b"), (0, 500));
    assert_eq!(window(&report, "c"), (300, 400));
    assert_eq!(window(&report, "d"), (500, 550));
    assert_eq!(report.total, ms(550));
    assert_eq!(report.phases.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_in_a_running_task_stops_the_service_in_order() {
    let closed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&closed);
    let service = Lifecycle::new(three())
        .with(
            "work",
            Task::new(|_| async {
                sleep(ms(100)).await;
                Err::<(), _>("lost the leader's lock")
            }),
        )
        .with("traces", Telemetry::new(|| async {}))
        .with(
            "db",
            Database::new(move || async move {
                counter.fetch_add(1, Ordering::SeqCst);
            }),
        );
    let report = service.embedded().run().await;
    assert_eq!(
        report.cause.as_deref(),
        Some("`work` ended: lost the leader's lock")
    );
    assert_eq!(report.exit_code(), 80);
    assert_eq!(found(&report, "work").outcome, StepOutcome::Failed);
    assert_eq!(closed.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_running_task_stops_the_service_in_order() {
    let service = Lifecycle::new(three())
        .with(
            "work",
            Task::new(|_| async { panic!("index out of range") }),
        )
        .with("traces", Telemetry::new(|| async {}))
        .with("db", quick());
    let report = service.embedded().run().await;
    assert_eq!(found(&report, "work").outcome, StepOutcome::Panicked);
    assert_eq!(
        found(&report, "work").error.as_deref(),
        Some("index out of range")
    );
    assert_eq!(found(&report, "db").outcome, StepOutcome::Done);
    assert_eq!(report.exit_code(), 80);
}

#[tokio::test(start_paused = true)]
async fn a_best_effort_task_that_fails_does_not_stop_the_service() {
    let plan = plan(
        ZERO,
        vec![
            step("extra", Kind::Task, ms(100), &[]).best_effort(),
            step("work", Kind::Task, ms(100), &[]),
        ],
    );
    let service = Lifecycle::new(plan)
        .with("extra", Task::new(|_| async { Err::<(), _>("not today") }))
        .with("work", obedient());
    let report = stopped(service).await;
    assert_eq!(report.cause.as_deref(), Some("test"));
    assert_eq!(found(&report, "extra").outcome, StepOutcome::Failed);
    assert_eq!(report.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_last_task_has_finished_stops() {
    let plan = plan(
        ZERO,
        vec![
            step("one", Kind::Task, ms(100), &[]),
            step("two", Kind::Task, ms(100), &[]),
            step("db", Kind::Database, ms(100), &[0, 1]),
        ],
    );
    let begun = Instant::now();
    let service = Lifecycle::new(plan)
        .with("one", Task::new(|_| sleep(ms(100))))
        .with("two", Task::new(|_| sleep(ms(700))))
        .with("db", quick());
    let report = service.embedded().run().await;
    assert_eq!(begun.elapsed().as_millis(), 700);
    assert_eq!(report.outcome, Outcome::Clean);
}

#[tokio::test(start_paused = true)]
async fn resources_start_in_the_reverse_order_of_their_end() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let plan = plan(
        ZERO,
        vec![
            step("front", Kind::Task, ms(100), &[]),
            step("back", Kind::Task, ms(100), &[0]),
        ],
    );
    let task = |name: &'static str| {
        let log = Arc::clone(&log);
        Task::new(move |stopping| async move {
            log.lock()
                .expect("not poisoned")
                .push(format!("{name} starts"));
            stopping.requested().await;
            log.lock()
                .expect("not poisoned")
                .push(format!("{name} stops"));
        })
    };
    stopped(
        Lifecycle::new(plan)
            .with("front", task("front"))
            .with("back", task("back")),
    )
    .await;
    let log = log.lock().expect("not poisoned");
    assert_eq!(
        *log,
        ["back starts", "front starts", "front stops", "back stops"]
    );
}

#[tokio::test(start_paused = true)]
async fn wiring_that_does_not_fit_keeps_the_service_from_starting() {
    type Wire = fn(Lifecycle) -> Lifecycle;
    let cases: [(Wire, &str); 4] = [
        (
            |it| it,
            "the plan stops `work`, `traces` and `db`, but nothing is wired under that name",
        ),
        (
            |it| it.with("wrok", obedient()),
            "`wrok` is wired, but the plan has no such resource; it has `work`, `traces` and `db`",
        ),
        (
            |it| it.with("work", quick()),
            "`work` is wired as database, but the plan says task",
        ),
        (
            |it| it.with("work", obedient()).with("work", obedient()),
            "`work` is wired twice",
        ),
    ];
    for (wire, said) in cases {
        let report = wire(Lifecycle::new(three())).embedded().run().await;
        assert_eq!(report.outcome, Outcome::StartFailed);
        assert_eq!(report.exit_code(), 1);
        assert_eq!(report.cause.as_deref(), Some(said));
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_contradicts_itself_keeps_the_service_from_starting() {
    let mut plan = three();
    plan.steps.to_mut()[0].waits_for = vec![2].into();
    let report = Lifecycle::new(plan).embedded().run().await;
    assert_eq!(
        report.cause.as_deref(),
        Some("the plan cannot be followed: `work` waits for db, which does not come before it")
    );
}

#[tokio::test(start_paused = true)]
async fn a_plan_with_a_time_that_no_clock_can_tell_keeps_the_service_from_starting() {
    let mut plan = three();
    plan.unmanaged.deadline = Duration::MAX;
    let report = Lifecycle::new(plan).embedded().run().await;
    assert_eq!(
        report.cause.as_deref(),
        Some(
            "the plan cannot be followed: the timeline of `unmanaged` has a time that no clock can tell"
        )
    );
    let mut plan = three();
    plan.steps.to_mut()[0].lease = Some(Duration::MAX);
    let report = Lifecycle::new(plan).embedded().run().await;
    assert_eq!(
        report.cause.as_deref(),
        Some("the plan cannot be followed: `work` has a lease that no clock can tell")
    );
}

#[tokio::test(start_paused = true)]
async fn years_are_no_such_time() {
    let years = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    let mut plan = three();
    plan.unmanaged.kill = years;
    plan.unmanaged.grace = years;
    plan.steps.to_mut()[0].lease = Some(years);
    let service = Lifecycle::new(plan).embedded();
    let service = service
        .with("work", obedient())
        .with("traces", Telemetry::new(|| async {}))
        .with("db", quick());
    let stop = service.stop_handle();
    stop.stop("it has begun");
    let report = service.run().await;
    assert_eq!(report.outcome, Outcome::Clean, "{:?}", report.cause);
}

#[tokio::test(start_paused = true)]
async fn a_stop_asked_for_early_is_not_forgotten() {
    let service = Lifecycle::new(three()).embedded();
    service.stop_handle().stop("changed my mind");
    let report = service
        .with("work", obedient())
        .with("traces", Telemetry::new(|| async {}))
        .with("db", quick())
        .run()
        .await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert!(
        report.steps.is_empty(),
        "nothing was started, so nothing had to be stopped"
    );
}

#[tokio::test(start_paused = true)]
async fn everything_that_can_go_wrong_at_once_still_ends_within_the_plan() {
    let service = Lifecycle::new(three())
        .with("work", Task::new(|_| pending::<()>()))
        .with("traces", Telemetry::new(|| async { panic!("no") }))
        .with("db", Database::new(pending::<()>));
    let report = stopped(service).await;
    assert_eq!(report.total, ms(1000) + UNWIND + ms(2000) + UNWIND);
}
