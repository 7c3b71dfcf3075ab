//! axum without graceful shutdown: SIGTERM ends the process where it is.

#[tokio::main]
async fn main() -> std::io::Result<()> {
    axum::serve(lifecycle_bench::listen().await?, lifecycle_bench::router()).await
}
