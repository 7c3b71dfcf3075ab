//! One address, and the connections that are kept to it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout_at;

use super::client::{Connection, Manner, Patience};
use super::connecting::NoConnection;
use super::http2::Channel;
use super::outcome::Outcome;
use super::template::Template;
use crate::script::Protocol;

/// How long a request that is late by the drill's own fault waits for a connection of the pool.
const WAITS: Duration = Duration::from_secs(1);

/// An address.
pub(crate) struct Lane {
    address: SocketAddr,
    manner: Manner,
    /// Connections in each pool, at most.
    kept_alive: usize,
    http1: Mutex<Pool>,
    /// Told of every connection that is given back, or counted out.
    freed: Notify,
    http2: Mutex<Channels>,
}

/// How a request comes to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// It has one of its own.
    Fresh,
    /// It takes one of the pool, or opens one more where all are busy.
    Pool,
    /// It is late by the drill's own fault, and others with it: a burst that no users would make. It
    /// waits a while for one of the pool before it opens one more.
    Waits,
}

/// The place of a request: its connection, or room for one.
pub(crate) struct Place {
    fresh: bool,
    kept: Option<Connection>,
    /// The connection belongs to the pool.
    joins: bool,
}

/// What a look into the pool finds.
enum Found {
    Rested(Connection),
    /// It may have one more.
    Room,
    Busy,
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
            freed: Notify::new(),
            http2: Mutex::default(),
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Finds a place for a request, on a connection of the pool or on one of its own. Only what is late
    /// may have to wait.
    pub(crate) async fn place(&self, template: &Template, share: Share) -> Place {
        // What takes its time by itself would hold up a pool that others share.
        let fresh = share == Share::Fresh || template.trickles();
        let (kept, joins) = match (template.protocol, share) {
            _ if fresh => (None, false),
            (Protocol::Http1, Share::Waits) => self.pooled(Instant::now() + WAITS).await,
            (Protocol::Http1, _) => self.pooled(Instant::now()).await,
            (Protocol::Http2 | Protocol::Grpc, _) => (None, false),
        };
        Place { fresh, kept, joins }
    }

    /// Takes back the place of a request that is not sent after all.
    pub(crate) fn give_up(&self, place: Place) {
        if place.joins {
            self.rests(place.kept);
        }
    }

    /// Sends a request in its place.
    pub(crate) async fn send(
        &self,
        template: &Template,
        patience: Patience<'_>,
        place: Place,
    ) -> (Outcome, Left) {
        match template.protocol {
            Protocol::Http1 => self.send_http1(template, patience, place).await,
            Protocol::Http2 | Protocol::Grpc => {
                let outcome = self.send_http2(template, patience, place.fresh).await;
                (outcome, Left::Nothing)
            }
        }
    }

    async fn send_http1(
        &self,
        template: &Template,
        patience: Patience<'_>,
        place: Place,
    ) -> (Outcome, Left) {
        let Place { kept, joins, .. } = place;
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

    /// A connection that rested; none where a new one is to be opened. And whether the one that is
    /// then used belongs to the pool.
    async fn pooled(&self, waits_until: Instant) -> (Option<Connection>, bool) {
        loop {
            // It listens before it looks, so that nothing is given back unnoticed.
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            match self.look() {
                Found::Rested(connection) => return (Some(connection), true),
                Found::Room => return (None, true),
                Found::Busy if self.kept_alive == 0 || waits_until <= Instant::now() => {
                    return (None, false);
                }
                Found::Busy => {}
            }
            if timeout_at(waits_until.into(), freed).await.is_err() {
                return (None, false);
            }
        }
    }

    /// Takes the connection that rested longest, so that all of them stay in use, once the pool is
    /// full.
    fn look(&self) -> Found {
        let mut pool = locked(&self.http1);
        if pool.open >= self.kept_alive {
            while let Some(connection) = pool.idle.pop_front() {
                if connection.is_idle() {
                    return Found::Rested(connection);
                }
                pool.open = pool.open.saturating_sub(1);
            }
        }
        if pool.open < self.kept_alive {
            pool.open += 1;
            return Found::Room;
        }
        Found::Busy
    }

    /// Takes a connection back, or counts it out when it cannot be used again.
    pub(crate) async fn take_back(&self, left: Left) {
        let usable = match left {
            Left::Nothing => return,
            Left::Spent => None,
            Left::Kept(mut connection) => {
                // The answer has come to its end; the connection is at rest a moment later, or
                // closed.
                connection.idle().await.then_some(*connection)
            }
        };
        self.rests(usable);
    }

    /// A connection of the pool rests again, or is none any more.
    fn rests(&self, usable: Option<Connection>) {
        let mut pool = locked(&self.http1);
        match usable {
            Some(connection) => pool.idle.push_back(connection),
            None => pool.open = pool.open.saturating_sub(1),
        }
        drop(pool);
        self.freed.notify_one();
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

    /// The channel whose turn it is; `None` while there are too few, and where each carries as much as
    /// its server takes at once.
    fn next_channel(&self) -> Option<Channel> {
        let mut channels = locked(&self.http2);
        channels.open.retain(Channel::is_usable);
        let open = channels.open.len();
        if open < self.kept_alive.max(1) {
            return None;
        }
        let turn = channels.next + 1;
        let at = (turn..turn + open)
            .map(|at| at % open)
            .find(|at| channels.open.get(*at).is_some_and(Channel::has_room))?;
        channels.next = at;
        channels.open.get(at).cloned()
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
