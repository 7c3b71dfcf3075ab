//! Readiness and liveness: one state, read by probes.

mod answer;
mod server;

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

pub(crate) use server::{bind, serve};

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
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<AtomicU8>);

/// The health of the service that this process runs. Clones and later calls give the same one.
pub fn health() -> Health {
    static HEALTH: OnceLock<Health> = OnceLock::new();
    HEALTH.get_or_init(Health::default).clone()
}

impl Health {
    /// Whether traffic should come: true from the moment everything is wired until the stop signal.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire) == READY
    }

    /// Whether the process should be left alone: true throughout, the shutdown included. A liveness
    /// probe that fails during the shutdown would have the platform end it early.
    #[allow(
        clippy::unused_self,
        reason = "a fact about this service, and not always a constant"
    )]
    pub fn is_live(&self) -> bool {
        true
    }

    /// Whether the service has been asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.0.load(Ordering::Acquire) == STOPPING
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

    pub(crate) fn starting(&self) {
        self.0.store(STARTING, Ordering::Release);
    }

    /// Ready, unless a stop was faster.
    pub(crate) fn ready(&self) {
        let _ = self
            .0
            .compare_exchange(STARTING, READY, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(crate) fn stopping(&self) {
        self.0.store(STOPPING, Ordering::Release);
    }
}
