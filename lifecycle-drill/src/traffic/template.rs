//! A request, checked once and built as often as it is sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use http_body_util::Full;
use hyper::Request;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
    USER_AGENT,
};
use tokio::time::{Instant, Sleep, sleep_until};

use super::grpc;
use crate::script::{Protocol, RequestSpec};

/// What the drill calls itself.
pub(super) const AGENT: &str = "lifecycle-drill";
/// In how many pieces a body goes out that is sent slowly.
const PIECES: u32 = 20;

/// A request.
pub(crate) struct Template {
    request: Request<Bytes>,
    pub(crate) protocol: Protocol,
    /// For the list of lost requests.
    pub(crate) label: String,
    pub(crate) weight: u32,
    /// How long its body takes to be sent.
    pub(crate) send_over: Duration,
    /// How long its answer takes to be read.
    pub(crate) read_over: Duration,
}

impl Template {
    /// Errors: a method, path or header that cannot be sent in the request's protocol.
    pub(crate) fn new(spec: &RequestSpec, authority: &str) -> anyhow::Result<Self> {
        let label = spec.label();
        let request = head(spec, authority)
            .with_context(|| format!("the request `{label}` cannot be sent as written"))?;
        Ok(Self {
            request,
            protocol: spec.protocol,
            label,
            weight: spec.weight,
            send_over: spec.send_over,
            read_over: spec.read_over,
        })
    }

    /// Whether it takes its time by itself, and should not keep a connection from others.
    pub(crate) const fn trickles(&self) -> bool {
        !self.send_over.is_zero() || !self.read_over.is_zero()
    }

    /// For HTTP/1.1.
    pub(crate) fn build(&self) -> Request<Upload> {
        let body = self.request.body().clone();
        let upload = match self.send_over.is_zero() || body.is_empty() {
            true => Upload::Whole(Full::new(body)),
            false => Upload::Slow(Slow::new(body, self.send_over)),
        };
        self.with_body(upload)
    }

    /// For HTTP/2, and its body.
    pub(crate) fn parts(&self) -> (Request<()>, Bytes) {
        (self.with_body(()), self.request.body().clone())
    }

    fn with_body<T>(&self, body: T) -> Request<T> {
        let mut request = Request::new(body);
        request.method_mut().clone_from(self.request.method());
        request.uri_mut().clone_from(self.request.uri());
        request.headers_mut().clone_from(self.request.headers());
        request
    }
}

fn head(spec: &RequestSpec, authority: &str) -> anyhow::Result<Request<Bytes>> {
    let mut request = Request::builder()
        .method(spec.method.as_str())
        .header(USER_AGENT, AGENT);
    request = match spec.protocol {
        Protocol::Http1 => request.uri(spec.path.as_str()).header(HOST, authority),
        Protocol::Http2 => request.uri(format!("http://{authority}{}", spec.path)),
        Protocol::Grpc => request
            .uri(format!("http://{authority}{}", spec.path))
            .header(CONTENT_TYPE, "application/grpc")
            .header(TE, "trailers"),
    };
    for (name, value) in &spec.headers {
        let name: HeaderName = name.parse()?;
        let value: HeaderValue = value.parse()?;
        ensure!(
            spec.protocol == Protocol::Http1
                || ![CONNECTION, HOST, TRANSFER_ENCODING, UPGRADE].contains(&name),
            "HTTP/2 has no `{name}` header"
        );
        request = request.header(name, value);
    }
    let body = match spec.protocol {
        Protocol::Grpc => grpc::framed(&spec.body)?,
        Protocol::Http1 | Protocol::Http2 => spec.body.clone(),
    };
    Ok(request.body(Bytes::from(body))?)
}

/// A body on its way.
pub(crate) enum Upload {
    /// At once.
    Whole(Full<Bytes>),
    /// In pieces.
    Slow(Slow),
}

/// Hands out a body in equal pieces at equal intervals.
pub(crate) struct Slow {
    left: Bytes,
    piece: usize,
    pause: Duration,
    next: Pin<Box<Sleep>>,
}

impl Slow {
    pub(super) fn new(body: Bytes, over: Duration) -> Self {
        Self {
            piece: body.len().div_ceil(PIECES as usize).max(1),
            left: body,
            pause: over / PIECES,
            next: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// The next piece, when it is due; `None` when all are out.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.next.as_mut().poll(cx));
        let due = self.next.deadline() + self.pause;
        self.next.as_mut().reset(due);
        let piece = self.piece.min(self.left.len());
        Poll::Ready(Some(self.left.split_to(piece)))
    }

    pub(super) fn is_over(&self) -> bool {
        self.left.is_empty()
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(cx),
            Self::Slow(slow) => slow
                .poll_piece(cx)
                .map(|piece| piece.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Slow(slow) => slow.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Slow(slow) => SizeHint::with_exact(slow.left.len() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_takes_the_time_it_was_given() {
        let spec = RequestSpec {
            method: "POST".to_owned(),
            body: vec![b'x'; 1_001],
            send_over: Duration::from_secs(10),
            ..RequestSpec::get("/upload")
        };
        let template = Template::new(&spec, "127.0.0.1:1").unwrap();
        let mut body = template.build().into_body();
        assert_eq!(body.size_hint().exact(), Some(1_001));
        let (began, mut pieces) = (Instant::now(), Vec::new());
        while let Some(frame) = body.frame().await {
            pieces.push((began.elapsed(), frame.unwrap().into_data().unwrap().len()));
        }
        assert_eq!(
            pieces.iter().map(|(_, length)| length).sum::<usize>(),
            1_001
        );
        assert_eq!(pieces[0].0, Duration::ZERO);
        let (last, _) = pieces.last().unwrap();
        assert!((9_000..=10_000).contains(&last.as_millis()), "{last:?}");
    }

    #[test]
    fn what_http2_does_not_know_is_an_error_before_anything_starts() {
        let mut spec = RequestSpec {
            protocol: Protocol::Http2,
            headers: vec![("Connection".to_owned(), "close".to_owned())],
            ..RequestSpec::get("/")
        };
        let error = Template::new(&spec, "127.0.0.1:1").err().unwrap();
        assert!(
            format!("{error:#}").ends_with("HTTP/2 has no `connection` header"),
            "{error:#}"
        );
        spec.protocol = Protocol::Http1;
        assert!(Template::new(&spec, "127.0.0.1:1").is_ok());
    }
}
