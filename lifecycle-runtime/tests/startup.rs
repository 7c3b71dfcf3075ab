//! The beginning of a life: resources start in the order of use, each when what it uses is up, and
//! readiness comes last.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use common::{found, ms, plan, step};
use lifecycle::plan::{Kind, Plan};
use lifecycle::{Database, Lifecycle, Outcome, StepOutcome, Task, Wiring};
use tokio::time::{Instant, sleep};

/// What happened, in order.
#[derive(Clone, Default)]
struct Story(Arc<Mutex<Vec<String>>>);

impl Story {
    fn tell(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A task that uses a database, and another that uses nothing.
fn service() -> Plan {
    plan(
        ms(2000),
        vec![
            step("orders", Kind::Task, ms(5000), &[]),
            step("clock", Kind::Task, ms(5000), &[]),
            step("db", Kind::Database, ms(1000), &[0]),
        ],
    )
}

/// That service with its tasks and this database.
fn wired(story: &Story, db: Database) -> Lifecycle {
    Lifecycle::new(service())
        .with("orders", task(story, "orders"))
        .with("clock", task(story, "clock"))
        .with("db", db)
        .embedded()
}

fn task(story: &Story, name: &'static str) -> Task {
    let story = story.clone();
    Task::new(move |stopping| async move {
        story.tell(format!("{name} runs"));
        stopping.requested().await;
        story.tell(format!("{name} stops"));
    })
}

fn database(story: &Story) -> Database {
    let story = story.clone();
    Database::new(move || async move { story.tell("db closes") })
}

#[tokio::test(start_paused = true)]
async fn what_uses_a_resource_waits_until_it_is_up_and_others_do_not() {
    let (story, asked) = (Story::default(), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&asked);
    let service = wired(
        &story,
        database(&story).started_when(move || {
            let nth = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                sleep(ms(50)).await;
                if nth < 3 {
                    Err("connection refused")
                } else {
                    Ok(())
                }
            }
        }),
    );
    let (stop, health) = (service.stop_handle(), service.health());
    let running = tokio::spawn(service.run());

    // Three times no, with pauses of 100, 200 and 400 ms, then yes: 900 ms in all.
    sleep(ms(850)).await;
    assert_eq!(story.told(), ["clock runs"]);
    assert!(!health.is_ready());
    sleep(ms(100)).await;
    assert_eq!(story.told(), ["clock runs", "orders runs"]);
    assert!(health.is_ready());

    stop.stop("test");
    let report = running.await.unwrap();
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_goes_on_saying_no_stops_what_had_started_and_says_why() {
    let story = Story::default();
    let began = Instant::now();
    let report = wired(
        &story,
        database(&story)
            .started_when(|| async { Err::<(), _>("connection refused") })
            .started_within(ms(3000)),
    )
    .run()
    .await;
    assert_eq!((began.elapsed().as_millis(), report.settle), (3000, ms(0)));
    assert_eq!(
        (report.outcome, report.exit_code()),
        (Outcome::StartFailed, 1)
    );
    assert_eq!(
        report.cause.as_deref(),
        Some("`db` did not start: not up within 3s: connection refused")
    );
    // `orders` never ran, and what `main` opened is closed all the same.
    assert_eq!(story.told(), ["clock runs", "clock stops", "db closes"]);
    assert_eq!(found(&report, "orders").outcome, StepOutcome::Done);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_is_not_waited_for_beyond_its_limit() {
    let story = Story::default();
    let report = wired(
        &story,
        database(&story).started_when(std::future::pending::<()>),
    )
    .run()
    .await;
    assert_eq!(
        report.cause.as_deref(),
        Some("`db` did not start: not up within 60s: no answer")
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_is_a_start_that_failed() {
    let story = Story::default();
    let report = wired(
        &story,
        database(&story).started_when(|| async { panic!("no such table") }),
    )
    .run()
    .await;
    assert_eq!(
        report.cause.as_deref(),
        Some("`db` did not start: its start-up probe panicked: no such table")
    );
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_of_the_start_stops_in_order_without_settling() {
    let story = Story::default();
    let service = wired(
        &story,
        database(&story).started_when(std::future::pending::<()>),
    );
    let (stop, health) = (service.stop_handle(), service.health());
    let running = tokio::spawn(service.run());
    sleep(ms(500)).await;
    stop.stop("test");
    let report = running.await.unwrap();
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!((report.settle, report.total), (ms(0), ms(0)));
    assert_eq!(story.told(), ["clock runs", "clock stops", "db closes"]);
    assert!(!health.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_while_others_start_stops_the_service() {
    let story = Story::default();
    let report = Lifecycle::new(service())
        .with("orders", task(&story, "orders"))
        .with(
            "clock",
            Task::new(|_| async {
                sleep(ms(300)).await;
                Err::<(), _>("no battery")
            }),
        )
        .with(
            "db",
            database(&story).started_when(std::future::pending::<()>),
        )
        .embedded()
        .run()
        .await;
    assert_eq!(report.cause.as_deref(), Some("`clock` ended: no battery"));
    assert_eq!(report.outcome, Outcome::Abandoned);
    assert_eq!(story.told(), ["db closes"]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_a_limit_is_asked_until_it_says_yes() {
    let (story, asked) = (Story::default(), Arc::new(AtomicU32::new(0)));
    let service = wired(
        &story,
        database(&story)
            .started_when(move || {
                let nth = asked.fetch_add(1, Ordering::Relaxed);
                async move { if nth < 100 { Err("not yet") } else { Ok(()) } }
            })
            .started_within(std::time::Duration::MAX),
    );
    let (stop, health) = (service.stop_handle(), service.health());
    let running = tokio::spawn(service.run());
    sleep(ms(300_000)).await;
    assert!(health.is_ready());
    stop.stop("test");
    assert_eq!(running.await.unwrap().outcome, Outcome::Clean);
}

#[test]
fn what_is_wired_is_shown_by_name() {
    let mut wiring = Wiring::default();
    wiring.add("db", Database::new(|| async {}));
    wiring.add("orders", task(&Story::default(), "orders"));
    assert_eq!(format!("{wiring:?}"), r#"["db", "orders"]"#);
}
