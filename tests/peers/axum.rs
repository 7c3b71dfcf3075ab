//! A small service as axum's own documentation writes it, with graceful shutdown.

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", lifecycle_tests::peer_port())).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    axum::serve(
        listener,
        Router::new().route("/", get(|| async { "hello" })),
    )
    .with_graceful_shutdown(async move {
        terminate.recv().await;
    })
    .await?;
    Ok(())
}
