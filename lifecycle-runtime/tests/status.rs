//! What a service says of itself while it lives: on a paused clock.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{ms, plan, step};
use lifecycle::plan::{Kind, Plan};
use lifecycle::{
    Database, Health, Lifecycle, QueueConsumer, ResourceState, ResourceStatus, State, Status,
    StepOutcome,
};
use tokio::time::sleep;

/// A consumer that uses a database.
fn shop() -> Plan {
    plan(
        ms(2_000),
        vec![
            step("emails", Kind::QueueConsumer, ms(5_000), &[]),
            step("db", Kind::Database, ms(1_000), &[0]),
        ],
    )
}

/// A database that is up after 300 ms, and one job that is begun 100 ms later and takes 10 s, or until
/// it is cancelled.
fn service() -> Lifecycle {
    let emails = QueueConsumer::new(|claims| async move {
        sleep(ms(100)).await;
        let _working = claims.working("mail 1");
        tokio::select! {
            () = sleep(ms(10_000)) => {}
            () = claims.cancelled() => {}
        }
    });
    let db = Database::new(|| sleep(ms(700))).started_when(|| sleep(ms(300)));
    Lifecycle::new(shop())
        .with("emails", emails)
        .with("db", db)
        .embedded()
}

fn now(health: &Health) -> Status {
    health.status().expect("the service has begun")
}

fn of<'s>(status: &'s Status, name: &str) -> &'s ResourceStatus {
    status.resource(name).expect("a resource of this name")
}

#[tokio::test(start_paused = true)]
async fn each_moment_of_a_life_is_told() {
    use ResourceState::{Ended, Pending, Running, Starting, Stopping};
    let service = service();
    let (stop, health) = (service.stop_handle(), service.health());
    assert!(health.status().is_none(), "it has not begun");
    let running = tokio::spawn(service.run());
    let both = |status: &Status| (of(status, "emails").state, of(status, "db").state);

    sleep(ms(200)).await;
    let status = now(&health);
    assert_eq!((status.state, status.since), (State::Starting, ms(200)));
    assert_eq!(both(&status), (Pending, Starting));
    assert_eq!(of(&status, "emails").since, None);
    assert_eq!(of(&status, "db").since, Some(ms(200)));
    assert_eq!(status.left, None);

    sleep(ms(1_200)).await;
    let status = now(&health);
    assert_eq!((status.state, status.since), (State::Ready, ms(1_100)));
    assert!(status.live);
    assert_eq!(both(&status), (Running, Running));
    let emails = of(&status, "emails");
    assert_eq!((emails.in_flight, emails.oldest), (1, Some(ms(1_000))));
    assert_eq!(emails.names, ["mail 1"]);
    assert_eq!(status.in_flight(), 1);

    stop.stop("the test is over");
    sleep(ms(500)).await;
    let status = now(&health);
    assert_eq!((status.state, status.since), (State::Settling, ms(500)));
    assert_eq!(status.cause.as_deref(), Some("the test is over"));
    // 2 s to settle, 5 s and 1 s of steps, 250 ms each to unwind, 500 ms of room: 9 s in all.
    assert_eq!(status.left, Some(ms(8_500)));
    assert_eq!(both(&status), (Running, Running));

    sleep(ms(2_000)).await;
    let status = now(&health);
    assert_eq!((status.state, status.since), (State::Stopping, ms(500)));
    assert_eq!(both(&status), (Stopping, Running));
    assert_eq!(of(&status, "emails").since, Some(ms(500)));

    sleep(ms(4_700)).await;
    let status = now(&health);
    assert_eq!(both(&status), (Ended(StepOutcome::TimedOut), Stopping));
    assert_eq!(of(&status, "emails").since, Some(ms(200)));
    assert_eq!(status.in_flight(), 0);
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_json_is_as_documented() {
    let service = service();
    let (stop, health) = (service.stop_handle(), service.health());
    let running = tokio::spawn(service.run());
    sleep(ms(1_000)).await;
    stop.stop("a \"quoted\" cause");
    sleep(ms(2_500)).await;
    assert_eq!(
        now(&health).to_json(),
        concat!(
            r#"{"version":1,"service":"shop","digest":"00112233aabbccdd","platform":null,"#,
            r#""state":"stopping","since_ms":500,"live":true,"signal":null,"#,
            r#""cause":"a \"quoted\" cause","left_ms":6500,"in_flight":1,"resources":["#,
            r#"{"name":"emails","kind":"queue-consumer","phase":"drain","state":"stopping","#,
            r#""since_ms":500,"timeout_ms":5000,"in_flight":1,"oldest_ms":3100,"names":["mail 1"]},"#,
            r#"{"name":"db","kind":"database","phase":"close","state":"running","since_ms":3200,"#,
            r#""timeout_ms":1000,"in_flight":0}]}"#,
        )
    );
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_table_is_for_people() {
    let service = service();
    let (stop, health) = (service.stop_handle(), service.health());
    let running = tokio::spawn(service.run());
    sleep(ms(3_400)).await;
    stop.stop("tired\u{1b}[2J");
    sleep(ms(2_900)).await;
    assert_eq!(
        now(&health).to_string(),
        "\
shop: stopping for 900ms; tired\\u{1b}[2J; 6.1s to the deadline; no platform, plan 00112233aabbccdd
RESOURCE  KIND            STATE     FOR    IN FLIGHT  OLDEST  WHAT
emails    queue-consumer  stopping  900ms  1          5.9s    mail 1
db        database        running   6.0s   0
"
    );
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_bounded() {
    let consumer = QueueConsumer::new(|claims| async move {
        let _working: Vec<_> = (0..1_000)
            .map(|id| claims.working(format_args!("{}{id}", "é".repeat(500))))
            .collect();
        claims.cancelled().await;
    });
    let service = Lifecycle::new(shop())
        .with("emails", consumer)
        .with("db", Database::new(|| async {}))
        .embedded();
    let (stop, health) = (service.stop_handle(), service.health());
    let running = tokio::spawn(service.run());
    sleep(ms(10)).await;
    let status = now(&health);
    assert_eq!(status.in_flight(), 1_000);
    assert!(status.to_json().len() < 3_000, "{}", status.to_json());
    assert!(status.to_string().len() < 3_000, "{status}");
    assert!(status.to_string().contains(", +992 more\n"), "{status}");
    stop.stop("test");
    running.await.unwrap();
}
