//! axum as its first page has it: no word about stopping.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port: u16 = std::env::args().nth(1).unwrap_or_default().parse()?;
    let app = Router::new().route("/", get(hello));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn hello() -> &'static str {
    tokio::time::sleep(Duration::from_millis(100)).await;
    "hello"
}
