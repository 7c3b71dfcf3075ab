//! An actix server as a resource.

use std::fmt;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::Request;
use actix_service::{IntoServiceFactory, Service, ServiceFactory};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Response};
use actix_web::{Error, HttpServer};
use tokio::time::sleep;

use crate::Drain;
use crate::listener::begin_no_handshake;

/// How long busy clients have, once the intake is to stop, to be answered once more and so be asked
/// to go. A round trip or two; the runtime's own server lingers as long.
const LINGER: Duration = Duration::from_millis(100);

/// Longer than any step: the plan says when the time is over.
const NEVER: u64 = 7 * 24 * 60 * 60;

/// Serves connections to `listener` with the actix server that `build` makes, whose applications are
/// wrapped in the middleware it is given: the resource of kind `http-server`.
///
/// `build` runs when the service starts, in the async runtime of `main`. It must not bind the server
/// to anything itself: what is not in the listener's hands is not stopped with care.
///
/// ```
/// use actix_web::{App, HttpServer, web};
///
/// # fn main() -> std::io::Result<()> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let http = lifecycle_actix::serve(listener, |drain| {
///     let app = move || App::new().route("/", web::get().to(|| async { "hello" })).wrap(drain.clone());
///     HttpServer::new(app).workers(2)
/// });
/// # drop(http);
/// # Ok(())
/// # }
/// ```
pub fn serve<Build, F, I, S, B>(listener: TcpListener, build: Build) -> lifecycle::HttpServer
where
    Build: FnOnce(Drain) -> HttpServer<F, I, S, B> + Send + 'static,
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error>,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>>,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    lifecycle::HttpServer::external(move |stopping| {
        let drain = Drain::new(stopping.clone());
        let server = build(drain.clone())
            .disable_signals()
            .shutdown_timeout(NEVER);
        // The same socket under another number: actix keeps the listener to itself.
        let running = listener
            .try_clone()
            .and_then(|same| Ok((server.listen(same)?.run(), listener)));
        async move {
            // However this ends: what is in flight then is over.
            let _cut = drain.cut_at_end();
            let (mut server, listener) = running?;
            let lingered = async {
                stopping.requested().await;
                begin_no_handshake(&listener);
                // Or the socket would outlive actix's end of it.
                drop(listener);
                sleep(LINGER).await;
            };
            tokio::select! {
                ended = &mut server => return ended,
                () = lingered => {}
            }
            drain.refuse();
            let stop = server.handle().stop(true);
            let (ended, ()) = tokio::join!(server, stop);
            ended
        }
    })
}
