//! tokio-graceful-shutdown, as its hyper example has it.

use std::pin::pin;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use lifecycle_bench::DRAIN;
use tokio::net::TcpListener;
use tokio_graceful_shutdown::{FutureExt as _, SubsystemBuilder, SubsystemHandle, Toplevel};
use tokio_util::task::TaskTracker;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    Toplevel::new(async |subsystem: &mut SubsystemHandle| {
        subsystem.start(SubsystemBuilder::new("hyper", hyper));
    })
    .catch_signals()
    .handle_shutdown_requests(DRAIN)
    .await
    .map_err(Into::into)
}

async fn hyper(subsystem: &mut SubsystemHandle) -> anyhow::Result<()> {
    let listener = lifecycle_bench::listen().await?;
    let tracker = TaskTracker::new();
    let accepting = subsystem.start(SubsystemBuilder::new("listener", {
        let tracker = tracker.clone();
        async move |subsystem: &mut SubsystemHandle| accept(subsystem, listener, tracker).await
    }));
    accepting.join().await?;
    tracker.close();
    tracker.wait().await;
    Ok(())
}

async fn accept(
    subsystem: &mut SubsystemHandle,
    listener: TcpListener,
    tracker: TaskTracker,
) -> anyhow::Result<()> {
    let router = lifecycle_bench::router();
    while let Ok(accepted) = listener.accept().cancel_on_shutdown(subsystem).await {
        let (stream, _) = accepted?;
        let service = TowerToHyperService::new(router.clone());
        let stop = subsystem.create_cancellation_token();
        tracker.spawn(async move {
            let connection = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            let mut connection = pin!(connection);
            tokio::select! {
                result = connection.as_mut() => return result,
                () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            connection.await
        });
    }
    Ok(())
}
