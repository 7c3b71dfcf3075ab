//! tokio-util's `TaskTracker` and `CancellationToken` by hand.

use std::pin::pin;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use lifecycle_bench::DRAIN;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut terminated = pin!(lifecycle_bench::terminated()?);
    let listener = lifecycle_bench::listen().await?;
    let router = lifecycle_bench::router();
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            () = &mut terminated => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let stop = stop.clone();
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
    drop(listener);
    stop.cancel();
    tracker.close();
    if tokio::time::timeout(DRAIN, tracker.wait()).await.is_err() {
        eprintln!("the drain took too long");
    }
    Ok(())
}
