//! Who is connected, and how each of them is told to leave once.
//!
//! One lock for the list, one place to wait for a session: ten thousand sessions are ten thousand
//! entries and a single task that walks them, not ten thousand timers.

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::farewell::{Farewell, Manners};
use super::spread::Random;
use crate::cancellation::Cancellation;
#[cfg(feature = "http")]
use crate::http::Handover;
use crate::resource::closed::Closed;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard, Notify};
use crate::work::{Active, Failure, Panicked};

/// Names kept for the report; more than these would not fit into a termination message anyway.
const NAMES: usize = 32;
/// Longest name kept, in characters.
const NAME_LENGTH: usize = 96;

/// All sessions of one resource.
#[derive(Default)]
pub(crate) struct Hall {
    inner: Mutex<Inner>,
    /// Notified when the last session has left.
    emptied: Notify,
    /// The step's timeout has passed.
    pub(super) cancellation: Cancellation,
    /// The unwind time has passed too: what can be dropped is dropped.
    pub(super) over: CancellationToken,
}

#[derive(Default)]
struct Inner {
    manners: Manners,
    closed: bool,
    next: u64,
    /// In order of their beginning, so the first is the oldest.
    seats: BTreeMap<u64, Arc<Seat>>,
    /// What ended in a panic, the latest last.
    lost: Vec<String>,
    rejected: u64,
    abandoned: Vec<String>,
}

/// One session, as the hall sees it.
pub(super) struct Seat {
    id: u64,
    pub(super) name: String,
    since: Instant,
    told: OnceLock<Farewell>,
    moved: Notify,
    gone: AtomicBool,
    /// The session's future is ours to drop.
    pub(super) owned: AtomicBool,
    /// The request that it began as.
    #[cfg(feature = "http")]
    handover: OnceLock<Handover>,
}

/// Someone has a seat as long as one of these is there: the session's own code holds one, and the
/// HTTP server another until the connection has taken the last byte.
pub(super) struct Presence {
    pub(super) hall: Arc<Hall>,
    pub(super) seat: Arc<Seat>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.hall.leave(&self.seat);
    }
}

impl Seat {
    /// Resolves when this session has been told to leave.
    pub(super) async fn told(&self) -> Farewell {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            // Listening before looking: a farewell in between is not missed.
            moved.as_mut().enable();
            if let Some(farewell) = self.told.get() {
                return farewell.clone();
            }
            moved.await;
        }
    }

    pub(super) fn farewell(&self) -> Option<&Farewell> {
        self.told.get()
    }

    /// Ends the session, if its future or its connection are ours.
    fn end(&self) -> bool {
        #[cfg(feature = "http")]
        let cut = self.handover.get().is_some_and(Handover::cut);
        #[cfg(not(feature = "http"))]
        let cut = false;
        cut || self.owned.load(Ordering::Relaxed)
    }

    /// The first farewell counts.
    fn tell(&self, farewell: Farewell) {
        if self.told.set(farewell).is_ok() {
            self.moved.notify_waiters();
        }
    }
}

#[cfg(feature = "http")]
impl Presence {
    /// Takes the request over from the HTTP server that answers it, if it is one of this crate's.
    pub(super) fn take_over(self: &Arc<Self>, extensions: &http::Extensions) {
        let Some(handover) = Handover::of(extensions) else {
            return;
        };
        // First, so that nobody can be taken over and not be found.
        let _ = self.seat.handover.set(handover.clone());
        handover.take(Box::new(Arc::clone(self)));
    }
}

impl Hall {
    /// Changes what is said at the end.
    pub(super) fn with_manners(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.lock().manners);
    }

    pub(super) fn manners(&self) -> Manners {
        self.lock().manners.clone()
    }

    /// Lets a session in, unless the intake has stopped.
    pub(super) fn enter(
        self: &Arc<Self>,
        name: &dyn fmt::Display,
    ) -> Result<Arc<Presence>, Closed> {
        // Formatted before the lock is taken: `name` is somebody else's code.
        let name: String = name.to_string().chars().take(NAME_LENGTH).collect();
        let since = Instant::now();
        let mut inner = self.lock();
        if inner.closed {
            inner.rejected += 1;
            return Err(Closed::new(inner.manners.retry_after));
        }
        let id = inner.next;
        inner.next += 1;
        let seat = Arc::new(Seat {
            id,
            name,
            since,
            told: OnceLock::new(),
            moved: Notify::new(),
            gone: AtomicBool::new(false),
            owned: AtomicBool::new(false),
            #[cfg(feature = "http")]
            handover: OnceLock::new(),
        });
        inner.seats.insert(id, Arc::clone(&seat));
        drop(inner);
        Ok(Arc::new(Presence {
            hall: Arc::clone(self),
            seat,
        }))
    }

    /// The session's code has panicked.
    pub(super) fn lose(&self, seat: &Seat) {
        let mut inner = self.lock();
        if inner.lost.len() == NAMES {
            inner.lost.remove(0);
        }
        inner.lost.push(seat.name.clone());
    }

    /// The session has ended.
    fn leave(&self, seat: &Seat) {
        seat.gone.store(true, Ordering::Relaxed);
        let mut inner = self.lock();
        inner.seats.remove(&seat.id);
        let empty = inner.seats.is_empty();
        drop(inner);
        if empty {
            self.emptied.notify_waiters();
        }
    }

    /// Whether sessions are let in.
    pub(super) fn is_open(&self) -> bool {
        !self.lock().closed
    }

    /// Lets nobody in any more, and resolves when all have left. They are told to over `spread`.
    pub(super) fn stop(
        self: &Arc<Self>,
        spread: Duration,
    ) -> impl Future<Output = Result<(), Failure>> + Send + 'static + use<> {
        let hall = Arc::clone(self);
        let (seats, manners) = {
            let mut inner = self.lock();
            inner.closed = true;
            // What panicked while the service ran was its own affair; from here on it is lost work.
            inner.lost.clear();
            (seats(&inner), inner.manners.clone())
        };
        let began = Instant::now();
        async move {
            tokio::select! {
                biased;
                () = hall.emptied() => {}
                () = bid(seats, &manners, began, spread) => {}
            }
            let lost = hall.lock().lost.clone();
            if lost.is_empty() {
                return Ok(());
            }
            Err(Box::new(Panicked(format!("panicked: {}", lost.join(", ")))) as Failure)
        }
    }

    async fn emptied(&self) {
        loop {
            let mut emptied = std::pin::pin!(self.emptied.notified());
            emptied.as_mut().enable();
            if self.lock().seats.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// The timeout has passed. Whoever has not been told by now, for whatever reason, is told first.
    pub(super) fn cancel(&self) {
        let (seats, manners) = {
            let inner = self.lock();
            (seats(&inner), inner.manners.clone())
        };
        let mut random = Random::new();
        for seat in seats {
            seat.tell(manners.farewell(&mut random));
        }
        self.cancellation.fire();
    }

    /// The unwind time has passed: drops what is ours, and notes what is not.
    pub(super) fn abandon(&self) {
        let seats = seats(&self.lock());
        let mut abandoned = Vec::new();
        for seat in seats {
            // Outside the lock: what is ended may leave at once.
            if !seat.end() && abandoned.len() < NAMES {
                abandoned.push(seat.name.clone());
            }
        }
        self.lock().abandoned = abandoned;
        self.over.cancel();
    }

    /// Who is here now; names of what panicked come first.
    pub(super) fn active(&self) -> Active {
        let inner = self.lock();
        let present = inner.seats.values().map(|seat| &seat.name);
        Active {
            count: inner.seats.len() as u64,
            oldest: inner.seats.values().next().map(|seat| seat.since.elapsed()),
            names: inner
                .lost
                .iter()
                .chain(present)
                .filter(|name| !name.is_empty())
                .take(NAMES)
                .cloned()
                .collect(),
        }
    }

    /// How many were refused.
    pub(super) fn rejected(&self) -> u64 {
        self.lock().rejected
    }

    /// Sessions that did not end and could not be ended.
    pub(super) fn abandoned(&self) -> Vec<String> {
        self.lock().abandoned.clone()
    }

    /// A panic while the lock was held cannot leave the lists half changed.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seats(inner: &Inner) -> Vec<Arc<Seat>> {
    inner.seats.values().cloned().collect()
}

/// Tells these to leave, in any order, spread over the window from `began` on. Never returns.
///
/// A slot whose session has left by itself goes to the next one: the rate stays what it was, and the
/// last is told the sooner.
async fn bid(mut seats: Vec<Arc<Seat>>, manners: &Manners, began: Instant, spread: Duration) {
    let mut random = Random::new();
    random.shuffle(&mut seats);
    let count = seats.len();
    for slot in 0..count {
        let moment = began + random.moment(spread, slot, count);
        if moment > Instant::now() {
            sleep_until(moment).await;
        }
        while let Some(seat) = seats.pop() {
            if !seat.gone.load(Ordering::Relaxed) {
                seat.tell(manners.farewell(&mut random));
                break;
            }
        }
    }
    pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_not_been_told_by_the_timeout_is_told_then_and_nobody_twice() {
        let hall = Arc::new(Hall::default());
        let (early, late) = (hall.enter(&"early").unwrap(), hall.enter(&"late").unwrap());
        let manners = hall.manners();
        early.seat.tell(manners.farewell(&mut Random::new()));
        let first = early.seat.farewell().cloned();
        hall.cancel();
        assert_eq!(early.seat.farewell().cloned(), first);
        assert!(first.is_some() && late.seat.farewell().is_some());
        assert!(hall.cancellation.is_cancelled());
    }
}
