//! One address, and the connections that are kept to it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::client::{Connection, Manner, NoConnection, Patience};
use super::http2::Channel;
use super::outcome::Outcome;
use super::template::Template;
use crate::script::Protocol;

/// An address.
pub(crate) struct Lane {
    address: SocketAddr,
    manner: Manner,
    /// Connections in each pool, at most.
    kept_alive: usize,
    http1: Mutex<Pool>,
    http2: Mutex<Channels>,
}

/// Connections that carry one request at a time: those at rest, and how many there are in all.
#[derive(Default)]
struct Pool {
    idle: VecDeque<Connection>,
    open: usize,
}

/// Connections that carry many, each used in its turn.
#[derive(Default)]
struct Channels {
    open: Vec<Channel>,
    next: usize,
}

/// What is left of a connection after a request.
pub(crate) enum Left {
    /// Nothing that anybody waits for.
    Nothing,
    /// One that belongs to the pool, and may go back to it.
    Kept(Box<Connection>),
    /// One that belonged to the pool, and is of no more use.
    Spent,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lane {
    pub(crate) fn new(address: SocketAddr, manner: Manner, kept_alive: usize) -> Self {
        Self {
            address,
            manner,
            kept_alive,
            http1: Mutex::default(),
            http2: Mutex::default(),
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request, on a connection of the pool or on one of its own.
    pub(crate) async fn send(
        &self,
        template: &Template,
        patience: Patience<'_>,
        fresh: bool,
    ) -> (Outcome, Left) {
        // What takes its time by itself would hold up a pool that others share.
        let fresh = fresh || template.trickles();
        match template.protocol {
            Protocol::Http1 => self.send_http1(template, patience, fresh).await,
            Protocol::Http2 | Protocol::Grpc => {
                let outcome = self.send_http2(template, patience, fresh).await;
                (outcome, Left::Nothing)
            }
        }
    }

    async fn send_http1(
        &self,
        template: &Template,
        patience: Patience<'_>,
        fresh: bool,
    ) -> (Outcome, Left) {
        let (kept, joins) = match fresh {
            true => (None, false),
            false => self.pooled(),
        };
        let (outcome, connection) = self.attempt(kept, template, patience).await;
        let left = match connection {
            Some(connection) if joins && outcome.answered() => Left::Kept(Box::new(connection)),
            _ if joins => Left::Spent,
            _ => Left::Nothing,
        };
        (outcome, left)
    }

    /// Sends a request on a connection that was kept, or on a new one.
    pub(crate) async fn attempt(
        &self,
        kept: Option<Connection>,
        template: &Template,
        patience: Patience<'_>,
    ) -> (Outcome, Option<Connection>) {
        if let Some(mut kept) = kept
            && let Some(outcome) = kept.exchange(template, patience).await
        {
            return (outcome, Some(kept));
        }
        // No kept connection, or one that was found closed before the request was written: any
        // client takes a new one.
        let trickling = !template.read_over.is_zero();
        match Connection::open(self.address, patience.until(), self.manner, trickling).await {
            Ok(mut connection) => {
                let outcome = connection.exchange(template, patience).await;
                (
                    outcome.unwrap_or(Outcome::RefusedAtConnect),
                    Some(connection),
                )
            }
            Err(why) => (why.outcome(), None),
        }
    }

    /// The connection that rested longest, so that all of them stay in use; none while the pool is
    /// not full. And whether the connection that is then used belongs to the pool.
    fn pooled(&self) -> (Option<Connection>, bool) {
        let mut pool = locked(&self.http1);
        if pool.open >= self.kept_alive {
            while let Some(connection) = pool.idle.pop_front() {
                if connection.is_idle() {
                    return (Some(connection), true);
                }
                pool.open = pool.open.saturating_sub(1);
            }
        }
        // With every kept connection busy, a client opens one more rather than wait.
        let joins = pool.open < self.kept_alive;
        if joins {
            pool.open += 1;
        }
        (None, joins)
    }

    /// Takes a connection back, or counts it out when it cannot be used again.
    pub(crate) async fn take_back(&self, left: Left) {
        let usable = match left {
            Left::Nothing => return,
            Left::Spent => None,
            Left::Kept(mut connection) => {
                // The answer has come to its end; the connection is at rest a moment later, or
                // closed.
                connection.idle().await.then_some(connection)
            }
        };
        let mut pool = locked(&self.http1);
        match usable {
            Some(connection) => pool.idle.push_back(*connection),
            None => pool.open = pool.open.saturating_sub(1),
        }
    }

    async fn send_http2(
        &self,
        template: &Template,
        patience: Patience<'_>,
        fresh: bool,
    ) -> Outcome {
        if !fresh
            && let Some(channel) = self.next_channel()
            && let Some(outcome) = channel.exchange(template, patience).await
        {
            return outcome;
        }
        let trickling = !template.read_over.is_zero();
        match self.open_channel(patience.until(), trickling).await {
            Ok(channel) => {
                if !fresh {
                    self.keep(&channel);
                }
                let outcome = channel.exchange(template, patience).await;
                outcome.unwrap_or(Outcome::RefusedAtConnect)
            }
            Err(why) => why.outcome(),
        }
    }

    async fn open_channel(&self, until: Instant, trickling: bool) -> Result<Channel, NoConnection> {
        Channel::open(self.address, until, trickling).await
    }

    /// The channel whose turn it is; `None` while there are too few.
    fn next_channel(&self) -> Option<Channel> {
        let mut channels = locked(&self.http2);
        channels.open.retain(Channel::is_usable);
        if channels.open.len() < self.kept_alive.max(1) {
            return None;
        }
        channels.next = (channels.next + 1) % channels.open.len();
        Some(channels.open[channels.next].clone())
    }

    /// Keeps a channel for others, unless there are enough.
    fn keep(&self, channel: &Channel) {
        let mut channels = locked(&self.http2);
        if channels.open.len() < self.kept_alive.max(1) {
            channels.open.push(channel.clone());
        }
    }

    /// Closes what is at rest.
    pub(crate) fn close(&self) {
        locked(&self.http1).idle.clear();
        locked(&self.http2).open.clear();
    }
}
