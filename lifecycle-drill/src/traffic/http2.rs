//! One HTTP/2 connection by prior knowledge, many exchanges on it at once; gRPC calls among them.
//!
//! It speaks through `h2` itself: what sits above it does not say which stream a request became,
//! and whether that one was written decides whether the request was accepted.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use hyper::body::Bytes;
use tokio::time::timeout_at;

use super::client::{Patience, says_when};
use super::connecting::{NoConnection, connect};
use super::grpc;
use super::outcome::{IDLE_CLOSE, Lost, Outcome};
use super::read_pace::ReadPace;
use super::template::{Slow, Template};
use super::wire::{End, Traffic, Wire};
use crate::script::Protocol;

/// How much may be under way to this side, by stream and in all.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 1 << 24;
/// The same for a client that reads slowly: HTTP/2's own default is the least that all servers know.
const SMALL_WINDOW: u32 = 65_535;

/// A connection. Its clones are the same connection.
#[derive(Clone)]
pub(crate) struct Channel {
    sender: SendRequest<Bytes>,
    traffic: Arc<Traffic>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Exchanges under way.
    active: AtomicUsize,
    used: AtomicBool,
    over: AtomicBool,
}

/// What was observed of one exchange.
#[derive(Default)]
struct Seen {
    /// The stream it became.
    stream: Option<u32>,
    status: Option<u16>,
    says_when: bool,
    /// gRPC's own status.
    grpc: Option<u16>,
    timed_out: bool,
}

/// An exchange under way, however it ends.
struct Active(Arc<State>);

impl Active {
    fn on(state: &Arc<State>) -> Self {
        state.active.fetch_add(1, Relaxed);
        Self(Arc::clone(state))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Relaxed);
    }
}

impl Channel {
    pub(crate) async fn open(
        address: SocketAddr,
        until: Instant,
        trickling: bool,
    ) -> Result<Self, NoConnection> {
        let stream = connect(address, until, trickling).await?;
        let (wire, traffic) = Wire::http2(stream);
        let mut builder = Builder::new();
        let (window, all) = match trickling {
            true => (SMALL_WINDOW, SMALL_WINDOW),
            false => (STREAM_WINDOW, CONNECTION_WINDOW),
        };
        builder
            .enable_push(false)
            .initial_window_size(window)
            .initial_connection_window_size(all);
        let shaken = timeout_at(until.into(), builder.handshake::<_, Bytes>(wire)).await;
        let Ok(Ok((sender, connection))) = shaken else {
            return Err(NoConnection::Refused);
        };
        let state = Arc::new(State::default());
        let driven = Arc::clone(&state);
        tokio::spawn(async move {
            // What went wrong is seen by the requests that were on the connection.
            let _seen = connection.await;
            driven.over.store(true, Relaxed);
        });
        Ok(Self {
            sender,
            traffic,
            state,
        })
    }

    /// Whether a new request can be sent on it, as far as is known.
    pub(crate) fn is_usable(&self) -> bool {
        !self.state.over.load(Relaxed)
            && !self.traffic.going_away()
            && self.traffic.end() == End::Open
    }

    /// Whether its server takes one more request at once; beyond that a request would only wait.
    pub(crate) fn has_room(&self) -> bool {
        self.state.active.load(Relaxed) < self.sender.current_max_send_streams()
    }

    /// Sends one request and follows its answer to the end.
    ///
    /// `None`: the connection was gone, or going, before the head was written.
    pub(crate) async fn exchange(
        &self,
        template: &Template,
        patience: Patience<'_>,
    ) -> Option<Outcome> {
        let started = Instant::now();
        let _active = Active::on(&self.state);
        let reused = self.state.used.swap(true, Relaxed);
        let mut seen = Seen::default();
        let error = match self.answer(template, &mut seen, patience).await {
            Ok(()) if seen.timed_out => return Some(self.timed_out(&seen)),
            Ok(()) => return Some(self.answered(template, &seen)),
            Err(error) => error,
        };
        let written = |stream| self.traffic.stream_written(stream);
        if !seen.stream.is_some_and(written) {
            return None;
        }
        if error.reason() == Some(Reason::REFUSED_STREAM) || error.is_go_away() && error.is_remote()
        {
            return Some(Outcome::Refused);
        }
        let end = self.traffic.end();
        Some(Outcome::Lost(if seen.status.is_some() {
            Lost::Cut
        } else if error.is_library() {
            Lost::Garbled
        } else if error.is_reset() {
            Lost::Reset
        } else if reused && started.elapsed() < IDLE_CLOSE {
            Lost::IdleClose
        } else if end == End::Reset {
            Lost::Reset
        } else {
            Lost::Closed
        }))
    }

    fn timed_out(&self, seen: &Seen) -> Outcome {
        let written = |stream| self.traffic.stream_written(stream);
        match seen.stream.is_some_and(written) {
            true => Outcome::Lost(Lost::Unanswered),
            // Held back until its time was over: nobody was asked.
            false => Outcome::NotSent,
        }
    }

    fn answered(&self, template: &Template, seen: &Seen) -> Outcome {
        let status = seen.status.unwrap_or_default();
        match (template.protocol, seen.grpc) {
            (Protocol::Grpc, Some(grpc)) => grpc::outcome(grpc),
            // A proxy before the server, or a server that speaks no gRPC there.
            _ if status == 503 && (seen.says_when || self.traffic.going_away()) => Outcome::Refused,
            _ if status >= 500 => Outcome::Failed(status),
            (Protocol::Grpc, None) if status < 300 => Outcome::Failed(500),
            _ => Outcome::Served(status),
        }
    }

    /// Sends and reads; what came is in `seen`, however far it came.
    async fn answer(
        &self,
        template: &Template,
        seen: &mut Seen,
        patience: Patience<'_>,
    ) -> Result<(), h2::Error> {
        let until = patience.until().into();
        let Ok(ready) = timeout_at(until, self.sender.clone().ready()).await else {
            seen.timed_out = true;
            return Ok(());
        };
        let (request, body) = template.parts();
        let (response, stream) = ready?.send_request(request, body.is_empty())?;
        seen.stream = Some(response.stream_id().as_u32());
        // A server may answer before it has the whole body; what is left of that is then not sent.
        let reading = self.read(response, template.read_over, seen, patience);
        tokio::select! {
            biased;
            read = reading => read,
            never = upload(stream, body, template.send_over) => match never {},
        }
    }

    async fn read(
        &self,
        response: ResponseFuture,
        over: Duration,
        seen: &mut Seen,
        patience: Patience<'_>,
    ) -> Result<(), h2::Error> {
        let Ok(response) = timeout_at(patience.until().into(), response).await else {
            seen.timed_out = true;
            return Ok(());
        };
        let (head, body) = response?.into_parts();
        let status = head.status.as_u16();
        seen.status = Some(status);
        seen.says_when = says_when(&head.headers);
        seen.grpc = grpc::status(&head.headers);
        if seen.grpc.is_none() {
            patience.begun(status);
        }
        let length = head.headers.get(hyper::header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        match patience
            .rest(read_to_end(body, ReadPace::new(over, length)))
            .await
        {
            Some(Ok(trailing)) => seen.grpc = seen.grpc.or(trailing),
            Some(Err(error)) => return Err(error),
            None => seen.timed_out = true,
        }
        Ok(())
    }
}

/// Reads an answer without keeping it, and the gRPC status behind it.
async fn read_to_end(mut body: RecvStream, mut pace: ReadPace) -> Result<Option<u16>, h2::Error> {
    while let Some(data) = body.data().await {
        let length = data?.len();
        pace.took(length).await;
        body.flow_control().release_capacity(length)?;
    }
    let trailers = body.trailers().await?;
    Ok(trailers.as_ref().and_then(grpc::status))
}

/// Sends a body, at once or slowly, and then keeps the stream. An error is seen by who reads the
/// answer.
async fn upload(
    mut stream: SendStream<Bytes>,
    body: Bytes,
    over: Duration,
) -> std::convert::Infallible {
    if !body.is_empty() {
        if over.is_zero() {
            let _seen = stream.send_data(body, true);
        } else {
            let mut slow = Slow::new(body, over);
            while let Some(piece) = poll_fn(|cx| slow.poll_piece(cx)).await {
                if stream.send_data(piece, slow.is_over()).is_err() {
                    break;
                }
            }
        }
    }
    std::future::pending().await
}
