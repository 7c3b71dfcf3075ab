//! What runs until it is asked to stop: one implementation behind consumers, schedulers and servers.

use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::roster::Roster;
use crate::cancellation::Cancellation;
use crate::plan::{Plan, Step};
use crate::report::words;
use crate::work::{Active, BoxFuture, Failure, Panicked, Window, Work, join_failure};

/// What the resource and the service's own code share.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    /// The stop signal has come; intake goes on.
    pub(crate) settling: CancellationToken,
    /// Intake has to stop.
    pub(crate) requested: CancellationToken,
    /// The timeout has passed.
    pub(crate) cancellation: Cancellation,
    pub(crate) roster: Arc<Roster>,
    pub(crate) lease: OnceLock<Duration>,
}

type Body = Box<dyn FnOnce(Arc<Hub>) -> BoxFuture<Result<(), Failure>> + Send>;

/// A future of the service's, run from the start until it ends.
pub(crate) struct Served {
    body: Mutex<Option<Body>>,
    hub: Arc<Hub>,
    life: Arc<Life>,
}

/// How far the future has come.
#[derive(Default)]
struct Life {
    over: CancellationToken,
    result: Mutex<Option<Result<(), Failure>>>,
    abort: OnceLock<AbortHandle>,
}

impl Served {
    pub(crate) fn new<F, Fut>(body: F) -> Self
    where
        F: FnOnce(Arc<Hub>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        Self {
            body: Mutex::new(Some(Box::new(|hub| Box::pin(body(hub))))),
            hub: Arc::default(),
            life: Arc::default(),
        }
    }

    /// Begins to run, on the current tokio runtime. A second call changes nothing.
    pub(crate) fn begin(&self) {
        let Some(body) = self
            .body
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        else {
            return;
        };
        let hub = Arc::clone(&self.hub);
        // The closure runs inside the task too, so that its panic is the task's.
        let running = tokio::spawn(async move { body(hub).await });
        let _ = self.life.abort.set(running.abort_handle());
        let life = Arc::clone(&self.life);
        tokio::spawn(async move {
            let result = running
                .await
                .unwrap_or_else(|error| Err(join_failure(error)));
            *life.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            life.over.cancel();
        });
    }
}

impl Work for Served {
    fn start(&self, _plan: &Plan, step: &Step) {
        if let Some(lease) = step.lease {
            // Set once: `start` is called once.
            let _ = self.hub.lease.set(lease);
        }
        self.begin();
    }

    fn ended(&self) -> Option<BoxFuture<Result<(), String>>> {
        let life = Arc::clone(&self.life);
        let roster = Arc::clone(&self.hub.roster);
        Some(Box::pin(async move {
            life.over.cancelled().await;
            if let Some(error) = life.failure() {
                return Err(error);
            }
            // A consumer that has spawned its workers and returned lives on in them.
            roster.drained().await;
            Ok(())
        }))
    }

    fn settle(&self) {
        self.hub.settling.cancel();
    }

    fn stop(&self, _window: Window) -> BoxFuture<Result<(), Failure>> {
        if self.life.abort.get().is_none() {
            // Never started: there is nothing to wait for.
            return Box::pin(std::future::ready(Ok(())));
        }
        let life = Arc::clone(&self.life);
        let roster = Arc::clone(&self.hub.roster);
        if life.failure().is_none() {
            // What panicked while the service ran was its own affair; from here on it is lost work.
            roster.forget_lost();
        }
        self.hub.requested.cancel();
        Box::pin(async move {
            life.over.cancelled().await;
            let result = life
                .result
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            roster.drained().await;
            if let Some(Err(error)) = result {
                return Err(error);
            }
            let lost = roster.lost();
            if lost.is_empty() {
                return Ok(());
            }
            Err(Box::new(Panicked(format!("panicked: {}", lost.join(", ")))) as Failure)
        })
    }

    fn cancel(&self) {
        self.hub.cancellation.fire();
    }

    fn abandon(&self) {
        if let Some(abort) = self.life.abort.get() {
            abort.abort();
        }
    }

    fn active(&self) -> Active {
        let mut active = self.hub.roster.active();
        if active.count == 0 && self.life.abort.get().is_some() && !self.life.over.is_cancelled() {
            active.count = 1;
        }
        active
    }
}

impl Life {
    /// Why the future ended badly, while nobody has taken the result yet.
    fn failure(&self) -> Option<String> {
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        result.as_ref()?.as_ref().err().map(|error| words(&**error))
    }
}
