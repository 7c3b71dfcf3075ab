//! Real clients.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::service::PATIENCE;

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// What a guest of a room has seen.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) name: String,
    /// What the guest had said before the farewell was read.
    pub(crate) said: Vec<String>,
    /// How many lines came, the guest's own among them.
    pub(crate) heard: usize,
    pub(crate) farewell: Option<(u16, String)>,
    pub(crate) told: Option<Instant>,
    /// The connection ended as a WebSocket should.
    pub(crate) closed: bool,
}

pub(crate) async fn enter(addr: SocketAddr, room: usize, name: &str) -> Socket {
    // A backlog full of others is waited for.
    let stream = loop {
        match TcpStream::connect(addr).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let url = format!("ws://{addr}/rooms/{room}?name={name}");
    let (socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    socket
}

/// Says something at once, and then each `pause`, until told to leave. Nothing in it waits for what
/// the others do.
pub(crate) async fn visit(mut socket: Socket, name: String, pause: Duration) -> Visit {
    let mut visit = Visit {
        name,
        said: Vec::new(),
        heard: 0,
        farewell: None,
        told: None,
        closed: false,
    };
    let mut says = interval(pause);
    loop {
        tokio::select! {
            _ = says.tick(), if visit.told.is_none() => {
                let text = format!("{} of {}", visit.said.len(), visit.name);
                if socket.send(Message::text(&text)).await.is_ok() {
                    visit.said.push(text);
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(_))) => visit.heard += 1,
                Some(Ok(Message::Close(frame))) => {
                    visit.told = Some(Instant::now());
                    visit.farewell =
                        frame.map(|frame| (frame.code.into(), frame.reason.as_str().to_owned()));
                }
                Some(Ok(_)) => {}
                None => {
                    visit.closed = true;
                    return visit;
                }
                Some(Err(_)) => return visit,
            },
        }
    }
}

pub(crate) async fn connect(addr: SocketAddr) -> TcpStream {
    TcpStream::connect(addr).await.unwrap()
}

pub(crate) async fn ask(stream: &mut TcpStream, path: &str, more: &str) {
    let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\n{more}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// What comes until it ends with `end`.
pub(crate) async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    let reading = async {
        while !all.ends_with(end.as_bytes()) {
            let read = stream.read_buf(&mut all).await.unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&all));
        }
    };
    timeout(PATIENCE, reading).await.unwrap();
    String::from_utf8(all).unwrap()
}

/// All that comes until the server closes the connection.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let reading = stream.read_to_end(&mut all);
    timeout(PATIENCE, reading).await.unwrap().unwrap();
    String::from_utf8(all).unwrap()
}
