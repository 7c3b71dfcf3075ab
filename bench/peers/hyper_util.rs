//! hyper-util's `GracefulShutdown`, as its example has it.

use std::pin::pin;

#[cfg(not(feature = "http2"))]
use hyper::server::conn::http1;
#[cfg(feature = "http2")]
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
#[cfg(feature = "http2")]
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use lifecycle_bench::DRAIN;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut terminated = pin!(lifecycle_bench::terminated()?);
    let listener = lifecycle_bench::listen().await?;
    let router = lifecycle_bench::router();
    let graceful = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            () = &mut terminated => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let io = TokioIo::new(stream);
        #[cfg(not(feature = "http2"))]
        let connection = http1::Builder::new().serve_connection(io, service);
        #[cfg(feature = "http2")]
        let connection = auto::Builder::new(TokioExecutor::new())
            .serve_connection(io, service)
            .into_owned();
        tokio::spawn(graceful.watch(connection));
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(DRAIN) => eprintln!("the drain took too long"),
    }
    Ok(())
}
