//! What the environment may change. Everything has a default that runs on a laptop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The service's settings.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// `HTTP_ADDR`: where to serve. Unset: port 8080 on all addresses, as `lifecycle.yaml` says.
    pub(crate) http_addr: SocketAddr,
    /// `DATABASE_URL`: `sqlite:` or `postgres:`. Unset: an `SQLite` file in the temporary directory.
    pub(crate) database_url: String,
    /// `MAIL_DIR`: the mail relay's pickup directory. Unset: mails are logged and dropped.
    pub(crate) mail_dir: Option<PathBuf>,
    /// `MAIL_LATENCY_MS`: how long the relay takes to accept one mail, in milliseconds. Unset: 50.
    pub(crate) mail_latency: Duration,
    /// `EVENTS_ADDR`: `host:port` that takes events as lines of JSON. Unset: events are logged.
    pub(crate) events_addr: Option<String>,
    /// Whether `OTEL_EXPORTER_OTLP_ENDPOINT` is set: where traces go, over HTTP. The exporter itself
    /// reads it, and the other `OTEL_…` variables.
    pub(crate) traces: bool,
}

impl Config {
    /// Reads the environment. An empty variable counts as unset.
    pub(crate) fn from_env() -> Result<Self> {
        Ok(Self {
            http_addr: var("HTTP_ADDR")
                .unwrap_or_else(|| "0.0.0.0:8080".to_owned())
                .parse()
                .context("HTTP_ADDR is not an address such as 127.0.0.1:8080")?,
            database_url: var("DATABASE_URL").unwrap_or_else(default_database),
            mail_dir: var("MAIL_DIR").map(PathBuf::from),
            mail_latency: var("MAIL_LATENCY_MS")
                .map_or(Ok(50), |text| text.parse())
                .map(Duration::from_millis)
                .context("MAIL_LATENCY_MS is not a number of milliseconds")?,
            events_addr: var("EVENTS_ADDR"),
            traces: var("OTEL_EXPORTER_OTLP_ENDPOINT").is_some(),
        })
    }
}

fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn default_database() -> String {
    let path = std::env::temp_dir().join("checkout.db");
    format!("sqlite://{}?mode=rwc", path.display())
}
