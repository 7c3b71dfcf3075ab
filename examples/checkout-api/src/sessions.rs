//! Visitors' sessions, cached in memory: what the shop remembers between two requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

/// How long a visitor is remembered after the last request.
const IDLE: Duration = Duration::from_mins(30);
/// How many visitors are remembered. Beyond that the idle ones are looked for, and then a newcomer
/// is not remembered.
const MOST: usize = 100_000;

/// The cache. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<Uuid, Session>>>);

#[derive(Debug)]
struct Session {
    seen: Instant,
    orders: u64,
}

impl Sessions {
    /// The visitor's session, `known` or a new one, and how many orders were placed in it.
    pub(crate) fn visit(&self, known: Option<Uuid>) -> (Uuid, u64) {
        let now = Instant::now();
        let mut sessions = self.lock();
        if let Some(id) = known
            && let Some(session) = sessions.get_mut(&id)
            && now - session.seen < IDLE
        {
            session.seen = now;
            return (id, session.orders);
        }
        if sessions.len() >= MOST {
            sessions.retain(|_, session| now - session.seen < IDLE);
        }
        let id = Uuid::now_v7();
        if sessions.len() < MOST {
            sessions.insert(
                id,
                Session {
                    seen: now,
                    orders: 0,
                },
            );
        }
        (id, 0)
    }

    /// Notes an order in a session, if it is known.
    pub(crate) fn ordered(&self, id: Uuid) {
        if let Some(session) = self.lock().get_mut(&id) {
            session.orders += 1;
        }
    }

    /// Forgets everyone. Returns how many there were.
    pub(crate) fn close(&self) -> usize {
        std::mem::take(&mut *self.lock()).len()
    }

    /// A panic while the lock was held cannot leave the map half changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
