//! axum as its example of a graceful shutdown has it.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port: u16 = std::env::args().nth(1).unwrap_or_default().parse()?;
    let app = Router::new()
        .route("/", get(hello))
        .route("/forever", get(std::future::pending::<()>));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app)
        .with_graceful_shutdown(shutdown_signal())
        .await?;
    Ok(())
}

async fn hello() -> &'static str {
    tokio::time::sleep(Duration::from_millis(100)).await;
    "hello"
}

async fn shutdown_signal() {
    let ctrl_c = signal::ctrl_c();
    let Ok(mut terminate) = signal::unix::signal(signal::unix::SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = ctrl_c => {}
        _ = terminate.recv() => {}
    }
}
