//! This runtime, serving on for a second after SIGTERM, while routing has yet to notice.

use lifecycle::HttpServer;

#[lifecycle::main(manifest = "peers/lifecycle_settled.yaml")]
async fn main() -> std::io::Result<Resources> {
    let listener = lifecycle_bench::listen().await?;
    Ok(Resources {
        http: HttpServer::new(listener, lifecycle_bench::router()),
    })
}
