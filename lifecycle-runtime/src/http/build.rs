//! How a service makes its HTTP server, and what it may choose about it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Extensions, HeaderValue, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tower_service::Service;

use super::exchange::Tower;
use super::listen::Listener;
use super::options::Options;
use super::own::Own;
use super::peer::Peer;
use super::{By, HttpServer, RunningServer};
use crate::resource::whole_seconds;
use crate::work::FOR_EVER;

impl HttpServer {
    /// A server for connections to `listener`, answered by `service`.
    ///
    /// The service is cloned for each request. An error it returns closes the connection without an
    /// answer. An axum router without a state is a little faster as `router.with_state(())`: that
    /// prepares its routes once, and not for each request.
    pub fn new<S, B>(listener: impl Into<Listener>, service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self::by(By::Own(Own::new(listener.into(), Arc::new(Tower(service)))))
    }

    /// Serves connections to this listener too, as the first one's: one server, one drain. A health
    /// check on a Unix socket beside the public port, for instance.
    ///
    /// ```no_run
    /// use lifecycle::{HttpServer, Listener};
    ///
    /// # async fn wire(router: axum::Router) -> std::io::Result<()> {
    /// let public = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
    /// let local = Listener::unix_with_mode("/run/checkout/http.sock", 0o660).await?;
    /// let server = HttpServer::new(public, router).also(local);
    /// # drop(server);
    /// # Ok(()) }
    /// ```
    pub fn also(mut self, listener: impl Into<Listener>) -> Self {
        if let By::Own(own) = &mut self.by {
            own.listen(listener.into());
        }
        self
    }

    /// How long idle connections stay open once the intake has stopped, so that a request that is on
    /// its way is answered; by default 100 ms. It should cover a round trip to the clients or the
    /// balancer. It ends early when no connection is left, and after a quarter of the step's timeout.
    pub fn linger(self, linger: Duration) -> Self {
        self.choose(|options| options.linger = linger.min(FOR_EVER))
    }

    /// How long after the intake has stopped a request that has only half arrived is waited for, when
    /// its connection does nothing else; by default 500 ms, and no longer than half of the step's timeout.
    /// Afterwards the same bound holds for any
    /// connection on which nothing is in flight. Requests whose body is still being uploaded are in
    /// flight and not bounded by this.
    pub fn head_timeout(self, timeout: Duration) -> Self {
        self.choose(|options| options.head_timeout = timeout.min(FOR_EVER))
    }

    /// While draining: how long a client may take next to nothing of its answer, less than 16 KiB,
    /// before its connection is cut; by default 5 s, and in any case no longer than the step's timeout.
    ///
    /// It counts from when the server last could write. What the kernel has taken is out of its hands,
    /// and is sent even after the process has ended; so small answers are never at stake here, and a
    /// client that reads slowly is cut only if the kernel's buffer hardly moves for this long. A
    /// connection that is cut so was doing work that is lost: the report names it, and the step
    /// counts as failed.
    pub fn stall_timeout(self, timeout: Duration) -> Self {
        self.choose(|options| options.stall_timeout = timeout.min(FOR_EVER))
    }

    /// How long a TLS handshake may take, at any time; by default 10 s. While draining
    /// [`HttpServer::head_timeout`] holds too.
    #[cfg(feature = "tls")]
    pub fn handshake_timeout(self, timeout: Duration) -> Self {
        self.choose(|options| options.handshake_timeout = timeout)
    }

    /// How long a connection may be open with no request in flight, at any time; by default
    /// `traffic.keep_alive` of the manifest, and without that no limit; nor with [`Duration::MAX`].
    ///
    /// It bounds clients that send half a request and then nothing, too.
    pub fn keep_alive(self, limit: Duration) -> Self {
        self.choose(|options| options.keep_alive = OnceLock::from(limit.min(FOR_EVER)))
    }

    /// What refused requests are told in `Retry-After`; by default one second. Rounded up to whole
    /// seconds, which is all the header can say.
    pub fn retry_after(self, after: Duration) -> Self {
        let seconds = HeaderValue::from(whole_seconds(after));
        self.choose(|options| options.retry_after = seconds)
    }

    /// Whether to set `TCP_NODELAY` on connections; by default not, as `axum::serve`.
    pub fn nodelay(self, nodelay: bool) -> Self {
        self.choose(|options| options.nodelay = nodelay)
    }

    /// Adds to the extensions of every request, given who the client is. For axum's `ConnectInfo`:
    ///
    /// ```
    /// # use axum::extract::ConnectInfo;
    /// # fn add(server: lifecycle::HttpServer) -> lifecycle::HttpServer {
    /// server.extend_requests(|peer, extensions| {
    ///     if let Some(address) = peer.address() {
    ///         extensions.insert(ConnectInfo(address));
    ///     }
    /// })
    /// # }
    /// ```
    pub fn extend_requests(
        self,
        extend: impl Fn(&Peer, &mut Extensions) + Send + Sync + 'static,
    ) -> Self {
        self.choose(|options| options.extend = Some(Arc::new(extend)))
    }

    /// Serves on the current tokio runtime, without a plan: for tests, and for programs that bring
    /// their own shutdown.
    ///
    /// A server that is returned from `main` is started there, and must not be spawned.
    pub fn spawn(self) -> RunningServer {
        match &self.by {
            By::Own(own) => own.begin(),
            By::External(served) => served.begin(),
        }
        RunningServer::new(self)
    }

    fn choose(mut self, choice: impl FnOnce(&mut Options)) -> Self {
        if let By::Own(own) = &mut self.by {
            choice(&mut own.options);
        }
        self
    }
}
