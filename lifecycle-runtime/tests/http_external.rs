//! Another framework's server as the resource of kind `http-server`: here axum's own.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
mod http_client;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use common::{found, ms, plan, step};
use http_client::{Client, PATIENCE, eventually, intake_has_stopped, request};
use lifecycle::plan::Kind;
use lifecycle::{HttpServer, Lifecycle, Report, StepOutcome, StopHandle};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

struct Setup {
    address: SocketAddr,
    gate: Arc<Semaphore>,
    entered: Arc<AtomicBool>,
    stop: StopHandle,
    run: JoinHandle<Report>,
}

async fn start(settle: Duration, step_timeout: Duration) -> Setup {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let slow = Arc::clone(&gate);
    let entered = Arc::new(AtomicBool::new(false));
    let enter = Arc::clone(&entered);
    let http = HttpServer::external(|stopping| async move {
        let (asked, working) = (stopping.clone(), stopping.clone());
        let router = Router::new()
            .route(
                "/settling",
                get(|| async move { asked.is_settling().to_string() }),
            )
            .route(
                "/slow",
                get(|| async move {
                    let _working = working.working("GET /slow");
                    enter.store(true, Ordering::SeqCst);
                    slow.acquire().await.unwrap().forget();
                    "done"
                }),
            );
        axum::serve(listener, router)
            .with_graceful_shutdown(stopping.requested())
            .await
    });
    let plan = plan(
        settle,
        vec![step("http", Kind::HttpServer, step_timeout, &[])],
    );
    let service = Lifecycle::new(plan).with("http", http).embedded();
    let stop = service.stop_handle();
    let run = tokio::spawn(service.run());
    Setup {
        address,
        gate,
        entered,
        stop,
        run,
    }
}

async fn reported(run: JoinHandle<Report>) -> Report {
    timeout(PATIENCE, run).await.unwrap().unwrap()
}

#[tokio::test]
async fn it_serves_while_settling_and_finishes_what_is_in_flight() {
    let setup = start(ms(300), ms(10_000)).await;
    let mut busy = Client::connect(setup.address).await;
    busy.send(request("/slow")).await;
    let mut other = Client::connect(setup.address).await;
    assert_eq!(other.get("/settling").await.body, b"false");
    setup.stop.stop("test");
    // Served on, and knows.
    while other.get("/settling").await.body != b"true" {}
    drop(other);
    intake_has_stopped(setup.address).await;
    setup.gate.add_permits(1);
    assert_eq!(busy.answer().await.body, b"done");
    let report = reported(setup.run).await;
    assert_eq!(found(&report, "http").outcome, StepOutcome::Done);
    assert_eq!(report.exit_code(), 0);
}

#[tokio::test]
async fn what_does_not_end_is_named_and_dropped() {
    let setup = start(Duration::ZERO, ms(100)).await;
    let mut busy = Client::connect(setup.address).await;
    busy.send(request("/slow")).await;
    eventually(|| setup.entered.load(Ordering::SeqCst)).await;
    setup.stop.stop("test");
    let report = reported(setup.run).await;
    let http = found(&report, "http");
    assert_eq!(http.outcome, StepOutcome::TimedOut);
    assert_eq!(http.unfinished, ["GET /slow"]);
    assert_eq!(report.exit_code(), 80);
}

#[tokio::test]
async fn its_failure_stops_the_service() {
    let http = HttpServer::external(|_| async { Err::<(), _>("the certificate has expired") });
    let plan = plan(
        Duration::ZERO,
        vec![step("http", Kind::HttpServer, ms(1000), &[])],
    );
    let report = timeout(
        PATIENCE,
        Lifecycle::new(plan).with("http", http).embedded().run(),
    );
    let report = report.await.unwrap();
    let http = found(&report, "http");
    assert_eq!(http.outcome, StepOutcome::Failed);
    assert_eq!(http.error.as_deref(), Some("the certificate has expired"));
    assert_eq!(report.exit_code(), 80);
}

/// Without a plan, as [`HttpServer::spawn`] runs one of this crate's.
#[tokio::test]
async fn it_can_be_spawned() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(|| async { "hello" }));
    let server = HttpServer::external(|stopping| async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(stopping.requested())
            .await
    });
    let server = server.spawn();
    let mut client = Client::connect(address).await;
    assert_eq!(client.get("/").await.body, b"hello");
    drop(client);
    timeout(PATIENCE, server.stop()).await.unwrap().unwrap();
}
