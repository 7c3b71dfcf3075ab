//! What runs until it is asked to stop: one implementation behind consumers, schedulers and servers.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::closed::Closed;
use super::ending::Ending;
use super::nursery::{Matter, Nursery, caught};
use super::restart::Backoff;
use super::roster::{Roster, Working};
use crate::cancellation::Cancellation;
use crate::plan::{Plan, Step};
use crate::report::words;
use crate::work::{Active, BoxFuture, Failure, Tally, Window, Work, join_failure};

/// What the resource and the service's own code share. What starts again gets a new one, with a
/// cancellation and children of its own.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    /// Intake has to stop.
    pub(crate) requested: CancellationToken,
    /// The timeout has passed.
    pub(crate) cancellation: Cancellation,
    pub(crate) roster: Arc<Roster>,
    pub(crate) lease: Arc<OnceLock<Duration>>,
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
        use super::ending::sealed::Ending as _;

        let future = async move { future.await.into_result() };
        self.children
            .spawn(&self.roster, working, name.to_string(), matter, future)
    }

    /// For the next start.
    fn again(&self) -> Self {
        Self {
            requested: self.requested.clone(),
            cancellation: self.cancellation.child(),
            roster: Arc::clone(&self.roster),
            lease: Arc::clone(&self.lease),
            children: Arc::default(),
        }
    }
}

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
    serves: bool,
}

/// How far the future has come.
#[derive(Default)]
struct Life {
    over: CancellationToken,
    result: Mutex<Option<Result<(), Failure>>>,
    abort: OnceLock<AbortHandle>,
    /// The children of what runs now.
    children: Mutex<Arc<Nursery>>,
    /// What ends badly is started again, and only its last end counts.
    restarts: bool,
}

impl Served {
    pub(crate) fn new<F, Fut>(body: F) -> Self
    where
        F: FnOnce(Arc<Hub>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        Self::of(Body::Once(Box::new(|hub| Box::pin(body(hub)))))
    }

    /// What is started again when it has ended badly.
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
            restarts: matches!(body, Body::Again(_)),
            children: Mutex::new(Arc::clone(&hub.children)),
            ..Life::default()
        };
        Self {
            body: Mutex::new(Some(body)),
            hub,
            life: Arc::new(life),
            serves: true,
        }
    }

    /// The service does not run for the sake of this one.
    pub(crate) fn aside(mut self) -> Self {
        self.serves = false;
        self
    }

    /// What handles share with the future.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }
}

impl Work for Served {
    fn start(&self, plan: &Plan, step: &Step) {
        let body = self
            .body
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(body) = body else {
            return;
        };
        if let Some(lease) = step.lease {
            // Set once: `start` is called once.
            let _ = self.hub.lease.set(lease);
        }
        let hub = Arc::clone(&self.hub);
        // The closure runs inside the task too, so that its panic is the task's.
        let running = match body {
            Body::Once(body) => tokio::spawn(async move { body(hub).await }),
            Body::Again(body) => tokio::spawn(again(Again {
                name: step.name.to_string(),
                unwind: plan.unmanaged.unwind,
                hub,
                life: Arc::clone(&self.life),
                body,
            })),
        };
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
            while life.failure().is_none() {
                tokio::select! {
                    biased;
                    () = life.child_failed() => {}
                    () = roster.drained() => break,
                }
            }
            life.failure().map_or(Ok(()), Err)
        }))
    }

    fn stop(&self, _window: Window) -> BoxFuture<Result<(), Failure>> {
        let life = Arc::clone(&self.life);
        let roster = Arc::clone(&self.hub.roster);
        if life.failure().is_none() {
            // What panicked while the service ran was its own affair; from here on it is lost work.
            roster.forget_lost();
        }
        roster.close();
        self.hub.requested.cancel();
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
            if !life.restarts {
                life.children().take_failure()?;
            }
            roster.lost_work()
        })
    }

    fn cancel(&self) {
        self.hub.cancellation.fire();
    }

    fn abandon(&self) {
        if let Some(abort) = self.life.abort.get() {
            abort.abort();
        }
        // Asked for after the parent was told to go, so that it cannot start with others.
        self.life.children().abandon();
    }

    fn active(&self) -> Active {
        let mut active = self.hub.roster.active();
        if active.count == 0 && self.life.abort.get().is_some() && !self.life.over.is_cancelled() {
            active.count = 1;
        }
        active
    }

    fn tally(&self) -> Tally {
        Tally {
            rejected: self.hub.roster.refused(),
            ..Tally::default()
        }
    }
}

impl Life {
    /// Why the future or a child of it ended badly, while nobody has taken the result yet.
    fn failure(&self) -> Option<String> {
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        let own = result.as_ref().and_then(|it| it.as_ref().err());
        own.map(|error| words(&**error)).or_else(|| {
            let watched = (!self.restarts).then(|| self.children());
            watched.and_then(|children| children.failure())
        })
    }

    fn children(&self) -> Arc<Nursery> {
        Arc::clone(&self.lock())
    }

    /// Resolves when a child has failed whose failure is the resource's.
    async fn child_failed(&self) {
        if self.restarts {
            std::future::pending::<()>().await;
        }
        let failed = self.children().failed();
        failed.await;
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Nursery>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is started again and again.
struct Again {
    name: String,
    unwind: Duration,
    hub: Arc<Hub>,
    life: Arc<Life>,
    body: Box<dyn Fn(Arc<Hub>) -> Running + Send + Sync>,
}

async fn again(it: Again) -> Result<(), Failure> {
    let mut backoff = Backoff::default();
    loop {
        let hub = Arc::new(it.hub.again());
        *it.life.lock() = Arc::clone(&hub.children);
        let began = Instant::now();
        let (during, result) = attempt(&it, &hub).await;
        let Err(error) = result else {
            return Ok(());
        };
        if during == During::Stop {
            return Err(error);
        }
        let wait = backoff.next(began.elapsed());
        let attempt = backoff.failures();
        let (resource, error) = (&*it.name, words(&*error));
        tracing::warn!(
            resource,
            error,
            attempt,
            ?wait,
            "ended badly; it is started again"
        );
        tokio::select! {
            biased;
            // Nothing runs, so nothing has to be let go.
            () = hub.requested.cancelled() => return Ok(()),
            () = sleep(wait) => {}
        }
    }
}

/// When something ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum During {
    Service,
    Stop,
}

/// One start, to the end of the future and of its children. When one of them ends badly, the others
/// are cancelled, unless the service stops: then they finish what they do.
async fn attempt(it: &Again, hub: &Arc<Hub>) -> (During, Result<(), Failure>) {
    let (body, given) = (&it.body, Arc::clone(hub));
    let mut running = Box::pin(caught(async move { body(given).await }));
    let mut own = None;
    tokio::select! {
        biased;
        () = hub.children.failed() => {}
        result = &mut running => own = Some(result),
    }
    if let Some(Ok(())) = own {
        // Its children live on.
        tokio::select! {
            biased;
            () = hub.children.failed() => {}
            () = hub.roster.drained() => {}
        }
    }
    let stopping = hub.requested.is_cancelled();
    if stopping || matches!(own, Some(Err(_))) || hub.children.failure().is_some() {
        if !stopping {
            hub.cancellation.fire();
        }
        let rest = async {
            if own.is_none() {
                own = Some(running.await);
            }
            hub.roster.drained().await;
        };
        if stopping {
            rest.await;
        } else {
            // What does not let go is dropped.
            let _ = timeout(it.unwind, rest).await;
            hub.children.abandon();
        }
    }
    let result = own
        .unwrap_or(Ok(()))
        .and_then(|()| hub.children.take_failure());
    let during = if stopping {
        During::Stop
    } else {
        During::Service
    };
    (during, result)
}
