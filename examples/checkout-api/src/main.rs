//! Smoke.
use anyhow::Result;
use axum::{Router, routing::get};
use lifecycle::{Cache, Database, HttpServer, MessageBroker, QueueConsumer, Scheduler, Telemetry};
use std::time::Duration;

#[lifecycle::main]
async fn main() -> Result<Resources> {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
    let router = Router::new().route("/", get(|| async { "hello" }));
    Ok(Resources {
        http: HttpServer::new(listener, router),
        emails: QueueConsumer::new(|claims| async move {
            while let Some(()) = claims
                .next(tokio::time::sleep(Duration::from_millis(50)))
                .await
            {}
        }),
        nightly_report: Scheduler::every(Duration::from_secs(60), || async {}),
        telemetry: Telemetry::new(|| async {}),
        events: MessageBroker::new(|| async {}),
        orders_db: Database::new(|| async {}),
        sessions: Cache::new(|| async {}),
    })
}
