//! Orders over REST, with actix-web. How the service stops is in `lifecycle.yaml`, and the last lines
//! of `main` are all that the two need to know of each other.

mod config;
mod journal;
mod orders;

use std::io::IsTerminal as _;
use std::net::TcpListener;

use actix_web::web::Data;
use actix_web::{App, HttpServer};
use anyhow::{Context as _, Result};
use lifecycle::File;
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::journal::Journal;

#[lifecycle::main]
async fn main() -> Result<Resources> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();

    let config = Config::from_env()?;
    let journal = Journal::open(&config.journal).await?;
    let listener = TcpListener::bind(config.http_addr)
        .with_context(|| format!("cannot listen on {}", config.http_addr))?;
    tracing::info!(address = %listener.local_addr()?, "serving");

    let shared = Data::new(journal.clone());
    Ok(Resources {
        http: lifecycle_actix::serve(listener, move |drain| {
            let app = move || {
                App::new()
                    .app_data(shared.clone())
                    .configure(orders::routes)
                    .wrap(drain.clone())
            };
            HttpServer::new(app)
        }),
        journal: File::new(move || journal.close()),
    })
}
