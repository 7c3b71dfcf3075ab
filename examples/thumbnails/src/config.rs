//! What the environment may change. Everything has a default that runs on a laptop.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The service's settings.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// `AMQP_URL`: where RabbitMQ is. Unset: on this machine, as its guest.
    pub(crate) amqp_url: String,
    /// `QUEUE`: the queue of jobs. Unset: `thumbnails`.
    pub(crate) queue: String,
    /// `IMAGES_DIR`: where images are read and thumbnails written. Unset: the current directory.
    pub(crate) images: PathBuf,
    /// `STORE_LATENCY_MS`: how long the store takes to hand out one image, in milliseconds. Unset: 0.
    pub(crate) latency: Duration,
}

impl Config {
    /// Reads the environment. An empty variable counts as unset.
    pub(crate) fn from_env() -> Result<Self> {
        Ok(Self {
            amqp_url: var("AMQP_URL").unwrap_or_else(|| "amqp://127.0.0.1:5672/%2f".to_owned()),
            queue: var("QUEUE").unwrap_or_else(|| "thumbnails".to_owned()),
            images: var("IMAGES_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from),
            latency: var("STORE_LATENCY_MS")
                .map_or(Ok(0), |text| text.parse())
                .map(Duration::from_millis)
                .context("STORE_LATENCY_MS is not a number of milliseconds")?,
        })
    }
}

fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
