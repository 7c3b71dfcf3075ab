//! One request and its answer, without the types of the service that gives it.
//!
//! hyper's connection code is generic over the service and the body. Here both are one fixed type,
//! so that it is compiled once, in this crate, and not again with every edit of a service. The price
//! is one allocation a request: the box that holds first the service's future and then its body.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::server::Stage;
use super::track::{Part, Ticket, Track};

/// An error of a service or of a body.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A service whose types are forgotten.
pub(super) trait Handler: Send + Sync {
    /// Begins to answer.
    fn call(&self, request: Request<Incoming>) -> BoxExchange;
}

pub(super) type BoxExchange = Pin<Box<dyn Exchange>>;

/// An answer in the making: the head first, then the body's frames.
pub(super) trait Exchange: Send {
    /// The head, with an empty [`Answer`] in the body's place.
    fn poll_head(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<Answer>, BoxError>>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>;

    fn is_end_stream(&self) -> bool;

    fn size_hint(&self) -> SizeHint;
}

/// A tower service as a [`Handler`].
pub(super) struct Tower<S>(pub(super) S);

impl<S, B> Handler for Tower<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn call(&self, request: Request<Incoming>) -> BoxExchange {
        let mut service = self.0.clone();
        // Nearly every service is ready at once. One that is not is asked again with a waker that
        // wakes, before the first byte of the answer is waited for.
        let mut cx = Context::from_waker(Waker::noop());
        Box::pin(match service.poll_ready(&mut cx) {
            Poll::Ready(Ok(())) => State::Calling {
                future: service.call(request),
            },
            Poll::Ready(Err(error)) => State::Failed {
                error: Some(error.into()),
            },
            Poll::Pending => State::Waiting {
                service,
                request: Some(request),
            },
        })
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, B> {
        Waiting { service: S, request: Option<Request<Incoming>> },
        Failed { error: Option<BoxError> },
        Calling { #[pin] future: F },
        Streaming { #[pin] body: B },
    }
}

impl<S, B> Exchange for State<S, S::Future, B>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Send,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    fn poll_head(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<Answer>, BoxError>> {
        loop {
            let next = match self.as_mut().project() {
                StateProj::Waiting { service, request } => {
                    if let Err(error) = ready!(service.poll_ready(cx)) {
                        return Poll::Ready(Err(error.into()));
                    }
                    let Some(request) = request.take() else {
                        return Poll::Ready(Err(polled_twice()));
                    };
                    State::Calling {
                        future: service.call(request),
                    }
                }
                StateProj::Calling { future } => {
                    let (head, body) = match ready!(future.poll(cx)) {
                        Ok(response) => response.into_parts(),
                        Err(error) => return Poll::Ready(Err(error.into())),
                    };
                    self.set(State::Streaming { body });
                    return Poll::Ready(Ok(Response::from_parts(head, Answer::default())));
                }
                StateProj::Failed { error } => {
                    let error = error.take().unwrap_or_else(|| "failed".into());
                    return Poll::Ready(Err(error));
                }
                StateProj::Streaming { .. } => {
                    return Poll::Ready(Err(polled_twice()));
                }
            };
            self.set(next);
        }
    }

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let StateProj::Streaming { body } = self.project() else {
            return Poll::Ready(None);
        };
        // `copy_to_bytes` of all there is hands `Bytes` over without copying.
        body.poll_frame(cx).map(|frame| {
            frame.map(|frame| {
                frame
                    .map(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
                    .map_err(Into::into)
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Streaming { body } => body.is_end_stream(),
            _ => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Streaming { body } => body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

/// The service that hyper sees: counts each request in, or refuses it.
pub(super) struct Serve(pub(super) Arc<Track>);

impl hyper::service::Service<Request<Incoming>> for Serve {
    type Response = Response<Answer>;
    type Error = BoxError;
    type Future = Answering;

    fn call(&self, mut request: Request<Incoming>) -> Answering {
        let track = &self.0;
        if track.refusing.get() {
            return Answering::Refused(Some(Box::new(refusal(track, &request))));
        }
        let ticket = track.enter(request.method(), request.uri());
        let server = &track.server;
        let extensions = request.extensions_mut();
        extensions.insert(ticket.cancellation());
        if let Some(extend) = &server.options.extend {
            extend(&track.peer, extensions);
        }
        let exchange = server.handler.call(request);
        Answering::Waiting(Some((exchange, ticket)))
    }
}

/// The future of a response's head. Small, because hyper moves it.
pub(super) enum Answering {
    Waiting(Option<(BoxExchange, Ticket)>),
    Refused(Option<Box<Response<Answer>>>),
}

impl Future for Answering {
    type Output = Result<Response<Answer>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let waiting = match &mut *self {
            Self::Waiting(waiting) => waiting,
            Self::Refused(refusal) => {
                return Poll::Ready(
                    refusal
                        .take()
                        .map(|refusal| *refusal)
                        .ok_or_else(polled_twice),
                );
            }
        };
        let Some((exchange, ticket)) = waiting else {
            return Poll::Ready(Err(polled_twice()));
        };
        let mut response = match ready!(exchange.as_mut().poll_head(cx)) {
            Ok(response) => response,
            Err(error) => {
                *waiting = None;
                return Poll::Ready(Err(error));
            }
        };
        let track = &ticket.track;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            if let Some((_, ticket)) = waiting.take() {
                ticket.upgrade();
            }
            return Poll::Ready(Ok(response));
        }
        #[cfg(feature = "http2")]
        if ticket.tunnels() && response.status().is_success() {
            if let Some((_, ticket)) = waiting.take() {
                super::streams::connected(ticket);
            }
            return Poll::Ready(Ok(response));
        }
        if track.server.stage() >= Stage::Settling && !track.http2.get() {
            close(&mut response);
        }
        if exchange.is_end_stream() {
            *waiting = None;
        } else if let Some((exchange, ticket)) = waiting.take() {
            *response.body_mut() = Answer::new(exchange, ticket);
        }
        Poll::Ready(Ok(response))
    }
}

fn polled_twice() -> BoxError {
    "polled after it was answered".into()
}

/// The answer to a request that came too late: in HTTP's way, or in gRPC's.
fn refusal(track: &Track, request: &Request<Incoming>) -> Response<Answer> {
    track.unparsed.set(false);
    track.server.reject();
    let mut response = Response::new(Answer::default());
    if let Some(kind) = grpc(request) {
        // UNAVAILABLE in the head and nothing after it says that no part of the service has seen the
        // call; a client would make UNAVAILABLE of a 503 too, but without the words.
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, kind.clone());
        headers.insert("grpc-status", HeaderValue::from_static("14"));
        let message = HeaderValue::from_static("the server is stopping");
        headers.insert("grpc-message", message);
    } else {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        let retry_after = track.server.options.retry_after.clone();
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, retry_after);
    }
    if !track.http2.get() {
        close(&mut response);
    }
    response
}

/// The content type of a gRPC call; `None`: it is none.
fn grpc(request: &Request<Incoming>) -> Option<&HeaderValue> {
    let kind = request.headers().get(header::CONTENT_TYPE)?;
    let grpc = kind.as_bytes().starts_with(b"application/grpc");
    grpc.then_some(kind)
}

/// Asks the client to take its next request elsewhere. HTTP/2 has GOAWAY for this, and forbids the
/// header.
fn close<T>(response: &mut Response<T>) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
}

/// A response's body. The request is in flight until it has been given out or dropped.
#[derive(Default)]
pub(super) struct Answer {
    exchange: Option<(BoxExchange, Ticket)>,
    /// HTTP/2: a part has been given out, and the next was not asked for.
    given: bool,
}

impl Answer {
    fn new(exchange: BoxExchange, ticket: Ticket) -> Self {
        Self {
            exchange: Some((exchange, ticket)),
            given: false,
        }
    }

    /// Counts it among those that wait for their client, or no longer.
    fn set_given(&mut self, given: bool) {
        if self.given != given
            && let Some((_, ticket)) = &self.exchange
        {
            self.given = given;
            ticket.track.count_given(given);
        }
    }
}

impl Body for Answer {
    type Data = Chunk;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, BoxError>>> {
        self.set_given(false);
        let Some((exchange, ticket)) = &mut self.exchange else {
            return Poll::Ready(None);
        };
        let frame = ready!(exchange.as_mut().poll_frame(cx));
        let Some(Ok(frame)) = frame else {
            // HTTP/2 drops this as soon as it has passed the end on, and the end is part of the answer.
            if !ticket.track.http2.get() {
                self.exchange = None;
            }
            return Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(Chunk::from))));
        };
        if !ticket.track.http2.get() {
            return Poll::Ready(Some(Ok(frame.map_data(Chunk::from))));
        }
        let frame = frame.map_data(|bytes| Chunk::counted(bytes, ticket));
        if frame.is_data() {
            self.set_given(true);
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.exchange {
            Some((exchange, _)) => exchange.is_end_stream(),
            None => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.exchange {
            Some((exchange, _)) => exchange.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.set_given(false);
    }
}

/// A part of an answer on its way out.
///
/// hyper's HTTP/2 takes a whole answer into buffers of its own, however little of it the client lets
/// come; only these parts know when they have been written.
pub(super) struct Chunk {
    bytes: Bytes,
    /// HTTP/2: where it is counted until it is dropped.
    track: Option<Arc<Track>>,
    /// HTTP/2: of a session, which is there until this is dropped.
    _part: Option<Part>,
}

impl Chunk {
    fn counted(bytes: Bytes, ticket: &Ticket) -> Self {
        ticket.track.count_buffered(true);
        Self {
            bytes,
            track: Some(Arc::clone(&ticket.track)),
            _part: ticket.part(),
        }
    }
}

impl From<Bytes> for Chunk {
    fn from(bytes: Bytes) -> Self {
        Self {
            bytes,
            track: None,
            _part: None,
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Some(track) = &self.track {
            track.count_buffered(false);
        }
    }
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        self.bytes.copy_to_bytes(count)
    }
}
