//! The task of one connection: hyper's protocol code, and what the server's stage asks of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

use super::listen::Entrance;
use super::protocol::Protocol;
use super::server::Stage;
use super::track::{Ear, Track};
use super::wire::Wire;

/// Serves one connection to its end.
pub(super) struct Connection {
    protocol: Protocol,
    /// Apart, since tokio rounds a task's memory up to the next 128 bytes: with this inside it would
    /// be a step more than hyper's own.
    course: Box<Course>,
}

/// How far a connection has come.
struct Course {
    track: Arc<Track>,
    ear: Ear,
    /// The protocol has been asked to finish what it has and close.
    told: bool,
    /// The last look has been taken: what comes from now on is refused.
    draining: bool,
    /// The server has given up what it had, but another resource has not: see [`super::handover`].
    spared: bool,
    /// While draining: what the timer is for.
    waits: WaitsFor,
    /// What the client had taken when that timer was set, in bytes.
    taken: u64,
    /// The idle limit while serving; while draining, how long nothing may happen.
    timer: Option<Pin<Box<Sleep>>>,
}

/// Who takes so many bytes within the stall timeout gets on with its answer. A trickle does not count:
/// it could hold up the end for as long as it likes.
const ENOUGH: u64 = 16 * 1024;

/// What a connection waits for while the server drains.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WaitsFor {
    /// Something is being answered, here or by another resource.
    Us,
    /// Nothing is in flight: half a request that does not go on, a client that is gone and cannot say
    /// so, one that sends on though it has its answer.
    Request,
    /// The client does not take what it is answered.
    Client,
}

impl Connection {
    pub(super) fn new(wire: Wire, entrance: &Entrance) -> Self {
        let track = Arc::clone(&wire.track);
        let limit = track.server.options.keep_alive.get();
        let timer = limit.map(|limit| Box::pin(sleep_until(Instant::now() + *limit)));
        Self {
            protocol: Protocol::new(wire, entrance),
            course: Box::new(Course {
                track,
                ear: Ear::default(),
                told: false,
                draining: false,
                spared: false,
                waits: WaitsFor::Us,
                taken: 0,
                timer,
            }),
        }
    }

    /// Lets the protocol do all it can.
    fn serve(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.protocol.poll(cx, &self.course.track)
    }

    /// Reads once more, from the kernel itself, and serves what was there.
    fn serve_what_has_arrived(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.course.track.rereading.set(true);
        let ended = self.serve(cx);
        self.course.track.rereading.set(false);
        ended
    }

    fn tell(&mut self) {
        self.course.told = true;
        self.protocol.tell();
    }

    /// Does what the server's stage asks for. Ready when the connection is to be dropped.
    fn obey(&mut self, stage: Stage, cx: &mut Context<'_>) -> Poll<()> {
        match stage {
            Stage::Serving => Poll::Pending,
            Stage::Settling | Stage::Lingering => {
                // GOAWAY loses nothing: the client's requests that cross it are still served. But it
                // waits for the first request, as HTTP/1 does, so that nobody connects in vain.
                if !self.course.told
                    && self.course.track.http2.get()
                    && self.course.track.asked.get()
                {
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
        if !self.course.spared && self.course.track.is_handed() {
            self.course.spared = true;
            #[cfg(feature = "http2")]
            self.course.track.cut_own_streams();
        }
        self.course.spared
    }

    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let begins = !self.course.draining;
        if begins {
            // In this order: whatever arrived before the linger ended is served.
            if self.serve_what_has_arrived(cx).is_ready() {
                return Poll::Ready(());
            }
            self.course.draining = true;
            self.course.track.refusing.set(true);
            if self.course.track.is_handed() && self.course.track.http2.get() {
                self.course.track.reckon();
            }
        }
        // hyper would close a kept-alive HTTP/1 connection under half a request. Left alone, the rest
        // may come before the timer, and is answered, if only with a refusal that closes.
        let half = || {
            self.course.track.unparsed.get()
                && !self.course.track.http2.get()
                && self.course.track.is_quiet()
        };
        if !self.course.told && !half() {
            if self.course.track.may_just_close() {
                return Poll::Ready(());
            }
            self.tell();
            if self.serve(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        // Not earlier: thousands that just close would each make a timer for nothing.
        if begins {
            // Counted from the end of the intake, where nothing is in flight already.
            let deadline = self.course.track.server.head_deadline().max(Instant::now());
            self.course.timer = Some(Box::pin(sleep_until(deadline)));
            self.course.waits = WaitsFor::Request;
        }
        self.bound_waiting(cx)
    }

    fn waits(&self) -> WaitsFor {
        if self.course.track.is_handed() {
            WaitsFor::Us
        } else if self.course.track.is_quiet() {
            WaitsFor::Request
        } else if self.course.track.waits_for_client() {
            WaitsFor::Client
        } else {
            WaitsFor::Us
        }
    }

    /// Ready when the client has been waited for long enough.
    fn bound_waiting(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let server = &self.course.track.server;
        let waits = self.waits();
        if waits != self.course.waits {
            self.course.waits = waits;
            self.course.timer = None;
        }
        let limit = match waits {
            WaitsFor::Us => {
                self.course.timer = None;
                return Poll::Pending;
            }
            WaitsFor::Request => server.head_timeout(),
            WaitsFor::Client => server.options.stall_timeout,
        };
        let limit = || Instant::now() + limit;
        let taken = self.course.track.written.get();
        if self.course.timer.is_none() {
            self.course.taken = taken;
        }
        let timer = self
            .course
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(limit())));
        if waits == WaitsFor::Client && taken.wrapping_sub(self.course.taken) >= ENOUGH {
            self.course.taken = taken;
            timer.as_mut().reset(limit());
        }
        ready!(timer.as_mut().poll(cx));
        match waits {
            WaitsFor::Client => self.course.track.server.cut_stalled(&self.course.track),
            _ => tracing::debug!(peer = %self.course.track.peer, "a silent connection is cut"),
        }
        Poll::Ready(())
    }

    /// Ready when the connection has been idle for the limit. The timer is left to run while
    /// requests come and go, and set again only when it fires: a request does not touch it.
    fn bound_idleness(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let (Some(timer), Some(limit)) = (
            &mut self.course.timer,
            self.course.track.server.options.keep_alive.get(),
        ) {
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            let over = self.course.track.idle_since().unwrap_or(now) + *limit;
            if over > now {
                timer.as_mut().reset(over);
            } else if self.course.told {
                return Poll::Ready(());
            } else {
                // HTTP/2 says goodbye, and is cut if that is not heard within another limit.
                timer.as_mut().reset(now + *limit);
                if self.serve_what_has_arrived(cx).is_ready() {
                    return Poll::Ready(());
                }
                if self.course.track.is_quiet() {
                    self.tell();
                    if self.serve(cx).is_ready() || !self.course.track.http2.get() {
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
        this.course.ear.listen(&this.course.track, cx);
        this.course.track.note_leaving();
        let stage = this.course.track.server.stage();
        // The drain begins with a look of its own, closer than this one.
        let looks = stage == Stage::Draining && !this.course.draining;
        let goes_on = !looks && (stage != Stage::Abandoned || this.spare());
        if this.course.track.severed.get() || (goes_on && this.serve(cx).is_ready()) {
            return Poll::Ready(());
        }
        let stage = this.course.track.server.stage();
        if this.obey(stage, cx).is_ready() {
            return Poll::Ready(());
        }
        // Here, and not when it came in: a request that is answered at once needs no clock.
        this.course.track.note_time();
        this.course.track.release_written();
        if this.course.timer.is_some() && !this.course.draining {
            return this.bound_idleness(cx);
        }
        Poll::Pending
    }
}
