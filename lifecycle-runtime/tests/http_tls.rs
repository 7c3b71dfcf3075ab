//! HTTP over TLS: the handshake is bounded, and whatever holds for plain TCP holds here.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod http_client;
mod tls_client;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::routing::get;
use axum::{Extension, Router};
use http_client::{Client, PATIENCE, eventually, intake_has_stopped, request};
use lifecycle::{HttpServer, Listener, RunningServer};
use tls_client::{NAME, Secure, Trust, builder, secure, verifier};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::rustls::{ClientConnection, ServerConfig};

const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(50);

struct Setup {
    address: SocketAddr,
    server: RunningServer,
    gate: Arc<Semaphore>,
    trust: Trust,
}

impl Setup {
    async fn connect(&self) -> Secure {
        self.trust.connect(self.address, &[]).await
    }
}

async fn start(configure: impl FnOnce(HttpServer) -> HttpServer) -> Setup {
    let trust = Trust::new();
    let (address, listener) = trust.listen().await;
    let gate = Arc::new(Semaphore::new(0));
    let slow = Arc::clone(&gate);
    let router = Router::new()
        .route(
            "/",
            get(|request: Request| async move { format!("{:?}", request.version()) }),
        )
        .route(
            "/slow",
            get(|| async move {
                slow.acquire().await.unwrap().forget();
                "done"
            }),
        );
    let server = configure(HttpServer::new(listener, router)).spawn();
    Setup {
        address,
        server,
        gate,
        trust,
    }
}

fn stop(server: &RunningServer) -> JoinHandle<Result<(), String>> {
    let stop = server.stop();
    tokio::spawn(async { stop.await.map_err(|error| error.to_string()) })
}

async fn stopped(stop: JoinHandle<Result<(), String>>) {
    timeout(PATIENCE, stop).await.unwrap().unwrap().unwrap();
}

/// The first flight of a handshake.
fn hello(trust: &Trust) -> Vec<u8> {
    let config = Arc::new(trust.client(&[]));
    let mut client = ClientConnection::new(config, NAME.try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

#[tokio::test]
async fn it_serves_and_closes_with_a_word() {
    let setup = start(|server| server).await;
    let mut client = setup.connect().await;
    assert_eq!(client.get("/").await.body, b"HTTP/1.1");
    setup.server.settle();
    let answer = client.get("/").await;
    assert_eq!(answer.status, 200);
    assert!(answer.closes());
    // Without `close_notify` this would be an error: the end of what was read may be cut off.
    client.closed_in_order().await;
}

#[tokio::test]
async fn the_client_says_which_protocol() {
    let setup = start(|server| server).await;
    let mut old = setup.trust.connect(setup.address, &["http/1.1"]).await;
    assert_eq!(
        old.stream.get_ref().1.alpn_protocol(),
        Some(&b"http/1.1"[..])
    );
    assert_eq!(old.get("/").await.body, b"HTTP/1.1");
    let either = setup
        .trust
        .connect(setup.address, &["http/1.1", "h2"])
        .await;
    let agreed = either.stream.get_ref().1.alpn_protocol();
    let best: &[u8] = if cfg!(feature = "http2") {
        b"h2"
    } else {
        b"http/1.1"
    };
    assert_eq!(agreed, Some(best));
}

/// What the config offers stays, but for what this server does not speak.
#[tokio::test]
async fn a_choice_of_protocols_is_kept() {
    let trust = Trust::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut config: ServerConfig = trust.server();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let listener = Listener::from(listener).tls(Arc::new(config));
    let _server = HttpServer::new(listener, Router::new()).spawn();
    let client = trust.connect(address, &["h2", "http/1.1"]).await;
    let agreed = client.stream.get_ref().1.alpn_protocol();
    assert_eq!(agreed, Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn a_handshake_holds_up_nobody_and_is_bounded() {
    let setup = start(|server| server.handshake_timeout(MOMENT)).await;
    let mut silent = Client::connect(setup.address).await;
    let mut half = Client::connect(setup.address).await;
    let hello = hello(&setup.trust);
    half.send(&hello[..hello.len() / 2]).await;
    // Served between the two, and longer than a handshake may take.
    let mut client = setup.connect().await;
    client.get("/").await;
    silent.closed().await;
    half.closed().await;
    assert_eq!(client.get("/").await.status, 200);
    // What is no TLS at all is refused as such.
    let mut plain = Client::connect(setup.address).await;
    plain.send(request("/")).await;
    plain.closed().await;
}

#[tokio::test]
async fn while_draining_a_handshake_is_bounded_as_half_a_request() {
    let setup = start(|server| {
        let server = server.linger(Duration::ZERO).head_timeout(MOMENT);
        server.handshake_timeout(HOUR)
    })
    .await;
    let mut silent = Client::connect(setup.address).await;
    let mut half = Client::connect(setup.address).await;
    half.send(&hello(&setup.trust)[..40]).await;
    tokio::time::sleep(MOMENT).await;
    stopped(stop(&setup.server)).await;
    silent.closed().await;
    half.closed().await;
}

#[tokio::test]
async fn a_silent_client_is_not_waited_for_past_the_linger() {
    let setup = start(|server| {
        let server = server.linger(Duration::ZERO).head_timeout(HOUR);
        server.handshake_timeout(HOUR)
    })
    .await;
    let mut silent = Client::connect(setup.address).await;
    let mut unused = setup.connect().await;
    stopped(stop(&setup.server)).await;
    silent.closed().await;
    unused.closed_in_order().await;
}

#[tokio::test]
async fn half_a_request_is_bounded() {
    let setup = start(|server| server.linger(Duration::ZERO).head_timeout(MOMENT)).await;
    let mut half = setup.connect().await;
    half.send("GET / HT").await;
    // Half a record: the server cannot know what it will hold.
    let mut record = setup.connect().await;
    record.get("/").await;
    record.send(request("/")).await;
    assert_eq!(record.answer().await.status, 200);
    let (stream, _) = record.stream.get_mut();
    stream
        .write_all(&[0x17, 3, 3, 0, 80, 1, 2, 3])
        .await
        .unwrap();
    tokio::time::sleep(MOMENT).await;
    stopped(stop(&setup.server)).await;
    half.closed().await;
    record.closed().await;
}

#[tokio::test]
async fn half_a_request_that_is_finished_too_late_is_refused_in_words() {
    let setup = start(|server| server.linger(Duration::ZERO).head_timeout(HOUR)).await;
    let mut half = setup.connect().await;
    half.send("GET / HT").await;
    let mut idle = setup.connect().await;
    idle.get("/").await;
    let stop = stop(&setup.server);
    idle.closed_in_order().await;
    half.send("TP/1.1\r\nHost: test\r\n\r\n").await;
    let answer = half.answer().await;
    assert_eq!(answer.status, 503);
    assert!(answer.closes());
    half.closed_in_order().await;
    stopped(stop).await;
    assert_eq!(setup.server.rejected(), 1);
}

/// As above, with the request cut in the middle of a record, of which the server can make nothing.
#[tokio::test]
async fn half_a_record_is_half_a_request() {
    let setup = start(|server| server.linger(Duration::ZERO).head_timeout(HOUR)).await;
    let mut half = setup.connect().await;
    half.get("/").await;
    let (stream, session) = half.stream.get_mut();
    session.writer().write_all(request("/").as_bytes()).unwrap();
    let mut record = Vec::new();
    session.write_tls(&mut record).unwrap();
    let (first, second) = record.split_at(record.len() / 2);
    stream.write_all(first).await.unwrap();
    let mut idle = setup.connect().await;
    idle.get("/").await;
    let stop = stop(&setup.server);
    idle.closed_in_order().await;
    let (stream, _) = half.stream.get_mut();
    stream.write_all(second).await.unwrap();
    assert_eq!(half.answer().await.status, 503);
    half.closed_in_order().await;
    stopped(stop).await;
}

#[tokio::test]
async fn a_request_in_flight_finishes_and_a_late_one_is_served_while_lingering() {
    let setup = start(|server| server.linger(HOUR)).await;
    let mut busy = setup.connect().await;
    busy.send(request("/slow")).await;
    let mut idle = setup.connect().await;
    idle.get("/").await;
    eventually(|| setup.server.in_flight() == 1).await;
    let stop = stop(&setup.server);
    intake_has_stopped(setup.address).await;
    let answer = idle.get("/").await;
    assert_eq!(answer.status, 200);
    assert!(answer.closes());
    idle.closed_in_order().await;
    setup.gate.add_permits(1);
    assert_eq!(busy.answer().await.body, b"done");
    busy.closed_in_order().await;
    stopped(stop).await;
}

/// On one thread that does not yield, so that the accept loop cannot have seen anything before.
#[tokio::test(flavor = "current_thread")]
async fn connections_in_the_backlog_are_served() {
    let setup = start(|server| server.linger(HOUR)).await;
    let clients: Vec<std::net::TcpStream> = (0..30)
        .map(|_| std::net::TcpStream::connect(setup.address).unwrap())
        .collect();
    let stop = stop(&setup.server);
    for client in clients {
        client.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(client).unwrap();
        let mut client = Secure::from(secure(setup.trust.client(&[]), stream).await);
        assert_eq!(client.get("/").await.status, 200);
    }
    stopped(stop).await;
}

#[tokio::test]
async fn who_the_client_is_reaches_the_handler() {
    let trust = Trust::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = trust.certified(builder().with_client_cert_verifier(verifier(&trust)));
    let listener = Listener::from(listener).tls(Arc::new(config));
    let router = Router::new().route(
        "/",
        get(|Extension(name): Extension<String>| async move { name }),
    );
    let expected = trust.certificate().clone();
    let server = HttpServer::new(listener, router).extend_requests(move |peer, extensions| {
        let known = peer.certificates().first() == Some(&expected);
        let name = peer.server_name().unwrap_or_default();
        extensions.insert(format!("{name} {known}"));
    });
    let _server = server.spawn();
    let stream = TcpStream::connect(address).await.unwrap();
    let mut known = Secure::from(secure(trust.known_client(), stream).await);
    assert_eq!(known.get("/").await.body, b"checkout.test true");
    let mut unknown = trust.connect(address, &[]).await;
    assert_eq!(unknown.get("/").await.body, b"checkout.test false");
}

#[cfg(feature = "http2")]
mod http2 {
    use http_body_util::{BodyExt, Empty};
    use hyper::body::{Bytes, Incoming};
    use hyper::client::conn::http2::{SendRequest, handshake};
    use hyper_util::rt::{TokioExecutor, TokioIo};

    use super::*;

    type Answer = JoinHandle<Result<http::Response<Incoming>, hyper::Error>>;

    async fn connect(setup: &Setup) -> (SendRequest<Empty<Bytes>>, JoinHandle<()>) {
        let stream = setup.trust.connect(setup.address, &["h2"]).await.stream;
        let io = TokioIo::new(stream);
        let (client, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
        let connection = tokio::spawn(async { connection.await.unwrap() });
        (client, connection)
    }

    fn ask(client: &SendRequest<Empty<Bytes>>, path: &str) -> Answer {
        let uri = format!("https://{NAME}{path}");
        let request = http::Request::get(uri).body(Empty::new()).unwrap();
        let mut client = client.clone();
        tokio::spawn(async move { client.send_request(request).await })
    }

    async fn body(answer: Answer) -> Bytes {
        let answer = timeout(PATIENCE, answer).await.unwrap().unwrap().unwrap();
        assert!(!answer.headers().contains_key("connection"));
        answer.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn while_settling_clients_get_goaway() {
        let setup = start(|server| server).await;
        let (client, connection) = connect(&setup).await;
        assert_eq!(body(ask(&client, "/")).await, "HTTP/2.0");
        setup.server.settle();
        // In order: the connection's own result is unwrapped in its task.
        timeout(PATIENCE, connection).await.unwrap().unwrap();
        let (client, _connection) = connect(&setup).await;
        assert_eq!(body(ask(&client, "/")).await, "HTTP/2.0");
    }

    #[tokio::test]
    async fn streams_in_flight_finish() {
        let setup = start(|server| server.linger(HOUR)).await;
        let (client, connection) = connect(&setup).await;
        let slow: Vec<Answer> = (0..3).map(|_| ask(&client, "/slow")).collect();
        eventually(|| setup.server.in_flight() == 3).await;
        let stop = stop(&setup.server);
        intake_has_stopped(setup.address).await;
        setup.gate.add_permits(3);
        for answer in slow {
            assert_eq!(body(answer).await, "done");
        }
        timeout(PATIENCE, connection).await.unwrap().unwrap();
        stopped(stop).await;
    }
}
