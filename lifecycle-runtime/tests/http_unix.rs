//! HTTP over Unix sockets: the file comes and goes with the intake, and nobody else's is touched.
#![cfg(all(feature = "http", unix))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod http_client;

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use http_client::{Client, PATIENCE, eventually, request};
use lifecycle::{HttpServer, Listener, RunningServer};
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const HOUR: Duration = Duration::from_secs(3600);

struct Setup {
    path: PathBuf,
    server: RunningServer,
    gate: Arc<Semaphore>,
    _directory: TempDir,
}

async fn start(configure: impl FnOnce(HttpServer) -> HttpServer) -> Setup {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("http.sock");
    let gate = Arc::new(Semaphore::new(0));
    let slow = Arc::clone(&gate);
    let router = Router::new().route("/", get(|| async { "hello" })).route(
        "/slow",
        get(|| async move {
            slow.acquire().await.unwrap().forget();
            "done"
        }),
    );
    let listener = Listener::unix(&path).await.unwrap();
    let server = configure(HttpServer::new(listener, router)).spawn();
    Setup {
        path,
        server,
        gate,
        _directory: directory,
    }
}

async fn connect(path: &Path) -> Client<UnixStream> {
    timeout(PATIENCE, UnixStream::connect(path))
        .await
        .unwrap()
        .unwrap()
        .into()
}

fn stop(server: &RunningServer) -> JoinHandle<Result<(), String>> {
    let stop = server.stop();
    tokio::spawn(async { stop.await.map_err(|error| error.to_string()) })
}

async fn stopped(stop: JoinHandle<Result<(), String>>) {
    timeout(PATIENCE, stop).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn it_drains_as_on_tcp_and_takes_its_file_with_it() {
    let setup = start(|server| server.linger(HOUR)).await;
    let mut busy = connect(&setup.path).await;
    busy.send(request("/slow")).await;
    let mut idle = connect(&setup.path).await;
    assert!(!idle.get("/").await.closes());
    eventually(|| setup.server.in_flight() == 1).await;
    let stop = stop(&setup.server);
    // As soon as the intake has stopped, with requests still in flight: who comes now finds nobody,
    // and a successor finds its place free.
    eventually(|| !setup.path.exists()).await;
    let answer = idle.get("/").await;
    assert_eq!(answer.status, 200);
    assert!(answer.closes());
    idle.closed().await;
    setup.gate.add_permits(1);
    assert_eq!(busy.answer().await.body, b"done");
    stopped(stop).await;
}

/// On one thread that does not yield, so that the accept loop cannot have seen anything before.
#[tokio::test(flavor = "current_thread")]
async fn connections_in_the_backlog_are_served() {
    let setup = start(|server| server.linger(HOUR)).await;
    let clients: Vec<StdStream> = (0..100)
        .map(|_| {
            let mut client = StdStream::connect(&setup.path).unwrap();
            client.write_all(request("/").as_bytes()).unwrap();
            client
        })
        .collect();
    let stop = stop(&setup.server);
    for client in clients {
        client.set_nonblocking(true).unwrap();
        let mut client = Client::from(UnixStream::from_std(client).unwrap());
        assert_eq!(client.answer().await.status, 200);
    }
    stopped(stop).await;
}

#[tokio::test]
async fn several_listeners_are_one_server() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let setup = start(|server| server.also(tcp)).await;
    let mut local = connect(&setup.path).await;
    let mut remote = Client::connect(address).await;
    assert_eq!(local.get("/").await.body, b"hello");
    assert_eq!(remote.get("/").await.body, b"hello");
    local.send(request("/slow")).await;
    remote.send(request("/slow")).await;
    eventually(|| setup.server.in_flight() == 2).await;
    let stop = stop(&setup.server);
    http_client::intake_has_stopped(address).await;
    eventually(|| !setup.path.exists()).await;
    setup.gate.add_permits(2);
    assert_eq!(local.answer().await.body, b"done");
    assert_eq!(remote.answer().await.body, b"done");
    stopped(stop).await;
}

#[tokio::test]
async fn the_mode_is_the_file_s() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("http.sock");
    for mode in [0o600, 0o660, 0o666] {
        let listener = Listener::unix_with_mode(&path, mode).await.unwrap();
        let found = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode);
        // Dropped without having served, it leaves nothing behind.
        drop(listener);
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn who_the_client_is_reaches_the_handler() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("http.sock");
    let router = Router::new().route(
        "/",
        get(|Extension(name): Extension<String>| async move { name }),
    );
    let listener = Listener::unix(&path).await.unwrap();
    let server = HttpServer::new(listener, router).extend_requests(|peer, extensions| {
        assert!(peer.address().is_none());
        let user = peer.credentials().map(|it| it.uid());
        extensions.insert(format!("{user:?} {peer}"));
    });
    let _server = server.spawn();
    let expected = format!(
        "{:?} unix:{}",
        Some(rustix::process::getuid().as_raw()),
        std::process::id()
    );
    assert_eq!(
        connect(&path).await.get("/").await.body,
        expected.into_bytes()
    );
}

#[tokio::test]
async fn a_stale_file_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("http.sock");
    // As a process leaves it that was killed.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
    let listener = Listener::unix(&path).await.unwrap();
    let server = HttpServer::new(listener, Router::new()).spawn();
    assert_eq!(connect(&path).await.get("/").await.status, 404);
    stopped(stop(&server)).await;
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_socket_that_somebody_listens_at_is_left_alone() {
    let setup = start(|server| server).await;
    let error = Listener::unix(&setup.path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains("http.sock"), "{error}");
    assert_eq!(connect(&setup.path).await.get("/").await.status, 200);
    // And so is one whose backlog is full, which answers nobody.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("busy.sock");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&socket2::SockAddr::unix(&path).unwrap())
        .unwrap();
    socket.listen(0).unwrap();
    let _waiting = StdStream::connect(&path).unwrap();
    let error = Listener::unix(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("precious");
    fs::write(&path, "data").unwrap();
    let error = Listener::unix(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"data");
    let missing = directory.path().join("missing/http.sock");
    let error = Listener::unix(&missing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let long = directory.path().join("x".repeat(200));
    let error = Listener::unix(&long).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_successor_s_file_is_not_removed() {
    let setup = start(|server| server).await;
    // Another process, which was told to replace whatever is there.
    fs::remove_file(&setup.path).unwrap();
    let successor = UnixListener::bind(&setup.path).unwrap();
    stopped(stop(&setup.server)).await;
    let _client = UnixStream::connect(&setup.path).await.unwrap();
    successor.accept().await.unwrap();
}

/// Many who start at once over one stale file: one of them listens, and the others say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_start_at_once_one_wins() {
    const ROUNDS: usize = 40;
    for _ in 0..ROUNDS {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("http.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let starting: Vec<_> = (0..8)
            .map(|_| tokio::spawn(Listener::unix(path.clone())))
            .collect();
        let mut won = Vec::new();
        for starting in starting {
            match starting.await.unwrap() {
                Ok(listener) => won.push(listener),
                Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse),
            }
        }
        assert_eq!(won.len(), 1);
        UnixStream::connect(&path).await.unwrap();
    }
}
