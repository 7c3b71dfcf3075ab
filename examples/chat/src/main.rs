//! A chat for many clients: rooms over WebSockets, and everything that is said as server-sent events.
//! How it stops is in `lifecycle.yaml`; what a client is told then is in `rooms.rs` and `feed.rs`.

mod fan_out;
mod feed;
mod log;
mod rooms;

use std::env;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::{Router, routing::get};
use lifecycle::{File, HttpServer, Sessions, Streams, Task, WebSockets};
use tokio::net::TcpListener;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

use crate::fan_out::House;
use crate::log::Log;

/// What the handlers share.
#[derive(Clone)]
struct Chat {
    house: House,
    rooms: Sessions,
    feed: Sessions,
}

#[lifecycle::main]
async fn main() -> Result<Resources> {
    logs()?;
    let log = Log::open(&path()).await?;
    let (house, said) = House::new();
    let rooms = WebSockets::new().reason("this server is being replaced; come back");
    let feed = Streams::new();
    let chat = Chat {
        house: house.clone(),
        rooms: rooms.handle(),
        feed: feed.handle(),
    };
    let address = var("HTTP_ADDR").unwrap_or_else(|| "0.0.0.0:8081".to_owned());
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    tracing::info!(address = %listener.local_addr()?, "serving");

    let fan_out_log = log.clone();
    Ok(Resources {
        // Proxies keep connections open. One that has not heard yet gets a 503 for its next client,
        // and tries another instance.
        http: HttpServer::new(listener, router(chat)).linger(Duration::from_secs(2)),
        rooms,
        feed,
        fan_out: Task::new(|stopping| fan_out::run(stopping, said, house, fan_out_log)),
        log: File::new(|| async move { log.close().await }),
    })
}

fn router(chat: Chat) -> Router {
    Router::new()
        .route(
            "/",
            get(|| async { "a chat: /rooms/{room}?name=…, /feed and /next\n" }),
        )
        .route("/rooms/{room}", get(rooms::enter))
        .route("/feed", get(feed::read))
        .route("/next", get(feed::next))
        .with_state(chat)
}

/// Logs go to standard error, filtered by `RUST_LOG` (unset: `info`).
fn logs() -> Result<()> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env()
        .context("RUST_LOG")?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    Ok(())
}

/// `CHAT_LOG`: where what is said is written down. Unset: a file in the temporary directory.
fn path() -> PathBuf {
    var("CHAT_LOG").map_or_else(|| env::temp_dir().join("chat.jsonl"), PathBuf::from)
}

fn var(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
