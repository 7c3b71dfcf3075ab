//! What the executor knows of a resource: it starts, it is asked to stop, it may be cancelled.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use crate::plan::{Plan, Step};

/// A future that owns what it needs.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Why a step did not end well, in words for the report.
///
/// A [`Panicked`] inside makes the step's outcome "panicked" instead of "failed".
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Longer than any service runs. A clock can tell the time that far ahead, as it cannot for
/// [`Duration::MAX`], which users write where they want no limit.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// A wired resource.
///
/// The executor calls `start` once, when everything is wired and what the resource uses is up;
/// `settle` when the stop signal has come and the program still serves; `stop` when the step's window
/// opens; and `cancel` when the step's timeout has passed and `stop` has not resolved. A service that
/// is stopped while it starts has all its resources stopped, those too that were never started.
/// Methods other than `stop`'s and `ended`'s futures return at once: they are called from the executor
/// itself, and `active` and `tally` also from the watchdog while every async worker may be blocked.
pub(crate) trait Work: Send + Sync + 'static {
    /// Begins to serve, on the current tokio runtime.
    fn start(&self, _plan: &Plan, _step: &Step) {}

    /// Resolves when the resource has ended without having been asked to; an `Err` says why in
    /// words, and stops the service. Called once, after `start`.
    ///
    /// `None`: a resource that only has an end, such as a connection pool.
    fn ended(&self) -> Option<BoxFuture<Result<(), String>>>;

    /// Every resource is up, and readiness turns 200.
    fn ready(&self) {}

    /// Whether the service runs for its sake: when all of those have ended, it stops. Called once,
    /// after `start`.
    fn serves(&self) -> bool {
        true
    }

    /// The stop signal has come: still serve, and ask clients to go elsewhere.
    fn settle(&self) {}

    /// Stops intake and resolves when nothing is in flight any more. Called once. On a resource that
    /// was never started it resolves as soon as what `main` opened is closed.
    fn stop(&self, window: Window) -> BoxFuture<Result<(), Failure>>;

    /// Cancels what is still in flight; `stop`'s future then has the unwind time to resolve.
    fn cancel(&self) {}

    /// Ends at once what `cancel` did not: called when the unwind time has passed too.
    fn abandon(&self) {}

    /// What is in flight now.
    fn active(&self) -> Active {
        Active::default()
    }

    /// What is left to do when all steps have ended and the report has been logged: called once, from
    /// then on.
    fn finally(&self) -> Option<BoxFuture<Result<(), Failure>>> {
        None
    }

    /// What became of work that did not end in the usual way.
    fn tally(&self) -> Tally {
        Tally::default()
    }
}

/// The time a step has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// From the beginning of the step to its cancellation.
    pub(crate) timeout: Duration,
    /// Somebody at a terminal waits: nothing is done for the comfort of clients.
    pub(crate) hurry: bool,
}

/// What became of work that did not end in the usual way, since the service was asked to stop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Requests, sessions or entries that were refused.
    pub(crate) rejected: u64,
    /// Names of what is still unfinished, where the resource follows its work to the end. What ended
    /// well after the step's timeout is not among them.
    pub(crate) unfinished: Option<Vec<String>>,
    /// Ids of claimed jobs that were given back to their queue.
    pub(crate) handed_back: Vec<String>,
    /// Names of what could not be ended and was left running.
    pub(crate) abandoned: Vec<String>,
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

/// The failure of something that panicked, with the panic's message.
#[derive(Debug)]
pub(crate) struct Panicked(pub(crate) String);

impl Panicked {
    /// The message of a panic's payload.
    pub(crate) fn new(payload: &(dyn std::any::Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&'static str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self(message.unwrap_or_else(|| "a panic without a message".to_owned()))
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Panicked {}

/// The failure of a call that had not ended when its time was over.
#[derive(Debug)]
pub(crate) struct NoEnd(pub(crate) Duration);

impl fmt::Display for NoEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Duration::ZERO => f.write_str("no time was left for it"),
            limit => write!(f, "no end within {limit:?}"),
        }
    }
}

impl std::error::Error for NoEnd {}

/// A future whose panic is its result.
pub(crate) async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(|context| {
        // After a panic the future is not polled again, so nobody sees what it left half done.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(Panicked::new(&*payload))),
        }
    })
    .await
}
