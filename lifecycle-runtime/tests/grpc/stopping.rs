//! Calls and connections at the end of a server.

use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use lifecycle::{GrpcServer, StepOutcome};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::common::{found, ms};
use crate::deaf::Deaf;
use crate::http_client::{eventually, intake_has_stopped};
use crate::quotes::{Quotes, ask, channel, follow_at, has_gone_away, listener};
use crate::{Running, of_one_server};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn calls_in_flight_finish_and_the_next_ones_go_elsewhere() {
    let (listener_a, a) = listener().await;
    let (quotes, at_a) = Quotes::new();
    let server = GrpcServer::new(listener_a, Routes::new(quotes));
    let running = Running::up(of_one_server(Duration::ZERO, LONG), server).await;
    let (listener_b, b) = listener().await;
    let (quotes, at_b) = Quotes::new();
    let other = Running::up(
        of_one_server(Duration::ZERO, LONG),
        GrpcServer::new(listener_b, quotes),
    )
    .await;

    let channel = channel(&[a, b]);
    let slow: Vec<_> = (0..3)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move { ask(&channel, "slow").await })
        })
        .collect();
    let mut followed = follow_at(&channel).await.unwrap();
    assert_eq!(followed.message().await.unwrap().as_deref(), Some("first"));
    eventually(|| at_a.in_flight() == 4).await;
    assert_eq!(ask(&channel, "before").await.unwrap(), "before");

    running.stop();
    intake_has_stopped(a).await;
    // The connection is still open, for what is in flight on it; this call goes to the other.
    let mut after = ask(&channel, "after").await;
    if after.as_ref().is_err_and(has_gone_away) {
        after = ask(&channel, "after").await;
    }
    assert_eq!(after.unwrap(), "after");
    assert!(at_b.seen.lock().unwrap().contains("after"));
    assert!(!at_a.seen.lock().unwrap().contains("after"));

    assert_eq!(at_a.in_flight(), 4);
    at_a.open();
    for slow in slow {
        assert_eq!(slow.await.unwrap().unwrap(), "slow");
    }
    assert_eq!(followed.message().await.unwrap().as_deref(), Some("last"));
    assert_eq!(followed.message().await.unwrap(), None);
    let report = running.report().await;
    assert_eq!(report.exit_code(), 0, "{report:?}");
    other.stop();
    assert_eq!(other.report().await.exit_code(), 0);
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cancelled_and_named() {
    let (listener, address) = listener().await;
    let (quotes, state) = Quotes::new();
    let server = GrpcServer::new(listener, quotes);
    let running = Running::up(of_one_server(Duration::ZERO, ms(300)), server).await;
    let channel = channel(&[address]);
    let ask = |text: &'static str| {
        let channel = channel.clone();
        tokio::spawn(async move { ask(&channel, text).await })
    };
    let stuck = ask("stuck");
    eventually(|| state.in_flight() == 1).await;
    let never = ask("never");
    eventually(|| state.in_flight() == 2).await;
    running.stop();
    // Cancelled in time to say so.
    let stuck = stuck.await.unwrap().unwrap_err();
    assert_eq!(
        (stuck.code(), stuck.message()),
        (Code::Unavailable, "cancelled")
    );
    assert!(never.await.unwrap().is_err());
    let report = running.report().await;
    let step = found(&report, "quotes");
    assert_eq!(step.outcome, StepOutcome::TimedOut);
    assert_eq!(step.active, 2);
    for name in &step.unfinished {
        assert!(name.starts_with("/shop.Quotes/Get 127.0.0.1:"), "{name}");
    }
    assert_eq!(step.unfinished.len(), 2);
}

#[tokio::test]
async fn a_panic_costs_its_own_call() {
    let (listener, address) = listener().await;
    let (quotes, state) = Quotes::new();
    let running = Running::up(
        of_one_server(Duration::ZERO, LONG),
        GrpcServer::new(listener, quotes),
    )
    .await;
    let channel = channel(&[address]);
    let slow = {
        let channel = channel.clone();
        tokio::spawn(async move { ask(&channel, "slow").await })
    };
    eventually(|| state.in_flight() == 1).await;
    assert!(ask(&channel, "panic").await.is_err());
    state.open();
    assert_eq!(slow.await.unwrap().unwrap(), "slow");
    running.stop();
    assert_eq!(running.report().await.exit_code(), 0);
}

/// The head of a call as a client would write it.
fn call(path: &str) -> Request<Full<Bytes>> {
    Request::post(format!("http://test{path}"))
        .header("content-type", "application/grpc+proto")
        .body(Full::from(&b"\0\0\0\0\x03now"[..]))
        .unwrap()
}

#[tokio::test]
async fn a_late_call_is_refused_unseen_and_in_grpcs_way() {
    let (listener, address) = listener().await;
    let (quotes, state) = Quotes::new();
    let server = GrpcServer::new(listener, quotes)
        .http(|http| http.linger(Duration::ZERO).head_timeout(LONG));
    let running = Running::up(of_one_server(Duration::ZERO, LONG), server).await;

    // Deaf, so that it does not hear that it should go: the call crosses GOAWAY on the wire.
    let (socket, ears) = Deaf::connect(address).await;
    let (mut client, connection) = handshake(TokioExecutor::new(), TokioIo::new(socket))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    running.stop();
    intake_has_stopped(address).await;
    let answer = client.send_request(call("/shop.Quotes/Get"));
    let answer = tokio::spawn(answer);
    // Long enough to have been sent; not hearing the answer before is what matters.
    tokio::time::sleep(ms(100)).await;
    ears.add_permits(1);
    let answer = answer.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/grpc+proto");
    assert_eq!(header("grpc-status"), "14");
    assert_eq!(header("grpc-message"), "the server is stopping");
    assert!(answer.body().is_end_stream());
    drop(answer);
    drop(client);
    connection.await.unwrap().unwrap();
    let report = running.report().await;
    assert_eq!(report.rejected, 1);
    assert_eq!(report.exit_code(), 0);
    assert!(state.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_call_ends_at_the_clients_deadline_whether_or_not_it_has_begun_to_answer() {
    let (listener, address) = listener().await;
    let (quotes, state) = Quotes::new();
    let running = Running::up(
        of_one_server(Duration::ZERO, LONG),
        GrpcServer::new(listener, quotes),
    )
    .await;
    // Not tonic's client, which would keep the time itself.
    let socket = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = handshake(TokioExecutor::new(), TokioIo::new(socket))
        .await
        .unwrap();
    let _connection = tokio::spawn(connection);
    let mut never = call("/shop.Quotes/Get");
    *never.body_mut() = Full::from(&b"\0\0\0\0\x05never"[..]);
    let follow = call("/shop.Quotes/Follow");
    for (mut call, trailers_only) in [(never, true), (follow, false)] {
        let timeout = http::HeaderValue::from_static("100m");
        call.headers_mut().insert("grpc-timeout", timeout);
        let answer = client.send_request(call).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        let end = if trailers_only {
            head.headers
        } else {
            trailers
        };
        assert_eq!(end["grpc-status"], "4");
        eventually(|| state.in_flight() == 0).await;
    }
    running.stop();
    assert_eq!(running.report().await.exit_code(), 0);
}

#[tokio::test]
async fn tonics_own_server_stops_by_its_handle() {
    let (listener, address) = listener().await;
    let (quotes, state) = Quotes::new();
    let server = GrpcServer::external(move |stopping| {
        Server::builder()
            .add_service(quotes)
            .serve_with_incoming_shutdown(TcpIncoming::from(listener), stopping.requested())
    });
    let running = Running::up(of_one_server(Duration::ZERO, LONG), server).await;
    let channel = channel(&[address]);
    let slow = {
        let channel = channel.clone();
        tokio::spawn(async move { ask(&channel, "slow").await })
    };
    eventually(|| state.in_flight() == 1).await;
    running.stop();
    intake_has_stopped(address).await;
    state.open();
    assert_eq!(slow.await.unwrap().unwrap(), "slow");
    drop(channel);
    assert_eq!(running.report().await.exit_code(), 0);
}
