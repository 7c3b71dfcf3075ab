//! What fuzzers call: what a drilled process says. There for cargo-fuzz, and for clippy.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::script::Protocol;
use crate::traffic::client::{Connection, Manner, Patience, Template};
use crate::traffic::connecting::NoConnection;
use crate::traffic::frames::Frames;
use crate::traffic::http2::Channel;
use crate::traffic::websocket::{Messages, Opening};
use crate::{idle, own_report, script};

/// Longer than any exchange over loopback takes; a client that waits longer hangs.
const PATIENCE: Duration = Duration::from_millis(100);

/// Bytes as the report that the process leaves.
pub fn report(bytes: &[u8]) {
    if let Ok(report) = own_report::of(bytes) {
        let text = serde_json::to_vec(&report).expect("a report can be written");
        own_report::of(&text).expect("what was written can be read");
    }
}

/// Bytes as what a server answers, to a client that sends two requests over one connection; the first
/// byte says where they are cut in two.
pub fn answer(bytes: &[u8]) {
    let Some((cut, bytes)) = bytes.split_first() else {
        return;
    };
    let parts = bytes.split_at(usize::from(*cut).min(bytes.len()));
    frames_are_told_however_they_are_cut(parts.0, parts.1);
    let _kept = idle::is_complete(bytes);
    served(parts, asking);
}

/// Bytes as what a server answers over HTTP/2, gRPC among it, or says on a WebSocket that it has accepted,
/// by whether the first byte is even; the second says where they are cut in two.
pub fn streamed(bytes: &[u8]) {
    let [which, cut, bytes @ ..] = bytes else {
        return;
    };
    let parts = bytes.split_at(usize::from(*cut).min(bytes.len()));
    match which % 2 {
        0 => served(parts, calling),
        _ => served(parts, listening),
    }
}

/// Lets a client meet a server that says both parts, one after the other, and leaves.
fn served<F>((first, second): (&[u8], &[u8]), client: fn(SocketAddr) -> F)
where
    F: Future<Output = Result<(), NoConnection>>,
{
    thread_local! {
        static HERE: RefCell<Option<(Runtime, TcpListener, SocketAddr)>> = const { RefCell::new(None) };
    }
    let connected = HERE.with_borrow_mut(|here| {
        let (runtime, listener, address) = here.get_or_insert_with(|| {
            let builder = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = builder.expect("a runtime");
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
            let listener = listener.expect("a port");
            let address = listener.local_addr().expect("an address");
            (runtime, listener, address)
        });
        runtime.block_on(async {
            let serving = async {
                let (mut stream, _) = listener.accept().await.expect("a client");
                let mut request = [0; 512];
                // The client may turn away at any time.
                let read = stream.read(&mut request).await.unwrap_or(0);
                if let Some(key) = socket_key(&request[..read]) {
                    let accepted = format!(
                        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                         sec-websocket-accept: {}\r\n\r\n",
                        derive_accept_key(key)
                    );
                    let _written = stream.write_all(accepted.as_bytes()).await;
                }
                for part in [first, second] {
                    let _written = stream.write_all(part).await;
                    tokio::task::yield_now().await;
                }
                let _ended = stream.shutdown().await;
                Ok(())
            };
            tokio::try_join!(serving, client(*address)).is_ok()
        })
    });
    if !connected {
        // Who knows what still waits at this listener to be accepted.
        HERE.take();
    }
}

/// What a client that asks for a WebSocket wants to see the answer of.
fn socket_key(request: &[u8]) -> Option<&[u8]> {
    let mut lines = request.split(|&byte| byte == b'\n');
    let name = b"sec-websocket-key:";
    let line = lines.find(|line| {
        let begin = line.get(..name.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(name))
    })?;
    Some(line[name.len()..].trim_ascii())
}

/// Errors: there is no connection, and nothing to be served.
async fn calling(address: SocketAddr) -> Result<(), NoConnection> {
    let until = Instant::now() + PATIENCE;
    let channel = Channel::open(address, until, false).await?;
    for protocol in [Protocol::Http2, Protocol::Grpc] {
        let spec = script::RequestSpec {
            protocol,
            ..script::RequestSpec::get("/shop.Orders/List")
        };
        let template = Template::new(&spec, "127.0.0.1").expect("a request");
        let until = Instant::now() + PATIENCE;
        let told = channel.exchange(&template, Patience::Whole(until)).await;
        assert_in_time(until);
        if told.is_none() || !channel.is_usable() {
            break;
        }
    }
    Ok(())
}

/// Errors: there is no connection, and nothing to be served.
async fn listening(address: SocketAddr) -> Result<(), NoConnection> {
    let spec = script::SessionSpec {
        kind: script::SessionKind::WebSocket,
        request: script::RequestSpec::get("/chat"),
        clients: 1,
        every: None,
    };
    let opening = Opening::new(&spec, "127.0.0.1").expect("a request");
    let until = Instant::now() + PATIENCE;
    let mut messages = Messages::default();
    let kept = opening.keep(address, until, &|| {}, &mut messages);
    let outcome = tokio::time::timeout(50 * PATIENCE, kept).await;
    outcome.expect("the server has gone");
    Ok(())
}

fn assert_in_time(until: Instant) {
    let late = Instant::now().saturating_duration_since(until);
    assert!(late < 50 * PATIENCE, "{late:?} late");
}

/// Errors: there is no connection, and nothing to be served.
async fn asking(address: SocketAddr) -> Result<(), NoConnection> {
    let spec = script::RequestSpec::get("/");
    let template = Template::new(&spec, "127.0.0.1").expect("a request");
    let until = Instant::now() + PATIENCE;
    let mut connection = Connection::open(address, until, Manner::Looks, false).await?;
    for _ in 0..2 {
        let until = Instant::now() + PATIENCE;
        let patience = Patience::Whole(until);
        let told = connection.exchange(&template, patience).await;
        assert_in_time(until);
        if told.is_none() || !connection.is_idle() {
            break;
        }
    }
    Ok(())
}

fn frames_are_told_however_they_are_cut(first: &[u8], second: &[u8]) {
    let told = |parts: &[&[u8]]| {
        let (mut frames, mut told) = (Frames::of_client(), Vec::new());
        for part in parts {
            frames.follow(part, |kind, stream| told.push((kind, stream)));
        }
        told
    };
    assert_eq!(told(&[first, second]), told(&[&[first, second].concat()]));
}
