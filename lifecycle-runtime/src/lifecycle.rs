//! The builder: the same shutdown without the macro.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::control::Control;
use crate::environment::Environment;
use crate::health::{Health, health};
use crate::plan::Plan;
use crate::report::Report;
use crate::session::Session;
use crate::wiring::{Resource, Resources, Wiring};

/// A service put together by hand, inside a tokio runtime that already runs.
///
/// The [crate's page](crate) has a complete example.
///
/// ```
/// # mod shop { lifecycle::include_plan!("tests/macros/shop.yaml"); }
/// # use shop::Resources;
/// use lifecycle::{Database, Lifecycle, Task};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # tokio::time::pause();
/// let jobs = Task::new(|stopping| async move { stopping.requested().await });
/// let service = Lifecycle::new(Resources::plan())
///     .platform("kubernetes")
///     .with("jobs", jobs)
///     .with("orders-db", Database::new(|| async { /* pool.close().await */ }))
///     .embedded(); // one service of several in this process
/// # service.stop_handle().stop("the example is over");
/// assert_eq!(service.run().await.exit_code(), 0);
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing starts before `run`"]
pub struct Lifecycle {
    plan: Cow<'static, Plan>,
    wiring: Wiring,
    platform: Option<String>,
    embedded: bool,
    wedged_after: Option<Duration>,
    stop: StopHandle,
    health: Health,
}

impl Lifecycle {
    /// A service that stops by `plan`: a `&'static Plan` or an owned one.
    pub fn new(plan: impl Into<Cow<'static, Plan>>) -> Self {
        Self {
            plan: plan.into(),
            wiring: Wiring::default(),
            platform: None,
            embedded: false,
            wedged_after: None,
            stop: StopHandle::default(),
            health: Health::default(),
        }
    }

    /// Wires `resource` as the one called `name` in the plan. A name that the plan does not have, a
    /// resource of another kind and one that is missing keep the service from starting.
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, resource: impl Resource) -> Self {
        self.wiring.add(name, resource);
        self
    }

    /// Wires many resources at once.
    pub fn resources(mut self, resources: impl Resources) -> Self {
        resources.wire(&mut self.wiring);
        self
    }

    /// Runs by the timeline of this platform, whatever `LIFECYCLE_PLATFORM` says.
    pub fn platform(mut self, key: impl Into<String>) -> Self {
        self.platform = Some(key.into());
        self
    }

    /// Leaves the process alone: no signals are taken, no watchdog ends it, the environment is not
    /// read, no report file is written. For tests, and for a program that hosts several services;
    /// only a [`StopHandle`] or the resources themselves then stop the service.
    pub fn embedded(mut self) -> Self {
        self.embedded = true;
        self
    }

    /// After how long without running any task the tokio runtime counts as wedged, so that
    /// [liveness](crate::manual::health#liveness) fails; 30 s unless set, and never with [`Duration::MAX`]. The runtime
    /// of an [`embedded`](Self::embedded) service is not watched.
    pub fn wedged_after(mut self, limit: Duration) -> Self {
        self.wedged_after = Some(limit);
        self
    }

    /// Stops this service from code.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// This service's health: of its own if it is [`embedded`](Self::embedded), else the process's,
    /// as [`health()`] gives it.
    pub fn health(&self) -> Health {
        if self.embedded {
            self.health.clone()
        } else {
            health()
        }
    }

    /// Starts the resources, runs them until the service is asked to stop, stops them by the plan.
    ///
    /// Unless the service is [`embedded`](Self::embedded), SIGTERM and SIGINT belong to this call from
    /// its beginning until the end of the process, and once a stop has begun, the watchdog ends the
    /// process at the plan's deadline. A service that does not start says so in its report.
    pub async fn run(self) -> Report {
        let health = self.health();
        let environment = (!self.embedded).then(Environment::read);
        let session = Session::begin(self.plan, environment, self.platform, health)
            .wedged_after(self.wedged_after);
        self.stop.attach(&session.control);
        if !self.embedded {
            announce(self.stop.clone());
        }
        let wiring = self.wiring;
        session.drive(async { Ok(wiring) }).await
    }
}

/// Stops a service from code. Clones stop the same one.
///
/// ```
/// # mod shop { lifecycle::include_plan!("tests/macros/shop.yaml"); }
/// # async fn licence_ends() {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # tokio::time::pause();
/// # let service = lifecycle::Lifecycle::new(shop::Resources::plan()).embedded()
/// #     .with("jobs", lifecycle::Task::new(|stopping| async move { stopping.requested().await }))
/// #     .with("orders-db", lifecycle::Database::new(|| async {}));
/// let stop = service.stop_handle();
/// tokio::spawn(async move {
///     licence_ends().await;
///     stop.stop("the licence has ended");
/// });
/// let report = service.run().await;
/// assert_eq!(report.cause.as_deref(), Some("the licence has ended"));
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct StopHandle(Arc<Mutex<Target>>);

#[derive(Default)]
struct Target {
    control: Weak<Control>,
    /// Asked before the service ran.
    early: Option<String>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("early", &self.early)
            .finish_non_exhaustive()
    }
}

impl StopHandle {
    /// Stops the service in order, as a signal would; `cause` is what the report says. Only the first
    /// request counts, and one before the service runs stops it as soon as it does.
    pub fn stop(&self, cause: impl Into<String>) {
        let mut target = self.lock();
        if let Some(control) = target.control.upgrade() {
            drop(target);
            control.stop(cause.into());
        } else {
            target.early.get_or_insert_with(|| cause.into());
        }
    }

    pub(crate) fn of(control: &Arc<Control>) -> Self {
        let handle = Self::default();
        handle.attach(control);
        handle
    }

    fn attach(&self, control: &Arc<Control>) {
        let mut target = self.lock();
        target.control = Arc::downgrade(control);
        let early = target.early.take();
        drop(target);
        if let Some(cause) = early {
            control.stop(cause);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Target> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The service that this process runs.
static PROCESS: Mutex<Option<StopHandle>> = Mutex::new(None);

/// From here on [`stop`] means this service.
pub(crate) fn announce(handle: StopHandle) {
    *PROCESS.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
}

/// Stops the service that this process runs, in order, as a signal would; `cause` is what the report
/// says. Without a service it does nothing.
///
/// ```
/// /// A client's error after which only a new process helps.
/// fn lost_for_good(error: &std::io::Error) {
///     lifecycle::stop(format!("the queue's connection is lost: {error}"));
/// }
/// # lost_for_good(&std::io::ErrorKind::BrokenPipe.into());
/// ```
pub fn stop(cause: impl Into<String>) {
    let handle = PROCESS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    if let Some(handle) = handle {
        handle.stop(cause);
    }
}
