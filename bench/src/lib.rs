//! What the peers share: what they serve, and how they say where.

use std::convert::Infallible;
use std::io::Write as _;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// How long a peer that can bound its drain lets it last.
pub const DRAIN: Duration = Duration::from_secs(5);
/// What `/` answers.
pub const HELLO: &str = "Hello, World!";
/// How much `/large` answers: more than all buffers between it and a client that does not read.
pub const LARGE: usize = 64 << 20;

/// The service. Its routes are settled once: without `with_state` axum does that for every request,
/// except under its own `serve`.
pub fn router() -> Router {
    Router::new()
        .route("/", get(async || HELLO))
        .route("/slow", get(slow))
        .route("/hang", get(async || std::future::pending::<()>().await))
        .route("/never", get(async || Body::from_stream(never())))
        .route("/large", get(async || Body::from_stream(large())))
        .with_state(())
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(300)).await;
    HELLO
}

/// A body that goes on for ever, a little at a time.
pub fn never() -> impl futures_core::Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    async_stream::stream! {
        loop {
            yield Ok(Bytes::from_static(b"tick\n"));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A body of [`LARGE`] bytes.
pub fn large() -> impl futures_core::Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    const PIECE: &[u8] = &[b'x'; 1 << 16];
    async_stream::stream! {
        for _ in 0..LARGE / PIECE.len() {
            yield Ok(Bytes::from_static(PIECE));
        }
    }
}

/// Listens on a free port.
pub async fn listen() -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(listener.local_addr()?)?;
    Ok(listener)
}

/// Says where the peer listens, which is all that it ever prints.
pub fn announce(address: std::net::SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{address}")?;
    out.flush()
}

/// Resolves on SIGTERM; from the moment of the call on, the signal does not end the process.
pub fn terminated() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        terminate.recv().await;
    })
}
