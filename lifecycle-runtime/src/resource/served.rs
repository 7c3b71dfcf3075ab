//! What runs until it is asked to stop: one implementation behind consumers, schedulers and servers.

mod again;
mod hub;

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::again::{Again, again};
pub(crate) use self::hub::Hub;
use super::nursery::{Nursery, named};
use crate::plan::{OnFailure, Plan, Step};
use crate::report::words;
use crate::tasks;
use crate::work::{Active, BoxFuture, Failure, Tally, Window, Work};

type Running = BoxFuture<Result<(), Failure>>;

enum Body {
    Once(Box<dyn FnOnce(Arc<Hub>) -> Running + Send>),
    Again(Box<dyn Fn(Arc<Hub>) -> Running + Send + Sync>),
}

/// A future of the service's, run from the start until it ends.
pub(crate) struct Served {
    body: Mutex<Option<Body>>,
    hub: Arc<Hub>,
    life: Arc<Life>,
    /// The service runs for its sake.
    serves: bool,
    /// Intake stops with the signal already, before the step begins.
    pulls: AtomicBool,
}

/// How far the future has come.
#[derive(Default)]
struct Life {
    over: CancellationToken,
    /// In words of [`named`]: showing it runs nobody else's code under the lock.
    result: Mutex<Option<Result<(), Failure>>>,
    abort: OnceLock<AbortHandle>,
    /// The children of what runs now.
    children: Mutex<Arc<Nursery>>,
    /// What the resource is called.
    name: OnceLock<String>,
    /// What ends badly is started again, and only its last end counts.
    restarts: AtomicBool,
}

impl Served {
    pub(crate) fn new<F, Fut>(body: F) -> Self
    where
        F: FnOnce(Arc<Hub>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        Self::of(Body::Once(Box::new(|hub| Box::pin(body(hub)))))
    }

    /// What is started again when it has ended badly, if the plan wants it.
    pub(crate) fn again<F, Fut>(body: F) -> Self
    where
        F: Fn(Arc<Hub>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        Self::of(Body::Again(Box::new(move |hub| Box::pin(body(hub)))))
    }

    fn of(body: Body) -> Self {
        let hub = Arc::<Hub>::default();
        let life = Life {
            children: Mutex::new(Arc::clone(&hub.children)),
            ..Life::default()
        };
        Self {
            body: Mutex::new(Some(body)),
            hub,
            life: Arc::new(life),
            serves: true,
            pulls: AtomicBool::new(false),
        }
    }

    /// The service does not run for the sake of this one.
    pub(crate) fn aside(mut self) -> Self {
        self.serves = false;
        self
    }

    /// Shares this with the handles that were made before.
    #[cfg(all(unix, feature = "process"))]
    pub(crate) fn sharing(mut self, hub: Arc<Hub>) -> Self {
        *self.life.lock() = Arc::clone(&hub.children);
        self.hub = hub;
        self
    }

    /// What handles share with the future.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// What it takes in, it fetches itself, so nobody has to notice first that it stops: intake does
    /// with the signal, unless the step waits for others, which may still make work for it.
    pub(crate) fn pulling(self) -> Self {
        self.pulls.store(true, Ordering::Relaxed);
        self
    }

    /// Begins to run, on the current tokio runtime. A second call changes nothing.
    pub(crate) fn begin(&self) {
        let body = self
            .body
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(body) = body else {
            return;
        };
        let hub = Arc::clone(&self.hub);
        // The closure runs inside the task too, so that its panic is the task's.
        let running = match body {
            Body::Once(body) => tasks::spawn(async move { body(hub).await }),
            Body::Again(body) => tasks::spawn(again(Again {
                hub,
                life: Arc::clone(&self.life),
                body,
            })),
        };
        let _ = self.life.abort.set(running.abort_handle());
        let life = Arc::clone(&self.life);
        tasks::spawn(async move {
            let result = tasks::joined(running.await).map_err(|error| named("", &*error));
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
        self.hub.roster.close();
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
        let _ = self.life.name.set(step.name.to_string());
        let restarts = step.on_failure == OnFailure::Restart;
        self.life.restarts.store(restarts, Ordering::Relaxed);
        if !step.waits_for.is_empty() {
            self.pulls.store(false, Ordering::Relaxed);
        }
        self.begin();
    }

    fn serves(&self) -> bool {
        self.serves
    }

    fn ended(&self) -> Option<BoxFuture<Result<(), String>>> {
        let life = Arc::clone(&self.life);
        let roster = Arc::clone(&self.hub.roster);
        Some(Box::pin(async move {
            tokio::select! {
                () = life.over.cancelled() => {}
                () = life.child_failed() => {}
            }
            // What has spawned workers and returned lives on in them.
            // Once only: a stop that is faster takes the failure, and a failed child stays one.
            if life.failure().is_none() {
                tokio::select! {
                    biased;
                    () = life.child_failed() => {}
                    () = roster.drained() => {}
                }
            }
            life.failure().map_or(Ok(()), Err)
        }))
    }

    fn settle(&self) {
        self.hub.settling.cancel();
        if self.pulls.load(Ordering::Relaxed) {
            self.stop_intake();
        }
    }

    fn stop(&self, _window: Window) -> BoxFuture<Result<(), Failure>> {
        let life = Arc::clone(&self.life);
        let roster = Arc::clone(&self.hub.roster);
        self.stop_intake();
        if life.abort.get().is_none() {
            // Never started: all there can be is what handles have begun.
            life.over.cancel();
        }
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
            if !life.restarts() {
                life.children().take_failure()?;
            }
            let troubles = roster.troubles();
            if !troubles.is_empty() {
                return Err(troubles.join("; ").into());
            }
            roster.lost_work()
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
        // Asked for after the parent was told to go, so that it cannot start with others.
        self.life.children().abandon();
        // Those that handles have started.
        self.hub.children.abandon();
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
    /// Why the future or a child of it ended badly, while nobody has taken the result yet.
    fn failure(&self) -> Option<String> {
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        let own = result.as_ref().and_then(|it| it.as_ref().err());
        own.map(|error| words(&**error)).or_else(|| {
            let watched = (!self.restarts()).then(|| self.children());
            watched.and_then(|children| children.failure())
        })
    }

    fn restarts(&self) -> bool {
        self.restarts.load(Ordering::Relaxed)
    }

    fn children(&self) -> Arc<Nursery> {
        Arc::clone(&self.lock())
    }

    /// Resolves when a child has failed whose failure is the resource's.
    async fn child_failed(&self) {
        if self.restarts() {
            std::future::pending::<()>().await;
        }
        let failed = self.children().failed();
        failed.await;
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Nursery>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
