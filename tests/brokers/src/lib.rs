//! A worker that consumes a queue of a real broker, and does what each job says.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use lifecycle::{Cancellation, MessageBroker, QueueConsumer};
use sqlx::postgres::PgPoolOptions;

// The example's own, held by these tests as well.
#[path = "../../../examples/thumbnails/src/amqp.rs"]
mod amqp;
pub mod postgres;
pub mod streams;

/// How many jobs a worker does at once.
const CONCURRENCY: usize = 2;
/// How many messages RabbitMQ may send ahead.
const PREFETCH: u16 = 6;

/// What a worker's `main` wires.
pub struct Worker {
    /// The consumer of the queue.
    pub jobs: QueueConsumer,
    /// The connection under it.
    pub broker: MessageBroker,
}

/// Connects as the environment says: `BROKER` is one of `amqp`, `redis` and `postgres`, `URL` is
/// where, and `QUEUE` which queue.
pub async fn start() -> Result<Worker> {
    let logs = tracing_subscriber::fmt().with_writer(std::io::stderr);
    logs.with_ansi(false).init();
    let var = |name| std::env::var(name).with_context(|| format!("{name} is not set"));
    let (broker, url, queue) = (var("BROKER")?, var("URL")?, var("QUEUE")?);
    let name = format!("worker-{}", std::process::id());
    Ok(match broker.as_str() {
        "amqp" => {
            let broker = amqp::Broker::connect(&url).await?;
            let source = amqp::Deliveries::of(broker.clone(), &queue, PREFETCH);
            Worker {
                jobs: QueueConsumer::of(source)
                    .concurrency(CONCURRENCY)
                    .each(|body, cancelled| async move { work(&text(body)?, cancelled).await }),
                broker: MessageBroker::new(move || async move { broker.close().await }),
            }
        }
        "redis" => {
            let source = streams::Stream::of(redis::Client::open(url)?, &queue, &name);
            Worker {
                jobs: QueueConsumer::of(source)
                    .concurrency(CONCURRENCY)
                    .each(|body, cancelled| async move { work(&body, cancelled).await }),
                // Its connections close when the last job has ended.
                broker: MessageBroker::new(|| async {}),
            }
        }
        "postgres" => {
            let db = PgPoolOptions::new()
                .acquire_timeout(Duration::from_secs(5))
                .connect(&url)
                .await?;
            let source = postgres::Table::of(db.clone(), &queue, &name);
            Worker {
                jobs: QueueConsumer::of(source)
                    .concurrency(CONCURRENCY)
                    .each(|body, cancelled| async move { work(&body, cancelled).await }),
                broker: MessageBroker::new(move || async move { db.close().await }),
            }
        }
        other => bail!("BROKER={other}"),
    })
}

fn text(body: Vec<u8>) -> Result<String> {
    Ok(String::from_utf8(body)?)
}

/// Does a job: `ID DO MS`, where `DO` is `take`, `hang` or `fail`.
async fn work(body: &str, cancelled: Cancellation) -> Result<()> {
    let mut words = body.split(' ');
    let (Some(id), Some(what), Some(millis)) = (words.next(), words.next(), words.next()) else {
        bail!("a job that says nothing: {body}");
    };
    let millis = Duration::from_millis(millis.parse()?);
    say("began", id);
    match what {
        "take" => tokio::time::sleep(millis).await,
        "hang" => {
            cancelled.cancelled().await;
            say("cancelled", id);
            bail!("not done");
        }
        _ => bail!("told to fail"),
    }
    say("ended", id);
    Ok(())
}

/// In one line, at once: a test reads it.
fn say(what: &str, id: &str) {
    let mut stdout = std::io::stdout().lock();
    // A test that reads no more is over.
    let _ = writeln!(stdout, "{what} {id}").and_then(|()| stdout.flush());
}
