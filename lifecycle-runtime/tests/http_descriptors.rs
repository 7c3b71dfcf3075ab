//! An HTTP server that has run out of file descriptors serves again as soon as there are some.
//!
//! A binary of its own with one test: the limit is the whole process's.
#![cfg(all(feature = "http", unix))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod http_client;

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http_client::{Client, PATIENCE, request};
use lifecycle::HttpServer;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::time::timeout;

const CLIENTS: usize = 10;
/// How many connections find a descriptor.
const ACCEPTED: u64 = 3;

/// On one thread, which does not let the server accept before the limit is set.
#[tokio::test(flavor = "current_thread")]
async fn it_recovers_and_stops_without_losing_a_connection() {
    for stop_meanwhile in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "hello" }));
        let server = HttpServer::new(listener, router)
            .linger(Duration::from_secs(3600))
            .spawn();
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| ask(address)).collect();
        let unlimited = getrlimit(Resource::Nofile);
        limit_to(ACCEPTED);
        let stop = stop_meanwhile.then(|| tokio::spawn(server.stop()));
        let waiting = clients.split_off(usize::try_from(ACCEPTED).unwrap());
        for client in &mut clients {
            assert_eq!(client.answer().await.status, 200);
        }
        // Time to run out, and to try again in vain.
        tokio::time::sleep(Duration::from_millis(50)).await;
        setrlimit(Resource::Nofile, unlimited).unwrap();
        for mut client in waiting {
            assert_eq!(client.answer().await.status, 200);
        }
        drop(clients);
        let stop = stop.unwrap_or_else(|| tokio::spawn(server.stop()));
        timeout(PATIENCE, stop).await.unwrap().unwrap().unwrap();
    }
}

/// A connection with a request on it.
fn ask(address: SocketAddr) -> Client {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(request("/").as_bytes()).unwrap();
    stream.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(stream).unwrap().into()
}

/// Leaves the process `count` descriptors to open: it may have none with a higher number.
fn limit_to(count: u64) {
    let next = File::open("/dev/null").unwrap().as_raw_fd();
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(u64::try_from(next).unwrap() + count);
    setrlimit(Resource::Nofile, limit).unwrap();
}
