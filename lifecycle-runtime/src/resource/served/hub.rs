//! What a resource and the service's own code share.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cancellation::Cancellation;
use crate::resource::closed::Closed;
use crate::resource::ending::Ending;
use crate::resource::nursery::{Matter, Nursery};
use crate::resource::roster::{Roster, Working};

/// What the resource and the service's own code share. What starts again gets a new one, with a
/// cancellation and children of its own.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    /// The stop signal has come; intake goes on.
    pub(crate) settling: CancellationToken,
    /// Intake has to stop.
    pub(crate) requested: CancellationToken,
    /// The timeout has passed.
    pub(crate) cancellation: Cancellation,
    pub(crate) roster: Arc<Roster>,
    pub(crate) lease: Arc<OnceLock<Duration>>,
    /// How long cancelled work has to let go.
    pub(crate) unwind: Arc<OnceLock<Duration>>,
    /// When the work was cancelled.
    pub(crate) cancelled_at: Arc<OnceLock<Instant>>,
    pub(crate) children: Arc<Nursery>,
}

impl Hub {
    /// Runs `future` as a child called `name`.
    pub(crate) fn spawn<F>(&self, name: &dyn fmt::Display, matter: Matter, future: F) -> AbortHandle
    where
        F: Future<Output: Ending> + Send + 'static,
    {
        self.child(self.roster.enter(name), name, matter, future)
    }

    /// The same, unless the step's window has opened.
    pub(crate) fn try_spawn<F>(
        &self,
        name: &dyn fmt::Display,
        matter: Matter,
        future: F,
    ) -> Result<AbortHandle, Closed>
    where
        F: Future<Output: Ending> + Send + 'static,
    {
        let working = self.roster.try_enter(name)?;
        Ok(self.child(working, name, matter, future))
    }

    fn child<F>(
        &self,
        working: Working,
        name: &dyn fmt::Display,
        matter: Matter,
        future: F,
    ) -> AbortHandle
    where
        F: Future<Output: Ending> + Send + 'static,
    {
        use crate::resource::ending::sealed::Ending as _;

        let future = async move { future.await.into_result() };
        self.children
            .spawn(&self.roster, working, name.to_string(), matter, future)
    }

    /// Resolves when the stop signal has come.
    pub(crate) async fn leaving(&self) {
        tokio::select! {
            () = self.settling.cancelled() => {}
            () = self.requested.cancelled() => {}
        }
    }

    /// Whether the stop signal has come.
    pub(crate) fn is_leaving(&self) -> bool {
        self.settling.is_cancelled() || self.requested.is_cancelled()
    }

    /// For the next start.
    pub(super) fn again(&self) -> Self {
        Self {
            settling: self.settling.clone(),
            requested: self.requested.clone(),
            cancellation: self.cancellation.child(),
            roster: Arc::clone(&self.roster),
            lease: Arc::clone(&self.lease),
            unwind: Arc::clone(&self.unwind),
            cancelled_at: Arc::clone(&self.cancelled_at),
            children: Arc::default(),
        }
    }
}
