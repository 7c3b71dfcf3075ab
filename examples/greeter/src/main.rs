use std::time::Duration;

use axum::{Router, routing::get};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:8080").await?;
    axum::serve(listener, router()).await
}

fn router() -> Router {
    Router::new()
        .route("/", get(|| async { "hello\n" }))
        .route("/report", get(report))
        .route("/health", get(|| async { "ok\n" }))
}

/// Takes a while, as reports do.
async fn report() -> &'static str {
    tokio::time::sleep(Duration::from_secs(2)).await;
    "all is well\n"
}
