//! What becomes of requests and connections when an HTTP server stops.
//!
//! No test measures time. Where something must happen within a bound, the bound is long and the rest
//! of the test would hang without it; where it must not wait, the wait would be an hour.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod http_client;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http_body::Frame;
use http_client::{Client, PATIENCE, eventually, intake_has_stopped, request};
use lifecycle::{Cancellation, HttpServer, RunningServer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const HOUR: Duration = Duration::from_secs(3600);

/// Lets handlers answer.
type Gate = Arc<Semaphore>;

struct Setup {
    address: SocketAddr,
    server: RunningServer,
    gate: Gate,
}

async fn start(configure: impl FnOnce(HttpServer) -> HttpServer) -> Setup {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let gate = Gate::new(Semaphore::new(0));
    let server = configure(HttpServer::new(listener, router(Arc::clone(&gate)))).spawn();
    Setup {
        address,
        server,
        gate,
    }
}

fn router(slow: Gate) -> Router {
    let stream = Arc::clone(&slow);
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route(
            "/slow",
            get(|| async move {
                slow.acquire().await.unwrap().forget();
                "done"
            }),
        )
        .route(
            "/stream",
            get(|| async move { Body::new(Gated::new(stream)) }),
        )
        .route("/big", get(|| async { vec![b'x'; 32 << 20] }))
        .route(
            "/upload",
            post(|body: Bytes| async move { body.len().to_string() }),
        )
        .route("/reject", post(|| async { "not read" }))
        .route("/cancelled", get(cancelled))
        .route("/panic", get(panics))
        .route("/panic-in-body", get(|| async { Body::new(PanickingBody) }))
        .route("/upgrade", get(upgrade))
        .route(
            "/peer",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
        )
}

async fn panics() -> &'static str {
    panic!("on purpose")
}

async fn cancelled(Extension(cancellation): Extension<Cancellation>) -> &'static str {
    cancellation.cancelled().await;
    "let go"
}

/// A body whose frames come one for each permit, without end.
struct Gated {
    frames: mpsc::Receiver<Bytes>,
}

impl Gated {
    fn new(gate: Gate) -> Self {
        let (send, frames) = mpsc::channel(1);
        tokio::spawn(async move {
            loop {
                gate.acquire().await.unwrap().forget();
                if send.send(Bytes::from("tick")).await.is_err() {
                    return;
                }
            }
        });
        Self { frames }
    }
}

impl http_body::Body for Gated {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = self.frames.poll_recv(cx);
        frame.map(|frame| frame.map(|data| Ok(Frame::data(data))))
    }
}

struct PanickingBody;

impl http_body::Body for PanickingBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        panic!("on purpose")
    }
}

/// Answers bytes with the same bytes once the connection has been upgraded.
async fn upgrade(mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let socket = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
        let (mut read, mut write) = tokio::io::split(socket);
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    let headers = [("connection", "upgrade"), ("upgrade", "echo")];
    (http::StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

fn stop(server: &RunningServer) -> JoinHandle<Result<(), String>> {
    let stop = server.stop();
    tokio::spawn(async { stop.await.map_err(|error| error.to_string()) })
}

async fn stopped(stop: JoinHandle<Result<(), String>>) {
    let result = timeout(PATIENCE, stop).await;
    result.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn with_nobody_connected_it_stops_at_once() {
    let Setup { server, .. } = start(|server| server.linger(HOUR)).await;
    stopped(stop(&server)).await;
}

#[tokio::test]
async fn idle_connections_are_closed_when_the_linger_ends() {
    let Setup {
        address, server, ..
    } = start(|server| server.linger(Duration::from_millis(20)).head_timeout(HOUR)).await;
    let mut kept_alive = Client::connect(address).await;
    assert!(!kept_alive.get("/").await.closes());
    let mut silent = Client::connect(address).await;
    stopped(stop(&server)).await;
    kept_alive.closed().await;
    silent.closed().await;
}

#[tokio::test]
async fn while_settling_everyone_is_served_and_asked_to_go() {
    let Setup {
        address, server, ..
    } = start(|server| server).await;
    let mut kept_alive = Client::connect(address).await;
    assert!(!kept_alive.get("/").await.closes());
    server.settle();
    let mut new = Client::connect(address).await;
    for client in [&mut new, &mut kept_alive] {
        let answer = client.get("/").await;
        assert_eq!(answer.status, 200);
        assert!(answer.closes());
        client.closed().await;
    }
}

#[tokio::test]
async fn a_request_during_the_linger_is_served() {
    let Setup {
        address, server, ..
    } = start(|server| server.linger(HOUR)).await;
    let mut idle = Client::connect(address).await;
    idle.get("/").await;
    let mut silent = Client::connect(address).await;
    let stop = stop(&server);
    intake_has_stopped(address).await;
    for client in [&mut idle, &mut silent] {
        let answer = client.get("/").await;
        assert_eq!(answer.status, 200);
        assert!(answer.closes());
    }
    // And with both gone, the linger is over.
    stopped(stop).await;
    assert_eq!(server.rejected(), 0);
}

/// On one thread that does not yield, so that neither the accept loop nor the reactor can have seen
/// anything before the server is asked to stop.
#[tokio::test(flavor = "current_thread")]
async fn connections_in_the_backlog_are_served() {
    let Setup {
        address, server, ..
    } = start(|server| server.linger(HOUR)).await;
    let clients: Vec<std::net::TcpStream> = (0..100)
        .map(|_| {
            let mut client = std::net::TcpStream::connect(address).unwrap();
            client.write_all(request("/").as_bytes()).unwrap();
            client
        })
        .collect();
    let stop = stop(&server);
    for client in clients {
        assert_eq!(adopt(client).answer().await.status, 200);
    }
    stopped(stop).await;
}

/// On one thread, which is kept busy until both timers have run out; then the first one sends, and
/// the second one ends the linger, before the reactor can hear of what was sent.
#[tokio::test(flavor = "current_thread")]
async fn a_request_that_has_arrived_when_the_linger_ends_is_served() {
    let milliseconds = Duration::from_millis;
    let Setup {
        address, server, ..
    } = start(|server| server.linger(milliseconds(100))).await;
    let mut client = Client::connect(address).await;
    client.get("/").await;
    let mut stream = client.stream.into_std().unwrap();
    let stop = stop(&server);
    let busy = tokio::spawn(async move {
        tokio::time::sleep(milliseconds(20)).await;
        std::thread::sleep(milliseconds(200));
    });
    tokio::time::sleep(milliseconds(50)).await;
    stream.write_all(request("/").as_bytes()).unwrap();
    let answer = adopt(stream).answer().await;
    assert_eq!(answer.status, 200);
    assert!(answer.closes());
    busy.await.unwrap();
    stopped(stop).await;
}

fn adopt(stream: std::net::TcpStream) -> Client {
    stream.set_nonblocking(true).unwrap();
    Client::from(tokio::net::TcpStream::from_std(stream).unwrap())
}

#[tokio::test]
async fn half_a_request_is_bounded() {
    let Setup {
        address, server, ..
    } = start(|server| {
        let timeout = Duration::from_millis(20);
        server.linger(Duration::ZERO).head_timeout(timeout)
    })
    .await;
    let mut new = Client::connect(address).await;
    new.send("GET / HT").await;
    let mut kept_alive = Client::connect(address).await;
    kept_alive.get("/").await;
    kept_alive.send("GET / HTTP/1.1\r\nHo").await;
    stopped(stop(&server)).await;
    new.closed().await;
    kept_alive.closed().await;
}

#[tokio::test]
async fn half_a_request_that_is_finished_too_late_is_refused_in_words() {
    let Setup {
        address, server, ..
    } = start(|server| {
        let server = server.linger(Duration::ZERO).head_timeout(HOUR);
        server.retry_after(Duration::from_millis(6500))
    })
    .await;
    let mut new = Client::connect(address).await;
    new.send("GET / HT").await;
    let mut kept_alive = Client::connect(address).await;
    kept_alive.get("/").await;
    kept_alive.send("GET / HT").await;
    let mut idle = Client::connect(address).await;
    idle.get("/").await;
    let stop = stop(&server);
    // Idle connections are closed when the linger ends.
    idle.closed().await;
    for client in [&mut new, &mut kept_alive] {
        client.send("TP/1.1\r\nHost: test\r\n\r\n").await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 503);
        assert!(answer.closes());
        assert_eq!(answer.header("retry-after"), Some("7"));
        client.closed().await;
    }
    stopped(stop).await;
    assert_eq!(server.rejected(), 2);
}

/// Closing a socket under a client that still sends resets it, and the reset overtakes the answer.
#[tokio::test]
async fn a_refused_upload_sees_its_refusal() {
    let Setup {
        address, server, ..
    } = start(|server| server.linger(Duration::ZERO).head_timeout(HOUR)).await;
    let mut client = Client::connect(address).await;
    client.send("POST /upload HT").await;
    let mut idle = Client::connect(address).await;
    idle.get("/").await;
    let stop = stop(&server);
    idle.closed().await;
    let length = 4 << 20;
    let head = format!("TP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n");
    client.send(head).await;
    client.send(vec![b'x'; length]).await;
    assert_eq!(client.answer().await.status, 503);
    drop(client);
    stopped(stop).await;
}

#[tokio::test]
async fn a_slow_handler_finishes() {
    let Setup {
        address,
        server,
        gate,
    } = start(|server| server.linger(Duration::ZERO).head_timeout(Duration::ZERO)).await;
    let mut client = Client::connect(address).await;
    client.send(request("/slow")).await;
    eventually(|| server.in_flight() == 1).await;
    let stop = stop(&server);
    intake_has_stopped(address).await;
    gate.add_permits(1);
    let answer = client.answer().await;
    assert_eq!(answer.body, b"done");
    assert!(answer.closes());
    stopped(stop).await;
    assert_eq!(server.in_flight(), 0);
}

#[tokio::test]
async fn a_streaming_body_is_in_flight_and_finishes() {
    let Setup {
        address,
        server,
        gate,
    } = start(|server| server.linger(Duration::ZERO).head_timeout(Duration::ZERO)).await;
    let mut client = Client::connect(address).await;
    client.send(request("/stream")).await;
    client.head().await;
    assert_eq!(server.in_flight(), 1);
    let stop = stop(&server);
    intake_has_stopped(address).await;
    for _ in 0..3 {
        gate.add_permits(1);
        assert_eq!(client.chunk().await.unwrap(), b"tick");
    }
    assert!(!stop.is_finished());
    gate.close();
    while client.chunk().await.is_some() {}
    stopped(stop).await;
}

#[tokio::test]
async fn a_stream_without_end_is_reported_and_cut() {
    let Setup {
        address, server, ..
    } = start(|server| server.linger(Duration::ZERO).head_timeout(Duration::ZERO)).await;
    let mut client = Client::connect(address).await;
    client.send(request("/stream")).await;
    client.head().await;
    let stop = stop(&server);
    intake_has_stopped(address).await;
    server.cancel();
    assert_eq!(server.in_flight(), 1);
    server.abandon();
    let error = timeout(PATIENCE, stop).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error, "1 connection cut");
    client.closed().await;
    eventually(|| server.in_flight() == 0).await;
}

#[tokio::test]
async fn handlers_see_the_cancellation() {
    let Setup {
        address, server, ..
    } = start(|server| server).await;
    let mut client = Client::connect(address).await;
    client.send(request("/cancelled")).await;
    eventually(|| server.in_flight() == 1).await;
    let stop = stop(&server);
    server.cancel();
    assert_eq!(client.answer().await.body, b"let go");
    stopped(stop).await;
}

#[tokio::test]
async fn half_an_upload_is_in_flight() {
    let Setup {
        address, server, ..
    } = start(|server| server.linger(Duration::ZERO).head_timeout(Duration::ZERO)).await;
    let mut client = Client::connect(address).await;
    let head = "POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n";
    client.send(format!("{head}12345")).await;
    eventually(|| server.in_flight() == 1).await;
    let stop = stop(&server);
    intake_has_stopped(address).await;
    client.send("67890").await;
    assert_eq!(client.answer().await.body, b"10");
    stopped(stop).await;
}

#[tokio::test]
async fn an_answer_that_the_client_takes_slowly_is_not_cut() {
    let Setup {
        address, server, ..
    } = start(|server| {
        let timeout = Duration::from_millis(20);
        server.linger(Duration::ZERO).head_timeout(timeout)
    })
    .await;
    let mut client = Client::connect(address).await;
    client.send(request("/big")).await;
    client.head().await;
    let stop = stop(&server);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.in_flight(), 1);
    let mut left = 32 << 20;
    while left > 0 {
        left -= client.some().await;
    }
    stopped(stop).await;
}

#[tokio::test]
async fn a_panic_costs_its_own_connection() {
    let Setup {
        address, server, ..
    } = start(|server| server.linger(HOUR)).await;
    let mut bystander = Client::connect(address).await;
    bystander.get("/").await;
    for path in ["/panic", "/panic-in-body"] {
        let mut client = Client::connect(address).await;
        client.send(request(path)).await;
        client.closed().await;
    }
    assert_eq!(server.panicked(), 2);
    assert_eq!(server.in_flight(), 0);
    assert_eq!(bystander.get("/").await.status, 200);
    drop(bystander);
    stopped(stop(&server)).await;
}

#[tokio::test]
async fn an_upgraded_connection_is_in_flight_until_it_closes() {
    let Setup {
        address, server, ..
    } = start(|server| server.linger(Duration::ZERO).head_timeout(Duration::ZERO)).await;
    let mut client = Client::connect(address).await;
    client
        .send("GET /upgrade HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
        .await;
    assert!(client.head().await.starts_with("http/1.1 101"));
    let stop = stop(&server);
    intake_has_stopped(address).await;
    client.send("ping\r\n\r\n").await;
    assert_eq!(client.head().await, "ping");
    assert_eq!(server.in_flight(), 1);
    drop(client);
    stopped(stop).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_the_limit() {
    let Setup {
        address,
        server,
        gate,
    } = start(|server| server.keep_alive(Duration::from_millis(20))).await;
    let mut silent = Client::connect(address).await;
    silent.closed().await;
    let mut half = Client::connect(address).await;
    half.send("GET / HT").await;
    half.closed().await;
    // But not one with a request in flight, however long that takes.
    let mut busy = Client::connect(address).await;
    busy.send(request("/slow")).await;
    eventually(|| server.in_flight() == 1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    gate.add_permits(1);
    assert_eq!(busy.answer().await.status, 200);
    busy.closed().await;
}

#[tokio::test]
async fn times_without_an_end_are_none_at_all() {
    let never = Duration::MAX;
    let Setup {
        address, server, ..
    } = start(|server| {
        let server = server.keep_alive(never).head_timeout(never);
        server.stall_timeout(never).retry_after(never)
    })
    .await;
    let mut client = Client::connect(address).await;
    assert_eq!(client.get("/").await.status, 200);
    drop(client);
    let stopped = tokio::time::timeout(Duration::from_secs(20), server.stop());
    assert!(stopped.await.unwrap().is_ok());
}

#[tokio::test]
async fn what_the_service_adds_reaches_the_handler() {
    let Setup { address, .. } = start(|server| {
        server.extend_requests(|peer, extensions| {
            extensions.insert(ConnectInfo(peer.address().unwrap()));
        })
    })
    .await;
    let mut client = Client::connect(address).await;
    let here = client.stream.local_addr().unwrap();
    let answer = client.get("/peer").await;
    assert_eq!(answer.body, here.to_string().into_bytes());
}
