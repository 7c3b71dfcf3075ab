//! What the environment says; the README has the table.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

pub(crate) struct Config {
    pub(crate) http_addr: SocketAddr,
    pub(crate) journal: PathBuf,
}

impl Config {
    pub(crate) fn from_env() -> Result<Self> {
        let address = std::env::var("HTTP_ADDR").ok().filter(|it| !it.is_empty());
        let address = address.as_deref().unwrap_or("0.0.0.0:8084");
        let journal = std::env::var_os("JOURNAL").map(PathBuf::from);
        Ok(Self {
            http_addr: address
                .parse()
                .with_context(|| format!("HTTP_ADDR={address}"))?,
            journal: journal.unwrap_or_else(|| std::env::temp_dir().join("orders-journal.jsonl")),
        })
    }
}
