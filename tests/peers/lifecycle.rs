//! The same small service with `#[lifecycle::main]`.

use axum::Router;
use axum::routing::get;
use lifecycle::HttpServer;
use tokio::net::TcpListener;

#[lifecycle::main(manifest = "peers/lifecycle.yaml")]
async fn main() -> anyhow::Result<Resources> {
    let listener = TcpListener::bind(("127.0.0.1", lifecycle_tests::peer_port())).await?;
    let router = Router::new().route("/", get(|| async { "hello" }));
    Ok(Resources {
        http: HttpServer::new(listener, router),
    })
}
