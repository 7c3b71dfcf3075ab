//! A gRPC server on this crate's HTTP/2 server.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tower_service::Service;

use super::GrpcServer;
use super::health::Health;
use super::service::Front;
use crate::http::HttpServer;
use crate::resource::StartUp;

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
        Self {
            http: HttpServer::new(listener, front).nodelay(true),
            health: Some(health),
            startup: StartUp::default(),
        }
    }

    /// Answers the health protocol for the service `name` too, such as `shop.Quotes`: it is as well
    /// as the whole server. No effect on an [`external`](Self::external) server.
    pub fn health_of(self, name: impl Into<String>) -> Self {
        if let Some(health) = &self.health {
            health.add(name.into());
        }
        self
    }

    /// Leaves calls of the health protocol to the service, for one that knows more of its health
    /// than this crate. No effect on an [`external`](Self::external) server.
    ///
    /// Such a service follows the end by [`Health`](crate::Health), and has to end its watches by
    /// itself, or they hold up the drain.
    pub fn without_health(self) -> Self {
        if let Some(health) = &self.health {
            health.leave_to_service();
        }
        self
    }

    /// Sets what the HTTP server below has to set: its linger, its idle limit, what it adds to each
    /// request. No effect on an [`external`](Self::external) server.
    ///
    /// tonic's `Request::remote_addr` looks for what tonic's own server would have put there:
    ///
    /// ```
    /// use tonic::transport::server::TcpConnectInfo;
    ///
    /// # fn add(server: lifecycle::GrpcServer) -> lifecycle::GrpcServer {
    /// server.http(|http| {
    ///     http.extend_requests(|peer, extensions| {
    ///         extensions.insert(TcpConnectInfo { local_addr: None, remote_addr: peer.address() });
    ///     })
    /// })
    /// # }
    /// ```
    pub fn http(mut self, set: impl FnOnce(HttpServer) -> HttpServer) -> Self {
        self.http = set(self.http);
        self
    }
}
