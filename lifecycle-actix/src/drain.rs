//! The middleware.

use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::{ConnectionType, header};
use actix_web::{Error, HttpMessage as _, HttpResponse};
use lifecycle::{Cancellation, Stopping};
use tokio::sync::watch;

use crate::Counted;

/// The middleware that lets an application drain; [`serve`](crate::serve) makes it.
///
/// It counts and names what is in flight, puts the [`Cancellation`] into every request's
/// extensions, closes connections after their answers from the stop signal on, and refuses what
/// comes too late.
///
/// Around everything else, so that what other middleware does with a request is in flight too:
///
/// ```
/// use actix_web::middleware::{DefaultHeaders, NormalizePath};
/// use actix_web::{App, HttpServer, web};
///
/// # fn main() -> std::io::Result<()> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let http = lifecycle_actix::serve(listener, |drain| {
///     HttpServer::new(move || {
///         let app = App::new().route("/", web::get().to(|| async { "hello" }));
///         let headers = DefaultHeaders::new().add(("x-version", "3"));
///         app.wrap(NormalizePath::trim()).wrap(headers).wrap(drain.clone())
///     })
/// });
/// # drop(http);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Drain(pub(crate) Arc<State>);

pub(crate) struct State {
    stopping: Stopping,
    cancellation: Cancellation,
    refusing: AtomicBool,
    /// Whatever is still in flight is to be dropped.
    cut: watch::Sender<bool>,
}

impl State {
    pub(crate) fn is_cut(&self) -> bool {
        *self.cut.borrow()
    }
}

impl Drain {
    pub(crate) fn new(stopping: Stopping) -> Self {
        Self(Arc::new(State {
            cancellation: stopping.cancellation(),
            stopping,
            refusing: AtomicBool::new(false),
            cut: watch::Sender::new(false),
        }))
    }

    /// From here on requests come too late.
    pub(crate) fn refuse(&self) {
        self.0.refusing.store(true, Ordering::Relaxed);
    }

    /// Drops what is in flight when the guard is dropped.
    pub(crate) fn cut_at_end(&self) -> impl Drop + Send + use<> {
        Cut(Arc::clone(&self.0))
    }
}

struct Cut(Arc<State>);

impl Drop for Cut {
    fn drop(&mut self) {
        self.0.cut.send_replace(true);
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain")
            .field("stopping", &self.0.stopping)
            .finish_non_exhaustive()
    }
}

impl<S, B> Transform<S, ServiceRequest> for Drain
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<Counted<B>>>;
    type Error = Error;
    type InitError = ();
    type Transform = DrainService<S>;
    type Future = Ready<Result<DrainService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let state = Arc::clone(&self.0);
        ready(Ok(DrainService { service, state }))
    }
}

/// An application with [`Drain`] around it.
///
/// It is the `Transform` of [`Drain`], and made when an application starts:
///
/// ```
/// use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
/// use actix_web::Error;
/// use lifecycle_actix::{Drain, DrainService};
///
/// fn named<S>(drain: &Drain, application: S) -> impl Future<Output = Result<DrainService<S>, ()>>
/// where
///     S: Service<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
///     S::Future: 'static,
/// {
///     drain.new_transform(application)
/// }
/// ```
pub struct DrainService<S> {
    service: S,
    state: Arc<State>,
}

impl<S> fmt::Debug for DrainService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainService").finish_non_exhaustive()
    }
}

type Answer<B> = ServiceResponse<EitherBody<Counted<B>>>;

impl<S, B> Service<ServiceRequest> for DrainService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = Answer<B>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Answer<B>, Error>>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let state = Arc::clone(&self.state);
        if state.refusing.load(Ordering::Relaxed) {
            state.stopping.reject();
            return Box::pin(ready(Ok(unavailable(request))));
        }
        let name = name(&request);
        let working = state.stopping.working(name);
        request.extensions_mut().insert(state.cancellation.clone());
        let answered = self.service.call(request);
        Box::pin(async move {
            let mut cut = state.cut.subscribe();
            let mut response = tokio::select! {
                biased;
                response = answered => response?,
                _ = cut.wait_for(|cut| *cut) => {
                    return Err(actix_web::error::ErrorServiceUnavailable("the server is stopping"));
                }
            };
            if state.stopping.is_settling() {
                let head = response.response_mut().head_mut();
                head.set_connection_type(ConnectionType::Close);
            }
            let counted = |body| Counted::new(body, working, state);
            Ok(response.map_body(|_, body| EitherBody::left(counted(body))))
        })
    }
}

/// `GET /orders/7 10.0.0.7:41230`. Without the query, which may hold what no log should.
fn name(request: &ServiceRequest) -> String {
    let (method, path) = (request.method(), request.path());
    match request.peer_addr() {
        Some(peer) => format!("{method} {path} {peer}"),
        None => format!("{method} {path}"),
    }
}

fn unavailable<B>(request: ServiceRequest) -> Answer<B> {
    let response = HttpResponse::ServiceUnavailable()
        .insert_header((header::RETRY_AFTER, "1"))
        .force_close()
        .finish();
    request.into_response(response.map_into_right_body())
}

#[cfg(test)]
mod tests {
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, web};
    use lifecycle::Task;
    use lifecycle::plan::{Drift, Kind, OnFailure, Phase, Plan, Step, Timeline};
    use std::time::Duration;

    use super::*;

    fn plan() -> Plan {
        let second = Duration::from_secs(1);
        Plan {
            service: "orders".into(),
            digest: "00112233aabbccdd".into(),
            health: None,
            keep_alive: None,
            drift: Drift::Warn,
            steps: vec![Step {
                name: "http".into(),
                kind: Kind::Task,
                phase: Phase::Drain,
                waits_for: Vec::new().into(),
                best_effort: false,
                lease: None,
                spread: None,
                on_failure: OnFailure::Stop,
            }]
            .into(),
            timelines: Vec::new().into(),
            unmanaged: Timeline {
                platform: "unmanaged".into(),
                settle: Duration::ZERO,
                timeouts: vec![second].into(),
                unwind: second,
                deadline: 3 * second,
                grace: 5 * second,
                kill: 5 * second,
            },
        }
    }

    #[actix_web::test]
    async fn what_comes_too_late_is_refused_and_counted() {
        let (said, heard) = tokio::sync::oneshot::channel();
        let task = Task::new(|stopping| async move {
            let _ = said.send(stopping.clone());
            stopping.requested().await;
        });
        let lifecycle = lifecycle::Lifecycle::new(plan()).with("http", task);
        let lifecycle = lifecycle.embedded();
        let stop = lifecycle.stop_handle();
        let report = actix_web::rt::spawn(lifecycle.run());
        let drain = Drain::new(heard.await.expect("it runs"));
        let app = App::new().default_service(web::to(|| async { "hello" }));
        let app = init_service(app.wrap(drain.clone())).await;
        let get = || TestRequest::get().uri("/").to_request();
        assert_eq!(call_service(&app, get()).await.status(), 200);
        drain.refuse();
        let refused = call_service(&app, get()).await;
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers().get("retry-after").expect("is there"), "1");
        let connection = refused.response().head().connection_type();
        assert_eq!(connection, ConnectionType::Close);
        stop.stop("test");
        assert_eq!(report.await.expect("it ran").rejected, 1);
    }
}
