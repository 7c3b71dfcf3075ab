//! Who is working on what: the jobs and sessions in flight, by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::closed::Closed;
use crate::sync::{Mutex, MutexGuard, Notify};
use crate::work::{Active, Failure, Panicked, Tally};

/// Names kept for the report; more than these would not fit into a termination message anyway.
const NAMES: usize = 32;
/// Names kept of what was handed back: a consumer can hold many jobs that it has not begun.
const HANDED_BACK: usize = 1024;
/// Longest name kept, in characters.
const NAME_LENGTH: usize = 96;
/// What is said of work that has no name, where its number matters.
const UNNAMED: &str = "without a name";
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
    /// What ended in a panic, or nobody knows how; the latest last.
    lost: Vec<String>,
    /// Why nobody knows, in words.
    troubles: Vec<String>,
    /// What was given back unfinished, for others to take.
    handed_back: Vec<String>,
    /// Each piece of work says how it ended, however late.
    followed: bool,
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

    /// Counts something that was refused by whoever has intake in their own hands.
    pub(crate) fn reject(&self) {
        self.lock().refused += 1;
    }

    /// From here on [`try_enter`](Self::try_enter) refuses.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Whether it has been closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
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

    /// Forgets what panicked, was lost or was handed back so far.
    pub(crate) fn forget_lost(&self) {
        let mut inner = self.lock();
        inner.lost.clear();
        inner.troubles.clear();
        inner.handed_back.clear();
    }

    /// Notes what went wrong, in words for the report.
    pub(crate) fn trouble(&self, why: &str) {
        tracing::error!(error = why, "a queue's work may be lost");
        self.lock().trouble(why.to_owned());
    }

    /// What went wrong since then.
    pub(crate) fn troubles(&self) -> Vec<String> {
        self.lock().troubles.clone()
    }

    /// Each piece of work will say how it ended, also after its step's timeout.
    pub(crate) fn follow_to_the_end(&self) {
        self.lock().followed = true;
    }

    /// What was refused, what was handed back since then, and what is still unfinished.
    pub(crate) fn tally(&self) -> Tally {
        let inner = self.lock();
        Tally {
            rejected: inner.refused,
            unfinished: inner.followed.then(|| inner.names()),
            handed_back: inner.handed_back.clone(),
            ..Tally::default()
        }
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
        Active {
            count: inner.working.len() as u64,
            oldest: inner
                .working
                .values()
                .next()
                .map(|(since, _)| since.elapsed()),
            names: inner.names(),
        }
    }

    /// What is in flight now, also without a name, and nothing else.
    pub(crate) fn working(&self) -> Vec<String> {
        let inner = self.lock();
        let names = inner.working.values().map(|(_, name)| match &**name {
            "" => UNNAMED.to_owned(),
            name => name.to_owned(),
        });
        names.take(NAMES).collect()
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

    fn is_empty(&self) -> bool {
        self.working.is_empty() && self.handles == 0
    }

    /// Names of what is lost and of what is in flight.
    fn names(&self) -> Vec<String> {
        let working = self.working.values().map(|(_, name)| name);
        let names = self.lost.iter().chain(working);
        names
            .filter(|name| !name.is_empty())
            .take(NAMES)
            .cloned()
            .collect()
    }

    fn lose(&mut self, name: String) {
        keep_latest(&mut self.lost, name, NAMES);
    }

    fn trouble(&mut self, why: String) {
        keep_latest(&mut self.troubles, why, NAMES);
    }
}

fn keep_latest(list: &mut Vec<String>, entry: String, most: usize) {
    if list.len() == most {
        list.remove(0);
    }
    list.push(entry);
}

/// Stands for one piece of work in flight; dropping it says that the work has ended.
///
/// The resource's step is not done before every guard is gone, and the names of those that are left
/// at the timeout, or that were dropped by a panic, are the report's `unfinished`.
///
/// ```
/// use lifecycle::Task;
///
/// let mirror = Task::new(|stopping| async move {
///     while !stopping.is_requested() {
///         let working = stopping.working("page 7");
///         tokio::task::yield_now().await; // … copy it
///         drop(working); // copied
///     }
/// });
/// ```
#[must_use = "the work counts as ended as soon as this guard is dropped; bind it to a name such as `_working`"]
pub struct Working {
    roster: Arc<Roster>,
    id: u64,
}

impl Working {
    /// The work has ended, unfinished, and was given back: the report lists it as handed back.
    pub fn handed_back(self) {
        let mut inner = self.roster.lock();
        if let Some((_, name)) = inner.working.remove(&self.id) {
            keep_latest(&mut inner.handed_back, name, HANDED_BACK);
        }
        // Dropping the rest tells those who wait.
    }

    /// The work has ended, and nobody knows how: it stays the report's unfinished, and `why` its
    /// error.
    pub(crate) fn lose(self, why: &str) {
        // Not under the lock: a log subscriber may block, and the watchdog asks the roster.
        tracing::error!(job = self.name(), error = why, "a job was lost");
        let mut inner = self.roster.lock();
        if let Some((_, name)) = inner.working.remove(&self.id) {
            inner.trouble(format!("{name}: {why}"));
            inner.lose(name);
        }
    }

    /// What it was called.
    pub(crate) fn name(&self) -> String {
        let inner = self.roster.lock();
        let name = inner.working.get(&self.id).map(|(_, name)| name.clone());
        name.unwrap_or_default()
    }
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

#[cfg(all(test, not(lifecycle_loom)))]
mod tests {
    use tracing::span;

    use super::*;

    /// A log subscriber that asks the roster, as one that shows the status would.
    struct Asks(Arc<Roster>);

    impl tracing::Subscriber for Asks {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, _: &tracing::Event<'_>) {
            self.0.active();
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn a_lost_job_is_logged_without_the_lock() {
        let (said, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let roster = Arc::new(Roster::default());
            let working = roster.enter(&"job");
            let asks = Asks(Arc::clone(&roster));
            tracing::subscriber::with_default(asks, || working.lose("no answer"));
            let _ = said.send(roster.troubles());
        });
        let troubles = heard.recv_timeout(Duration::from_secs(10));
        assert_eq!(troubles.unwrap(), ["job: no answer"]);
    }
}
