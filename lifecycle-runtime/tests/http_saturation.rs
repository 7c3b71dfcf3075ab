//! Stopping a saturated server breaks no request; and the harness that says so can see one break.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(feature = "tls")]
mod http_client;
#[cfg(feature = "tls")]
mod tls_client;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use lifecycle::HttpServer;
use tokio::net::TcpListener;

const PATIENCE: Duration = Duration::from_secs(20);
const KEPT_ALIVE: usize = 64;
const FRESH: usize = 8;
const ROUNDS: usize = 5;
/// Long enough that every client is in its loop when the server is stopped.
const LOAD: Duration = Duration::from_millis(300);

/// What became of the requests of one round.
#[derive(Debug, Default)]
struct Outcome {
    served: AtomicU64,
    refused: AtomicU64,
    /// Written, and then no whole answer.
    broken: AtomicU64,
}

/// Where a client connects; an error says that nobody listens any more.
type Connect<'a> = &'a (dyn Fn() -> std::io::Result<Box<dyn Stream>> + Sync);

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

async fn served_and_stopped(server: HttpServer) {
    let server = server.spawn();
    tokio::time::sleep(LOAD).await;
    server.settle();
    server.stop().await.unwrap();
}

fn assert_unbroken(round: usize, outcome: Outcome) {
    println!("lifecycle, round {round}: {outcome:?}");
    assert_eq!(outcome.broken.into_inner(), 0, "round {round}");
    assert!(outcome.served.into_inner() > KEPT_ALIVE as u64);
}

#[test]
fn a_saturated_server_stops_without_breaking_a_request() {
    for round in 0..ROUNDS {
        let outcome = under_load(|listener| served_and_stopped(server(listener)));
        assert_unbroken(round, outcome);
    }
}

#[test]
#[cfg(unix)]
fn nor_on_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("http.sock");
    let connect = || {
        let stream = std::os::unix::net::UnixStream::connect(&path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Box::new(stream) as Box<dyn Stream>)
    };
    for round in 0..ROUNDS {
        let runtime = runtime();
        let listener = runtime.block_on(lifecycle::Listener::unix(&path)).unwrap();
        let server = server(listener);
        let outcome = in_a_closed_loop(&runtime, &connect, served_and_stopped(server));
        assert_unbroken(round, outcome);
    }
}

#[test]
#[cfg(feature = "tls")]
fn nor_under_tls() {
    use std::sync::Arc;
    use tokio_rustls::rustls::{ClientConnection, StreamOwned};

    let runtime = runtime();
    let trust = tls_client::Trust::new();
    let (address, listener) = runtime.block_on(trust.listen());
    let config = Arc::new(trust.client(&[]));
    let connect = || {
        let mut stream = connected(address)?;
        let name = tls_client::NAME.try_into().unwrap();
        let mut session = ClientConnection::new(Arc::clone(&config), name).unwrap();
        // No request has been sent before this is through, so none is lost with it.
        session.complete_io(&mut stream)?;
        Ok(Box::new(StreamOwned::new(session, stream)) as Box<dyn Stream>)
    };
    let outcome = in_a_closed_loop(&runtime, &connect, served_and_stopped(server(listener)));
    assert_unbroken(0, outcome);
}

#[test]
fn the_harness_sees_requests_break() {
    let mut broken = 0;
    for round in 0..ROUNDS {
        let outcome = under_load(|listener| async move {
            axum::serve(listener, router())
                .with_graceful_shutdown(tokio::time::sleep(LOAD))
                .await
                .unwrap();
        });
        println!("axum, round {round}: {outcome:?}");
        broken += outcome.broken.into_inner();
    }
    assert!(broken > 0);
}

/// The default is for clients that have a processor to run on. Here six dozen threads share a few, with
/// whatever else the machine does, and handshakes take long where nothing is optimised; a client that
/// gets no turn while the server lingers would say nothing about the server. Nobody waits the longer
/// for it: it is over when the last client has gone.
const LINGER: Duration = Duration::from_secs(2);

fn server(listener: impl Into<lifecycle::Listener>) -> HttpServer {
    HttpServer::new(listener, router()).linger(LINGER)
}

fn router() -> Router {
    Router::new().route("/", get(|| async { "Hello, World!" }))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

fn connected(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Runs `serve` to its end with all clients in a closed loop over TCP.
fn under_load<F>(serve: impl FnOnce(TcpListener) -> F) -> Outcome
where
    F: Future<Output = ()>,
{
    let runtime = runtime();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || Ok(Box::new(connected(address)?) as Box<dyn Stream>);
    in_a_closed_loop(&runtime, &connect, serve(listener))
}

fn in_a_closed_loop(
    runtime: &tokio::runtime::Runtime,
    connect: Connect<'_>,
    serve: impl Future<Output = ()>,
) -> Outcome {
    let outcome = Outcome::default();
    std::thread::scope(|scope| {
        for client in 0..KEPT_ALIVE + FRESH {
            let outcome = &outcome;
            scope.spawn(move || ask_until_refused(connect, client < KEPT_ALIVE, outcome));
        }
        runtime.block_on(serve);
    });
    outcome
}

/// Sends one request after the other until nobody listens any more.
fn ask_until_refused(connect: Connect<'_>, keep_alive: bool, outcome: &Outcome) {
    let mut open = None;
    loop {
        let mut stream = match open.take() {
            Some(stream) => stream,
            // No request was sent, so none is lost: a client tries the next instance.
            None => match connect() {
                Ok(stream) => stream,
                Err(_) => return,
            },
        };
        match ask(&mut *stream, keep_alive) {
            Ok(answer) => {
                let counter = match answer.status {
                    200 => &outcome.served,
                    _ => &outcome.refused,
                };
                counter.fetch_add(1, Ordering::Relaxed);
                if keep_alive && !answer.close {
                    open = Some(stream);
                }
            }
            Err(_) => {
                outcome.broken.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

struct Answer {
    status: u16,
    close: bool,
}

fn ask(stream: &mut dyn Stream, keep_alive: bool) -> std::io::Result<Answer> {
    let request: &[u8] = if keep_alive {
        b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
    } else {
        b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    };
    stream.write_all(request)?;
    let mut received = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        received.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&received).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let header = |name: &str| {
            head.lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
        };
        let length: usize = header("content-length").unwrap().parse().unwrap();
        if body.len() >= length {
            return Ok(Answer {
                status: head[9..12].parse().unwrap(),
                close: header("connection") == Some("close"),
            });
        }
    }
}
