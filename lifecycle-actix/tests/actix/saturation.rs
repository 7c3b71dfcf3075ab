//! How many requests a stop breaks at saturation: few with a settle time, where bare actix breaks
//! one a kept-alive client.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::{App, HttpServer, web};

use crate::Running;

const KEPT_ALIVE: usize = 64;
const FRESH: usize = 8;
const ROUNDS: usize = 3;
const LOAD: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Outcome {
    served: AtomicU64,
    refused: AtomicU64,
    /// Written, and then no whole answer.
    broken: AtomicU64,
}

#[test]
fn a_settle_time_and_a_middleware_save_nearly_all() {
    let mut bare = 0;
    let mut ours = 0;
    for round in 0..ROUNDS {
        let (address, run) = bare_actix();
        let outcome = under_load(&runtime(), address, run);
        println!("bare actix, round {round}: {outcome:?}");
        bare += outcome.broken.into_inner();
        for settle in [Duration::ZERO, LOAD] {
            let runtime = runtime();
            let running = runtime.block_on(Running::up(settle, LONG));
            let outcome = under_load(&runtime, running.address, async {
                tokio::time::sleep(LOAD).await;
                running.stop();
                let report = running.report().await;
                assert_eq!(report.exit_code(), 0, "{report:?}");
            });
            println!("settle {settle:?}, round {round}: {outcome:?}");
            assert!(outcome.served.into_inner() > KEPT_ALIVE as u64);
            ours += outcome.broken.into_inner();
        }
    }
    assert!(bare > 0, "this load does not show the race");
    assert!(ours * 10 <= bare, "{ours} of ours, {bare} of bare actix");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// actix as it comes, stopped in the middle of the load.
fn bare_actix() -> (SocketAddr, impl Future<Output = ()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let run = async {
        let app = || App::new().route("/", web::get().to(|| async { "hello" }));
        let server = HttpServer::new(app)
            .workers(2)
            .disable_signals()
            .listen(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        let server = tokio::spawn(server);
        tokio::time::sleep(LOAD).await;
        handle.stop(true).await;
        server.await.unwrap().unwrap();
    };
    (address, run)
}

/// Runs `serve` to its end with all clients in a closed loop.
fn under_load(
    runtime: &tokio::runtime::Runtime,
    address: SocketAddr,
    serve: impl Future<Output = ()>,
) -> Outcome {
    let outcome = Outcome::default();
    std::thread::scope(|scope| {
        for client in 0..KEPT_ALIVE + FRESH {
            let outcome = &outcome;
            scope.spawn(move || ask_until_refused(address, client < KEPT_ALIVE, outcome));
        }
        runtime.block_on(serve);
    });
    outcome
}

/// Sends one request after the other until nobody listens any more.
fn ask_until_refused(address: SocketAddr, keep_alive: bool, outcome: &Outcome) {
    let mut open = None;
    loop {
        let mut stream = match open.take() {
            Some(stream) => stream,
            // No request was sent, so none is lost: a client tries the next instance.
            None => match TcpStream::connect(address) {
                Ok(stream) => stream,
                Err(_) => return,
            },
        };
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        match ask(&mut stream, keep_alive) {
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

fn ask(stream: &mut TcpStream, keep_alive: bool) -> std::io::Result<Answer> {
    let close = if keep_alive {
        ""
    } else {
        "Connection: close\r\n"
    };
    let request = format!("GET / HTTP/1.1\r\nHost: test\r\n{close}\r\n");
    stream.write_all(request.as_bytes())?;
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
        let length = head.split_once("content-length: ").unwrap().1;
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        if body.len() >= length {
            return Ok(Answer {
                status: head[9..12].parse().unwrap(),
                close: head.contains("connection: close"),
            });
        }
    }
}
