//! What a server tells the executor of its work; everything else is tested from outside.

mod handover;

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::{By, HttpServer};
use crate::work::{Active, Window, Work};

const WINDOW: Window = Window {
    timeout: Duration::from_secs(5),
    hurry: false,
};

#[tokio::test]
async fn what_is_in_flight_has_a_name_and_an_age() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let never = get(|| async { std::future::pending::<()>().await });
    let server = HttpServer::new(listener, Router::new().fallback(never));
    assert_eq!(server.active(), Active::default());
    let By::Own(own) = &server.by else { panic!() };
    own.begin();
    let mut expected = Vec::new();
    let mut clients = Vec::new();
    for path in ["/reports/7", &"/long".repeat(40)] {
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path}?token=secret HTTP/1.1\r\nHost: test\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let peer = client.local_addr().unwrap();
        let shown = match path.get(..96) {
            Some(beginning) => format!("{beginning}…"),
            None => path.to_owned(),
        };
        expected.push(format!("GET {shown} {peer}"));
        clients.push(client);
        while server.active().count < clients.len() as u64 {
            tokio::task::yield_now().await;
        }
    }
    let active = server.active();
    // The oldest first.
    assert_eq!(active.names, expected);
    assert!(active.oldest.is_some());
    drop(clients);
    while server.active() != Active::default() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_that_was_never_started_stops_and_frees_its_port() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = HttpServer::new(listener, Router::new());
    server.settle();
    server.stop(WINDOW).await.unwrap();
    TcpListener::bind(address).await.unwrap();
}

/// Somebody at a terminal waits: no linger for the comfort of clients.
#[tokio::test]
async fn in_a_hurry_idle_connections_are_closed_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = HttpServer::new(listener, Router::new()).linger(Duration::from_secs(3600));
    let By::Own(own) = &server.by else { panic!() };
    own.begin();
    let _idle = TcpStream::connect(address).await.unwrap();
    let stop = server.stop(Window {
        hurry: true,
        ..WINDOW
    });
    let bound = Duration::from_secs(20);
    tokio::time::timeout(bound, stop).await.unwrap().unwrap();
}

/// A machine that is busy finds the time for lingering over, and all of the backlog still to be accepted.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_waits_to_be_accepted_is_served_however_late_it_is() {
    use std::io::{Read as _, Write as _};

    const WAITING: usize = 100;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answered = Router::new().fallback(get(|| async { "served" }));
    let server = HttpServer::new(listener, answered);
    let By::Own(own) = &server.by else { panic!() };
    own.begin();
    // Nothing is accepted meanwhile: this thread is the runtime's only one.
    let mut waiting = Vec::new();
    for _ in 0..WAITING {
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        waiting.push(client);
    }
    // No time at all for lingering.
    let stop = server.stop(Window {
        hurry: true,
        ..WINDOW
    });
    let bound = Duration::from_secs(20);
    tokio::time::timeout(bound, stop).await.unwrap().unwrap();
    for mut client in waiting {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("served"), "{answer}");
    }
}

/// The promise is that a connection which idles costs no more than with plain hyper; `bench/run memory`
/// measures it. tokio gives a task 104 bytes of its own and rounds up to 128 on this kind of machine, so
/// a field too many costs that much at once. HTTP/2 and TLS need room that plain hyper has none for.
#[cfg(all(
    target_pointer_width = "64",
    not(any(feature = "http2", feature = "tls"))
))]
#[test]
fn a_connections_task_is_no_larger_than_hypers() {
    type Hypers = hyper::server::conn::http1::UpgradeableConnection<
        hyper_util::rt::TokioIo<tokio::net::TcpStream>,
        super::exchange::Serve,
    >;
    let task = |future: usize| (104 + future).next_multiple_of(128);
    let ours = size_of::<super::connection::Connection>();
    let hypers = size_of::<Hypers>();
    assert!(task(ours) <= task(hypers), "{ours} bytes, hyper's {hypers}");
}
