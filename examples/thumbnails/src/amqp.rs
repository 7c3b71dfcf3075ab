//! A queue of RabbitMQ's, as lifecycle empties it: any queue, any body.
//!
//! What AMQP makes of a job's ends:
//!
//! | | |
//! |---|---|
//! | lease | the channel: a delivery is this consumer's until it is answered or the channel is gone |
//! | finish | `basic.ack` |
//! | hand back | `basic.nack` with `requeue`: the broker gives it to another consumer at once |
//! | failed | requeued the first time; the second time not, so that a dead-letter exchange gets it |
//! | prefetched, not begun | `basic.cancel`, then `nack` with `requeue` for each |
//!
//! The broker answers neither `ack` nor `nack`. It has taken them all when it has answered the close
//! of the connection, so [`Broker::close`] belongs into a step after the consumer's.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::Stream as _;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, Consumer};
use lifecycle::{Claimed, Demand, Job, Source};
use tokio::sync::Mutex;

/// Why the broker did not do what it was asked to.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// A connection to RabbitMQ that is made again when it has gone. Clones share it.
#[derive(Clone)]
pub(crate) struct Broker {
    url: Arc<str>,
    open: Arc<Mutex<Option<Open>>>,
}

/// A connection and the channels on it. They are kept until it is closed: a channel that is dropped
/// closes itself, and lapin fails the close of a connection that comes in the midst of that.
struct Open {
    connection: Connection,
    channels: Vec<Channel>,
}

impl Open {
    async fn new(url: &str) -> lapin::Result<Self> {
        Ok(Self {
            connection: Connection::connect(url, ConnectionProperties::default()).await?,
            channels: Vec::new(),
        })
    }
}

impl Broker {
    /// Connects.
    pub(crate) async fn connect(url: &str) -> lapin::Result<Self> {
        let open = Open::new(url).await?;
        Ok(Self {
            url: url.into(),
            open: Arc::new(Mutex::new(Some(open))),
        })
    }

    /// A channel on the connection, or on a new one.
    pub(crate) async fn channel(&self) -> lapin::Result<Channel> {
        let mut held = self.open.lock().await;
        let open = match held.take() {
            Some(open) if open.connection.status().connected() => open,
            _ => Open::new(&self.url).await?,
        };
        let open = held.insert(open);
        let channel = open.connection.create_channel().await?;
        open.channels.push(channel.clone());
        Ok(channel)
    }

    /// Resolves when the broker has taken all that was sent to it, and closed the connection.
    pub(crate) async fn close(&self) -> lapin::Result<()> {
        match self.open.lock().await.take() {
            Some(open) => open.connection.close(200, "goodbye".into()).await,
            None => Ok(()),
        }
    }
}

/// A queue, and the consumer on it while there is one.
pub(crate) struct Deliveries {
    broker: Broker,
    queue: String,
    prefetch: u16,
    open: Option<(Channel, Consumer)>,
}

impl Deliveries {
    /// Consumes `queue`; the broker sends up to `prefetch` messages ahead of their answers.
    pub(crate) fn of(broker: Broker, queue: &str, prefetch: u16) -> Self {
        Self {
            broker,
            queue: queue.to_owned(),
            prefetch,
            open: None,
        }
    }

    async fn consumer(&mut self) -> lapin::Result<&mut Consumer> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.consume().await?,
        };
        Ok(&mut self.open.insert(open).1)
    }

    async fn consume(&self) -> lapin::Result<(Channel, Consumer)> {
        let channel = self.broker.channel().await?;
        let qos = BasicQosOptions::default();
        channel.basic_qos(self.prefetch, qos).await?;
        let consumer = channel
            .basic_consume(
                self.queue.as_str().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok((channel, consumer))
    }
}

impl Source for Deliveries {
    type Payload = Vec<u8>;
    type Job = Delivery;
    type Error = Error;

    // What the broker has sent stays with the client until somebody takes it.
    const CANCEL_SAFE: bool = true;

    async fn claim(&mut self, demand: Demand) -> Result<Claimed<Self>, Error> {
        let consumer = self.consumer().await?;
        let mut claimed = Vec::new();
        // Waits for the first delivery, and takes along what is there already.
        let gone = poll_fn(|cx| {
            while claimed.len() < demand.most {
                match Pin::new(&mut *consumer).poll_next(cx) {
                    Poll::Ready(Some(Ok(delivery))) => claimed.push(split(delivery)),
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Error::from(error))),
                    Poll::Ready(None) => return Poll::Ready(Some("the broker cancelled".into())),
                    Poll::Pending if claimed.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            Poll::Ready(None)
        })
        .await;
        if let Some(error) = gone {
            // The next claim opens another. What was just taken went with the channel.
            self.open = None;
            return Err(error);
        }
        Ok(claimed)
    }

    async fn wait(&mut self) -> Result<(), Error> {
        // A claim waits by itself.
        Ok(())
    }

    async fn stop(&mut self) -> Result<Vec<Delivery>, Error> {
        let Some((channel, consumer)) = &mut self.open else {
            return Ok(Vec::new());
        };
        let tag = consumer.tag();
        channel
            .basic_cancel(tag, BasicCancelOptions::default())
            .await?;
        let mut held = Vec::new();
        while let Some(delivery) = poll_fn(|cx| Pin::new(&mut *consumer).poll_next(cx)).await {
            held.push(split(delivery?).1);
        }
        Ok(held)
    }
}

/// The body for the handler, and the rest to answer with.
fn split(delivery: lapin::message::Delivery) -> (Vec<u8>, Delivery) {
    let id = delivery.properties.message_id().as_ref().map_or_else(
        || format!("delivery-{}", delivery.delivery_tag),
        ToString::to_string,
    );
    let job = Delivery {
        id,
        acker: delivery.acker,
        redelivered: delivery.redelivered,
    };
    (delivery.data, job)
}

/// A message that the broker waits for an answer to.
pub(crate) struct Delivery {
    id: String,
    acker: lapin::Acker,
    redelivered: bool,
}

impl Delivery {
    async fn nack(self, requeue: bool) -> Result<(), Error> {
        let options = BasicNackOptions {
            requeue,
            ..BasicNackOptions::default()
        };
        taken(self.acker.nack(options).await?)
    }
}

impl Job for Delivery {
    type Error = Error;

    fn id(&self) -> String {
        self.id.clone()
    }

    async fn finish(self) -> Result<(), Error> {
        taken(self.acker.ack(BasicAckOptions::default()).await?)
    }

    async fn hand_back(self) -> Result<(), Error> {
        self.nack(true).await
    }

    async fn failed(self, _: Error) -> Result<(), Error> {
        let again = !self.redelivered;
        self.nack(again).await
    }
}

/// lapin says `false` where the channel is gone: the broker gives the message to another consumer.
fn taken(sent: bool) -> Result<(), Error> {
    match sent {
        true => Ok(()),
        false => Err("the channel is gone".into()),
    }
}
