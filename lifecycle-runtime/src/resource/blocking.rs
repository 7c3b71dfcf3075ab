//! Work that blocks its thread: counted, named, told to stop, and named again when it does not.

mod stop_flag;
mod ticket;

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use self::stop_flag::Flag;
pub use self::stop_flag::StopFlag;
pub use self::ticket::{Lost, Ticket};
use super::closed::Closed;
use super::ending::Ending;
use super::nursery::named;
use super::roster::{Roster, Working};
use super::{StartUp, wirable};
use crate::plan::{Plan, Step};
use crate::report::words;
use crate::tasks;
use crate::work::{Active, BoxFuture, Failure, Panicked, Tally, Window, Work};

/// Work that blocks its thread: calls of a synchronous library, hashing, files, worker threads.
///
/// ```
/// use std::time::Duration;
/// use lifecycle::BlockingWork;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let blocking = BlockingWork::new();
/// let work = blocking.handle(); // for the handlers; clones are cheap
///
/// // In a handler: a piece of work whose answer is waited for.
/// let sum = work.spawn("sum", |_| (1..=10).sum::<u32>())?.await?;
/// assert_eq!(sum, 55);
///
/// // A worker thread of the service.
/// work.thread("sweeper", |stop| {
///     while !stop.wait(Duration::from_secs(60)) {
///         // … every minute
///     }
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// When the step's window opens, nothing new is begun: [`Closed`]. What was begun, and what waits for
/// a thread of the pool, is waited for. [`StopFlag`] tells it.
///
/// At the timeout, [`StopFlag::is_cancelled`] turns true, and what still waits for a thread is dropped.
/// What has not ended after `budget.unwind` cannot be ended: Rust cannot kill a thread. It is
/// *abandoned*, and named as such in the report; the exit code is 80.
///
/// The process exits in time all the same, if it is [`Runtime`](crate::Runtime) that ends it, as with
/// `#[lifecycle::main]`. With [`Lifecycle`](crate::Lifecycle) inside of `#[tokio::main]`, tokio waits
/// for abandoned pieces of `spawn` when `main` returns, without limit; there the watchdog ends the
/// process at the plan's deadline, with exit code 82.
///
/// A panic is never silent. That of a piece of work is logged, handed to whoever waits for it, and lost
/// work in the report if the service is stopping. A worker thread that panics or returns an error stops
/// the service in order.
///
/// ```yaml
/// resources:
///   http:       { kind: http-server, port: 8080, timeout: 15s, uses: [thumbnails] }
///   thumbnails: { kind: blocking-work, timeout: 10s }
/// ```
pub struct BlockingWork(Arc<Shared>, StartUp);
wirable!(BlockingWork, BlockingWork);

#[derive(Default)]
struct Shared {
    flag: Arc<Flag>,
    roster: Arc<Roster>,
    runtime: OnceLock<Handle>,
    inner: Mutex<Inner>,
    /// A worker thread has ended badly.
    failed: CancellationToken,
    /// The last worker thread has ended.
    idle: Notify,
}

type Run = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Inner {
    next: u64,
    /// Pieces that wait for a thread of the pool. Here and not in the pool's own queue, since that
    /// drops what is called off only when a thread comes to it.
    queued: HashMap<u64, Run>,
    threads: u64,
    /// In words of [`named`]: showing it runs nobody else's code under the lock.
    failure: Option<Failure>,
    abandoned: Vec<String>,
}

impl BlockingWork {
    /// Nothing yet: work begins through the [`handle`](Self::handle).
    pub fn new() -> Self {
        let shared = Shared::default();
        if let Ok(runtime) = Handle::try_current() {
            // Set once: it is new.
            let _ = shared.runtime.set(runtime);
        }
        Self(Arc::new(shared), StartUp::default())
    }

    /// What the service's own code begins work with.
    pub fn handle(&self) -> Blocking {
        Blocking(Arc::clone(&self.0))
    }
}

impl Default for BlockingWork {
    fn default() -> Self {
        Self::new()
    }
}

/// Begins blocking work, from tasks and from plain threads. Clones share it.
///
/// ```
/// use lifecycle::{Blocking, BlockingWork};
///
/// /// A handler's: what was not begun can be tried elsewhere, what panicked cannot.
/// async fn checksum(work: &Blocking, text: Vec<u8>) -> Result<u64, (u16, String)> {
///     let sum = move |_| text.iter().copied().map(u64::from).sum();
///     let ticket = work.spawn("checksum", sum).map_err(|closed| (503, closed.to_string()))?;
///     ticket.await.map_err(|lost| (500, lost.to_string()))
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let work = BlockingWork::new().handle();
/// assert_eq!(checksum(&work, vec![1, 2, 3]).await, Ok(6));
/// # }
/// ```
#[derive(Clone)]
pub struct Blocking(Arc<Shared>);

impl Blocking {
    /// Runs `work` on tokio's pool for blocking work, or on a thread of its own where there is no tokio
    /// runtime yet. `name` is what the log and the report call it.
    ///
    /// The returned ticket can be awaited for what `work` returns; dropping it changes nothing.
    ///
    /// # Errors
    ///
    /// [`Closed`] once the step's window has opened: nothing has been begun.
    pub fn spawn<F, T>(&self, name: impl fmt::Display, work: F) -> Result<Ticket<T>, Closed>
    where
        F: FnOnce(StopFlag) -> T + Send + 'static,
        T: Send + 'static,
    {
        let working = self.0.roster.try_enter(&name)?;
        let (sender, receiver) = oneshot::channel();
        let ticket = Ticket {
            name: name.to_string(),
            receiver,
        };
        let piece = Piece {
            name: ticket.name.clone(),
            shared: Arc::clone(&self.0),
            _working: working,
        };
        let flag = StopFlag(Arc::clone(&self.0.flag));
        let run = move || {
            let result = catch_unwind(AssertUnwindSafe(|| work(flag)));
            let result = result.map_err(|payload| piece.panicked(&*payload).0);
            // Counted until its result is there; a receiver that is gone does not want it.
            let _ = sender.send(result);
            drop(piece);
        };
        let runtime = Handle::try_current().ok();
        match runtime.as_ref().or(self.0.runtime.get()) {
            Some(runtime) => self.0.queue(runtime, Box::new(run)),
            None => self.0.on_thread(&ticket.name, run),
        }
        Ok(ticket)
    }

    /// Runs `work` on a thread of its own, inside of the service's tokio runtime if there is one yet: a
    /// worker of the service. When it panics or returns an error, or the system gives no thread, the
    /// service stops in order.
    ///
    /// # Errors
    ///
    /// [`Closed`] once the step's window has opened: nothing has been begun.
    pub fn thread<F, O>(&self, name: impl fmt::Display, work: F) -> Result<(), Closed>
    where
        F: FnOnce(StopFlag) -> O + Send + 'static,
        O: Ending,
    {
        let piece = Piece {
            _working: self.0.roster.try_enter(&name)?,
            name: name.to_string(),
            shared: Arc::clone(&self.0),
        };
        let thread = Thread::of(&self.0);
        let flag = StopFlag(Arc::clone(&self.0.flag));
        let runtime = Handle::try_current()
            .ok()
            .or_else(|| self.0.runtime.get().cloned());
        let name = piece.name.clone();
        self.0.on_thread(&name, move || {
            let _inside = runtime.as_ref().map(Handle::enter);
            let result = catch_unwind(AssertUnwindSafe(|| work(flag).into_result()));
            match result {
                Ok(Ok(())) => {}
                Ok(Err(error)) => piece.failed(&*error),
                Err(payload) => {
                    let panic = piece.panicked(&*payload);
                    piece.shared.fail(&piece.name, &panic);
                }
            }
            drop((piece, thread));
        });
        Ok(())
    }

    /// Whether the step's window has opened, so that nothing new is begun.
    pub fn is_closed(&self) -> bool {
        self.0.roster.is_closed()
    }
}

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking")
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// One piece of work, counted until it is dropped.
struct Piece {
    name: String,
    shared: Arc<Shared>,
    _working: Working,
}

impl Piece {
    fn panicked(&self, payload: &(dyn std::any::Any + Send)) -> Panicked {
        let panic = Panicked::new(payload);
        tracing::error!(work = self.name, panic = panic.0, "blocking work panicked");
        self.shared.roster.lose(self.name.clone());
        panic
    }

    fn failed(&self, error: &(dyn Error + Send + Sync + 'static)) {
        tracing::error!(
            work = self.name,
            error = words(error),
            "a worker thread failed"
        );
        self.shared.fail(&self.name, error);
    }
}

/// Counts a worker thread until it is dropped.
struct Thread(Arc<Shared>);

impl Thread {
    fn of(shared: &Arc<Shared>) -> Self {
        shared.lock().threads += 1;
        Self(Arc::clone(shared))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.threads -= 1;
        if inner.threads == 0 {
            self.0.idle.notify_waiters();
        }
    }
}

impl Shared {
    /// Has it run by the pool, unless it is called off before.
    fn queue(self: &Arc<Self>, runtime: &Handle, run: Run) {
        let mut inner = self.lock();
        inner.next += 1;
        let id = inner.next;
        inner.queued.insert(id, run);
        drop(inner);
        let shared = Arc::clone(self);
        let running = runtime.spawn_blocking(move || {
            let run = shared.lock().queued.remove(&id);
            if let Some(run) = run {
                run();
            }
        });
        if running.is_finished() {
            // A runtime that has gone down runs nothing more.
            let run = self.lock().queued.remove(&id);
            drop(run);
        }
    }

    fn on_thread(&self, name: &str, run: impl FnOnce() + Send + 'static) {
        // Linux keeps 15 bytes of it; a NUL would be a panic.
        if let Err(error) = tasks::thread(&name.replace('\0', ""), run) {
            tracing::error!(work = name, %error, "the system gives no thread");
            self.fail(name, &error);
        }
    }

    /// Resolves when no worker thread is left.
    async fn idle(&self) {
        loop {
            let mut idle = std::pin::pin!(self.idle.notified());
            idle.as_mut().enable();
            if self.lock().threads == 0 {
                return;
            }
            idle.await;
        }
    }

    fn fail(&self, name: &str, error: &(dyn Error + Send + Sync + 'static)) {
        let failure = named(name, error);
        self.lock().failure.get_or_insert(failure);
        self.failed.cancel();
    }

    fn failure(&self) -> Option<String> {
        let inner = self.lock();
        inner.failure.as_ref().map(|error| words(&**error))
    }

    /// A panic while the lock was held cannot leave the lists half changed.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work for Arc<Shared> {
    fn start(&self, _plan: &Plan, _step: &Step) {
        if let Ok(runtime) = Handle::try_current() {
            // The one it was made in, if it was made in one.
            let _ = self.runtime.set(runtime);
        }
    }

    fn serves(&self) -> bool {
        self.lock().threads > 0
    }

    fn ended(&self) -> Option<BoxFuture<Result<(), String>>> {
        let shared = Self::clone(self);
        let serves = self.serves();
        Some(Box::pin(async move {
            tokio::select! {
                biased;
                () = shared.failed.cancelled() => {}
                () = shared.idle(), if serves => {}
            }
            shared.failure().map_or(Ok(()), Err)
        }))
    }

    fn stop(&self, _window: Window) -> BoxFuture<Result<(), Failure>> {
        let shared = Self::clone(self);
        let failed = shared.failure();
        if failed.is_none() {
            // What panicked while the service ran was its own affair; from here on it is lost work.
            shared.roster.forget_lost();
        }
        shared.roster.close();
        shared.flag.request();
        Box::pin(async move {
            shared.roster.drained().await;
            let failure = shared.lock().failure.take();
            failure.map_or_else(|| shared.roster.lost_work(), Err)
        })
    }

    fn cancel(&self) {
        self.flag.cancellation.fire();
        let queued = std::mem::take(&mut self.lock().queued);
        // What it holds is the service's own, and is dropped without the lock.
        drop(queued);
    }

    fn abandon(&self) {
        let working = self.roster.working();
        self.lock().abandoned = working;
    }

    fn active(&self) -> Active {
        self.roster.active()
    }

    fn tally(&self) -> Tally {
        Tally {
            abandoned: self.lock().abandoned.clone(),
            ..self.roster.tally()
        }
    }
}
