//! An HTTP/1.1 client that sees what became of each request: a library's would try again by itself.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A whole response.
    Complete(Response),
    /// No connection was made: another instance gets the request.
    Refused,
    /// The connection ended before the response was whole.
    Broken(String),
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// In lower case.
    head: String,
    pub(crate) body: String,
}

impl Response {
    /// Whether the server asks for the next request to go elsewhere.
    pub(crate) fn closes(&self) -> bool {
        self.head.contains("\r\nconnection: close\r\n")
    }

    /// A refusal that a load balancer or a client can act upon.
    pub(crate) fn is_polite_refusal(&self) -> bool {
        self.status == 503 && self.closes() && self.head.contains("\r\nretry-after: ")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.split("\r\n");
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n")
}

pub(crate) fn post(path: &str, json: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{json}",
        json.len()
    )
}

/// One request on a connection of its own.
pub(crate) async fn once(addr: SocketAddr, request: &str) -> Answer {
    Client::new(addr).send(request).await
}

/// A client that keeps its connection for as long as the server does.
pub(crate) struct Client {
    addr: SocketAddr,
    stream: Option<TcpStream>,
}

impl Client {
    pub(crate) fn new(addr: SocketAddr) -> Self {
        Self { addr, stream: None }
    }

    pub(crate) async fn send(&mut self, request: &str) -> Answer {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => match TcpStream::connect(self.addr).await {
                Ok(stream) => stream,
                Err(_) => return Answer::Refused,
            },
        };
        match exchange(&mut stream, request).await {
            Ok(response) => {
                if !response.closes() {
                    self.stream = Some(stream);
                }
                Answer::Complete(response)
            }
            Err(error) => {
                let line = request.lines().next().unwrap_or_default();
                Answer::Broken(format!("{line}: {error}"))
            }
        }
    }

    /// Resolves when the server closes the idle connection.
    pub(crate) async fn closed(mut self) {
        if let Some(mut stream) = self.stream.take() {
            let _ = stream.read(&mut [0]).await;
        }
    }
}

async fn exchange(stream: &mut TcpStream, request: &str) -> Result<Response, String> {
    let said = |error: std::io::Error| error.to_string();
    stream.write_all(request.as_bytes()).await.map_err(said)?;
    let mut text = Vec::new();
    let end = loop {
        if let Some(at) = text.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut text).await.map_err(said)? == 0 {
            return Err(format!("closed after {} bytes of the head", text.len()));
        }
    };
    let head = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
    let status = head.get(9..12).and_then(|digits| digits.parse().ok());
    let mut response = Response {
        status: status.ok_or("no status")?,
        head,
        body: String::new(),
    };
    let length = response.header("content-length").unwrap_or("0");
    let length: usize = length.parse().map_err(|_| "no length".to_owned())?;
    let mut body = text.split_off(end);
    while body.len() < length {
        if stream.read_buf(&mut body).await.map_err(said)? == 0 {
            return Err(format!("closed after {} of {length} bytes", body.len()));
        }
    }
    response.body = String::from_utf8_lossy(&body).into_owned();
    Ok(response)
}
