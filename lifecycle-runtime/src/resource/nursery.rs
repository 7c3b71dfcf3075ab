//! Named children of a resource's own future: waited for, counted, and never silent when they fail.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::roster::{Roster, Working};
use crate::report::words;
use crate::tasks;
use crate::work::{Failure, Panicked, caught};

/// The children that run now, and the first failure among them.
#[derive(Debug, Default)]
pub(crate) struct Nursery {
    inner: Mutex<Inner>,
    failed: CancellationToken,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    /// `None`: about to be spawned.
    running: HashMap<u64, Option<AbortHandle>>,
    /// In words of [`named`]: showing it runs nobody else's code under the lock.
    failure: Option<Failure>,
    abandoned: bool,
}

/// What the failure of a child means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matter {
    /// It is the failure of the resource.
    Resource,
    /// It is logged.
    Log,
}

impl Nursery {
    /// Runs `future` as a child that is in `roster` until it ends.
    pub(crate) fn spawn<F>(
        self: &Arc<Self>,
        roster: &Arc<Roster>,
        working: Working,
        name: String,
        matter: Matter,
        future: F,
    ) -> AbortHandle
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let (nursery, roster) = (Arc::clone(self), Arc::clone(roster));
        let listed = self.list();
        let id = listed.id;
        // Not under the lock: a runtime that is going down drops the future right here.
        let running = tasks::spawn(async move {
            let result = ended(future).await;
            if let Err(error) = result {
                nursery.note(&roster, &name, &*error, matter);
            }
            // The failure is known before anybody sees that nothing is in flight any more.
            drop(listed);
            drop(working);
        });
        let abort = running.abort_handle();
        let mut inner = self.lock();
        if let Some(place) = inner.running.get_mut(&id) {
            *place = Some(abort.clone());
        } else if inner.abandoned {
            abort.abort();
        }
        abort
    }

    /// A place on the list, left when the guard is dropped.
    fn list(self: &Arc<Self>) -> Listed {
        let mut inner = self.lock();
        let id = inner.next;
        inner.next += 1;
        if !inner.abandoned {
            inner.running.insert(id, None);
        }
        Listed {
            nursery: Arc::clone(self),
            id,
        }
    }

    fn note(
        &self,
        roster: &Roster,
        name: &str,
        error: &(dyn Error + Send + Sync + 'static),
        matter: Matter,
    ) {
        let text = words(error);
        if error.is::<Panicked>() {
            tracing::error!(task = name, panic = text, "a task panicked");
            roster.lose(name.to_owned());
        } else {
            tracing::error!(task = name, error = text, "a task failed");
        }
        if matter == Matter::Resource {
            let failure = named(name, error);
            self.lock().failure.get_or_insert(failure);
            self.failed.cancel();
        }
    }

    /// Resolves when a child has failed.
    pub(crate) fn failed(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.failed.clone().cancelled_owned()
    }

    /// The first failure, in words, while nobody has taken it.
    pub(crate) fn failure(&self) -> Option<String> {
        let inner = self.lock();
        inner.failure.as_ref().map(|error| words(&**error))
    }

    /// The first failure.
    pub(crate) fn take_failure(&self) -> Result<(), Failure> {
        self.lock().failure.take().map_or(Ok(()), Err)
    }

    /// Drops every child where it waits, and those to come.
    pub(crate) fn abandon(&self) {
        let mut inner = self.lock();
        inner.abandoned = true;
        let running = std::mem::take(&mut inner.running);
        drop(inner);
        for abort in running.into_values().flatten() {
            abort.abort();
        }
    }

    /// A panic while the lock was held cannot leave the list half changed.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Listed {
    nursery: Arc<Nursery>,
    id: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.nursery.lock().running.remove(&self.id);
    }
}

/// The failure of the one called `name`, as that of what it belongs to, in words of our own: those of
/// somebody else's error are written here, where no lock is held, and never again.
pub(crate) fn named(name: &str, error: &(dyn Error + Send + Sync + 'static)) -> Failure {
    let mut text = words(error);
    if !name.is_empty() {
        text.insert_str(0, &format!("`{name}`: "));
    }
    if error.is::<Panicked>() {
        Box::new(Panicked(text))
    } else {
        text.into()
    }
}

/// A future whose panic is its failure.
pub(crate) async fn ended<F>(future: F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let ended = caught(future).await;
    ended.unwrap_or_else(|panic| Err(Box::new(panic)))
}
