//! The real service under real signals: what was accepted is finished, what was promised is kept.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is how one says no")]

mod client;
mod load;
mod service;
mod store;

use std::time::Duration;

use rustix::process::Signal;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use client::{Answer, Client, get, once, post};
use service::Place;

const ORDER: &str = r#"{"customer":"ada@example.com","item":"tea","quantity":2,"cents":1250}"#;

/// `grace_period` of Kubernetes in `lifecycle.yaml`.
const GRACE: Duration = Duration::from_secs(45);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_request_and_no_order_is_lost() {
    let place = Place::new();
    let service = place.start(&[]).await;
    let load = load::start(service.addr());
    tokio::time::sleep(Duration::from_secs(2)).await;

    service.signal(Signal::TERM);
    let exit = service.exit().await;
    let seen = load.finish().await;

    exit.assert_clean();
    assert!(exit.took < GRACE / 2, "{:?}", exit.took);
    assert!(seen.reports_after_the_signal > 0, "{seen:?}");
    seen.assert_nothing_lost(&place).await;
}

#[tokio::test]
async fn a_job_in_hand_is_finished() {
    let place = Place::new();
    let service = place.start(&[("MAIL_LATENCY_MS", "1500")]).await;
    assert_created(&once(service.addr(), &post("/orders", ORDER)).await);
    store::job_when(&place.database(), |job| job.attempts == 1).await;

    service.signal(Signal::TERM);
    let exit = service.exit().await;

    exit.assert_clean();
    let job = store::job_when(&place.database(), |job| job.done).await;
    assert_eq!(job.attempts, 1);
    assert!(place.mail().join(format!("{}.eml", job.id)).exists());
}

#[tokio::test]
async fn a_job_without_end_is_handed_back_and_done_by_the_next_instance() {
    let place = Place::new();
    let service = place.start(&[("MAIL_LATENCY_MS", "3600000")]).await;
    assert_created(&once(service.addr(), &post("/orders", ORDER)).await);
    let job = store::job_when(&place.database(), |job| job.attempts == 1).await;
    assert!(!job.claimable, "a claimed job is nobody else's");

    service.signal(Signal::TERM);
    let exit = service.exit().await;

    assert_eq!(exit.code, Some(80), "it says:\n{}", exit.log);
    assert_eq!(exit.report["outcome"], "abandoned");
    let emails = exit.step("emails");
    assert_eq!(emails["outcome"], "timed-out");
    assert_eq!(emails["handed_back"], serde_json::json!([job.id]));
    assert!(emails["unfinished"].is_null(), "{emails}");
    assert_eq!(exit.step("orders-db")["outcome"], "done");
    // Long before its lease of 30 s would have run out.
    let job = store::job_when(&place.database(), |job| job.claimable).await;
    assert_eq!((job.attempts, job.done), (1, false));
    let mail = place.mail().join(format!("{}.eml", job.id));
    assert!(!mail.exists());

    let next = place.start(&[]).await;
    let job = store::job_when(&place.database(), |job| job.done).await;
    assert_eq!(job.attempts, 2);
    assert!(mail.exists());
    next.signal(Signal::TERM);
    next.exit().await.assert_clean();
}

#[tokio::test]
async fn a_job_that_fails_meanwhile_is_due_again_and_not_the_reports_affair() {
    let place = Place::new();
    let service = place.start(&[("MAIL_LATENCY_MS", "1500")]).await;
    assert_created(&once(service.addr(), &post("/orders", ORDER)).await);
    store::job_when(&place.database(), |job| job.attempts == 1).await;
    // Now the mail cannot be delivered.
    std::fs::remove_dir_all(place.mail()).unwrap();

    service.signal(Signal::TERM);
    let exit = service.exit().await;

    exit.assert_clean();
    assert!(exit.log.contains("a mail was not sent"), "{}", exit.log);
    let emails = exit.step("emails");
    assert_eq!(emails["outcome"], "done");
    assert!(emails["handed_back"].is_null(), "{emails}");
    assert!(emails["unfinished"].is_null(), "{emails}");
    // After its pause, for whoever comes first.
    let job = store::job_when(&place.database(), |job| job.claimable).await;
    assert_eq!((job.attempts, job.done), (1, false));
}

#[tokio::test]
async fn a_stop_while_the_database_is_awaited_ends_at_once() {
    let place = Place::new();
    // A port that nobody listens on: the service waits for the database to come.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://shop@{}/shop", port.local_addr().unwrap());
    drop(port);
    let service = place.launch(&[("DATABASE_URL", &url)]);
    while service.live().await.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(service.live().await, Some(200));
    assert_eq!(service.ready().await, Some(503));

    service.signal(Signal::TERM);
    let exit = service.exit().await;

    assert_eq!(exit.code, Some(0), "it says:\n{}", exit.log);
    assert_eq!(exit.report["outcome"], "clean");
    assert!(!exit.log.contains("serving"));
}

#[tokio::test]
async fn a_database_that_hangs_up_fails_the_start() {
    let place = Place::new();
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://shop@{}/shop", server.local_addr().unwrap());
    let hangs_up = tokio::spawn(async move {
        loop {
            drop(server.accept().await);
        }
    });
    let exit = place.launch(&[("DATABASE_URL", &url)]).exit().await;
    hangs_up.abort();

    assert_eq!(exit.code, Some(1), "it says:\n{}", exit.log);
    assert_eq!(exit.report["outcome"], "start-failed");
    assert!(
        exit.log.contains("no connection to the database"),
        "{}",
        exit.log
    );
}

#[tokio::test]
async fn on_kubernetes_the_settle_time_is_not_paid_again() {
    let place = Place::new();
    let service = place.start(&[("LIFECYCLE_PLATFORM", "kubernetes")]).await;

    service.signal(Signal::TERM);
    let exit = service.exit().await;

    exit.assert_clean();
    assert_eq!(exit.report["platform"], "kubernetes");
    assert_eq!(exit.report["settle_ms"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_platform_the_service_serves_on_while_routing_notices() {
    let place = Place::new();
    let service = place.start(&[("LIFECYCLE_PLATFORM", "")]).await;
    let mut kept = Client::new(service.addr());
    assert_served(&kept.send(&get("/")).await);
    let load = load::start(service.addr());

    service.signal(Signal::TERM);
    while service.ready().await == Some(200) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(service.ready().await, Some(503));
    assert_eq!(service.live().await, Some(200));
    // The kept connection still serves, and says that this was its last answer.
    let last = kept.send(&get("/")).await;
    assert_served(&last);
    assert!(matches!(last, Answer::Complete(response) if response.closes()));
    // A router that has not noticed yet sends new connections, too.
    assert_served(&once(service.addr(), &get("/")).await);
    assert_created(&once(service.addr(), &post("/orders", ORDER)).await);

    let exit = service.exit().await;
    exit.assert_clean();
    assert!(exit.report["platform"].is_null());
    assert!(
        exit.report["settle_ms"].as_u64().unwrap() >= 4_500,
        "{}",
        exit.report
    );
    load.finish().await.assert_nothing_lost(&place).await;
}

#[tokio::test]
async fn the_report_tells_every_step() {
    let place = Place::new();
    let service = place.start(&[]).await;
    assert_created(&once(service.addr(), &post("/orders", ORDER)).await);
    let mut idle = Client::new(service.addr());
    assert_served(&idle.send(&get("/")).await);

    service.signal(Signal::INT);
    let exit = service.exit().await;
    idle.closed().await;

    exit.assert_clean();
    let report = &exit.report;
    assert_eq!(report["version"], 1);
    assert_eq!(report["service"], "checkout-api");
    assert_eq!(report["signal"], "SIGINT");
    assert_eq!(report["rejected"], 0);
    let steps = report["steps"].as_array().unwrap();
    let mut names: Vec<_> = steps
        .iter()
        .filter_map(|step| step["name"].as_str())
        .collect();
    names.sort_unstable();
    let all = [
        "emails",
        "events",
        "http",
        "nightly-report",
        "orders-db",
        "sessions",
        "telemetry",
    ];
    assert_eq!(names, all);
    let ended = |name| exit.step(name)["end_ms"].as_u64().unwrap();
    let started = |name| exit.step(name)["start_ms"].as_u64().unwrap();
    assert!(started("telemetry") >= ended("emails"), "{report}");
    assert!(started("orders-db") >= ended("http"), "{report}");
    assert!(started("sessions") >= ended("http"), "{report}");
}

#[tokio::test]
async fn the_last_traces_and_events_are_handed_over() {
    let place = Place::new();
    let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let events = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let peer = events.local_addr().unwrap().to_string();
    let service = place
        .start(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
            ("EVENTS_ADDR", &peer),
        ])
        .await;
    let collected = tokio::spawn(collect(collector));
    let published = tokio::spawn(async move {
        let (mut stream, _) = events.accept().await.unwrap();
        let mut lines = String::new();
        stream.read_to_string(&mut lines).await.unwrap();
        lines
    });

    let created = once(service.addr(), &post("/orders", ORDER)).await;
    assert_created(&created);
    service.signal(Signal::TERM);
    service.exit().await.assert_clean();

    let Answer::Complete(created) = created else {
        unreachable!()
    };
    let order: serde_json::Value = serde_json::from_str(&created.body).unwrap();
    let event: serde_json::Value = serde_json::from_str(&published.await.unwrap()).unwrap();
    assert_eq!(event["event"], "order-placed");
    assert_eq!(event["order"], order["id"]);
    let spans = collected.await.unwrap();
    assert!(spans.contains("/orders"), "the last request's span");
}

#[tokio::test]
async fn a_collector_that_is_away_does_not_change_the_exit_code() {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", port.local_addr().unwrap());
    drop(port);
    let service = place
        .start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)])
        .await;
    assert_served(&once(service.addr(), &get("/")).await);

    service.signal(Signal::TERM);
    let exit = service.exit().await;

    assert_eq!(exit.code, Some(0), "it says:\n{}", exit.log);
    assert_eq!(exit.step("telemetry")["outcome"], "failed");
    assert_eq!(exit.step("orders-db")["outcome"], "done");
}

/// A collector that takes everything, until the exporter hangs up. Returns what it was sent: the
/// strings in a protobuf message can be read as they are.
async fn collect(collector: TcpListener) -> String {
    let (mut stream, _) = collector.accept().await.unwrap();
    let mut all = Vec::new();
    let mut answered = 0;
    while let Ok(1..) = stream.read_buf(&mut all).await {
        let text = String::from_utf8_lossy(&all);
        // An answer for each request's beginning is early, and early enough for this client.
        let requests = text.matches("POST /v1/traces").count();
        for _ in answered..requests {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer)
                .await
                .unwrap();
        }
        answered = requests;
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[track_caller]
fn assert_served(answer: &Answer) {
    assert!(
        matches!(answer, Answer::Complete(response) if response.status == 200),
        "{answer:?}"
    );
}

#[track_caller]
fn assert_created(answer: &Answer) {
    assert!(
        matches!(answer, Answer::Complete(response) if response.status == 201),
        "{answer:?}"
    );
}
