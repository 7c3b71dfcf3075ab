//! One HTTP/1.1 connection and one exchange on it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::outcome::{GATEWAY, Observed, Outcome, classify};
use super::wire::{Traffic, Wire};
use crate::script::RequestSpec;

/// A request, checked once and built as often as it is sent.
pub(crate) struct Template {
    request: Request<Bytes>,
    /// For the list of lost requests.
    pub(crate) label: String,
    pub(crate) weight: u32,
}

impl Template {
    pub(crate) fn new(spec: &RequestSpec, authority: &str) -> anyhow::Result<Self> {
        let label = format!("{} {}", spec.method, spec.path);
        let mut request = Request::builder()
            .method(spec.method.as_str())
            .uri(spec.path.as_str())
            .header(HOST, authority)
            .header(USER_AGENT, "lifecycle-drill");
        for (name, value) in &spec.headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Bytes::from(spec.body.clone()))
            .with_context(|| format!("the request `{label}` cannot be sent as written"))?;
        Ok(Self {
            request,
            label,
            weight: spec.weight,
        })
    }

    fn build(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.request.body().clone()));
        request.method_mut().clone_from(self.request.method());
        request.uri_mut().clone_from(self.request.uri());
        request.headers_mut().clone_from(self.request.headers());
        request
    }
}

/// The state machine between the sender and the socket.
type Driver = Pin<Box<http1::Connection<TokioIo<Wire>, Full<Bytes>>>>;

/// A connection, and what passed over it.
///
/// Nothing drives it between requests, and during a request the request itself does: what is sent
/// is on the wire in the same instant, as it is with a plain blocking client. A task of its own
/// would write it a scheduling round later, and at saturation would notice first that the server
/// has closed, which hides the very race that the drill is to find.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Dropped as soon as it is over: only then does the sender learn of it.
    driver: Option<Driver>,
    traffic: Arc<Traffic>,
    used: bool,
    manner: Manner,
}

/// How a client uses a connection that it kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It looks first whether the server has closed the connection, as a pool does.
    Looks,
    /// It writes at once. A client that has just read an answer and sends its next request has no
    /// time to look; that this one sometimes would have is only for want of processor time.
    Writes,
}

/// Why there is no connection.
pub(crate) enum NoConnection {
    /// Refused, reset, or not taken in time.
    Refused,
    /// This machine had no port or descriptor left.
    Local,
}

impl Connection {
    pub(crate) async fn open(
        address: SocketAddr,
        until: Instant,
        manner: Manner,
    ) -> Result<Self, NoConnection> {
        let connected = timeout_at(until.into(), TcpStream::connect(address)).await;
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if is_local(&error) => return Err(NoConnection::Local),
            Ok(Err(_)) | Err(_) => return Err(NoConnection::Refused),
        };
        // Without it a small request waits for an acknowledgement; not setting it costs time, not
        // truth.
        let _slower = stream.set_nodelay(true);
        let (wire, traffic) = Wire::new(stream);
        let Ok((sender, connection)) = http1::handshake(TokioIo::new(wire)).await else {
            return Err(NoConnection::Refused);
        };
        let driver = Some(Box::pin(connection));
        Ok(Self {
            sender,
            driver,
            traffic,
            used: false,
            manner,
        })
    }

    /// Whether another request can be sent at once.
    pub(crate) fn is_idle(&self) -> bool {
        self.sender.is_ready()
    }

    /// Waits until the connection can carry another request; `false` when it is closed instead.
    pub(crate) async fn idle(&mut self) -> bool {
        let Self { sender, driver, .. } = self;
        driving(driver, sender.ready()).await.is_ok()
    }

    /// Sends one request and follows its answer to the end.
    ///
    /// `None`: the connection was gone before the head was written.
    pub(crate) async fn exchange(
        &mut self,
        template: &Template,
        until: Instant,
    ) -> Option<Outcome> {
        let started = Instant::now();
        self.traffic.begin();
        let mut seen = Observed {
            reused: self.used,
            ..Observed::default()
        };
        let answer = self.answer(template, &mut seen);
        if timeout_at(until.into(), answer).await.is_err() {
            seen.timed_out = true;
        }
        self.used = true;
        if self.manner == Manner::Writes && seen.complete {
            self.traffic.stop_listening();
        }
        seen.head_written = self.traffic.head_written();
        seen.received = self.traffic.received();
        seen.end = self.traffic.end();
        seen.took = started.elapsed();
        classify(&seen)
    }

    async fn answer(&mut self, template: &Template, seen: &mut Observed) {
        let Self { sender, driver, .. } = self;
        let request = template.build();
        let answer = async {
            if sender.ready().await.is_err() {
                return;
            }
            match sender.try_send_request(request).await {
                Ok(response) => {
                    seen.status = Some(response.status().as_u16());
                    seen.says_when = says_when(response.headers());
                    seen.by_balancer = response.headers().contains_key(GATEWAY);
                    seen.complete = read_to_end(response).await;
                }
                Err(refused) => seen.garbled = refused.error().is_parse(),
            }
        };
        driving(driver, answer).await;
    }
}

/// Waits for `work` while the connection that it needs is driven.
async fn driving<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        // What the work hands to the connection goes out in this same turn, and what comes in is
        // seen by the work in it.
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if driver
            .as_mut()
            .is_some_and(|driver| driver.as_mut().poll(cx).is_ready())
        {
            // What went wrong is seen by the request that was on the connection.
            *driver = None;
        }
        work.as_mut().poll(cx)
    })
    .await
}

/// Reads an answer to its end without keeping it; `false` when it broke off.
async fn read_to_end(response: Response<Incoming>) -> bool {
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return false;
        }
    }
    true
}

/// Whether an answer tells the client to go elsewhere or to come back later.
fn says_when(headers: &HeaderMap<HeaderValue>) -> bool {
    let closes = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value
                .split(',')
                .any(|token| token.trim().eq_ignore_ascii_case("close"))
        });
    closes || headers.contains_key(RETRY_AFTER)
}

/// Whether connecting failed for want of something on this side.
fn is_local(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [
        Errno::ADDRNOTAVAIL,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::NOMEM,
    ];
    Errno::from_io_error(error).is_some_and(|errno| exhausted.contains(&errno))
}

/// One GET on a connection of its own: the status, or `None` when there was no proper answer.
pub(crate) async fn probe(
    template: &Template,
    address: SocketAddr,
    limit: Duration,
) -> Option<u16> {
    let until = Instant::now() + limit;
    let mut connection = Connection::open(address, until, Manner::Looks).await.ok()?;
    let mut seen = Observed::default();
    timeout_at(until.into(), connection.answer(template, &mut seen))
        .await
        .ok()?;
    seen.status.filter(|_| seen.complete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_polite_when_it_says_close_or_when_to_come_back() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in pairs {
                map.append(*name, HeaderValue::from_static(value));
            }
            map
        };
        assert!(says_when(&headers(&[("connection", "Close")])));
        assert!(says_when(&headers(&[("connection", "x, close")])));
        assert!(says_when(&headers(&[("retry-after", "1")])));
        assert!(!says_when(&headers(&[("connection", "keep-alive")])));
        assert!(!says_when(&headers(&[])));
    }
}
