//! How a service makes its HTTP server, and what it may choose about it.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Extensions, HeaderValue, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tower_service::Service;

use super::exchange::Tower;
use super::options::Options;
use super::own::Own;
use super::{By, HttpServer, RunningServer};

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
        Self::by(By::Own(Own::new(listener, Arc::new(Tower(service)))))
    }

    /// How long idle connections stay open once the intake has stopped, so that a request that is on
    /// its way is answered; by default 100 ms. It should cover a round trip to the clients or the
    /// balancer. It ends early when no connection is left.
    pub fn linger(self, linger: Duration) -> Self {
        self.choose(|options| options.linger = linger)
    }

    /// How long after the intake has stopped a request that has only half arrived is waited for, when
    /// its connection does nothing else; by default 500 ms. Afterwards the same bound holds for any
    /// connection on which nothing is in flight. Requests whose body is still being uploaded are in
    /// flight and not bounded by this.
    pub fn head_timeout(self, timeout: Duration) -> Self {
        self.choose(|options| options.head_timeout = timeout)
    }

    /// How long a connection may be open with no request in flight, at any time; by default
    /// `traffic.keep_alive` of the manifest, and without that no limit.
    ///
    /// It bounds clients that send half a request and then nothing, too.
    pub fn keep_alive(self, limit: Duration) -> Self {
        self.choose(|options| options.keep_alive = OnceLock::from(limit))
    }

    /// What refused requests are told in `Retry-After`; by default one second. Rounded up to whole
    /// seconds, which is all the header can say.
    pub fn retry_after(self, after: Duration) -> Self {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.choose(|options| options.retry_after = HeaderValue::from(seconds))
    }

    /// Whether to set `TCP_NODELAY` on connections; by default not, as `axum::serve`.
    pub fn nodelay(self, nodelay: bool) -> Self {
        self.choose(|options| options.nodelay = nodelay)
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
        self,
        extend: impl Fn(SocketAddr, &mut Extensions) + Send + Sync + 'static,
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
