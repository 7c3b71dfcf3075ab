//! Requests and connections at the end of a server.

use std::net::SocketAddr;
use std::time::Duration;

use lifecycle::StepOutcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::{PATIENCE, Running};

const LONG: Duration = Duration::from_secs(60);

struct Client(TcpStream);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    async fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
            .await;
    }

    /// One answer, in lower case: its head, and as much of its body as its length says.
    async fn answer(&mut self) -> String {
        let mut received = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&received).to_ascii_lowercase();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.split_once("content-length: ").unwrap().1;
                let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
                if body.len() >= length {
                    return text;
                }
            }
            let read = timeout(PATIENCE, self.0.read_buf(&mut received)).await;
            assert!(read.unwrap().unwrap() > 0, "closed after {text:?}");
        }
    }

    async fn closed(&mut self) {
        let read = timeout(PATIENCE, self.0.read(&mut [0; 1024]))
            .await
            .unwrap();
        assert_eq!(read.unwrap_or(0), 0);
    }
}

async fn intake_has_stopped(address: SocketAddr) {
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(PATIENCE, refused).await.unwrap();
}

#[tokio::test]
async fn while_settling_everyone_is_served_and_asked_to_go() {
    let running = Running::up(Duration::from_millis(700), LONG).await;
    let mut kept = Client::connect(running.address).await;
    kept.ask("/").await;
    let answer = kept.answer().await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(!answer.contains("connection: close"), "{answer}");
    running.stop();
    while !running.health.is_stopping() {
        sleep(Duration::from_millis(1)).await;
    }
    // The resource hears of the signal from the executor, a moment later.
    sleep(Duration::from_millis(100)).await;
    kept.ask("/").await;
    let answer = kept.answer().await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    kept.closed().await;
    let mut new = Client::connect(running.address).await;
    new.ask("/").await;
    assert!(new.answer().await.starts_with("http/1.1 200"));
    let report = running.report().await;
    assert_eq!((report.exit_code(), report.rejected), (0, 0));
}

#[tokio::test]
async fn what_is_in_flight_finishes_and_nobody_new_comes_in() {
    let running = Running::up(Duration::ZERO, LONG).await;
    let mut slow = Client::connect(running.address).await;
    slow.ask("/slow").await;
    let mut idle = Client::connect(running.address).await;
    idle.ask("/").await;
    idle.answer().await;
    running.stop();
    intake_has_stopped(running.address).await;
    idle.closed().await;
    running.gate.add_permits(1);
    let answer = slow.answer().await;
    assert!(answer.ends_with("done"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    let report = running.report().await;
    assert_eq!((report.exit_code(), report.rejected), (0, 0), "{report:?}");
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cancelled_named_and_dropped() {
    let running = Running::up(Duration::ZERO, Duration::from_millis(500)).await;
    let mut stuck = Client::connect(running.address).await;
    stuck.ask("/stuck").await;
    sleep(Duration::from_millis(50)).await;
    let mut never = Client::connect(running.address).await;
    never.ask("/never?token=secret").await;
    sleep(Duration::from_millis(50)).await;
    running.stop();
    assert!(stuck.answer().await.ends_with("cancelled"));
    let report = running.report().await;
    let step = &report.steps[0];
    assert_eq!(step.outcome, StepOutcome::TimedOut);
    assert_eq!(step.active, 2);
    assert!(
        step.unfinished[0].starts_with("GET /stuck 127.0.0.1:"),
        "{step:?}"
    );
    assert!(
        step.unfinished[1].starts_with("GET /never 127.0.0.1:"),
        "{step:?}"
    );
    assert_eq!(report.exit_code(), 80);
    // Its handler has been dropped, and it is told.
    let answer = never.answer().await;
    assert!(answer.starts_with("http/1.1 503"), "{answer}");
}

#[tokio::test]
async fn with_nothing_open_it_is_gone_within_the_linger() {
    let running = Running::up(Duration::ZERO, LONG).await;
    running.stop();
    let report = running.report().await;
    assert_eq!(report.exit_code(), 0);
    // 100 ms, and whatever a busy machine adds; nothing that waits for a timeout of actix's own.
    assert!(report.total < Duration::from_secs(5), "{report:?}");
}
