//! The task of one connection: hyper's protocol code, and what the server's stage asks of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Sleep, sleep_until};

use super::exchange::Serve;
use super::server::Stage;
use super::socket::Socket;
use super::track::{Ear, Track};

type Io = TokioIo<Socket>;

/// Serves one connection to its end.
pub(super) struct Connection {
    track: Arc<Track>,
    protocol: Protocol,
    ear: Ear,
    /// The protocol has been asked to finish what it has and close.
    told: bool,
    /// The last look has been taken: what comes from now on is refused.
    draining: bool,
    /// The server has given up what it had, but another resource has not: see [`super::handover`].
    spared: bool,
    /// The idle limit while serving; while draining, how long nothing may happen.
    timer: Option<Pin<Box<Sleep>>>,
}

#[cfg_attr(
    feature = "http2",
    allow(
        clippy::large_enum_variant,
        reason = "HTTP/1 is the usual case, and a box would cost it an allocation"
    )
)]
enum Protocol {
    /// Nothing has been heard that tells HTTP/1 from HTTP/2.
    #[cfg(feature = "http2")]
    Unknown(super::sniff::Sniff),
    Http1(http1::UpgradeableConnection<Io, Serve>),
    #[cfg(feature = "http2")]
    Http2(Pin<Box<super::sniff::Http2>>),
}

impl Connection {
    pub(super) fn new(socket: Socket) -> Self {
        let track = Arc::clone(&socket.track);
        let limit = track.server.options.keep_alive.get();
        let timer = limit.map(|limit| Box::pin(sleep_until(Instant::now() + *limit)));
        #[cfg(feature = "http2")]
        let protocol = Protocol::Unknown(super::sniff::Sniff::new(socket));
        #[cfg(not(feature = "http2"))]
        let protocol = Protocol::Http1(serve_http1(socket));
        Self {
            track,
            protocol,
            ear: Ear::default(),
            told: false,
            draining: false,
            spared: false,
            timer,
        }
    }

    /// Lets the protocol do all it can.
    fn serve(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        #[cfg(feature = "http2")]
        if let Protocol::Unknown(sniff) = &mut self.protocol {
            use super::sniff::Spoken;
            self.protocol = match std::task::ready!(sniff.poll(cx)) {
                Spoken::Http1(socket) => Protocol::Http1(serve_http1(socket)),
                Spoken::Http2(connection) => Protocol::Http2(connection),
                Spoken::Nothing => return Poll::Ready(()),
            };
        }
        let ended = match &mut self.protocol {
            Protocol::Http1(connection) => Pin::new(connection).poll(cx),
            #[cfg(feature = "http2")]
            Protocol::Http2(connection) => connection.as_mut().poll(cx),
            #[cfg(feature = "http2")]
            Protocol::Unknown(_) => return Poll::Pending,
        };
        ended.map(|result| {
            if let Err(error) = result {
                tracing::debug!(peer = %self.track.peer, %error, "a connection ended early");
            }
        })
    }

    /// Reads once more, from the kernel itself, and serves what was there.
    fn serve_what_has_arrived(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.track.rereading.set(true);
        let ended = self.serve(cx);
        self.track.rereading.set(false);
        ended
    }

    /// Asks the protocol to finish what it has and close: HTTP/1 turns keep-alive off, HTTP/2 sends
    /// GOAWAY.
    fn tell(&mut self) {
        self.told = true;
        match &mut self.protocol {
            #[cfg(feature = "http2")]
            Protocol::Unknown(sniff) => sniff.give_up(),
            Protocol::Http1(connection) => Pin::new(connection).graceful_shutdown(),
            #[cfg(feature = "http2")]
            Protocol::Http2(connection) => connection.as_mut().graceful_shutdown(),
        }
    }

    /// Does what the server's stage asks for. Ready when the connection is to be dropped.
    fn obey(&mut self, stage: Stage, cx: &mut Context<'_>) -> Poll<()> {
        match stage {
            Stage::Serving => Poll::Pending,
            Stage::Settling | Stage::Lingering => {
                // GOAWAY loses nothing: the client's requests that cross it are still served. But it
                // waits for the first request, as HTTP/1 does, so that nobody connects in vain.
                if !self.told && self.track.http2.get() && self.track.asked.get() {
                    self.tell();
                    return self.serve(cx);
                }
                Poll::Pending
            }
            Stage::Draining => self.drain(cx),
            Stage::Abandoned if self.spare() => self.drain(cx),
            Stage::Abandoned => Poll::Ready(()),
        }
    }

    /// Whether to go on for another resource's sake; what else is in flight is cut.
    fn spare(&mut self) -> bool {
        if !self.spared && self.track.is_handed() {
            self.spared = true;
            #[cfg(feature = "http2")]
            self.track.cut_own_streams();
        }
        self.spared
    }

    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.draining {
            // In this order: whatever arrived before the linger ended is served.
            if self.serve_what_has_arrived(cx).is_ready() {
                return Poll::Ready(());
            }
            self.draining = true;
            self.track.refusing.set(true);
            if self.track.is_handed() && self.track.http2.get() {
                self.track.reckon();
            }
            let deadline = self.track.server.head_deadline().max(Instant::now());
            self.timer = Some(Box::pin(sleep_until(deadline)));
            self.track.wrote.take();
        }
        // hyper would close a kept-alive HTTP/1 connection under half a request. Left alone, the rest
        // may come before the timer, and is answered, if only with a refusal that closes.
        let half = || self.track.unparsed.get() && !self.track.http2.get() && self.track.is_quiet();
        if !self.told && !half() {
            self.tell();
            if self.serve(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        self.bound_silence(cx)
    }

    /// Ready when nothing has been in flight for the head timeout: half a request that does not go
    /// on, a client that is gone and cannot say so, one that sends on though it has its answer.
    fn bound_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if !self.track.is_quiet() {
                self.timer = None;
                return Poll::Pending;
            }
            let timeout = self.track.server.options.head_timeout;
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + timeout)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // What HTTP/2 still has to send waits in its own buffers, and is no request in flight any
            // more. As long as it gets on, it may.
            if !(self.track.http2.get() && self.track.wrote.take()) {
                tracing::debug!(peer = %self.track.peer, "a silent connection is cut");
                return Poll::Ready(());
            }
            timer.as_mut().reset(Instant::now() + timeout);
        }
    }

    /// Ready when the connection has been idle for the limit. The timer is left to run while
    /// requests come and go, and set again only when it fires: a request does not touch it.
    fn bound_idleness(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let (Some(timer), Some(limit)) =
            (&mut self.timer, self.track.server.options.keep_alive.get())
        {
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            let over = self.track.idle_since().unwrap_or(now) + *limit;
            if over > now {
                timer.as_mut().reset(over);
            } else if self.told {
                return Poll::Ready(());
            } else {
                // HTTP/2 says goodbye, and is cut if that is not heard within another limit.
                timer.as_mut().reset(now + *limit);
                if self.serve_what_has_arrived(cx).is_ready() {
                    return Poll::Ready(());
                }
                if self.track.is_quiet() {
                    self.tell();
                    if !self.track.http2.get() || self.serve(cx).is_ready() {
                        return Poll::Ready(());
                    }
                }
            }
        }
        Poll::Pending
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.ear.listen(&this.track, cx);
        let goes_on = this.track.server.stage() != Stage::Abandoned || this.spare();
        if this.track.severed.get() || (goes_on && this.serve(cx).is_ready()) {
            return Poll::Ready(());
        }
        let stage = this.track.server.stage();
        if this.obey(stage, cx).is_ready() {
            return Poll::Ready(());
        }
        // Here, and not when it came in: a request that is answered at once needs no clock.
        this.track.note_time();
        this.track.release_written();
        if this.timer.is_some() && !this.draining {
            return this.bound_idleness(cx);
        }
        Poll::Pending
    }
}

fn serve_http1(socket: Socket) -> http1::UpgradeableConnection<Io, Serve> {
    let service = Serve(Arc::clone(&socket.track));
    http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades()
}
