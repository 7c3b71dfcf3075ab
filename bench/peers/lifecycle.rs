//! This runtime, with no settle time: the stop at its hardest, straight into traffic.

use lifecycle::HttpServer;

#[lifecycle::main(manifest = "peers/lifecycle.yaml")]
async fn main() -> std::io::Result<Resources> {
    let listener = lifecycle_bench::listen().await?;
    Ok(Resources {
        http: HttpServer::new(listener, lifecycle_bench::router()),
    })
}
