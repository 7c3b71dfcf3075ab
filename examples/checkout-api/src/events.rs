//! Events for other services, published after the fact: one line of JSON each, over TCP.
//!
//! At most once: an event is lost if the peer is away for longer than the queue lasts. What must not
//! be lost is a job in the database instead.

use std::io;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

/// Events that wait while the peer is away; more than these are dropped.
const QUEUE: usize = 1024;
/// Between two attempts to reach the peer.
const RETRY: Duration = Duration::from_millis(500);

/// Something that other services may want to know.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// An order was placed.
    OrderPlaced {
        /// The order.
        order: String,
        /// Its total, in cents.
        cents: i64,
    },
}

enum Message {
    Event(Event),
    /// Everything before this has been handed over when it is answered.
    Close(oneshot::Sender<()>),
}

/// Where events are given in. Clones share the connection.
#[derive(Clone)]
pub(crate) struct Events(mpsc::Sender<Message>);

impl Events {
    /// Publishes to `addr`, or to the log without one. Connects with the first event.
    pub(crate) fn start(addr: Option<String>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(publish(addr, receiver));
        Self(sender)
    }

    /// Hands an event over without waiting: no order fails because nobody listens to events.
    pub(crate) fn publish(&self, event: Event) {
        if let Err(error) = self.0.try_send(Message::Event(event)) {
            tracing::warn!(%error, "an event is dropped");
        }
    }

    /// Resolves when every event that was given in before has been handed over.
    pub(crate) async fn close(&self) -> Result<()> {
        let (done, closed) = oneshot::channel();
        if self.0.send(Message::Close(done)).await.is_err() || closed.await.is_err() {
            bail!("the publisher has ended before its queue was empty");
        }
        Ok(())
    }
}

async fn publish(addr: Option<String>, mut queue: mpsc::Receiver<Message>) {
    let mut peer = None;
    while let Some(message) = queue.recv().await {
        match (message, &addr) {
            (Message::Event(event), None) => tracing::debug!(?event, "published"),
            (Message::Event(event), Some(addr)) => {
                let Ok(mut line) = serde_json::to_vec(&event) else {
                    continue;
                };
                line.push(b'\n');
                while let Err(error) = send(&mut peer, addr, &line).await {
                    tracing::warn!(%error, addr, "the events' peer is away");
                    peer = None;
                    tokio::time::sleep(RETRY).await;
                }
            }
            (Message::Close(done), _) => {
                if let Some(mut peer) = peer.take() {
                    // What was written has been handed over; this only says that it is all.
                    let _ = peer.shutdown().await;
                }
                let _ = done.send(());
                return;
            }
        }
    }
}

async fn send(peer: &mut Option<TcpStream>, addr: &str, line: &[u8]) -> io::Result<()> {
    let stream = match peer {
        Some(stream) => stream,
        None => peer.insert(TcpStream::connect(addr).await?),
    };
    stream.write_all(line).await
}
