//! The real service under real signals: what was confirmed is in the journal.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// For what takes milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The real program; it is killed when this is dropped.
struct Service {
    child: Child,
    address: SocketAddr,
    report: PathBuf,
    _turn: File,
}

impl Service {
    /// Starts it as Kubernetes would, and waits until it answers.
    fn start(place: &TempDir) -> Self {
        let turn = turn();
        let report = place.path().join("report.json");
        // Something else on this machine may hold the health port, perhaps not for long.
        for _ in 0..60 {
            let mut child = Command::new(env!("CARGO_BIN_EXE_orders-actix"))
                .env_clear()
                .env("HTTP_ADDR", "127.0.0.1:0")
                .env("JOURNAL", place.path().join("journal"))
                .env("LIFECYCLE_PLATFORM", "kubernetes")
                .env("LIFECYCLE_REPORT", &report)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stderr.take().unwrap()).lines();
            let (said, serving) = mpsc::channel();
            std::thread::spawn(move || {
                for line in lines.map_while(Result::ok) {
                    println!("{line}");
                    if let Some((_, address)) = line.split_once("serving address=") {
                        let _ = said.send(address.trim().parse().unwrap());
                    }
                }
            });
            if let Ok(address) = serving.recv_timeout(PATIENCE) {
                return Self {
                    child,
                    address,
                    report,
                    _turn: turn,
                };
            }
            let _ = child.kill();
            let _ = child.wait();
            std::thread::sleep(Duration::from_secs(1));
        }
        panic!("it does not serve");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end that nobody forces: its exit code and its report.
    fn exit(mut self) -> (Option<i32>, serde_json::Value) {
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        let report = fs::read_to_string(&self.report).unwrap();
        (status.code(), serde_json::from_str(&report).unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The health port is fixed, so one service runs at a time: across threads and across processes.
fn turn() -> File {
    let path = std::env::temp_dir().join("orders-actix-health-port.lock");
    // Reading is enough for a lock, and what another user made can only be read.
    let file = File::open(&path).or_else(|_| File::create(&path)).unwrap();
    file.lock().unwrap();
    file
}

struct Answer {
    status: u16,
    close: bool,
    body: serde_json::Value,
}

const ORDER: &str = r#"{"customer":"ada@example.com","item":"tea","quantity":2}"#;

/// Sends one request and reads its answer.
fn ask(stream: &mut TcpStream, method: &str, path: &str, body: &str) -> io::Result<Answer> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut received = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        received.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&received);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let length = head.split_once("content-length: ").unwrap().1;
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        if body.len() >= length {
            return Ok(Answer {
                status: head[9..12].parse().unwrap(),
                close: head.contains("connection: close"),
                body: serde_json::from_str(body).unwrap_or_default(),
            });
        }
    }
}

#[test]
fn under_load_every_confirmed_order_is_in_the_journal() {
    let place = tempfile::tempdir().unwrap();
    let service = Service::start(&place);
    let address = service.address;
    let over = AtomicBool::new(false);
    let (mut confirmed, report) = std::thread::scope(|scope| {
        let customers: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| buy_until(&over, address)))
            .collect();
        let summary = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(700));
            let mut stream = TcpStream::connect(address).unwrap();
            ask(&mut stream, "GET", "/summary", "").unwrap()
        });
        // The summary takes a second: it is in flight.
        std::thread::sleep(Duration::from_secs(1));
        service.signal(Signal::TERM);
        let (code, report) = service.exit();
        over.store(true, Ordering::Relaxed);
        assert_eq!(code, Some(0), "{report:#}");
        let summary = summary.join().unwrap();
        assert_eq!(summary.status, 200);
        assert!(summary.close);
        assert!(summary.body["tea"].as_u64().unwrap() > 0);
        let confirmed: Vec<u64> = customers
            .into_iter()
            .flat_map(|customer| customer.join().unwrap())
            .collect();
        (confirmed, report)
    });
    assert_eq!(report["outcome"], "clean");
    assert!(!confirmed.is_empty());
    let journal = fs::read_to_string(place.path().join("journal")).unwrap();
    let mut written: Vec<u64> = journal
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|order| order["id"].as_u64().unwrap())
        .collect();
    confirmed.sort_unstable();
    written.sort_unstable();
    assert_eq!(confirmed, written, "none lost, and none without an answer");

    // The next instance goes on where this one ended.
    let next = Service::start(&place);
    let mut stream = TcpStream::connect(next.address).unwrap();
    let last = written.len();
    let order = ask(&mut stream, "GET", &format!("/orders/{last}"), "").unwrap();
    assert_eq!(
        (order.status, order.body["item"].as_str()),
        (200, Some("tea"))
    );
    let order = ask(&mut stream, "POST", "/orders", ORDER).unwrap();
    assert_eq!(order.body["id"].as_u64(), Some(last as u64 + 1));
    next.signal(Signal::TERM);
    assert_eq!(next.exit().0, Some(0));
}

/// Orders tea, one after the other; the ids of what was confirmed.
fn buy_until(over: &AtomicBool, address: SocketAddr) -> Vec<u64> {
    let mut confirmed = Vec::new();
    let mut open = None;
    while !over.load(Ordering::Relaxed) {
        let mut stream: TcpStream = match open.take() {
            Some(stream) => stream,
            None => match TcpStream::connect(address) {
                Ok(stream) => stream,
                Err(_) => return confirmed,
            },
        };
        match ask(&mut stream, "POST", "/orders", ORDER) {
            Ok(answer) => {
                assert!(matches!(answer.status, 201 | 503), "{}", answer.status);
                confirmed.extend(answer.body["id"].as_u64());
                open = (!answer.close).then_some(stream);
            }
            // Idle, and closed by actix in that instant: nobody has seen the order.
            Err(_) => return confirmed,
        }
    }
    confirmed
}

#[test]
fn what_is_not_there_is_not_found_and_nonsense_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let service = Service::start(&place);
    let mut stream = TcpStream::connect(service.address).unwrap();
    for missing in ["/orders/0", "/orders/1", "/nothing"] {
        assert_eq!(ask(&mut stream, "GET", missing, "").unwrap().status, 404);
    }
    assert_eq!(
        ask(&mut stream, "POST", "/orders", "{}").unwrap().status,
        400
    );
    service.signal(Signal::INT);
    let (code, report) = service.exit();
    assert_eq!((code, &report["outcome"]), (Some(0), &"clean".into()));
}
