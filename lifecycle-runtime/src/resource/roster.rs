//! Who is working on what: the jobs and sessions in flight, by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError};

use tokio::time::Instant;

use crate::sync::{Mutex, MutexGuard, Notify};
use crate::work::Active;

/// Names kept for the report; more than these would not fit into a termination message anyway.
const NAMES: usize = 32;
/// Longest name kept, in characters.
const NAME_LENGTH: usize = 96;

/// The work in flight of one resource, and the handles through which more may begin.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    inner: Mutex<Inner>,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    /// In order of their beginning, so the first is the oldest.
    working: BTreeMap<u64, (Instant, String)>,
    /// What ended in a panic, the latest last.
    lost: Vec<String>,
    handles: usize,
}

impl Roster {
    /// Notes that something called `name` is in flight until the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>, name: &dyn fmt::Display) -> Working {
        // Formatted before the lock is taken: `name` is somebody else's code.
        let name: String = name.to_string().chars().take(NAME_LENGTH).collect();
        let mut inner = self.lock();
        let id = inner.next;
        inner.next += 1;
        inner.working.insert(id, (Instant::now(), name));
        drop(inner);
        Working {
            roster: Arc::clone(self),
            id,
        }
    }

    /// Counts one more handle through which work may begin.
    pub(crate) fn hold(&self) {
        self.lock().handles += 1;
    }

    /// Counts one handle less.
    pub(crate) fn release(&self) {
        let mut inner = self.lock();
        inner.handles -= 1;
        self.tell(&inner);
    }

    /// Resolves when nothing is in flight and no handle is left.
    pub(crate) async fn drained(&self) {
        loop {
            let mut emptied = std::pin::pin!(self.emptied.notified());
            emptied.as_mut().enable();
            if self.lock().is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// Forgets what panicked so far.
    pub(crate) fn forget_lost(&self) {
        self.lock().lost.clear();
    }

    /// What panicked since then.
    pub(crate) fn lost(&self) -> Vec<String> {
        self.lock().lost.clone()
    }

    /// What is in flight now; names of what panicked come first.
    pub(crate) fn active(&self) -> Active {
        let inner = self.lock();
        let working = inner.working.values().map(|(_, name)| name);
        Active {
            count: inner.working.len() as u64,
            oldest: inner
                .working
                .values()
                .next()
                .map(|(since, _)| since.elapsed()),
            names: inner
                .lost
                .iter()
                .chain(working)
                .filter(|name| !name.is_empty())
                .take(NAMES)
                .cloned()
                .collect(),
        }
    }

    fn tell(&self, inner: &Inner) {
        if inner.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    /// A panic while the lock was held cannot leave the lists half changed.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn is_empty(&self) -> bool {
        self.working.is_empty() && self.handles == 0
    }
}

/// Stands for one piece of work in flight; dropping it says that the work has ended.
///
/// The resource's step is not done before every guard is gone, and the names of those that are left
/// at the timeout, or that were dropped by a panic, are the report's `unfinished`.
#[must_use = "the work counts as ended as soon as this guard is dropped; bind it to a name such as `_working`"]
pub struct Working {
    roster: Arc<Roster>,
    id: u64,
}

impl fmt::Debug for Working {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Working").finish_non_exhaustive()
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut inner = self.roster.lock();
        if let Some((_, name)) = inner.working.remove(&self.id)
            && std::thread::panicking()
        {
            if inner.lost.len() == NAMES {
                inner.lost.remove(0);
            }
            inner.lost.push(name);
        }
        self.roster.tell(&inner);
    }
}
