//! Readiness and liveness: one state, read by probes.

pub(crate) mod answer;
#[cfg(all(test, lifecycle_loom))]
mod models;
mod pulse;
mod server;

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

#[cfg(feature = "aws")]
pub(crate) use answer::head_end;
pub(crate) use pulse::{Pulse, WEDGED_AFTER};
pub(crate) use server::Server;

use crate::control::Control;
use crate::status::Status;

const STARTING: u8 = 0;
const READY: u8 = 1;
const STOPPING: u8 = 2;

/// Whether the service is ready and live, for a service that mounts the answers on its own router
/// instead of setting `traffic.health.port`.
///
/// Each answer is a status that an axum handler may return as it is:
///
/// ```
/// # #[cfg(feature = "http")] {
/// use axum::{Router, routing::get};
///
/// let router: Router = Router::new()
///     .route("/health/ready", get(|| async { lifecycle::health().readiness() }))
///     .route("/health/live", get(|| async { lifecycle::health().liveness() }));
/// # }
/// ```
///
/// A wedged executor answers nothing at all on a router of its own, which a probe takes for a
/// failure too; only the health server, on its own thread, can say so with a 503.
#[derive(Clone, Default)]
pub struct Health(Arc<Shared>);

#[derive(Default)]
struct Shared {
    stage: AtomicU8,
    wedged: AtomicBool,
    control: Mutex<Weak<Control>>,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health")
            .field("ready", &self.is_ready())
            .field("live", &self.is_live())
            .finish_non_exhaustive()
    }
}

/// The health of the service that this process runs. Clones and later calls give the same one.
///
/// ```
/// // Before the service has started, and for a program that runs none:
/// assert!(!lifecycle::health().is_ready() && lifecycle::health().is_live());
/// ```
pub fn health() -> Health {
    static HEALTH: OnceLock<Health> = OnceLock::new();
    HEALTH.get_or_init(Health::default).clone()
}

impl Health {
    /// Whether traffic should come: true from the moment everything is wired until the stop signal.
    pub fn is_ready(&self) -> bool {
        self.state() == READY
    }

    /// Whether the process should be left alone: true unless the service is ready and its async
    /// runtime has not run a task for [30 s](crate::manual::health#liveness), so that only a restart can help.
    ///
    /// It is true throughout the start, however long that takes, and throughout the shutdown, where
    /// the watchdog ends what hangs: a liveness probe that failed then would have the platform end
    /// the service early. It turns true again if the runtime comes back.
    pub fn is_live(&self) -> bool {
        !(self.is_ready() && self.0.wedged.load(Ordering::Acquire))
    }

    /// Whether the service has been asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.state() == STOPPING
    }

    /// The readiness answer: 200 while traffic should come, 503 before and after.
    #[cfg(feature = "http")]
    pub fn readiness(&self) -> http::StatusCode {
        match self.is_ready() {
            true => http::StatusCode::OK,
            false => http::StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The liveness answer: 200 as long as the process should be left alone.
    #[cfg(feature = "http")]
    pub fn liveness(&self) -> http::StatusCode {
        match self.is_live() {
            true => http::StatusCode::OK,
            false => http::StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the service is doing now; `None` before it begins. As [`status()`](crate::status()), for a
    /// service that is not the process's own.
    pub fn status(&self) -> Option<Status> {
        let control = self.control().upgrade()?;
        Some(control.status())
    }

    fn control(&self) -> std::sync::MutexGuard<'_, Weak<Control>> {
        self.0
            .control
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// This is the health of `control`'s service.
    pub(crate) fn attach(&self, control: &Arc<Control>) {
        *self.control() = Arc::downgrade(control);
    }

    pub(crate) fn starting(&self) {
        self.0.wedged.store(false, Ordering::Release);
        self.0.stage.store(STARTING, Ordering::Release);
    }

    /// Ready, unless a stop was faster.
    pub(crate) fn ready(&self) {
        let _ = self
            .0
            .stage
            .compare_exchange(STARTING, READY, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(crate) fn stopping(&self) {
        self.0.stage.store(STOPPING, Ordering::Release);
    }

    /// Whether the async runtime answers.
    pub(crate) fn wedged(&self, wedged: bool) {
        self.0.wedged.store(wedged, Ordering::Release);
    }

    fn state(&self) -> u8 {
        self.0.stage.load(Ordering::Acquire)
    }
}
