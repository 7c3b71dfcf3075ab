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
use axum::body::Bytes;
use axum::extract::Path;
use axum::routing::{get, post};
use common::{found, ms, plan, step};
use http_client::{Client, request};
use lifecycle::plan::Kind;
use lifecycle::{HttpServer, Lifecycle, Listener, Report, StepOutcome, StopHandle};
use proptest::prelude::*;
use tls_client::Trust;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

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
        .route("/slow/{millis}", get(slow))
        .route("/upload", post(|body: Bytes| async move { drop(body) }))
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

async fn slow(Path(millis): Path<u64>) -> &'static str {
    sleep(ms(millis)).await;
    "done"
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

/// A kilobyte every four seconds would hold the step for more than an hour.
#[tokio::test(start_paused = true)]
async fn a_trickle_is_no_progress() {
    let setup = start(ms(10_000_000), |it| it);
    let mut slow = setup.client().await;
    slow.send(request("/big")).await;
    slow.head().await;
    let reading = tokio::spawn(async move {
        let mut part = [0; 1024];
        while let Ok(1..) = slow.stream.read(&mut part).await {
            sleep(ms(4_000)).await;
        }
    });
    sleep(ms(10)).await;
    let (took, outcome, report) = setup.took().await;
    assert_eq!((took, outcome), (ms(5_100), StepOutcome::Failed));
    assert_eq!(report.exit_code(), 80);
    reading.abort();
}

/// It takes sixteen kilobytes every four seconds, and is done within the step.
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
            for _ in 0..16 {
                match slow.stream.read(&mut part).await.unwrap() {
                    0 => return taken,
                    some => taken += some,
                }
            }
            sleep(ms(4_000)).await;
        }
    });
    sleep(ms(10)).await;
    let (took, outcome, report) = setup.took().await;
    assert!(took > ms(200_000), "{took:?}");
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

/// Somebody who is connected when the service stops.
#[derive(Debug, Clone)]
enum Guest {
    Idle,
    Silent,
    HalfRequest,
    TakesNothing,
    /// Has asked for something that takes so many milliseconds.
    Asks(u64),
    AsksForEver,
    HalfUpload,
}

fn guest() -> impl Strategy<Value = Guest> {
    prop_oneof![
        Just(Guest::Idle),
        Just(Guest::Silent),
        Just(Guest::HalfRequest),
        Just(Guest::TakesNothing),
        (2..900_u64).prop_map(|centis| Guest::Asks(centis * 10)),
        Just(Guest::AsksForEver),
        Just(Guest::HalfUpload),
    ]
}

/// How long after a guest has come the service stops.
const STAY: u64 = 10;

impl Guest {
    async fn come(&self, setup: &Setup) -> Client<DuplexStream> {
        let mut client = setup.client().await;
        match self {
            Self::Idle => assert_eq!(client.get("/").await.status, 200),
            Self::Silent => {}
            Self::HalfRequest => client.send("GET / HT").await,
            Self::TakesNothing => client.send(request("/big")).await,
            Self::Asks(millis) => client.send(request(&format!("/slow/{millis}"))).await,
            Self::AsksForEver => client.send(request("/never")).await,
            Self::HalfUpload => {
                let head = "POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n";
                client.send(format!("{head}12345")).await;
            }
        }
        client
    }

    /// When, counted from the stop, this one alone lets the server go.
    fn leaves(&self, limit: u64) -> u64 {
        match self {
            Self::Idle | Self::Silent => 100.min(limit / 4),
            Self::HalfRequest => 500.min(limit / 2),
            Self::TakesNothing => 100.min(limit / 4) + 5_000,
            Self::Asks(millis) => millis - STAY,
            Self::AsksForEver | Self::HalfUpload => u64::MAX,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However they come together: the step takes as long as the longest of them may, nobody's bound
    /// is stretched by another's, and whoever asked for something that ends in time is answered.
    #[test]
    fn many_guests_take_as_long_as_the_longest_may(
        guests in prop::collection::vec(guest(), 0..8),
        limit in 0..50_u64,
    ) {
        // At none of the moments at which somebody leaves.
        let limit = limit * 200 + 56;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let setup = start(ms(limit), |it| it);
            let mut clients = Vec::new();
            for guest in &guests {
                clients.push((guest.clone(), guest.come(&setup).await));
            }
            sleep(ms(STAY)).await;
            let (took, outcome, report) = setup.took().await;

            let last = guests.iter().map(|guest| guest.leaves(limit)).max().unwrap_or(0);
            let expected = if last > limit { last.min(limit + 250) } else { last };
            assert_eq!(took, ms(expected));
            let cut = guests.iter().any(|guest| matches!(guest, Guest::TakesNothing));
            let ending = match last > limit {
                true => StepOutcome::TimedOut,
                false if cut => StepOutcome::Failed,
                false => StepOutcome::Done,
            };
            assert_eq!(outcome, ending);
            // In flight at the timeout, or cut before.
            let unfinished = guests.iter().filter(|guest| {
                guest.leaves(limit) > limit || matches!(guest, Guest::TakesNothing)
            });
            assert_eq!(found(&report, "http").unfinished.len(), unfinished.count());
            for (guest, mut client) in clients {
                if matches!(guest, Guest::Asks(_)) && guest.leaves(limit) <= limit + 250 {
                    assert_eq!(client.answer().await.body, b"done");
                }
            }
        });
    }
}

/// A listener that gives one connection and then waits, and panics when it is asked for the `last` time.
fn panicking(connection: DuplexStream, last: u32) -> Listener {
    let mut given = Some(connection);
    let mut asked = 0;
    Listener::custom(move || {
        asked += 1;
        let (given, now) = (given.take(), asked == last);
        async move {
            assert!(!now, "no more of them");
            match given {
                Some(connection) => Ok(connection),
                None => std::future::pending().await,
            }
        }
    })
}

fn start_panicking(last: u32) -> (Client<DuplexStream>, Setup) {
    let (client, connection) = duplex(1024);
    let setup = start(ms(60_000), |_| panicking(connection, last));
    (client.into(), setup)
}

#[tokio::test(start_paused = true)]
async fn an_accept_that_panics_stops_the_service_and_costs_no_request() {
    let (mut client, setup) = start_panicking(2);
    assert_eq!(client.get("/slow/1000").await.status, 200);
    let report = timeout(ms(3_600_000), setup.run).await;
    let report = report.expect("it stops by itself").unwrap();
    let why = "accepting connections panicked: no more of them";
    assert_eq!(
        report.cause.as_deref(),
        Some(&*format!("`http` ended: {why}"))
    );
    let http = found(&report, "http");
    assert_eq!(http.outcome, StepOutcome::Panicked);
    assert_eq!(http.error.as_deref(), Some(why));
    assert_eq!(report.exit_code(), 80);
}

#[tokio::test(start_paused = true)]
async fn one_that_panics_when_the_backlog_is_emptied_costs_no_request_either() {
    let (mut client, setup) = start_panicking(3);
    client.send(&request("/slow/1000")).await;
    sleep(ms(10)).await;
    let (took, outcome, _) = setup.took().await;
    assert_eq!((took, outcome), (ms(990), StepOutcome::Panicked));
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_a_plan_says_so_when_it_stops() {
    let (_client, connection) = duplex(1024);
    let server = HttpServer::new(panicking(connection, 2), Router::new()).spawn();
    sleep(ms(10)).await;
    let error = server.stop().await.expect_err("its accept has panicked");
    assert!(error.to_string().contains("no more of them"), "{error}");
}
