//! What runs until it is asked to stop: one implementation behind consumers, schedulers and servers.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::roster::Roster;
use crate::cancellation::Cancellation;
use crate::plan::{Plan, Step};
use crate::report::words;
use crate::work::{Active, BoxFuture, Failure, Panicked, Tally, Window, Work, join_failure};

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
    /// How long cancelled work has to let go.
    pub(crate) unwind: OnceLock<Duration>,
    /// When the work was cancelled.
    pub(crate) cancelled_at: OnceLock<Instant>,
}

type Body = Box<dyn FnOnce(Arc<Hub>) -> BoxFuture<Result<(), Failure>> + Send>;

/// A future of the service's, run from the start until it ends.
pub(crate) struct Served {
    body: Mutex<Option<Body>>,
    hub: Arc<Hub>,
    life: Arc<Life>,
    /// Intake stops with the signal already, before the step begins.
    pulls: AtomicBool,
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
            pulls: AtomicBool::new(false),
        }
    }

    /// What it takes in, it fetches itself, so nobody has to notice first that it stops: intake does
    /// with the signal, unless the step waits for others, which may still make work for it.
    pub(crate) fn pulling(self) -> Self {
        self.pulls.store(true, Ordering::Relaxed);
        self
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

    fn stop_intake(&self) {
        if self.hub.requested.is_cancelled() {
            return;
        }
        if self.life.failure().is_none() {
            // What panicked while the service ran was its own affair; from here on it is lost work.
            self.hub.roster.forget_lost();
        }
        self.hub.requested.cancel();
    }
}

impl Work for Served {
    fn start(&self, plan: &Plan, step: &Step) {
        // Set once: `start` is called once.
        if let Some(lease) = step.lease {
            let _ = self.hub.lease.set(lease);
        }
        // The same on every platform.
        let _ = self.hub.unwind.set(plan.unmanaged.unwind);
        if !step.waits_for.is_empty() {
            self.pulls.store(false, Ordering::Relaxed);
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
        if self.pulls.load(Ordering::Relaxed) {
            self.stop_intake();
        }
    }

    fn stop(&self, _window: Window) -> BoxFuture<Result<(), Failure>> {
        if self.life.abort.get().is_none() {
            // Never started: there is nothing to wait for.
            return Box::pin(std::future::ready(Ok(())));
        }
        let life = Arc::clone(&self.life);
        let roster = Arc::clone(&self.hub.roster);
        self.stop_intake();
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
            let troubles = roster.troubles();
            if !troubles.is_empty() {
                return Err(troubles.join("; ").into());
            }
            let lost = roster.lost();
            if lost.is_empty() {
                return Ok(());
            }
            Err(Box::new(Panicked(format!("panicked: {}", lost.join(", ")))) as Failure)
        })
    }

    fn cancel(&self) {
        // Set once: a step is cancelled once.
        let _ = self.hub.cancelled_at.set(Instant::now());
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

    fn tally(&self) -> Tally {
        self.hub.roster.tally()
    }
}

impl Life {
    /// Why the future ended badly, while nobody has taken the result yet.
    fn failure(&self) -> Option<String> {
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        result.as_ref()?.as_ref().err().map(|error| words(&**error))
    }
}
