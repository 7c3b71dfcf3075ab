//! What becomes of HTTP/2 connections when an HTTP server stops.
#![cfg(feature = "http2")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod http_client;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use http_client::{Client, PATIENCE, eventually, intake_has_stopped};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lifecycle::{HttpServer, RunningServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const HOUR: Duration = Duration::from_secs(3600);

struct Setup {
    address: SocketAddr,
    server: RunningServer,
    gate: Arc<Semaphore>,
}

async fn start(configure: impl FnOnce(HttpServer) -> HttpServer) -> Setup {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let slow = Arc::clone(&gate);
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route(
            "/slow",
            get(|| async move {
                slow.acquire().await.unwrap().forget();
                "done"
            }),
        )
        .route("/panic", get(panics));
    let server = configure(HttpServer::new(listener, router)).spawn();
    Setup {
        address,
        server,
        gate,
    }
}

async fn panics() -> &'static str {
    panic!("on purpose")
}

/// An HTTP/2 client, and the task that ends when its connection does.
async fn connect(address: SocketAddr) -> (SendRequest<Empty<Bytes>>, JoinHandle<()>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(async move {
        let _ = connection.await;
    });
    (client, connection)
}

type Answer = JoinHandle<Result<Response<Incoming>, hyper::Error>>;

fn ask(client: &SendRequest<Empty<Bytes>>, path: &str) -> Answer {
    let uri = format!("http://test{path}");
    let request = Request::get(uri).body(Empty::new()).unwrap();
    let mut client = client.clone();
    tokio::spawn(async move {
        client.ready().await?;
        client.send_request(request).await
    })
}

async fn body(answer: Answer) -> Bytes {
    let answer = timeout(PATIENCE, answer).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.version(), Version::HTTP_2);
    assert!(!answer.headers().contains_key("connection"));
    answer.into_body().collect().await.unwrap().to_bytes()
}

fn stop(server: &RunningServer) -> JoinHandle<Result<(), String>> {
    let stop = server.stop();
    tokio::spawn(async { stop.await.map_err(|error| error.to_string()) })
}

async fn stopped(stop: JoinHandle<Result<(), String>>) {
    timeout(PATIENCE, stop).await.unwrap().unwrap().unwrap();
}

async fn ended(connection: JoinHandle<()>) {
    timeout(PATIENCE, connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn one_port_speaks_both() {
    let Setup { address, .. } = start(|server| server).await;
    let (client, _connection) = connect(address).await;
    assert_eq!(body(ask(&client, "/")).await, "hello");
    let mut old = Client::connect(address).await;
    assert_eq!(old.get("/").await.body, b"hello");
    // A method that begins as the preface does, and slowly.
    let mut slow = Client::connect(address).await;
    for byte in "PRINT / HTTP/1.1\r\nHost: test\r\n\r\n".as_bytes() {
        slow.send([*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(slow.answer().await.status, 405);
}

#[tokio::test]
async fn streams_in_flight_finish_and_the_connection_goes() {
    let Setup {
        address,
        server,
        gate,
    } = start(|server| server.linger(HOUR)).await;
    let (client, connection) = connect(address).await;
    let slow: Vec<Answer> = (0..3).map(|_| ask(&client, "/slow")).collect();
    eventually(|| server.in_flight() == 3).await;
    let stop = stop(&server);
    intake_has_stopped(address).await;
    gate.add_permits(3);
    for answer in slow {
        assert_eq!(body(answer).await, "done");
    }
    // Told by GOAWAY, it does not wait for the linger.
    ended(connection).await;
    stopped(stop).await;
    assert_eq!(server.in_flight(), 0);
}

#[tokio::test]
async fn while_settling_clients_are_told_to_connect_elsewhere() {
    let Setup {
        address, server, ..
    } = start(|server| server).await;
    let (client, connection) = connect(address).await;
    body(ask(&client, "/")).await;
    server.settle();
    ended(connection).await;
    // Who connects all the same is served.
    let (client, connection) = connect(address).await;
    assert_eq!(body(ask(&client, "/")).await, "hello");
    ended(connection).await;
}

#[tokio::test]
async fn a_first_request_during_the_linger_is_served() {
    let Setup {
        address, server, ..
    } = start(|server| server.linger(HOUR)).await;
    let (client, connection) = connect(address).await;
    let stop = stop(&server);
    intake_has_stopped(address).await;
    assert_eq!(body(ask(&client, "/")).await, "hello");
    ended(connection).await;
    stopped(stop).await;
    assert_eq!(server.rejected(), 0);
}

#[tokio::test]
async fn an_idle_connection_goes_when_the_linger_ends() {
    let Setup {
        address, server, ..
    } = start(|server| server.linger(Duration::ZERO).head_timeout(HOUR)).await;
    let (_client, connection) = connect(address).await;
    stopped(stop(&server)).await;
    ended(connection).await;
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_cut() {
    let Setup {
        address, server, ..
    } = start(|server| {
        let timeout = Duration::from_millis(20);
        server.linger(Duration::ZERO).head_timeout(timeout)
    })
    .await;
    let mut preface = Client::connect(address).await;
    // The preface, empty SETTINGS and nothing more: GOAWAY and PING will find no reply.
    preface
        .send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await;
    let mut half = Client::connect(address).await;
    half.send("PRI * HT").await;
    stopped(stop(&server)).await;
    preface.closed().await;
    half.closed().await;
}

#[tokio::test]
async fn a_panic_costs_its_own_stream() {
    let Setup {
        address,
        server,
        gate,
    } = start(|server| server).await;
    let (client, _connection) = connect(address).await;
    let slow = ask(&client, "/slow");
    eventually(|| server.in_flight() == 1).await;
    let panicked = ask(&client, "/panic");
    let answer = timeout(PATIENCE, panicked).await.unwrap().unwrap();
    assert!(answer.is_err());
    assert_eq!(server.panicked(), 1);
    gate.add_permits(1);
    assert_eq!(body(slow).await, "done");
}

#[tokio::test]
async fn what_does_not_end_is_cut() {
    let Setup {
        address, server, ..
    } = start(|server| server.linger(Duration::ZERO)).await;
    let (client, connection) = connect(address).await;
    let never = ask(&client, "/slow");
    eventually(|| server.in_flight() == 1).await;
    let stop = stop(&server);
    intake_has_stopped(address).await;
    server.abandon();
    let error = timeout(PATIENCE, stop).await.unwrap().unwrap();
    assert_eq!(error, Err("1 connection cut".to_owned()));
    assert!(timeout(PATIENCE, never).await.unwrap().unwrap().is_err());
    ended(connection).await;
    eventually(|| server.in_flight() == 0).await;
}

/// A WebSocket on HTTP/2 (RFC 8441) is one stream that has become a tunnel.
#[tokio::test]
async fn a_tunnel_is_in_flight_until_it_closes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(tunnel);
    let server = HttpServer::new(listener, router).linger(Duration::ZERO);
    let server = server.head_timeout(Duration::ZERO).spawn();
    let (client, connection) = connect(address).await;
    let mut request = Request::connect("http://test/echo")
        .body(Empty::new())
        .unwrap();
    let protocol = hyper::ext::Protocol::from_static("websocket");
    request.extensions_mut().insert(protocol);
    let answer = timeout(PATIENCE, client.clone().send_request(request));
    let answer = answer.await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let mut socket = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    assert_eq!(server.in_flight(), 1);
    let stop = stop(&server);
    intake_has_stopped(address).await;
    socket.write_all(b"ping").await.unwrap();
    let mut echo = [0; 4];
    let read = timeout(PATIENCE, socket.read_exact(&mut echo));
    read.await.unwrap().unwrap();
    assert_eq!(&echo, b"ping");
    assert_eq!(server.in_flight(), 1);
    assert!(!stop.is_finished());
    drop(socket);
    stopped(stop).await;
    ended(connection).await;
}

/// Gives back what it gets.
async fn tunnel(request: axum::extract::Request) -> StatusCode {
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgrade.await.unwrap()));
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    StatusCode::OK
}
