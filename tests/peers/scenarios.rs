//! A small service that obeys faults, on every platform. Its start takes a moment, as starts do.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use lifecycle::{Database, HttpServer};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// For a pool of connections, say.
const START: Duration = Duration::from_millis(100);
/// Some of these are under way at any moment.
const REPORT: Duration = Duration::from_millis(200);

#[lifecycle::main(manifest = "peers/scenarios.yaml")]
async fn main() -> anyhow::Result<Resources> {
    sleep(START).await;
    let port = match std::env::var("PEER_PORT") {
        Ok(port) => port.parse()?,
        Err(_) => lifecycle_tests::PEER_PORT,
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let report = || async {
        sleep(REPORT).await;
        "nothing was sold"
    };
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/orders", post(|order: String| async move { order }))
        .route("/report", get(report));
    Ok(Resources {
        http: HttpServer::new(listener, router),
        orders_db: Database::new(|| async {}),
    })
}
