//! A worker: takes jobs from RabbitMQ and shrinks images. How it stops is in `lifecycle.yaml`.

mod amqp;
mod config;
mod image;
mod resize;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lifecycle::{MessageBroker, QueueConsumer};
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

use crate::amqp::{Broker, Deliveries};
use crate::config::Config;
use crate::resize::Resizer;

/// How many images are worked on at once.
const WORKERS: usize = 2;
/// How many messages RabbitMQ may send ahead of their answers, those in work included.
const PREFETCH: u16 = 8;
/// How long to wait at the start for a broker that refuses connections, and how often to ask.
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(500);

#[lifecycle::main]
async fn main() -> Result<Resources> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter.from_env().context("RUST_LOG")?)
        .with_writer(std::io::stderr)
        .init();
    let config = Config::from_env()?;
    let broker = connect(&config.amqp_url).await?;
    declare(&broker, &config.queue).await?;
    let resizer = Arc::new(Resizer::new(config.images, config.latency));
    let deliveries = Deliveries::of(broker.clone(), &config.queue, PREFETCH);
    tracing::info!(queue = config.queue, "taking jobs");
    Ok(Resources {
        resizer: QueueConsumer::of(deliveries)
            .concurrency(WORKERS)
            .each(move |body, cancelled| {
                let resizer = Arc::clone(&resizer);
                async move { resizer.handle(&body, cancelled).await }
            }),
        rabbitmq: MessageBroker::new(|| async move { broker.close().await }),
    })
}

/// A broker that starts together with this service is waited for; one that does not come ends the
/// start.
async fn connect(url: &str) -> Result<Broker> {
    let began = tokio::time::Instant::now();
    loop {
        match Broker::connect(url).await {
            Ok(broker) => return Ok(broker),
            Err(error) if began.elapsed() < PATIENCE => {
                tracing::warn!(%error, "RabbitMQ is away");
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(error).context("no connection to RabbitMQ"),
        }
    }
}

/// Makes the queue of jobs, and beside it the one for jobs that have failed twice.
async fn declare(broker: &Broker, queue: &str) -> Result<()> {
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let failed = format!("{queue}.failed");
    let mut arguments = FieldTable::default();
    let text = |text: &str| AMQPValue::LongString(text.into());
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(&failed));
    let channel = broker.channel().await?;
    channel
        .queue_declare(failed.into(), durable, FieldTable::default())
        .await?;
    channel
        .queue_declare(queue.into(), durable, arguments)
        .await
        .with_context(|| format!("the queue {queue} is there, and is another"))?;
    Ok(())
}
