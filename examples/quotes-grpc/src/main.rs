//! Stock quotes over gRPC. How the service stops is in `lifecycle.yaml`, and the last lines of `main`
//! are all that the two need to know of each other.

mod config;
mod market;
#[rustfmt::skip]
#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated; tests/generated.rs makes it")]
mod pb;
mod service;

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use lifecycle::{File, GrpcServer, Streams, Task};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::market::Market;
use crate::pb::quotes_server::{QuotesServer, SERVICE_NAME};
use crate::service::Service;

#[lifecycle::main]
async fn main() -> Result<Resources> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();

    let config = Config::from_env()?;
    let market = Market::open(&config.prices).await?;
    let listener = TcpListener::bind(config.grpc_addr)
        .await
        .with_context(|| format!("cannot listen on {}", config.grpc_addr))?;
    tracing::info!(address = %listener.local_addr()?, "serving");

    let watchers = Streams::new();
    let quotes = QuotesServer::new(Service {
        market: market.clone(),
        lookup: config.lookup,
        watchers: watchers.handle(),
    });
    let feed = market.clone();
    Ok(Resources {
        grpc: GrpcServer::new(listener, quotes).health_of(SERVICE_NAME),
        watchers,
        feed: Task::new(move |stopping| feed.feed(stopping, config.tick)),
        closing_prices: File::new(move || market.close(config.prices)),
    })
}
