//! Who is working on what: the jobs and sessions in flight, by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::closed::Closed;
use crate::work::{Active, Failure, Panicked};

/// Names kept for the report; more than these would not fit into a termination message anyway.
const NAMES: usize = 32;
/// Longest name kept, in characters.
const NAME_LENGTH: usize = 96;
/// When to try again, for whoever is refused: another instance is there already, or soon will be.
const RETRY_AFTER: Duration = Duration::from_secs(1);

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
    closed: bool,
    refused: u64,
}

impl Roster {
    /// Notes that something called `name` is in flight until the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>, name: &dyn fmt::Display) -> Working {
        let name = short(name);
        let id = self.lock().enter(name);
        self.guard(id)
    }

    /// The same, or an error once the roster is [closed](Self::close).
    ///
    /// Whether it is closed is asked and the entry is made under one lock, so whoever closes it and
    /// then waits for [`drained`](Self::drained) waits for every entry that was let in.
    pub(crate) fn try_enter(self: &Arc<Self>, name: &dyn fmt::Display) -> Result<Working, Closed> {
        let name = short(name);
        let mut inner = self.lock();
        if inner.closed {
            inner.refused += 1;
            return Err(Closed::new(RETRY_AFTER));
        }
        let id = inner.enter(name);
        drop(inner);
        Ok(self.guard(id))
    }

    /// From here on [`try_enter`](Self::try_enter) refuses.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Whether it has been closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How many entries have been refused.
    pub(crate) fn refused(&self) -> u64 {
        self.lock().refused
    }

    fn guard(self: &Arc<Self>, id: u64) -> Working {
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

    /// Notes that the work called `name` panicked.
    pub(crate) fn lose(&self, name: String) {
        self.lock().lose(name);
    }

    /// The failure of a step in which work was lost to panics.
    pub(crate) fn lost_work(&self) -> Result<(), Failure> {
        let lost = self.lost();
        if lost.is_empty() {
            return Ok(());
        }
        Err(Box::new(Panicked(format!("panicked: {}", lost.join(", ")))))
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

/// Formatted before any lock is taken: `name` is somebody else's code.
fn short(name: &dyn fmt::Display) -> String {
    name.to_string().chars().take(NAME_LENGTH).collect()
}

impl Inner {
    fn enter(&mut self, name: String) -> u64 {
        let id = self.next;
        self.next += 1;
        self.working.insert(id, (Instant::now(), name));
        id
    }

    fn lose(&mut self, name: String) {
        if self.lost.len() == NAMES {
            self.lost.remove(0);
        }
        self.lost.push(name);
    }

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
            inner.lose(name);
        }
        self.roster.tell(&inner);
    }
}
