//! axum-server with its handle.

use axum_server::Handle;
use lifecycle_bench::DRAIN;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let terminated = lifecycle_bench::terminated()?;
    let listener = lifecycle_bench::listen().await?.into_std()?;
    let handle = Handle::new();
    tokio::spawn({
        let handle = handle.clone();
        async move {
            terminated.await;
            handle.graceful_shutdown(Some(DRAIN));
        }
    });
    axum_server::from_tcp(listener)?
        .handle(handle)
        .serve(lifecycle_bench::router().into_make_service())
        .await
}
