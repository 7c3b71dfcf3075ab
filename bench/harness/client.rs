//! A client that speaks just enough HTTP/1.1, and knows what became of each request.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Nothing that is ever answered takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Default, Clone, Copy)]
pub struct Outcome {
    pub served: u64,
    /// Nobody listened, or the answer was 503.
    pub refused: u64,
    /// Written to an open connection, and then no whole answer.
    pub broken: u64,
}

impl std::ops::AddAssign for Outcome {
    fn add_assign(&mut self, other: Self) {
        self.served += other.served;
        self.refused += other.refused;
        self.broken += other.broken;
    }
}

pub struct Answer {
    pub status: u16,
    /// The server will close, and the next request has to go elsewhere.
    pub close: bool,
}

pub struct Client {
    pub stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(1024),
        })
    }

    pub async fn send(&mut self, path: &str, more: &str) -> std::io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}");
        self.stream.write_all(request.as_bytes()).await
    }

    /// Asks for `/` and waits for the whole answer, whose length is announced.
    pub async fn ask(&mut self, path: &str) -> std::io::Result<Answer> {
        self.send(path, "\r\n").await?;
        self.answer().await
    }

    pub async fn answer(&mut self) -> std::io::Result<Answer> {
        self.received.clear();
        loop {
            if let Some(answer) = whole(&self.received) {
                return Ok(answer);
            }
            let read = self.stream.read_buf(&mut self.received);
            let read = tokio::time::timeout(PATIENCE, read).await??;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn whole(received: &[u8]) -> Option<Answer> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&received[..end]).ok()?;
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    let length: usize = header("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    (received.len() >= end + 4 + length).then(|| Answer {
        status: head.get(9..12).and_then(|it| it.parse().ok()).unwrap_or(0),
        close: header("connection").is_some_and(|it| it.eq_ignore_ascii_case("close")),
    })
}

/// Sends one request after the other, on one connection as long as the server allows or each on its
/// own, until nobody listens any more.
pub async fn ask_until_refused(address: SocketAddr, keep_alive: bool) -> Outcome {
    let mut outcome = Outcome::default();
    let mut open = None;
    loop {
        let mut client = match open.take() {
            Some(client) => client,
            // No request has been sent, so none is lost: a client takes the next instance.
            None => match Client::connect(address).await {
                Ok(client) => client,
                Err(_) => return outcome,
            },
        };
        let more = if keep_alive {
            "\r\n"
        } else {
            "Connection: close\r\n\r\n"
        };
        let answer = async {
            client.send("/", more).await?;
            client.answer().await
        };
        match answer.await {
            Ok(answer) => {
                match answer.status {
                    200 => outcome.served += 1,
                    _ => outcome.refused += 1,
                }
                if keep_alive && !answer.close {
                    open = Some(client);
                }
            }
            Err(_) => outcome.broken += 1,
        }
    }
}

/// Asks on one connection until `end`.
pub async fn ask_until(address: SocketAddr, end: Instant) -> std::io::Result<u64> {
    let mut client = Client::connect(address).await?;
    let mut requests = 0;
    while Instant::now() < end {
        client.ask("/").await?;
        requests += 1;
    }
    Ok(requests)
}

/// As many connections as asked for, each kept alive after one request.
pub async fn idle(address: SocketAddr, count: usize) -> std::io::Result<Vec<Client>> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let mut client = Client::connect(address).await?;
        client.ask("/").await?;
        clients.push(client);
    }
    Ok(clients)
}
