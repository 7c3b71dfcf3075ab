//! Balancing by request: a load balancer of HTTP, with connections of its own to every instance.
//!
//! What it does where an instance does not answer is what an Application Load Balancer does: 502, at
//! once and without a second try (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html>).
//! A connection that it notices to be closed before a request is on it is no reason for one: it takes
//! another.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1 as client;
use hyper::header::{CONNECTION, HeaderName, HeaderValue, TE, UPGRADE};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::reach;
use super::upstream::Upstream;
use crate::rolling::router::{Answer, Backend, Counted, Fault, Outgoing, Router};
use crate::traffic::client::says_when;
use crate::traffic::outcome::{GATEWAY, IDLE_CLOSE, LEAVES};

/// Serves one client, request after request.
pub(super) async fn serve(stream: TcpStream, router: Arc<Router>) {
    let service = service_fn(move |request| {
        let router = Arc::clone(&router);
        async move { Ok::<_, Infallible>(forward(request, &router).await) }
    });
    // What goes wrong on a client's connection is seen by the client.
    let _seen = server::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

async fn forward(mut request: Request<Incoming>, router: &Arc<Router>) -> Response<Answer> {
    let upgrading = upgrade_of(request.headers());
    strip(request.headers_mut(), upgrading.as_ref());
    let from_client = upgrading
        .is_some()
        .then(|| hyper::upgrade::on(&mut request));
    let (backend, in_flight, mut answer) = loop {
        let Some(backend) = router.pick_in_time().await else {
            router.fault(None, Fault::NoInstance);
            return made_up(StatusCode::SERVICE_UNAVAILABLE);
        };
        let chosen_in_time = !backend.has_left();
        let in_flight = backend.counted(|it| &it.in_flight);
        if chosen_in_time && backend.has_left() {
            // Whoever waits until nothing is in flight there may have looked in between.
            continue;
        }
        match exchange(request, &backend).await {
            Ok(answer) => {
                backend.taken.fetch_add(1, SeqCst);
                break (backend, in_flight, answer);
            }
            // Late by the balancer's own fault: nobody is to blame.
            Err((Fault::NobodyListened, Some(unsent))) if chosen_in_time && backend.has_left() => {
                request = unsent;
            }
            Err((fault, _)) => {
                backend.taken.fetch_add(1, SeqCst);
                router.fault(Some(&backend), fault);
                return made_up(StatusCode::BAD_GATEWAY);
            }
        }
    };
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS
        && let Some(from_client) = from_client
    {
        let from_server = hyper::upgrade::on(&mut answer);
        tokio::spawn(async move {
            let _in_flight = in_flight;
            if let (Ok(client), Ok(server)) = tokio::join!(from_client, from_server) {
                let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
                // Whoever ends it, the other side sees it.
                let _ended = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            }
        });
        return answer.map(|_| Full::default().map_err(|never| match never {}).boxed());
    }
    let leaves = says_when(answer.headers());
    strip(answer.headers_mut(), None);
    if leaves {
        // The connection of which it was said is the balancer's, and the drill wants to know all the same.
        let value = HeaderValue::from_static("says so");
        answer.headers_mut().insert(LEAVES, value);
    }
    let router = Arc::clone(router);
    answer.map(|body| {
        Followed {
            body,
            ended: false,
            router,
            backend,
            _in_flight: in_flight,
        }
        .boxed()
    })
}

/// Sends a request to an instance, over a connection that rests or a new one. What was never sent comes
/// back with the fault.
async fn exchange(
    mut request: Request<Incoming>,
    backend: &Arc<Backend>,
) -> Result<Response<Incoming>, (Fault, Option<Request<Incoming>>)> {
    loop {
        let (mut connection, rested) = match backend.rested() {
            Some(connection) => (connection, true),
            None => match connect(backend).await {
                Ok(connection) => (connection, false),
                Err(fault) => return Err((fault, Some(request))),
            },
        };
        let sent = Instant::now();
        match connection.try_send_request(request).await {
            Ok(answer) => {
                let backend = Arc::clone(backend);
                tokio::spawn(async move {
                    // At rest once the answer has come to its end, or closed.
                    if connection.ready().await.is_ok() {
                        backend.keep(connection);
                    }
                });
                return Ok(answer);
            }
            Err(mut failed) => {
                let fault = match failed.take_message() {
                    // Never sent, for the connection was closed already.
                    Some(unsent) if rested => {
                        request = unsent;
                        continue;
                    }
                    // A new one that is closed before it has carried anything is as good as none.
                    Some(unsent) => return Err((Fault::NobodyListened, Some(unsent))),
                    None if failed.error().is_parse() => Fault::Garbled,
                    None if rested && sent.elapsed() < IDLE_CLOSE => Fault::IdleClose,
                    None if is_reset(failed.error()) => Fault::Reset,
                    None => Fault::Closed,
                };
                return Err((fault, None));
            }
        }
    }
}

/// A new connection.
async fn connect(backend: &Arc<Backend>) -> Result<Outgoing, Fault> {
    let stream = reach(backend.address).await?;
    let (sender, connection) = client::handshake(TokioIo::new(Upstream::new(stream)))
        .await
        .map_err(|_| Fault::NobodyListened)?;
    let open = backend.counted(|it| &it.open);
    tokio::spawn(async move {
        let _open = open;
        // What goes wrong on it is seen by the request that is on it.
        let _seen = connection.with_upgrades().await;
    });
    Ok(sender)
}

fn is_reset(error: &hyper::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() == std::io::ErrorKind::ConnectionReset;
        }
        cause = error.source();
    }
    false
}

/// What a request wants its connection to become: `websocket`.
fn upgrade_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            let mut tokens = value.split(',');
            tokens.any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
        });
    headers.get(UPGRADE).filter(|_| asks).cloned()
}

/// Takes away what is said of one connection only; the other has its own.
fn strip(headers: &mut HeaderMap, upgrading: Option<&HeaderValue>) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, UPGRADE, TE] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    if let Some(protocol) = upgrading {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
}

/// An answer of the balancer's own, and said to be.
fn made_up(status: StatusCode) -> Response<Answer> {
    let mut answer = Response::new(Full::default().map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    let value = HeaderValue::from_static("no answer from the instance");
    answer.headers_mut().insert(GATEWAY, value);
    answer
}

/// The body of an answer on its way to the client, and whether it came to its end.
struct Followed {
    body: Incoming,
    ended: bool,
    router: Arc<Router>,
    backend: Arc<Backend>,
    _in_flight: Counted,
}

impl Body for Followed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        if matches!(frame, Some(Err(_))) && !this.ended {
            this.ended = true;
            this.router.fault(Some(&this.backend), Fault::Cut);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
