//! The HTTP server: an accept loop of its own on hyper, so that stopping it loses no request.
//!
//! What happens to a request, by when it arrives:
//!
//! | the server | a new connection | a request on an open connection |
//! |---|---|---|
//! | serves | is served | is served |
//! | settles (stop signal) | is served | is served; the answer says `Connection: close`, HTTP/2 gets GOAWAY |
//! | lingers (intake stopped) | what the kernel had taken is served, later ones are refused by the kernel | is served, as while settling |
//! | drains | refused by the kernel | 503 with `Connection: close` and `Retry-After`, counted as rejected |
//!
//! The rule behind it: **a request that reached this machine before the linger ended is served**;
//! each connection reads once more, from the kernel itself, before it refuses anything. Idle
//! connections are closed when the linger ends; a connection on which half a request has arrived is
//! kept until the head timeout, so that the rest is answered (with 503) if it comes.
//!
//! A request is in flight from its head's arrival until its response's body has been given out, so
//! uploads and streams count; a connection that was upgraded (a WebSocket) counts until it closes.
//!
//! Not here: TLS, and timeouts of requests while nobody has asked the server to stop.

mod accept;
mod connection;
mod exchange;
mod options;
mod running;
mod server;
mod slot;
#[cfg(feature = "http2")]
mod sniff;
mod socket;
#[cfg(test)]
mod tests;
mod track;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::{Extensions, HeaderValue, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_service::Service;

pub use self::running::RunningServer;

use self::exchange::{Handler, Tower};
use self::options::Options;
use self::server::{Server, Stage};
use crate::plan::{Kind, Plan, Step};
use crate::resource::{StartUp, started_when};
use crate::wiring::sealed::{IntoPart, Part};
use crate::work::{Active, BoxFuture, Failure, Tally, Window, Work};

/// Serves HTTP with any tower service, such as an axum `Router`: the resource of kind `http-server`.
///
/// HTTP/1.1, upgrades included; with the feature `http2` also HTTP/2 with prior knowledge, on the
/// same port. On the stop signal it goes on serving while asking clients to take their next request
/// elsewhere; when its window opens it stops its intake without losing a connection or a request
/// that the kernel had already taken, refuses late requests with 503, and waits for those in flight.
///
/// Every request carries a [`Cancellation`](crate::Cancellation) in its extensions; it fires when
/// the step's timeout has passed. A handler that panics costs its own connection (HTTP/2: its own
/// stream) and nothing else.
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
    listener: Mutex<Option<TcpListener>>,
    handler: Arc<dyn Handler>,
    options: Options,
    running: OnceLock<Running>,
    startup: StartUp,
}

struct Running {
    server: Arc<Server>,
    /// Gives the listener back when the intake is stopped. Taken by `stop`.
    accepting: Mutex<Option<JoinHandle<TcpListener>>>,
}

impl HttpServer {
    /// A server for connections to `listener`, answered by `service`.
    ///
    /// The service is cloned for each request. An error it returns closes the connection without an
    /// answer. An axum router without a state is a little faster as `router.with_state(())`: that
    /// prepares its routes once, and not for each request.
    pub fn new<S, B>(listener: TcpListener, service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self {
            listener: Mutex::new(Some(listener)),
            handler: Arc::new(Tower(service)),
            options: Options::default(),
            running: OnceLock::new(),
            startup: StartUp::default(),
        }
    }

    /// How long idle connections stay open once the intake has stopped, so that a request that is on
    /// its way is answered; by default 100 ms. It should cover a round trip to the clients or the
    /// balancer. It ends early when no connection is left.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.options.linger = linger;
        self
    }

    /// How long after the intake has stopped a request that has only half arrived is waited for, when
    /// its connection does nothing else; by default 500 ms. Afterwards the same bound holds for any
    /// connection on which nothing is in flight. Requests whose body is still being uploaded are in
    /// flight and not bounded by this.
    pub fn head_timeout(mut self, timeout: Duration) -> Self {
        self.options.head_timeout = timeout;
        self
    }

    /// How long a connection may be open with no request in flight, at any time; by default
    /// `traffic.keep_alive` of the manifest, and without that no limit.
    ///
    /// It bounds clients that send half a request and then nothing, too.
    pub fn keep_alive(mut self, limit: Duration) -> Self {
        self.options.keep_alive = OnceLock::from(limit);
        self
    }

    /// What refused requests are told in `Retry-After`; by default one second. Rounded up to whole
    /// seconds, which is all the header can say.
    pub fn retry_after(mut self, after: Duration) -> Self {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.options.retry_after = HeaderValue::from(seconds);
        self
    }

    /// Whether to set `TCP_NODELAY` on connections; by default not, as `axum::serve`.
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.options.nodelay = nodelay;
        self
    }

    /// Adds to the extensions of every request, given the client's address. For axum's `ConnectInfo`:
    ///
    /// ```
    /// # use axum::extract::ConnectInfo;
    /// # fn add(server: lifecycle::HttpServer) -> lifecycle::HttpServer {
    /// server.extend_requests(|peer, extensions| {
    ///     extensions.insert(ConnectInfo(peer));
    /// })
    /// # }
    /// ```
    pub fn extend_requests(
        mut self,
        extend: impl Fn(SocketAddr, &mut Extensions) + Send + Sync + 'static,
    ) -> Self {
        self.options.extend = Some(Arc::new(extend));
        self
    }

    /// Serves on the current tokio runtime, without a plan: for tests, and for programs that bring
    /// their own shutdown.
    ///
    /// A server that is returned from `main` is started there, and must not be spawned.
    pub fn spawn(self) -> RunningServer {
        self.begin();
        RunningServer::new(self)
    }

    fn begin(&self) {
        let listener = self
            .listener
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(listener) = listener else { return };
        let server = Arc::new(Server::new(Arc::clone(&self.handler), self.options.clone()));
        let accepting = tokio::spawn(accept::accept(Arc::clone(&server), listener));
        // Only who took the listener comes here, so nothing is ever set twice.
        let _ = self.running.set(Running {
            server,
            accepting: Mutex::new(Some(accepting)),
        });
    }

    fn server(&self) -> Option<&Arc<Server>> {
        self.running.get().map(|running| &running.server)
    }

    fn rejected(&self) -> u64 {
        self.server().map_or(0, |server| server.rejections())
    }
}

impl Work for HttpServer {
    fn start(&self, plan: &Plan, _step: &Step) {
        if let Some(limit) = plan.keep_alive {
            // What the service has chosen itself stays.
            let _ = self.options.keep_alive.set(limit);
        }
        self.begin();
    }

    fn settle(&self) {
        if let Some(server) = self.server() {
            server.advance(Stage::Settling);
        }
    }

    fn stop(&self, _window: Window) -> BoxFuture<Result<(), Failure>> {
        let Some(running) = self.running.get() else {
            // Never started: nobody has been accepted.
            let listener = self.listener.lock();
            drop(listener.unwrap_or_else(PoisonError::into_inner).take());
            return Box::pin(std::future::ready(Ok(())));
        };
        let server = Arc::clone(&running.server);
        let accepting = running.accepting.lock();
        let accepting = accepting.unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            let linger = server.stop_intake();
            server.intake.notify_one();
            if let Some(accepting) = accepting
                && let Ok(listener) = accepting.await
            {
                accept::close(&server, listener, linger).await;
            }
            server.drain(linger).await.map_err(Into::into)
        })
    }

    fn cancel(&self) {
        if let Some(server) = self.server() {
            server.cancel();
        }
    }

    fn abandon(&self) {
        if let Some(server) = self.server() {
            server.abandon();
        }
    }

    fn active(&self) -> Active {
        self.server()
            .map_or_else(Active::default, |server| server.active())
    }

    fn tally(&self) -> Tally {
        Tally {
            rejected: self.rejected(),
            ..Tally::default()
        }
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
