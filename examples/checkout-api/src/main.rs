//! A small shop's checkout. What it is made of is in the modules; how it stops is in
//! `lifecycle.yaml`, and the last lines of `main` are all that the two need to know of each other.

mod config;
mod db;
mod error;
mod events;
mod jobs;
mod mail;
mod orders;
mod reports;
mod sessions;
mod telemetry;

use anyhow::{Context as _, Result};
use axum::{Router, middleware};
use lifecycle::{Cache, Database, HttpServer, MessageBroker, QueueConsumer, Scheduler};
use sqlx::AnyPool;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::events::Events;
use crate::jobs::Jobs;
use crate::mail::Mailer;
use crate::sessions::Sessions;

/// What the handlers share.
#[derive(Clone)]
struct Shop {
    db: AnyPool,
    jobs: Jobs,
    sessions: Sessions,
    events: Events,
}

#[lifecycle::main]
async fn main() -> Result<Resources> {
    let config = Config::from_env()?;
    let traces = telemetry::start(config.traces)?;
    let db = db::connect(&config.database_url).await?;
    let jobs = Jobs::new(db.clone());
    let mailer = Mailer::new(config.mail_dir, config.mail_latency);
    let sessions = Sessions::default();
    let events = Events::start(config.events_addr);
    let listener = TcpListener::bind(config.http_addr)
        .await
        .with_context(|| format!("cannot listen on {}", config.http_addr))?;
    tracing::info!(address = %listener.local_addr()?, "serving");

    let shop = Shop {
        db: db.clone(),
        jobs: jobs.clone(),
        sessions: sessions.clone(),
        events: events.clone(),
    };
    let report_db = db.clone();
    Ok(Resources {
        http: HttpServer::new(listener, router(shop)),
        emails: QueueConsumer::new(|claims| jobs::consume(claims, jobs, mailer)),
        nightly_report: Scheduler::every(reports::DAY, move || reports::nightly(report_db.clone())),
        telemetry: traces.telemetry(),
        events: MessageBroker::new(|| async move { events.close().await }),
        orders_db: Database::new(|| async move { db.close().await }),
        sessions: Cache::new(|| async move {
            tracing::debug!(sessions = sessions.close(), "the sessions are forgotten");
        }),
    })
}

fn router(shop: Shop) -> Router {
    Router::new()
        .merge(orders::routes())
        .merge(reports::routes())
        .layer(middleware::from_fn(telemetry::trace))
        .with_state(shop)
}
