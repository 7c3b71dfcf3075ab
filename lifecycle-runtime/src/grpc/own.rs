//! A gRPC server on this crate's HTTP/2 server.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tower_service::Service;

use super::health::{Health, State};
use super::service::Front;
use super::{GrpcServer, Inner};
use crate::http::{HttpServer, Stage};
use crate::plan::{Plan, Step};
use crate::resource::StartUp;
use crate::work::{Active, BoxFuture, Failure, Tally, Window, Work};

/// The server, and what it tells of its health.
pub(super) struct Own {
    http: HttpServer,
    health: Arc<Health>,
}

impl GrpcServer {
    /// A server for connections to `listener`, answered by `service`: a tonic `Routes`, one
    /// generated server, or any tower service that answers gRPC.
    ///
    /// The service is cloned for each call. `TCP_NODELAY` is set, as most gRPC servers do.
    pub fn new<S, B>(listener: TcpListener, service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let health = Arc::new(Health::default());
        let front = Front {
            service,
            health: Arc::clone(&health),
        };
        let told = Arc::clone(&health);
        let http = HttpServer::new(listener, front)
            .nodelay(true)
            .told(move |stage| match stage {
                Stage::Serving => {}
                Stage::Settling => told.advance(State::Leaving),
                Stage::Lingering | Stage::Draining | Stage::Abandoned => told.advance(State::Over),
            });
        let own = Box::new(Own { http, health });
        Self(Inner::Own(own), StartUp::default())
    }

    /// Answers the health protocol for the service `name` too, such as `shop.Quotes`: it is as well
    /// as the whole server. No effect on an [`external`](Self::external) server.
    pub fn health_of(self, name: impl Into<String>) -> Self {
        if let Inner::Own(server) = &self.0 {
            server.health.add(name.into());
        }
        self
    }

    /// Leaves calls of the health protocol to the service, for one that knows more of its health
    /// than this crate. No effect on an [`external`](Self::external) server.
    ///
    /// Such a service follows the end by [`Health`](crate::Health), and has to end its watches by
    /// itself, or they hold up the drain.
    pub fn without_health(self) -> Self {
        if let Inner::Own(server) = &self.0 {
            server.health.leave_to_service();
        }
        self
    }

    /// Sets what the HTTP server below has to set: its linger, its idle limit, what it adds to each
    /// request. No effect on an [`external`](Self::external) server.
    ///
    /// tonic's `Request::remote_addr` looks for what tonic's own server would have put there:
    ///
    /// ```
    /// # #[cfg(any())]
    /// # fn add(server: lifecycle::GrpcServer) -> lifecycle::GrpcServer {
    /// use tonic::transport::server::TcpConnectInfo;
    ///
    /// server.http(|http| {
    ///     http.extend_requests(|peer, extensions| {
    ///         extensions.insert(TcpConnectInfo { local_addr: None, remote_addr: Some(peer) });
    ///     })
    /// })
    /// # }
    /// ```
    pub fn http(self, set: impl FnOnce(HttpServer) -> HttpServer) -> Self {
        let inner = match self.0 {
            Inner::Own(server) => {
                let Own { http, health } = *server;
                let http = set(http);
                Inner::Own(Box::new(Own { http, health }))
            }
            external @ Inner::External(_) => external,
        };
        Self(inner, self.1)
    }
}

impl Work for Own {
    fn start(&self, plan: &Plan, step: &Step) {
        self.http.start(plan, step);
    }

    fn ready(&self) {
        self.health.advance(State::Serving);
    }

    fn settle(&self) {
        self.http.settle();
    }

    fn stop(&self, window: Window) -> BoxFuture<Result<(), Failure>> {
        self.http.stop(window)
    }

    fn cancel(&self) {
        self.http.cancel();
    }

    fn abandon(&self) {
        self.http.abandon();
    }

    /// Every call is a POST: the method says nothing, and the report has little room.
    fn active(&self) -> Active {
        let mut active = self.http.active();
        for name in &mut active.names {
            if let Some(rest) = name.strip_prefix("POST ") {
                *name = rest.to_owned();
            }
        }
        active
    }

    fn tally(&self) -> Tally {
        self.http.tally()
    }
}
