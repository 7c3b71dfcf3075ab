//! What the executor knows of a resource: it starts, it is asked to stop, it may be cancelled.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A future that owns what it needs.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Why a step did not end well, in words for the report.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A wired resource.
///
/// The executor calls `start` once when everything is wired, `settle` when the stop signal has come
/// and the program still serves, `stop` when the step's window opens, and `cancel` when the step's
/// timeout has passed and `stop` has not resolved. Methods other than `stop`'s future return at once.
pub(crate) trait Work: Send + Sync + 'static {
    /// Begins to serve, on the current tokio runtime.
    fn start(&self) {}

    /// The stop signal has come: still serve, and ask clients to go elsewhere.
    fn settle(&self) {}

    /// Stops intake and resolves when nothing is in flight any more. Called once.
    fn stop(&self) -> BoxFuture<Result<(), Failure>>;

    /// Cancels what is still in flight; `stop`'s future then has the unwind time to resolve.
    fn cancel(&self) {}

    /// Ends at once what `cancel` did not: called when the unwind time has passed too.
    fn abandon(&self) {}

    /// What is in flight now.
    fn active(&self) -> Active {
        Active::default()
    }

    /// How many requests have been refused since intake stopped.
    fn rejected(&self) -> u64 {
        0
    }
}

/// What a resource is still doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Active {
    /// Requests, jobs or tasks in flight.
    pub(crate) count: u64,
    /// How long the oldest of them has been in flight, where that is known.
    pub(crate) oldest: Option<Duration>,
    /// Names of some of them: job ids, request paths. Bounded by whoever fills it in.
    pub(crate) names: Vec<String>,
}
