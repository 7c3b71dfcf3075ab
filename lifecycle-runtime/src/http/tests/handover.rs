//! A request that another resource has taken over is no longer the HTTP server's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

use crate::http::{Handover, HttpServer, RunningServer};

const PATIENCE: Duration = Duration::from_secs(20);

/// How many sessions are held.
#[derive(Clone, Default)]
struct Sessions(Arc<AtomicUsize>);

struct Session(Sessions);

impl Drop for Session {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Sessions {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn take(&self, request: &Request) -> Handover {
        let handover = Handover::of(request.extensions()).unwrap();
        self.0.fetch_add(1, Ordering::SeqCst);
        assert!(handover.take(Box::new(Session(self.clone()))));
        handover
    }
}

struct Setup {
    address: std::net::SocketAddr,
    server: RunningServer,
    sessions: Sessions,
    events: mpsc::Sender<Bytes>,
    handovers: Arc<Mutex<Vec<Handover>>>,
}

struct Events(mpsc::Receiver<Bytes>);

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let event = self.0.poll_recv(cx);
        event.map(|event| event.map(|event| Ok(http_body::Frame::data(event))))
    }
}

async fn start() -> Setup {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sessions = Sessions::default();
    let handovers = Arc::new(Mutex::new(Vec::new()));
    let (events, source) = mpsc::channel(1);
    let source = Arc::new(Mutex::new(Some(source)));
    let (streams, sockets, held) = (sessions.clone(), sessions.clone(), Arc::clone(&handovers));
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/never", get(std::future::pending::<()>))
        .route(
            "/events",
            get(async move |request: Request| {
                held.lock().await.push(streams.take(&request));
                Body::new(Events(source.lock().await.take().unwrap()))
            }),
        )
        .route(
            "/socket",
            get(async move |mut request: Request| -> Response {
                sockets.take(&request);
                let upgrade = hyper::upgrade::on(&mut request);
                tokio::spawn(async move {
                    let socket = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
                    let (mut read, mut write) = tokio::io::split(socket);
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
                let headers = [("connection", "upgrade"), ("upgrade", "echo")];
                (http::StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
            }),
        );
    let server = HttpServer::new(listener, router)
        .linger(Duration::ZERO)
        .spawn();
    Setup {
        address,
        server,
        sessions,
        events,
        handovers,
    }
}

async fn eventually(condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, holds).await.unwrap();
}

async fn ask(address: std::net::SocketAddr, path: &str) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    let upgrade = "Connection: upgrade\r\nUpgrade: echo\r\n";
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n{upgrade}\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    client
}

/// Reads until `end` has come.
async fn heard(client: &mut TcpStream, end: &str) {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(end) {
        let read = timeout(PATIENCE, client.read_buf(&mut heard)).await;
        assert!(read.unwrap().unwrap() > 0, "closed");
    }
}

async fn closed(client: &mut TcpStream) {
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, client.read_to_end(&mut rest))
        .await
        .unwrap();
}

async fn stopped(server: &RunningServer) {
    timeout(PATIENCE, server.stop()).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_upgraded_connection_outlives_the_step() {
    let setup = start().await;
    let mut client = ask(setup.address, "/socket").await;
    heard(&mut client, "\r\n\r\n").await;
    assert_eq!(setup.server.in_flight(), 0);
    stopped(&setup.server).await;
    setup.server.abandon();
    client.write_all(b"still here").await.unwrap();
    heard(&mut client, "still here").await;
    assert_eq!(setup.sessions.count(), 1);
    drop(client);
    eventually(|| setup.sessions.count() == 0).await;
}

#[tokio::test]
async fn a_streaming_answer_outlives_the_step_and_its_end_is_heard() {
    let setup = start().await;
    let mut client = ask(setup.address, "/events").await;
    heard(&mut client, "\r\n\r\n").await;
    assert_eq!(setup.server.in_flight(), 0);
    stopped(&setup.server).await;
    setup.server.cancel();
    setup.server.abandon();
    setup.events.send(Bytes::from("news")).await.unwrap();
    heard(&mut client, "news").await;
    assert_eq!(setup.sessions.count(), 1);
    drop(setup.events);
    heard(&mut client, "0\r\n\r\n").await;
    closed(&mut client).await;
    eventually(|| setup.sessions.count() == 0).await;
}

#[tokio::test]
async fn while_it_serves_a_session_ends_with_its_answer() {
    let setup = start().await;
    let mut client = ask(setup.address, "/events").await;
    heard(&mut client, "\r\n\r\n").await;
    drop(setup.events);
    heard(&mut client, "0\r\n\r\n").await;
    eventually(|| setup.sessions.count() == 0).await;
    // The connection is the server's again.
    let handover = setup.handovers.lock().await.pop().unwrap();
    assert!(!handover.take(Box::new(())));
    client
        .write_all(b"GET /never HTTP/1.1\r\nHost: test\r\n\r\n")
        .await
        .unwrap();
    eventually(|| setup.server.in_flight() == 1).await;
    let stop = tokio::spawn(setup.server.stop());
    setup.server.abandon();
    let error = timeout(PATIENCE, stop).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "1 connection cut");
    closed(&mut client).await;
}

#[tokio::test]
async fn who_took_it_over_can_cut_it() {
    let setup = start().await;
    let mut client = ask(setup.address, "/events").await;
    heard(&mut client, "\r\n\r\n").await;
    stopped(&setup.server).await;
    let handover = setup.handovers.lock().await.pop().unwrap();
    handover.cut();
    closed(&mut client).await;
    eventually(|| setup.sessions.count() == 0).await;
}

#[cfg(feature = "http2")]
mod http2 {
    use http_body_util::{BodyExt, Empty};
    use hyper::body::Incoming;
    use hyper::client::conn::http2::{SendRequest, handshake};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use tokio::task::JoinHandle;

    use super::*;

    type Client = SendRequest<Empty<Bytes>>;

    async fn connect(address: std::net::SocketAddr) -> (Client, JoinHandle<()>) {
        let stream = TcpStream::connect(address).await.unwrap();
        let io = TokioIo::new(stream);
        let (client, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
        let connection = tokio::spawn(async { drop(connection.await) });
        (client, connection)
    }

    fn ask(
        client: &Client,
        path: &str,
    ) -> JoinHandle<Result<http::Response<Incoming>, hyper::Error>> {
        let uri = format!("http://test{path}");
        let request = http::Request::get(uri).body(Empty::new()).unwrap();
        let mut client = client.clone();
        tokio::spawn(async move { client.send_request(request).await })
    }

    #[tokio::test]
    async fn one_stream_of_many_outlives_the_others() {
        let setup = start().await;
        let (client, connection) = connect(setup.address).await;
        let answer = ask(&client, "/events").await.unwrap().unwrap();
        let mut news = answer.into_body();
        let never = ask(&client, "/never");
        eventually(|| setup.server.in_flight() == 1).await;
        let stop = tokio::spawn(setup.server.stop());
        setup.server.cancel();
        setup.server.abandon();
        let error = timeout(PATIENCE, stop).await.unwrap().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "1 connection cut");
        assert!(timeout(PATIENCE, never).await.unwrap().unwrap().is_err());
        // And the one that was taken over goes on, on the same connection.
        setup.events.send(Bytes::from("news")).await.unwrap();
        let frame = timeout(PATIENCE, news.frame()).await.unwrap();
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "news");
        assert_eq!(setup.sessions.count(), 1);
        drop(setup.events);
        let rest = timeout(PATIENCE, news.collect()).await.unwrap().unwrap();
        assert!(rest.to_bytes().is_empty());
        eventually(|| setup.sessions.count() == 0).await;
        timeout(PATIENCE, connection).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_connection_with_nothing_else_on_it_is_not_waited_for() {
        let setup = start().await;
        let (client, connection) = connect(setup.address).await;
        let answer = ask(&client, "/events").await.unwrap().unwrap();
        let mut news = answer.into_body();
        assert_eq!(ask(&client, "/").await.unwrap().unwrap().status(), 200);
        stopped(&setup.server).await;
        setup.server.abandon();
        setup.events.send(Bytes::from("news")).await.unwrap();
        assert!(timeout(PATIENCE, news.frame()).await.unwrap().is_some());
        // Told to go, it takes no further request.
        let late = timeout(PATIENCE, ask(&client, "/")).await.unwrap().unwrap();
        assert!(late.is_err() || late.unwrap().status() == 503);
        let handover = setup.handovers.lock().await.pop().unwrap();
        handover.cut();
        let end = timeout(PATIENCE, news.frame()).await.unwrap();
        assert!(end.unwrap().is_err());
        eventually(|| setup.sessions.count() == 0).await;
        timeout(PATIENCE, connection).await.unwrap().unwrap();
    }
}
