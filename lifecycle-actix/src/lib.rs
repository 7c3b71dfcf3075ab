//! actix-web as the HTTP server of a service that stops by `lifecycle.yaml`.
//!
//! [`serve`] makes a [`lifecycle::HttpServer`] of an actix `HttpServer`, and [`Drain`] is the
//! middleware that goes with it:
//!
//! ```no_run
//! use actix_web::{App, HttpServer, Responder, get};
//!
//! #[get("/orders/{id}")]
//! async fn order(id: actix_web::web::Path<u64>) -> impl Responder {
//!     format!("order {id}")
//! }
//!
//! # fn wire() -> std::io::Result<lifecycle::HttpServer> {
//! let listener = std::net::TcpListener::bind("0.0.0.0:8080")?;
//! let http = lifecycle_actix::serve(listener, |drain| {
//!     HttpServer::new(move || App::new().service(order).wrap(drain.clone()))
//! });
//! # Ok(http)
//! # }
//! ```
//!
//! `#[lifecycle::main]` stays the program's `main`; actix runs on threads of its own, as it does under
//! `#[tokio::main]`. Wrap the application in the middleware last, so that it is outermost.
//!
//! # What happens at the end
//!
//! | the server | a new connection | a request on an open connection |
//! |---|---|---|
//! | serves | is served | is served |
//! | settles (stop signal) | is served | is served; the answer says `Connection: close` |
//! | lingers (its window opens), 100 ms | what the kernel had taken is served, later ones are refused | is served, as while settling |
//! | drains | refused by the kernel | idle connections are closed; what comes just before that is answered with 503, `Connection: close` and `Retry-After`, and counted as rejected |
//!
//! A request is in flight until its answer's body has been given out; the report names those that
//! are left at the step's timeout, as `GET /orders/7 10.0.0.7:41230`. Then the
//! [`Cancellation`](lifecycle::Cancellation) that every request has in its extensions fires:
//!
//! ```
//! use actix_web::{HttpResponse, web::ReqData};
//! use lifecycle::Cancellation;
//!
//! async fn report(cancellation: ReqData<Cancellation>) -> HttpResponse {
//!     tokio::select! {
//!         body = slow_report() => HttpResponse::Ok().body(body),
//!         () = cancellation.cancelled() => HttpResponse::ServiceUnavailable().finish(),
//!     }
//! }
//! # async fn slow_report() -> String { String::new() }
//! ```
//!
//! What has not ended when `budget.unwind` has passed too is dropped.
//!
//! # What actix cannot do
//!
//! - It closes idle connections in one instant, and so any request that is on the wire just then is
//!   lost. Busy clients have had an answer with `Connection: close` by that time and are gone; a client
//!   that sends its next request after a pause, in the very millisecond, is not. The runtime's own
//!   server reads each connection once more before it closes it.
//! - A request of which only half has arrived counts as idle: it is closed and not answered.
//! - A worker that still has connections looks only once a second whether they have ended, so a stop
//!   takes up to a second longer than its last request.
//! - A stream that has nothing to send is not dropped at the timeout, but with the process.
//!
//! Measured at saturation on two cores, 64 kept-alive and 8 fresh clients in a closed loop: actix
//! alone breaks 72 requests a stop, one a client; with this adapter it was none, with and without a
//! settle time.
//!
//! # Settings
//!
//! Signals belong to the runtime: [`serve`] turns actix's own handling off, and its shutdown timeout
//! too, since the plan says when the time is over. Everything else is set on the actix server as
//! usual: workers, `keep_alive`, `client_request_timeout`.

mod body;
mod drain;
mod listener;
mod server;

pub use self::body::Counted;
pub use self::drain::{Drain, DrainService};
pub use self::server::serve;
