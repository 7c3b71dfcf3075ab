//! A client that sends exactly the bytes a test gives it.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything a test waits for takes on a slow machine; reaching it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    received: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

impl<S> From<S> for Client<S> {
    fn from(stream: S) -> Self {
        Self {
            stream,
            received: Vec::new(),
        }
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await;
        stream.unwrap().unwrap().into()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(request(path)).await;
        self.answer().await
    }

    /// One whole answer; panics if the connection ends before it does.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let mut answer = Answer {
            status: head[9..12].parse().unwrap(),
            head,
            body: Vec::new(),
        };
        if let Some(length) = answer.header("content-length") {
            answer.body = self.take(length.parse().unwrap()).await;
        } else if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await {
                answer.body.extend(chunk);
            }
        }
        answer
    }

    /// An answer's head, in lower case.
    pub(crate) async fn head(&mut self) -> String {
        let head = self.until(b"\r\n\r\n").await;
        String::from_utf8(head).unwrap().to_ascii_lowercase()
    }

    /// One chunk of a chunked body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = String::from_utf8(self.until(b"\r\n").await).unwrap();
        let size = usize::from_str_radix(&size, 16).unwrap();
        let chunk = self.take(size).await;
        self.until(b"\r\n").await;
        (size > 0).then_some(chunk)
    }

    /// Waits until the server has closed the connection, orderly or not.
    pub(crate) async fn closed(&mut self) {
        while self.receive().await.unwrap_or(0) > 0 {}
    }

    /// Waits until the server has closed the connection, which it has to do in order.
    pub(crate) async fn closed_in_order(&mut self) {
        while self.receive().await.unwrap() > 0 {}
    }

    /// How much of a body has come; waits until it is something.
    pub(crate) async fn some(&mut self) -> usize {
        if self.received.is_empty() {
            assert!(self.receive().await.unwrap() > 0, "closed");
        }
        std::mem::take(&mut self.received).len()
    }

    async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            let found = self.received.windows(end.len()).position(|w| w == end);
            if let Some(at) = found {
                let mut taken: Vec<u8> = self.received.drain(..at + end.len()).collect();
                taken.truncate(at);
                return taken;
            }
            assert!(self.receive().await.unwrap() > 0, "closed");
        }
    }

    async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count {
            assert!(self.receive().await.unwrap() > 0, "closed");
        }
        self.received.drain(..count).collect()
    }

    pub(crate) async fn receive(&mut self) -> std::io::Result<usize> {
        let read = self.stream.read_buf(&mut self.received);
        timeout(PATIENCE, read).await.unwrap()
    }
}

pub(crate) fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// Returns once the server no longer takes connections: its intake has stopped.
pub(crate) async fn intake_has_stopped(address: SocketAddr) {
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(PATIENCE, refused).await.unwrap();
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, holds).await.unwrap();
}
