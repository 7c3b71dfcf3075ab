//! How long each bound of a stopping HTTP server takes, to the millisecond: on connections in memory
//! and a paused clock.
#![cfg(all(feature = "http", feature = "tls"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
mod http_client;
mod tls_client;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use common::{found, ms, plan, step};
use http_client::{Client, request};
use lifecycle::plan::Kind;
use lifecycle::{HttpServer, Lifecycle, Listener, Report, StepOutcome, StopHandle};
use tls_client::Trust;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

struct Setup {
    connect: mpsc::Sender<DuplexStream>,
    stop: StopHandle,
    run: JoinHandle<Report>,
}

fn listener() -> (mpsc::Sender<DuplexStream>, Listener) {
    let (connect, connections) = mpsc::channel(16);
    let connections = Arc::new(Mutex::new(connections));
    let listener = Listener::custom(move || {
        let connections = Arc::clone(&connections);
        async move {
            match connections.lock().await.recv().await {
                Some(connection) => Ok(connection),
                None => std::future::pending().await,
            }
        }
    });
    (connect, listener)
}

fn start(limit: Duration, configure: impl FnOnce(Listener) -> Listener) -> Setup {
    let (connect, listener) = listener();
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/never", get(std::future::pending::<()>))
        .route("/big", get(|| async { vec![b'x'; 1 << 20] }));
    let server = HttpServer::new(configure(listener), router);
    let plan = plan(
        Duration::ZERO,
        vec![step("http", Kind::HttpServer, limit, &[])],
    );
    let service = Lifecycle::new(plan).with("http", server).embedded();
    Setup {
        connect,
        stop: service.stop_handle(),
        run: tokio::spawn(service.run()),
    }
}

impl Setup {
    async fn client(&self) -> Client<DuplexStream> {
        let (client, connection) = duplex(1024);
        self.connect.send(connection).await.unwrap();
        client.into()
    }

    /// Stops the service; how long the step took, and how it ended.
    async fn took(self) -> (Duration, StepOutcome, Report) {
        self.stop.stop("test");
        let report = self.run.await.unwrap();
        let http = found(&report, "http");
        let took = http.end.unwrap().saturating_sub(http.start.unwrap());
        (took, http.outcome, report)
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_connected_is_no_time() {
    let setup = start(ms(60_000), |it| it);
    let mut gone = setup.client().await;
    assert_eq!(gone.get("/").await.status, 200);
    drop(gone);
    sleep(ms(10)).await;
    let (took, outcome, _) = setup.took().await;
    assert_eq!((took, outcome), (Duration::ZERO, StepOutcome::Done));
}

#[tokio::test(start_paused = true)]
async fn idle_connections_take_the_linger() {
    let setup = start(ms(60_000), |it| it);
    let mut idle = setup.client().await;
    assert_eq!(idle.get("/").await.status, 200);
    let _silent = setup.client().await;
    sleep(ms(10)).await;
    let (took, outcome, _) = setup.took().await;
    assert_eq!((took, outcome), (ms(100), StepOutcome::Done));
}

#[tokio::test(start_paused = true)]
async fn half_a_request_takes_the_head_timeout() {
    let setup = start(ms(60_000), |it| it);
    let mut half = setup.client().await;
    half.send("GET / HT").await;
    sleep(ms(10)).await;
    let (took, outcome, report) = setup.took().await;
    assert_eq!((took, outcome), (ms(500), StepOutcome::Done));
    assert_eq!(report.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_takes_the_stall_timeout() {
    let setup = start(ms(60_000), |it| it);
    let mut stalled = setup.client().await;
    stalled.send(request("/big")).await;
    sleep(ms(10)).await;
    let (took, outcome, report) = setup.took().await;
    // Counted from the end of the linger, as the server drains from then on.
    assert_eq!((took, outcome), (ms(5_100), StepOutcome::Failed));
    assert_eq!(report.exit_code(), 80);
}

/// The step's own timeout is the shorter one.
#[tokio::test(start_paused = true)]
async fn or_the_step_s_timeout() {
    let setup = start(ms(2_000), |it| it);
    let mut stalled = setup.client().await;
    stalled.send(request("/big")).await;
    sleep(ms(10)).await;
    let (took, outcome, _) = setup.took().await;
    assert_eq!((took, outcome), (ms(2_250), StepOutcome::TimedOut));
}

/// It takes a kilobyte every four seconds, and is done within the step.
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_a_little_now_and_then_is_served() {
    let setup = start(ms(10_000_000), |it| it);
    let mut slow = setup.client().await;
    slow.send(request("/big")).await;
    slow.head().await;
    let reading = tokio::spawn(async move {
        let mut part = [0; 1024];
        let mut taken = 0;
        loop {
            match slow.stream.read(&mut part).await.unwrap() {
                0 => return taken,
                some => taken += some,
            }
            sleep(ms(4_000)).await;
        }
    });
    sleep(ms(10)).await;
    let (took, outcome, report) = setup.took().await;
    assert!(took > ms(1_000_000), "{took:?}");
    assert_eq!(outcome, StepOutcome::Done);
    assert_eq!(report.exit_code(), 0);
    // But for what came with the head.
    assert!(reading.await.unwrap() > (1 << 20) - 1024);
}

#[tokio::test(start_paused = true)]
async fn a_handler_without_end_takes_timeout_and_unwind() {
    let setup = start(ms(2_000), |it| it);
    let mut busy = setup.client().await;
    busy.send(request("/never")).await;
    sleep(ms(10)).await;
    let (took, outcome, report) = setup.took().await;
    assert_eq!((took, outcome), (ms(2_250), StepOutcome::TimedOut));
    assert_eq!(found(&report, "http").unfinished, ["GET /never custom"]);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_takes_ten_seconds_or_the_head_timeout() {
    let trust = Trust::new();
    let tls = |listener: Listener| listener.tls(Arc::new(trust.server()));
    let setup = start(ms(60_000), tls);
    let begun = Instant::now();
    let mut silent = setup.client().await;
    let mut half = setup.client().await;
    half.stream.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
    silent.closed().await;
    half.closed().await;
    assert_eq!(begun.elapsed(), ms(10_000));

    let mut half = setup.client().await;
    half.stream.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
    sleep(ms(10)).await;
    let (took, outcome, _) = setup.took().await;
    assert_eq!((took, outcome), (ms(500), StepOutcome::Done));
}
