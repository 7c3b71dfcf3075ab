//! A server that counts by itself, for `bench/load`: HTTP/1.1 and HTTP/2 on one port, two bytes an
//! answer. At SIGTERM it lets its connections finish, and says on stdout how many requests it
//! answered and how much processor time that took.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use nix::sys::resource::{UsageWho, getrusage};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let port: u16 = std::env::args().nth(1).unwrap_or_default().parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let mut term = signal(SignalKind::terminate())?;
    let (answered, graceful) = (Arc::new(AtomicU64::new(0)), GracefulShutdown::new());
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            _ = term.recv() => break,
        };
        stream.set_nodelay(true)?;
        let answered = Arc::clone(&answered);
        let service = service_fn(move |_| {
            answered.fetch_add(1, Relaxed);
            let answer = Response::new(Full::new(Bytes::from_static(b"ok")));
            async { Ok::<_, Infallible>(answer) }
        });
        let builder = Builder::new(TokioExecutor::new());
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection.into_owned());
        // What goes wrong on a connection is its client's to tell.
        tokio::spawn(async move { drop(watched.await) });
    }
    drop(listener);
    let _late = tokio::time::timeout(Duration::from_secs(5), graceful.shutdown()).await;
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = [usage.user_time(), usage.system_time()]
        .map(|time| {
            Duration::from_micros(
                u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0),
            )
            .as_secs_f64()
        })
        .iter()
        .sum::<f64>();
    println!("answered {} cpu {seconds:.3}", answered.load(Relaxed));
    Ok(())
}
