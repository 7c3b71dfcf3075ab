//! The gRPC server: this crate's HTTP/2 server, with what gRPC asks for beyond HTTP/2.

#[cfg(feature = "grpc")]
mod health;
#[cfg(feature = "grpc")]
mod own;
#[cfg(feature = "grpc")]
mod reply;
#[cfg(feature = "grpc")]
mod service;
#[cfg(feature = "grpc")]
pub(crate) mod wire;

use std::future::Future;
#[cfg(feature = "grpc")]
use std::sync::Arc;

#[cfg(feature = "grpc")]
use self::health::{Health, State};
use crate::http::HttpServer;
use crate::plan::{Kind, Plan, Step};
use crate::resource::{Ending, StartUp, Stopping, started_when};
use crate::wiring::sealed::{IntoPart, Part};
use crate::work::{Active, BoxFuture, Failure, Tally, Window, Work};

/// Answers gRPC calls: the resource of kind `grpc-server`.
///
/// With the feature `grpc`, `GrpcServer::new` serves a tonic `Routes`, or any tower service over
/// gRPC's bodies, on this crate's own HTTP/2 server. It links no gRPC library: the service brings
/// the one it likes, in the version it likes. [`GrpcServer::external`] takes any other server that
/// offers a stop handle, without what follows.
///
/// # A server
///
/// ```no_run
/// # #[cfg(feature = "grpc")]
/// # async fn wire() -> std::io::Result<lifecycle::GrpcServer> {
/// use lifecycle::GrpcServer;
/// use tonic::service::Routes;
/// # use tonic_health::pb::health_server::{Health, HealthServer as QuotesServer};
/// # use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
/// # struct Quotes;
/// # #[tonic::async_trait]
/// # impl Health for Quotes {
/// #     type WatchStream = tonic::codegen::BoxStream<HealthCheckResponse>;
/// #     async fn check(
/// #         &self,
/// #         _: tonic::Request<HealthCheckRequest>,
/// #     ) -> Result<tonic::Response<HealthCheckResponse>, tonic::Status> {
/// #         Err(tonic::Status::unimplemented(""))
/// #     }
/// #     async fn watch(
/// #         &self,
/// #         _: tonic::Request<HealthCheckRequest>,
/// #     ) -> Result<tonic::Response<Self::WatchStream>, tonic::Status> {
/// #         Err(tonic::Status::unimplemented(""))
/// #     }
/// # }
///
/// let listener = tokio::net::TcpListener::bind("0.0.0.0:50051").await?;
/// let routes = Routes::new(QuotesServer::new(Quotes)).prepare();
/// let server = GrpcServer::new(listener, routes).health_of("shop.Quotes");
/// # Ok(server)
/// # }
/// ```
///
/// A generated `QuotesServer` alone will do as well. Layers, interceptors, message limits and
/// compression are tonic's, put around the routes before they come here; what tonic's own
/// `Server::builder()` would do with the connection is done by this server.
///
/// # What happens at the end
///
/// | the server | health | a call on an open connection | a new connection |
/// |---|---|---|---|
/// | starts | `NOT_SERVING` | | waits in the listener's backlog |
/// | serves | `SERVING` | is served | is served |
/// | settles (stop signal) | `NOT_SERVING`, and watchers are told at once | is served; GOAWAY asks for the next one elsewhere | is served, and gets its GOAWAY after its first call |
/// | lingers (its window opens) | watches end with `UNAVAILABLE` | is served | what the kernel had taken is served, later ones are refused |
/// | drains | | `UNAVAILABLE` before any of the service's code has seen it | refused |
///
/// GOAWAY breaks nothing: calls that cross it on the wire are served, and the client opens its next
/// stream on another connection. What is refused while draining is refused in gRPC's way, HTTP 200
/// with `grpc-status: 14` and no message. The service has not seen it, so it is safe to send again,
/// whatever the method does; and clients and proxies with a policy for `UNAVAILABLE` do so.
///
/// A call is in flight from its head's arrival until its trailers have been given out. When the
/// step's timeout has passed, the [`Cancellation`](crate::Cancellation) in every request's
/// extensions fires, and the report names what was left, as `/shop.Quotes/Get 10.0.0.7:41230`:
///
/// ```
/// use lifecycle::Cancellation;
/// use tonic::{Request, Response, Status};
///
/// async fn get(request: Request<String>) -> Result<Response<String>, Status> {
///     let cancellation = request.extensions().get::<Cancellation>().cloned();
///     let cancelled = async {
///         match cancellation {
///             Some(it) => it.cancelled().await,
///             None => std::future::pending().await,
///         }
///     };
///     tokio::select! {
///         quote = slow_lookup(request.into_inner()) => Ok(Response::new(quote)),
///         () = cancelled => Err(Status::unavailable("the server is stopping")),
///     }
/// }
/// # async fn slow_lookup(symbol: String) -> String { symbol }
/// ```
///
/// A stream that could go on for hours has to end by itself, or it is cut at the timeout: enter it
/// into a [`Streams`](crate::Streams), as [the manual](crate::manual::streams) shows.
///
/// # Health
///
/// The server answers `grpc.health.v1.Health` itself, `Check`, `Watch` and `List`: for the empty
/// name, which is the whole server, and for what `health_of` adds. A Kubernetes
/// readiness probe of type `grpc` needs nothing else. It is not fit for liveness: from the stop
/// signal on the answer is `NOT_SERVING`, on purpose, while the process is well. A name that nobody
/// has added is `NOT_FOUND`.
///
/// # Deadlines
///
/// A call with a `grpc-timeout` ends with `DEADLINE_EXCEEDED` when the time is over, its future or
/// stream dropped, whether or not the client still listens.
///
/// # Errors
///
/// An error or a panic of an [`external`](Self::external) server while the service runs stops the
/// service in order, with a non-zero exit code; an `Ok` end is just an end. A method that panics
/// costs its own stream and nothing else.
#[must_use = "a server serves once it is returned from `main`"]
pub struct GrpcServer {
    http: HttpServer,
    /// `None`: an external server.
    #[cfg(feature = "grpc")]
    health: Option<Arc<Health>>,
    startup: StartUp,
}

started_when!(GrpcServer, startup);

impl GrpcServer {
    /// A server of somebody else's that offers a stop handle: `run` serves from the start of the
    /// service on, and has to end soon after [`Stopping::requested`] resolves, when its calls have
    /// been answered.
    ///
    /// It has the step's timeout, and what it lacks it lacks: idle connections may be closed under a
    /// call that is on its way, no health follows the signal, and the report does not know what was
    /// in flight unless [`Stopping::working`] tells it.
    ///
    /// ```
    /// use lifecycle::GrpcServer;
    /// # async fn serve_with_shutdown(_: &str, stop: impl Future<Output = ()>) -> std::io::Result<()> {
    /// #     stop.await;
    /// #     Ok(())
    /// # }
    ///
    /// // With tonic: `Server::builder().add_service(…).serve_with_shutdown(address, …)`.
    /// let server = GrpcServer::external(|stopping| {
    ///     serve_with_shutdown("0.0.0.0:50051", stopping.requested())
    /// });
    /// ```
    pub fn external<F, Fut>(run: F) -> Self
    where
        F: FnOnce(Stopping) -> Fut + Send + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        Self {
            http: HttpServer::external(run),
            #[cfg(feature = "grpc")]
            health: None,
            startup: StartUp::default(),
        }
    }

    #[cfg(feature = "grpc")]
    fn tell(&self, state: State) {
        if let Some(health) = &self.health {
            health.advance(state);
        }
    }
}

impl Work for GrpcServer {
    fn start(&self, plan: &Plan, step: &Step) {
        self.http.start(plan, step);
    }

    fn ended(&self) -> Option<BoxFuture<Result<(), String>>> {
        self.http.ended()
    }

    fn ready(&self) {
        #[cfg(feature = "grpc")]
        self.tell(State::Serving);
    }

    fn settle(&self) {
        #[cfg(feature = "grpc")]
        self.tell(State::Leaving);
        self.http.settle();
    }

    fn stop(&self, window: Window) -> BoxFuture<Result<(), Failure>> {
        #[cfg(feature = "grpc")]
        self.tell(State::Over);
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

impl IntoPart for GrpcServer {
    fn into_part(mut self) -> Part {
        let startup = std::mem::take(&mut self.startup);
        Part::new(Kind::GrpcServer, self, startup)
    }
}

impl crate::wiring::Resource for GrpcServer {}

impl std::fmt::Debug for GrpcServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrpcServer").finish_non_exhaustive()
    }
}
