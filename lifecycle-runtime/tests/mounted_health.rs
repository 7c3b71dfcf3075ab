//! Health on the service's own router, through a whole stop on real sockets.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use axum::Router;
use axum::routing::get;
use common::{ms, plan, step};
use lifecycle::plan::Kind;
use lifecycle::{HttpServer, Lifecycle};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The status of a request on a connection of its own.
async fn status(address: std::net::SocketAddr, path: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn readiness_falls_with_the_stop_and_liveness_does_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settle = ms(1_500);
    let service = Lifecycle::new(plan(
        settle,
        vec![step("http", Kind::HttpServer, ms(5_000), &[])],
    ))
    .embedded();
    let (ready, live) = (service.health(), service.health());
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/ready", get(|| async move { ready.readiness() }))
        .route("/live", get(|| async move { live.liveness() }));
    let service = service.with("http", HttpServer::new(listener, router));
    let (stop, health) = (service.stop_handle(), service.health());
    let running = tokio::spawn(service.run());
    while !health.is_ready() {
        tokio::task::yield_now().await;
    }
    assert_eq!(status(address, "/ready").await, 200);
    stop.stop("the test is over");
    while !health.is_stopping() {
        tokio::task::yield_now().await;
    }
    assert_eq!(status(address, "/ready").await, 503);
    assert_eq!(status(address, "/live").await, 200);
    assert_eq!(
        status(address, "/").await,
        200,
        "it still serves while it settles"
    );
    assert_eq!(running.await.unwrap().exit_code(), 0);
}
