//! What the environment says; the README has the table.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result};

pub(crate) struct Config {
    pub(crate) grpc_addr: SocketAddr,
    /// Where the closing prices are kept.
    pub(crate) prices: PathBuf,
    /// How often a price changes.
    pub(crate) tick: Duration,
    /// How long the venue takes to look a quote up.
    pub(crate) lookup: Duration,
}

impl Config {
    pub(crate) fn from_env() -> Result<Self> {
        let prices = std::env::var_os("PRICES_FILE").map(PathBuf::from);
        Ok(Self {
            grpc_addr: read("GRPC_ADDR", SocketAddr::from(([0, 0, 0, 0], 50051)))?,
            prices: prices.unwrap_or_else(|| std::env::temp_dir().join("quotes-prices.txt")),
            tick: Duration::from_millis(read("TICK_MS", 100_u64)?.max(1)),
            lookup: Duration::from_millis(read("LOOKUP_MS", 5)?),
        })
    }
}

fn read<T>(name: &str, default: T) -> Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => value.parse().with_context(|| format!("{name}={value}")),
        _ => Ok(default),
    }
}
