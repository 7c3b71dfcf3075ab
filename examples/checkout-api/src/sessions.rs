//! Visitors' sessions, cached in memory: what the shop remembers between two requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

/// How long a visitor is remembered after the last order.
const IDLE: Duration = Duration::from_mins(30);
/// Below this many sessions it is not worth looking for idle ones.
const FEW: usize = 1024;

/// The cache. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    sessions: HashMap<Uuid, Session>,
    /// How many sessions there were after the last look for idle ones.
    swept: usize,
}

#[derive(Debug)]
struct Session {
    last: Instant,
    orders: u64,
}

impl Sessions {
    /// How many orders were placed in a session.
    pub(crate) fn orders(&self, id: Uuid) -> u64 {
        match self.lock().sessions.get(&id) {
            Some(session) if session.last.elapsed() < IDLE => session.orders,
            _ => 0,
        }
    }

    /// Notes an order, in a new session if there was none. Returns the session.
    pub(crate) fn ordered(&self, id: Option<Uuid>) -> Uuid {
        let last = Instant::now();
        let id = id.unwrap_or_else(Uuid::now_v7);
        let mut inner = self.lock();
        // Each time twice as many as were left: a session is looked at a fixed number of times, not
        // with every order.
        if inner.sessions.len() >= FEW.max(inner.swept * 2) {
            inner
                .sessions
                .retain(|_, session| session.last.elapsed() < IDLE);
            inner.swept = inner.sessions.len();
        }
        let session = inner
            .sessions
            .entry(id)
            .or_insert(Session { last, orders: 0 });
        session.last = last;
        session.orders += 1;
        id
    }

    /// Forgets everyone. Returns how many there were.
    pub(crate) fn close(&self) -> usize {
        std::mem::take(&mut *self.lock()).sessions.len()
    }

    /// A panic while the lock was held cannot leave the map half changed.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
