//! A server that somebody else than the executor runs.

use std::sync::Arc;

use std::time::Duration;

use super::{By, HttpServer};
use crate::work::{Window, Work};

/// A server that runs without a plan, from [`HttpServer::spawn`].
///
/// Its steps are those a plan would take; who calls them keeps the time. Dropping it changes
/// nothing: the server serves on.
///
/// ```
/// use std::time::Duration;
/// use lifecycle::HttpServer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let router = axum::Router::new();
/// let server = HttpServer::new(listener, router).spawn();
/// // … and in the end:
/// match tokio::time::timeout(Duration::from_secs(10), server.stop()).await {
///     Ok(stopped) => stopped?,
///     Err(_) => server.abandon(),
/// }
/// assert_eq!((server.in_flight(), server.rejected()), (0, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RunningServer(Arc<HttpServer>);

impl RunningServer {
    pub(super) fn new(server: HttpServer) -> Self {
        Self(Arc::new(server))
    }

    /// Goes on serving, and asks clients to take their next request elsewhere.
    pub fn settle(&self) {
        self.0.settle();
    }

    /// Stops the intake and resolves when nothing is in flight any more: at once when nobody is
    /// connected, within the linger when nobody asks for anything. An error says how many
    /// connections [`RunningServer::abandon`] had to cut.
    pub fn stop(
        &self,
    ) -> impl Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> + Send + 'static
    {
        // Who calls this keeps the time.
        self.0.stop(Window {
            timeout: Duration::MAX,
            hurry: false,
        })
    }

    /// Fires the [`Cancellation`](crate::Cancellation) of every request.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Cuts every connection.
    pub fn abandon(&self) {
        self.0.abandon();
    }

    /// How many requests are in flight.
    pub fn in_flight(&self) -> u64 {
        match &self.0.by {
            By::Own(own) => own.server().map_or(0, |server| server.active().count),
            By::External(served) => served.active().count,
        }
    }

    /// How many requests have been refused with 503 because they came too late.
    pub fn rejected(&self) -> u64 {
        self.0.tally().rejected
    }

    /// How many handlers have panicked.
    pub fn panicked(&self) -> u64 {
        match &self.0.by {
            By::Own(own) => own.server().map_or(0, |server| server.panics()),
            By::External(_) => 0,
        }
    }
}
