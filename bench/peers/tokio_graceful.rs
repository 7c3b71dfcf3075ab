//! tokio-graceful, as its hyper example has it.

use std::pin::pin;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use lifecycle_bench::DRAIN;
use tokio_graceful::{Shutdown, ShutdownGuard};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let shutdown = Shutdown::new(lifecycle_bench::terminated()?);
    let listener = lifecycle_bench::listen().await?;
    shutdown.spawn_task_fn(|guard| serve(guard, listener));
    if let Err(error) = shutdown.shutdown_with_limit(DRAIN).await {
        eprintln!("{error}");
    }
    Ok(())
}

async fn serve(guard: ShutdownGuard, listener: tokio::net::TcpListener) {
    let router = lifecycle_bench::router();
    loop {
        let accepted = tokio::select! {
            () = guard.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        let service = TowerToHyperService::new(router.clone());
        guard.spawn_task_fn(async move |guard: ShutdownGuard| {
            let connection = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            let mut connection = pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = guard.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
}
