//! What everything that runs looks at to learn that it must stop.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::task::AbortHandle;

use super::ending::Ending;
use super::nursery::Matter;
use super::roster::Working;
use super::served::{Hub, Served};
use crate::cancellation::Cancellation;

/// What a running server, task or scheduled job looks at to learn that it must stop. Clones share it.
///
/// ```
/// use std::time::Duration;
/// use lifecycle::{Stopping, Task};
///
/// # async fn sweep(_: lifecycle::Cancellation) {}
/// async fn sweeping(stopping: Stopping) {
///     while !stopping.is_requested() {
///         let _working = stopping.working("sweep"); // waited for, and named if it takes too long
///         sweep(stopping.cancellation()).await;
///         tokio::select! {
///             () = tokio::time::sleep(Duration::from_secs(60)) => {}
///             () = stopping.requested() => {}
///         }
///     }
/// }
/// let sweeper = Task::new(sweeping);
/// ```
#[derive(Clone)]
pub struct Stopping {
    pub(super) hub: Arc<Hub>,
}

impl Stopping {
    /// Resolves when the stop signal has come and the service settles: still serve everyone, and ask
    /// clients to take their next request elsewhere. [`Stopping::requested`] follows when routing has
    /// had its time to notice, and resolves this too.
    pub fn settling(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let hub = Arc::clone(&self.hub);
        async move { hub.leaving().await }
    }

    /// Whether the stop signal has come.
    pub fn is_settling(&self) -> bool {
        self.hub.is_leaving()
    }

    /// Resolves when the step's window opens: take no new work, finish what is in flight.
    ///
    /// Owns what it needs, so it can be handed to a server's `with_graceful_shutdown` and the like.
    pub fn requested(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.hub.requested.clone().cancelled_owned()
    }

    /// Whether the step's window has opened.
    pub fn is_requested(&self) -> bool {
        self.hub.requested.is_cancelled()
    }

    /// Resolves when the step's timeout has passed: let go within `budget.unwind`, then the future
    /// is dropped.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.hub.cancellation.cancelled()
    }

    /// Whether the step's timeout has passed.
    pub fn is_cancelled(&self) -> bool {
        self.hub.cancellation.is_cancelled()
    }

    /// The same as a value for work in flight to carry, as requests to `HttpServer::new` find one in
    /// their extensions.
    pub fn cancellation(&self) -> Cancellation {
        self.hub.cancellation.clone()
    }

    /// Counts a request that a server of another framework refused because it came too late; the
    /// report's `rejected` has the sum.
    pub fn reject(&self) {
        self.hub.roster.reject();
    }

    /// Notes that something called `name`, such as a session, is in flight until the returned guard
    /// is dropped. The step waits for it, and the report names it if it does not end in time.
    pub fn working(&self, name: impl fmt::Display) -> Working {
        self.hub.roster.enter(&name)
    }

    /// Runs `future` as a child called `name`, at once and beside its parent.
    ///
    /// It is never forgotten: the step waits for it, the report counts and names it, and what is left
    /// of it after the step's timeout and `budget.unwind` is dropped together with its parent. An
    /// error or a panic in it is the resource's own: the service stops in order, or the resource
    /// starts again, as the manifest's `on_failure` says. A child ends by itself; let it look at a
    /// clone of this, or at what its parent tells it. With the returned handle it can be dropped
    /// earlier, which is no failure.
    ///
    /// ```
    /// use lifecycle::Task;
    /// # async fn read(_: &str, _: lifecycle::Stopping) -> std::io::Result<()> { Ok(()) }
    ///
    /// let readers = Task::new(|stopping| async move {
    ///     for topic in ["orders", "returns"] {
    ///         stopping.spawn(topic, read(topic, stopping.clone()));
    ///     }
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn spawn<F>(&self, name: impl fmt::Display, future: F) -> AbortHandle
    where
        F: Future<Output: Ending> + Send + 'static,
    {
        self.hub.spawn(&name, Matter::Resource, future)
    }
}

impl fmt::Debug for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopping")
            .field("requested", &self.is_requested())
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Served {
    /// Runs `run` until it ends, which it is asked to by what it is given.
    pub(crate) fn stopping<F, Fut>(run: F) -> Self
    where
        F: FnOnce(Stopping) -> Fut + Send + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        Self::new(|hub| async move {
            use super::ending::sealed::Ending as _;
            run(Stopping { hub }).await.into_result()
        })
    }
}
