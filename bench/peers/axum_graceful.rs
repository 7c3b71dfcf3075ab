//! axum's own graceful shutdown, which waits without a limit.

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let terminated = lifecycle_bench::terminated()?;
    axum::serve(lifecycle_bench::listen().await?, lifecycle_bench::router())
        .with_graceful_shutdown(terminated)
        .await
}
