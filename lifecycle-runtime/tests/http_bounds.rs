//! Whatever a client or a handler does or fails to do, the step ends within its bounds, and the
//! report names what was cut: over HTTP/1, HTTP/2 and TLS.
#![cfg(all(feature = "http2", feature = "tls"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
mod http_client;
mod tls_client;

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use axum::{Extension, Router};
use common::{UNWIND, found, ms, plan, step};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use http_client::{Client, PATIENCE, request};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lifecycle::plan::Kind;
use lifecycle::{Cancellation, HttpServer, Lifecycle, Listener, Report, StepOutcome, StopHandle};
use tls_client::{NAME, Trust};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const HOUR: Duration = Duration::from_secs(3600);

struct Setup {
    address: SocketAddr,
    trust: Option<Trust>,
    stop: StopHandle,
    run: JoinHandle<Report>,
}

/// What a test's client talks through.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn start(
    tls: bool,
    limit: Duration,
    configure: impl FnOnce(HttpServer) -> HttpServer,
) -> Setup {
    let (address, listener, trust) = if tls {
        let trust = Trust::new();
        let (address, listener) = trust.listen().await;
        (address, listener, Some(trust))
    } else {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (address, Listener::from(listener), None)
    };
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/listens", get(listens))
        .route("/never", get(std::future::pending::<()>))
        .route("/endless", get(|| async { Body::new(Endless(1 << 12)) }))
        .route("/flood", get(|| async { Body::new(Endless(1 << 16)) }))
        .route("/big", get(|| async { vec![b'x'; 64 << 20] }))
        .route(
            "/upload",
            post(|body: Bytes| async move { body.len().to_string() }),
        );
    let server = HttpServer::new(listener, router).linger(Duration::ZERO);
    let plan = plan(
        Duration::ZERO,
        vec![step("http", Kind::HttpServer, limit, &[])],
    );
    let service = Lifecycle::new(plan).with("http", configure(server));
    let service = service.embedded();
    Setup {
        address,
        trust,
        stop: service.stop_handle(),
        run: tokio::spawn(service.run()),
    }
}

async fn listens(Extension(cancellation): Extension<Cancellation>) -> &'static str {
    cancellation.cancelled().await;
    "let go"
}

/// Parts of so many bytes, without end and without a pause that anybody would notice.
struct Endless(usize);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Ok(Frame::data(vec![b'x'; self.0].into()))))
    }
}

impl Setup {
    async fn stream(&self, alpn: &[&str]) -> Box<dyn Stream> {
        match &self.trust {
            Some(trust) => Box::new(trust.connect(self.address, alpn).await.stream),
            None => Box::new(TcpStream::connect(self.address).await.unwrap()),
        }
    }

    async fn http1(&self) -> Client<Box<dyn Stream>> {
        self.stream(&["http/1.1"]).await.into()
    }

    async fn http2(&self) -> SendRequest<Full<Bytes>> {
        let io = TokioIo::new(self.stream(&["h2"]).await);
        let (client, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(async { drop(connection.await) });
        client
    }

    /// Has the service stop, and gives its report.
    async fn report(self) -> Report {
        self.stop.stop("test");
        timeout(PATIENCE, self.run).await.unwrap().unwrap()
    }
}

type Answer = JoinHandle<Result<hyper::Response<Incoming>, hyper::Error>>;

fn ask(client: &SendRequest<Full<Bytes>>, path: &str) -> Answer {
    let uri = format!("http://{NAME}{path}");
    let request = hyper::Request::get(uri).body(Full::default()).unwrap();
    let mut client = client.clone();
    tokio::spawn(async move { client.send_request(request).await })
}

async fn answered(answer: Answer) -> hyper::Response<Incoming> {
    timeout(PATIENCE, answer).await.unwrap().unwrap().unwrap()
}

/// The step ended by its timeout, within it and the time to unwind, and these were in flight.
fn assert_timed_out(report: &Report, limit: Duration, names: &[&str]) {
    let http = found(report, "http");
    assert_eq!(http.outcome, StepOutcome::TimedOut);
    assert_named(report, names);
    let took = http.end.unwrap().saturating_sub(http.start.unwrap());
    // Generous, and far from the hour that the other limits are.
    assert!(
        took >= limit && took < limit + UNWIND + ms(5_000),
        "{took:?}"
    );
    assert_eq!(report.exit_code(), 80);
}

/// The step ended early: what was left was cut because its client took nothing.
fn assert_stalled(report: &Report, names: &[&str]) {
    let http = found(report, "http");
    assert_eq!(http.outcome, StepOutcome::Failed);
    let error = "1 connection cut: nothing taken for 100ms";
    assert_eq!(http.error.as_deref(), Some(error));
    assert_named(report, names);
    assert_eq!(report.exit_code(), 80);
}

fn assert_named(report: &Report, names: &[&str]) {
    let unfinished = &found(report, "http").unfinished;
    assert_eq!(unfinished.len(), names.len(), "{unfinished:?}");
    for name in names {
        assert!(
            unfinished.iter().any(|it| it.starts_with(name)),
            "{unfinished:?}"
        );
    }
}

#[tokio::test]
async fn handlers_that_listen_answer_within_the_time_to_unwind() {
    for tls in [false, true] {
        let setup = start(tls, ms(200), |server| server.head_timeout(HOUR)).await;
        let mut old = setup.http1().await;
        old.send(request("/listens")).await;
        let new = setup.http2().await;
        let streams = [ask(&new, "/listens"), ask(&new, "/listens")];
        sleep(ms(100)).await;
        let report = setup.report().await;
        let answer = old.answer().await;
        assert_eq!((answer.status, &*answer.body), (200, &b"let go"[..]));
        for stream in streams {
            let answer = answered(stream).await;
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, "let go");
        }
        assert_timed_out(&report, ms(200), &["GET /listens"; 3]);
        // They let go in time: nothing had to be cut.
        assert_eq!(found(&report, "http").error, None);
    }
}

#[tokio::test]
async fn handlers_that_do_not_listen_are_cut_and_named() {
    for tls in [false, true] {
        let setup = start(tls, ms(200), |server| server.head_timeout(HOUR)).await;
        let mut old = setup.http1().await;
        old.send(request("/never")).await;
        let new = setup.http2().await;
        let stream = ask(&new, "/never");
        sleep(ms(100)).await;
        let report = setup.report().await;
        assert_timed_out(&report, ms(200), &["GET /never"; 2]);
        old.closed().await;
        assert!(timeout(PATIENCE, stream).await.unwrap().unwrap().is_err());
    }
}

/// Taken as fast as they come, they would never stall.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_without_end_are_cut_and_named() {
    for tls in [false, true] {
        let setup = start(tls, ms(200), |server| server.stall_timeout(HOUR)).await;
        let mut old = setup.http1().await;
        old.send(request("/endless")).await;
        old.head().await;
        let taking = tokio::spawn(async move {
            old.closed().await;
            old
        });
        let new = setup.http2().await;
        let stream = answered(ask(&new, "/endless")).await.into_body();
        let streaming = tokio::spawn(stream.collect());
        let report = setup.report().await;
        assert_timed_out(&report, ms(200), &["GET /endless"; 2]);
        taking.await.unwrap();
        // Cut short, and the client can tell.
        assert!(streaming.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn uploads_that_trickle_or_stop_are_cut_and_named() {
    for tls in [false, true] {
        let setup = start(tls, ms(200), |server| server.head_timeout(HOUR)).await;
        let head = "POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n";
        let mut stopped = setup.http1().await;
        stopped.send(format!("{head}12345")).await;
        let mut trickling = setup.http1().await;
        trickling.send(head).await;
        let trickle = tokio::spawn(async move {
            while trickling.stream.write_all(b"x").await.is_ok() {
                sleep(ms(10)).await;
            }
        });
        sleep(ms(100)).await;
        let report = setup.report().await;
        assert_timed_out(&report, ms(200), &["POST /upload"; 2]);
        stopped.closed().await;
        timeout(PATIENCE, trickle).await.unwrap().unwrap();
    }
}

/// The step would have an hour.
#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_and_named() {
    for tls in [false, true] {
        // One answer is all in the server's hands already, and of the other there is always more.
        for (path, name) in [("/big", "response not taken by "), ("/flood", "GET /flood")] {
            let setup = start(tls, HOUR, |server| server.stall_timeout(ms(100))).await;
            let mut stalled = setup.http1().await;
            stalled.send(request(path)).await;
            stalled.head().await;
            let mut healthy = setup.http1().await;
            assert_eq!(healthy.get("/").await.status, 200);
            assert_stalled(&setup.report().await, &[name]);
        }
    }
}

/// On HTTP/2 it is the client that lets no more come, while the connection itself is fine.
#[tokio::test]
async fn a_stream_whose_client_takes_nothing_is_cut_and_named() {
    for tls in [false, true] {
        for (path, name) in [("/big", "response not taken by "), ("/flood", "GET /flood")] {
            let setup = start(tls, HOUR, |server| {
                server.stall_timeout(ms(100)).head_timeout(ms(1))
            })
            .await;
            let client = setup.http2().await;
            let stalled = answered(ask(&client, path)).await;
            sleep(ms(100)).await;
            assert_stalled(&setup.report().await, &[name]);
            drop(stalled);
        }
    }
}

/// As long as something is taken, the step's own timeout is the only bound.
#[tokio::test]
async fn a_client_that_takes_little_by_little_has_the_whole_step() {
    for tls in [false, true] {
        let setup = start(tls, ms(1500), |server| server.stall_timeout(ms(500))).await;
        let mut slow = setup.http1().await;
        slow.send(request("/flood")).await;
        slow.head().await;
        let slowly = tokio::spawn(async move {
            let mut part = vec![0; 1 << 19];
            while slow.stream.read_exact(&mut part).await.is_ok() {
                sleep(ms(20)).await;
            }
        });
        let report = setup.report().await;
        assert_timed_out(&report, ms(1500), &["GET /flood"]);
        timeout(PATIENCE, slowly).await.unwrap().unwrap();
    }
}
