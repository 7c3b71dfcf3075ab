//! The HTTP server: an accept loop of its own on hyper, so that stopping it loses no request.
//!
//! What it does for its users, moment by moment, is on the manual's page ([`crate::manual::http`]).
//! How the parts hang together:
//!
//! | file | |
//! |---|---|
//! | `build`, `options` | what a service chooses |
//! | `own`, `running` | the server as the executor, or a program without a plan, sees it |
//! | `listen`, `accept` | where connections come from, and how the way in is closed |
//! | `server` | the stage, the registry of connections, the end |
//! | `connection` | the task of one connection: what the stage asks of it, and its bounds |
//! | `protocol`, `sniff`, `tls` | what is spoken on it |
//! | `wire`, `socket` | its bytes: counted, under TLS or not, and closed so that answers arrive |
//! | `track`, `slot` | what is known of it while it lives |
//! | `exchange`, `streams` | a request and its answer; the task of an HTTP/2 stream |
//! | `handover` | requests that another resource takes over |
//!
//! The rule behind it: **a request that reached this machine before the linger ended is served**;
//! each connection reads once more, from the kernel itself, before it refuses anything.
//!
//! A request is in flight from its head's arrival until its response's body has been given out, so
//! uploads and streams count; a connection that was upgraded (a WebSocket) counts until it closes.
//!
//! Not here: timeouts of requests while nobody has asked the server to stop.

#[cfg(feature = "http")]
mod accept;
#[cfg(feature = "http")]
mod build;
#[cfg(feature = "http")]
mod connection;
#[cfg(feature = "http")]
mod exchange;
#[cfg(feature = "http")]
mod handover;
#[cfg(feature = "http")]
mod listen;
#[cfg(all(test, feature = "http", lifecycle_loom))]
mod models;
#[cfg(feature = "http")]
mod options;
#[cfg(feature = "http")]
mod own;
#[cfg(feature = "http")]
mod peer;
#[cfg(feature = "http")]
mod protocol;
#[cfg(feature = "http")]
mod running;
#[cfg(feature = "http")]
mod server;
#[cfg(feature = "http")]
mod slot;
#[cfg(feature = "http2")]
mod sniff;
#[cfg(feature = "http")]
mod socket;
#[cfg(feature = "http2")]
mod streams;
#[cfg(all(test, feature = "http"))]
mod tests;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "http")]
mod track;
#[cfg(feature = "http")]
mod wire;

use std::future::Future;

#[cfg(feature = "http")]
pub(crate) use self::handover::Handover;
#[cfg(feature = "http")]
pub use self::listen::Listener;
#[cfg(feature = "http")]
pub use self::peer::Peer;
#[cfg(feature = "http")]
pub use self::running::RunningServer;

#[cfg(feature = "http")]
use self::own::Own;
use crate::plan::{Kind, Plan, Step};
use crate::resource::{Ending, Served, StartUp, Stopping, started_when};
use crate::wiring::sealed::{IntoPart, Part};
use crate::work::{Active, BoxFuture, Failure, Tally, Window, Work};

/// Serves HTTP with any tower service, such as an axum `Router`: the resource of kind `http-server`.
///
/// HTTP/1.1, upgrades included; with the feature `http2` also HTTP/2, by ALPN under TLS and with prior
/// knowledge on any port. Over TCP, Unix sockets, TLS and what systemd hands over. On the stop signal it goes on serving while asking clients to take their next request
/// elsewhere; when its window opens it stops its intake without losing a connection or a request
/// that the kernel had already taken, refuses late requests with 503, and waits for those in flight.
///
/// Every request carries a [`Cancellation`](crate::Cancellation) in its extensions; it fires when
/// the step's timeout has passed. A handler that panics costs its own connection (HTTP/2: its own
/// stream) and nothing else.
///
/// [The manual](crate::manual::http) has the whole of it: what happens to whom at which moment, every
/// bound and its default, listeners of all kinds, and how handlers stop well.
///
/// ```no_run
/// # use axum::{Router, routing::get};
/// # async fn wire() -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
/// let router = Router::new().route("/", get(|| async { "hello" }));
/// let server = lifecycle::HttpServer::new(listener, router);
/// # Ok(()) }
/// ```
#[must_use = "a server serves once it is returned from `main`, or spawned"]
pub struct HttpServer {
    by: By,
    startup: StartUp,
}

/// Who answers.
enum By {
    /// This crate, on hyper.
    #[cfg(feature = "http")]
    Own(Own),
    /// A framework's own server, which the service runs.
    External(Served),
}

impl HttpServer {
    /// A server of another framework: anything that offers a stop handle.
    ///
    /// `run` runs from the start of the service on. It stops its intake and finishes what is in
    /// flight once [`Stopping::requested`] resolves, and ends; the step waits for that, and for every
    /// guard of [`Stopping::working`]. At the step's timeout [`Stopping::cancelled`] resolves, and
    /// when `budget.unwind` has passed too the future is dropped. An error or a panic while the
    /// service runs stops the service in order, with a non-zero exit code.
    ///
    /// What this crate's own server does between the signal and the end, no framework does by itself:
    /// `Connection: close` while settling (see [`Stopping::settling`]), the backlog, the linger, the
    /// bounds of clients that stall. The other methods of this type are choices about the own server,
    /// and change nothing for an external one. It does not need the feature `http`.
    ///
    /// ```
    /// # async fn wire() -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
    /// let router = axum::Router::new();
    /// let server = lifecycle::HttpServer::external(|stopping| async move {
    ///     axum::serve(listener, router)
    ///         .with_graceful_shutdown(stopping.requested())
    ///         .await
    /// });
    /// # drop(server);
    /// # Ok(()) }
    /// ```
    pub fn external<F, Fut>(run: F) -> Self
    where
        F: FnOnce(Stopping) -> Fut + Send + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        Self::by(By::External(Served::stopping(run)))
    }

    fn by(by: By) -> Self {
        let startup = StartUp::default();
        Self { by, startup }
    }

    fn work(&self) -> &dyn Work {
        match &self.by {
            #[cfg(feature = "http")]
            By::Own(own) => own,
            By::External(served) => served,
        }
    }
}

impl Work for HttpServer {
    fn start(&self, plan: &Plan, step: &Step) {
        self.work().start(plan, step);
    }

    fn ended(&self) -> Option<BoxFuture<Result<(), String>>> {
        self.work().ended()
    }

    fn settle(&self) {
        self.work().settle();
    }

    fn stop(&self, window: Window) -> BoxFuture<Result<(), Failure>> {
        self.work().stop(window)
    }

    fn cancel(&self) {
        self.work().cancel();
    }

    fn abandon(&self) {
        self.work().abandon();
    }

    fn active(&self) -> Active {
        self.work().active()
    }

    fn tally(&self) -> Tally {
        self.work().tally()
    }
}

impl IntoPart for HttpServer {
    fn into_part(mut self) -> Part {
        let startup = std::mem::take(&mut self.startup);
        Part::new(Kind::HttpServer, self, startup)
    }
}

impl crate::wiring::Resource for HttpServer {}

started_when!(HttpServer, startup);

impl std::fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpServer").finish_non_exhaustive()
    }
}
