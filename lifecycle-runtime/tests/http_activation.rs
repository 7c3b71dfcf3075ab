//! Listeners that systemd hands over: real processes, one after the other on the same sockets.
#![cfg(all(feature = "socket-activation", unix))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use common::{ms, plan, skipped, step};
use lifecycle::plan::Kind;
use lifecycle::{HttpServer, Lifecycle, Listener};
use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(20);

/// Not a test: the service that the others start.
#[test]
#[ignore = "started by the other tests"]
fn subject() {
    let Ok(scenario) = std::env::var("SCENARIO") else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let clean = runtime.block_on(async {
        let server = match scenario.as_str() {
            "index" => HttpServer::new(Listener::activated(0).unwrap().unwrap(), router()),
            "names" => {
                let public = Listener::activated_as("public").unwrap().unwrap();
                assert!(Listener::activated_as("public").unwrap().is_none());
                let error = Listener::activated_as("private").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound);
                assert!(error.to_string().contains("public, local"), "{error}");
                let error = Listener::activated(2).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound);
                let local = Listener::activated_as("local").unwrap().unwrap();
                HttpServer::new(public, router()).also(local)
            }
            "wrong" => {
                let error = Listener::activated(0).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                println!("{error}");
                return true;
            }
            other => panic!("{other}"),
        };
        let plan = plan(
            Duration::ZERO,
            vec![step("http", Kind::HttpServer, ms(10_000), &[])],
        );
        let report = Lifecycle::new(plan).with("http", server).run().await;
        ExitCode::from(report) == ExitCode::SUCCESS
    });
    std::process::exit(i32::from(!clean));
}

/// Says which process has answered.
fn router() -> Router {
    Router::new().route("/", get(|| async { std::process::id().to_string() }))
}

/// A service that was given these sockets: they are its descriptors 3 and 4.
fn activate(scenario: &str, tcp: &TcpListener, unix: Option<&UnixListener>) -> Child {
    let names = if unix.is_some() {
        "public:local"
    } else {
        "public"
    };
    let count = 1 + usize::from(unix.is_some());
    // The shell gives the number of the process, which stays the same across `exec`.
    let script = format!(
        "LISTEN_FDS={count} LISTEN_FDNAMES={names} LISTEN_PID=$$ exec \"$@\" 3<&0 4<&2 </dev/null 2>&1"
    );
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["subject", "--exact", "--ignored", "--nocapture"])
        .env("SCENARIO", scenario)
        .stdin(Stdio::from(OwnedFd::from(tcp.try_clone().unwrap())))
        .stdout(Stdio::inherit());
    if let Some(unix) = unix {
        command.stderr(Stdio::from(OwnedFd::from(unix.try_clone().unwrap())));
    }
    command.spawn().unwrap()
}

fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn terminate(child: &Child) {
    kill_process(Pid::from_child(child), Signal::TERM).unwrap();
}

fn ended(mut child: Child) {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return;
        }
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("it does not end");
        }
        std::thread::sleep(ms(2));
    }
}

/// Which process answers.
fn answerer(mut stream: impl Read + Write) -> std::io::Result<String> {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(std::io::Error::other(answer)),
    }
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    answerer(stream)
}

/// A restart as systemd does it: it holds the socket, and starts the next when the first is gone.
#[test]
fn a_restart_under_load_loses_no_connection() {
    let (listener, address) = bind();
    let stop = AtomicBool::new(false);
    let (served, broken) = (AtomicU64::new(0), AtomicU64::new(0));
    let answered = Mutex::new(HashSet::new());
    let first = activate("index", &listener, None);
    let second = std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    match ask(address) {
                        Ok(by) => {
                            served.fetch_add(1, Ordering::Relaxed);
                            answered.lock().unwrap().insert(by);
                        }
                        Err(error) => {
                            println!("broken: {error}");
                            broken.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        let both = |count| {
            let begun = Instant::now();
            while answered.lock().unwrap().len() < count && begun.elapsed() < PATIENCE {
                std::thread::sleep(ms(5));
            }
            std::thread::sleep(ms(200));
        };
        both(1);
        terminate(&first);
        ended(first);
        // Whoever comes now waits for the next.
        std::thread::sleep(ms(100));
        let second = activate("index", &listener, None);
        both(2);
        stop.store(true, Ordering::Relaxed);
        second
    });
    terminate(&second);
    ended(second);
    assert_eq!(broken.into_inner(), 0);
    assert!(served.into_inner() > 100);
    assert_eq!(answered.into_inner().unwrap().len(), 2);
}

#[test]
fn by_name_and_over_both_kinds_of_socket() {
    let (tcp, address) = bind();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("http.sock");
    let unix = UnixListener::bind(&path).unwrap();
    let child = activate("names", &tcp, Some(&unix));
    let expected = child.id().to_string();
    assert_eq!(ask(address).unwrap(), expected);
    assert_eq!(
        answerer(UnixStream::connect(&path).unwrap()).unwrap(),
        expected
    );
    terminate(&child);
    ended(child);
    // The file is systemd's, and so are the connections that come now.
    assert!(path.exists());
    let waiting = UnixStream::connect(&path).unwrap();
    unix.set_nonblocking(true).unwrap();
    unix.accept().unwrap();
    drop(waiting);
}

/// With `Accept=yes` systemd hands over connections, which are no listeners.
#[test]
fn a_connection_is_refused_in_words() {
    let (listener, address) = bind();
    let client = TcpStream::connect(address).unwrap();
    let connection = OwnedFd::from(client);
    let child = activate("wrong", &TcpListener::from(connection), None);
    ended(child);
    drop(listener);
}

#[tokio::test]
async fn without_activation_there_is_none() {
    assert!(Listener::activated(0).unwrap().is_none());
    assert!(Listener::activated_as("public").unwrap().is_none());
}

/// systemd's own tool, where it is installed: names and numbers as the real one gives them.
#[test]
fn systemd_s_own_tool_activates_it() {
    let (listener, address) = bind();
    drop(listener);
    let program = std::env::current_exe().unwrap();
    let child = Command::new("systemd-socket-activate")
        .args([
            "--listen",
            &address.to_string(),
            "--fdname=public",
            "-E",
            "SCENARIO=index",
        ])
        .arg(program)
        .args(["subject", "--exact", "--ignored", "--nocapture"])
        .spawn();
    let child = match child {
        Ok(child) => child,
        Err(error) => {
            skipped(&format!("no systemd-socket-activate: {error}"));
            return;
        }
    };
    let begun = Instant::now();
    let answered = loop {
        match ask(address) {
            Ok(by) => break by,
            // It does not listen yet.
            Err(error) if begun.elapsed() > PATIENCE => panic!("{error}"),
            Err(_) => std::thread::sleep(ms(10)),
        }
    };
    assert_eq!(answered, child.id().to_string());
    terminate(&child);
    ended(child);
}
