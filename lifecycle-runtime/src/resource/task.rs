//! Background tasks, and children that others start through a handle.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use tokio::task::AbortHandle;

use super::closed::Closed;
use super::ending::Ending;
use super::nursery::Matter;
use super::restart::{Restarts, Stops};
use super::served::{Hub, Served};
use super::stopping::Stopping;
use super::{StartUp, wirable};

/// A background task.
///
/// ```
/// use std::time::Duration;
/// use lifecycle::Task;
///
/// let refresher = Task::new(|stopping| async move {
///     let mut ticks = tokio::time::interval(Duration::from_secs(60));
///     loop {
///         tokio::select! {
///             () = stopping.requested() => break,
///             _ = ticks.tick() => { /* refresh */ }
///         }
///     }
/// });
/// ```
///
/// # How it ends
///
/// An `Ok` end is just an end. An error or a panic while the service runs is never silent:
///
/// - With `on_failure: stop`, which is the default, the service stops in order, with a non-zero exit
///   code. The task is made by [`new`](Self::new).
/// - With `on_failure: restart` it is started again after a pause, see [`Restarts`]. It is made by
///   [`restarting`](Task::restarting), which takes what can be called more than once; in the generated
///   `Resources` its field is a `Task<Restarts>`, so that the other does not compile.
///
/// When the step's window opens, [`Stopping::requested`] resolves, and the task has the step's timeout
/// to end by itself. Then [`Stopping::cancelled`] resolves; after `budget.unwind` it is dropped.
///
/// # Children
///
/// [`Stopping::spawn`] runs named children beside the task: counted, waited for, cancelled with it, and
/// their failure is its failure. A `tokio::spawn` of one's own is none of that, and its panic stays in a
/// handle that nobody reads.
///
/// A service's handlers start children through [`tasks`](Task::tasks), a `Task` that does nothing else:
///
/// ```
/// use lifecycle::Task;
/// # async fn send_mail(_: &str) {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lifecycle::Closed> {
/// let afterwards = Task::tasks();
/// let tasks = afterwards.handle(); // for the handlers
///
/// // In a handler, when the answer need not wait for it:
/// tasks.spawn("mail to ada", async { send_mail("ada").await })?;
/// # Ok(())
/// # }
/// ```
///
/// ```yaml
/// resources:
///   http:       { kind: http-server, port: 8080, timeout: 15s, uses: [afterwards] }
///   afterwards: { kind: task, timeout: 5s }
///   prices:     { kind: task, timeout: 2s, on_failure: restart }
/// ```
pub struct Task<R = Stops>(Served, StartUp, PhantomData<fn() -> R>);
wirable!(Task<R>, Task);

impl Task {
    /// Runs `run` from the start of the service on; it has to end soon after
    /// [`Stopping::requested`] resolves.
    pub fn new<F, Fut>(run: F) -> Self
    where
        F: FnOnce(Stopping) -> Fut + Send + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        Self::of(Served::stopping(run))
    }

    /// Runs nothing but the children that are spawned through its [`handle`](Self::handle), until the
    /// step's window opens; those that run then are waited for. The service does not run for its sake:
    /// when everything else that served has ended, it stops.
    pub fn tasks() -> Self {
        let served = Served::new(|hub| async move {
            hub.requested.cancelled().await;
            Ok(())
        });
        Self::of(served.aside())
    }

    /// Starts children of this task from anywhere, also before the service runs.
    pub fn handle(&self) -> Tasks {
        Tasks {
            hub: Arc::clone(self.0.hub()),
        }
    }
}

impl Task<Restarts> {
    /// Runs `run` from the start of the service on, and again whenever it has ended badly, as
    /// `on_failure: restart` in the manifest wants it.
    ///
    /// When it or one of its children ends badly, the others are cancelled and have `budget.unwind` to
    /// let go before they are dropped.
    pub fn restarting<F, Fut>(run: F) -> Self
    where
        F: Fn(Stopping) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        Self::of(Served::again(move |hub| {
            use super::ending::sealed::Ending as _;
            let running = run(Stopping { hub });
            async move { running.await.into_result() }
        }))
    }
}

impl<R> Task<R> {
    fn of(served: Served) -> Self {
        Self(served, StartUp::default(), PhantomData)
    }
}

/// Starts children of a [`Task`]. Clones share it.
///
/// ```
/// use lifecycle::{Closed, Tasks};
///
/// /// Answers at once, and writes the thumbnail afterwards; the stop waits for it.
/// fn uploaded(tasks: &Tasks, picture: u64) -> Result<(), Closed> {
///     tasks.spawn_best_effort(format!("thumbnail {picture}"), async { /* … */ })?;
///     Ok(())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # assert!(uploaded(&lifecycle::Task::tasks().handle(), 7).is_ok());
/// # }
/// ```
#[derive(Clone)]
pub struct Tasks {
    hub: Arc<Hub>,
}

impl Tasks {
    /// Runs `future` as a child called `name`. An error or a panic in it stops the service in order;
    /// see [`Stopping::spawn`].
    ///
    /// # Errors
    ///
    /// [`Closed`] once the step's window has opened: nothing has been begun.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn spawn<F>(&self, name: impl fmt::Display, future: F) -> Result<AbortHandle, Closed>
    where
        F: Future<Output: Ending> + Send + 'static,
    {
        self.hub.try_spawn(&name, Matter::Resource, future)
    }

    /// The same for what the service can do without: an error or a panic in it is logged, and the
    /// service goes on. A panic once the service stops is work lost in the report.
    ///
    /// # Errors
    ///
    /// [`Closed`] once the step's window has opened.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn spawn_best_effort<F>(
        &self,
        name: impl fmt::Display,
        future: F,
    ) -> Result<AbortHandle, Closed>
    where
        F: Future<Output: Ending> + Send + 'static,
    {
        self.hub.try_spawn(&name, Matter::Log, future)
    }

    /// What the children look at to learn that they must stop.
    pub fn stopping(&self) -> Stopping {
        Stopping {
            hub: Arc::clone(&self.hub),
        }
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}
