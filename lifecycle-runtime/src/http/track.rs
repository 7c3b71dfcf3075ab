//! What is known of one connection while it lives: its requests in flight, and how to wake its task.
//!
//! Everything here belongs to one connection, so that two connections on two cores share no line of
//! memory: there is no counter of the whole server that every request would have to touch.

mod cells;
mod handed;
mod report;
mod ticket;

use std::num::NonZero;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Waker};

use http::uri::PathAndQuery;
use http::{Method, Uri};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::peer::Peer;
use super::server::{Server, Stage};
use super::slot::Slot;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Mutex, MutexGuard};
use cells::{Count, Flag};
use handed::Kept;
pub(super) use handed::Part;
pub(super) use report::InFlight;
pub(super) use ticket::Ticket;

/// One connection's record, in the server's registry for as long as its socket is open.
pub(super) struct Track {
    pub(super) server: Arc<Server>,
    pub(super) peer: Peer,
    /// The step's timeout has passed; see [`State::cancellation`].
    cancelled: Flag,
    /// The connection has been told to go: what still arrives on it is refused.
    pub(super) refusing: Flag,
    /// Bytes have come that no request has accounted for yet: the beginning of a request.
    pub(super) unparsed: Flag,
    /// How many bytes have been written.
    pub(super) written: Count,
    /// The next read asks the kernel itself, whatever the reactor has heard so far.
    pub(super) rereading: Flag,
    /// The connection speaks HTTP/2.
    pub(super) http2: Flag,
    /// A request has come in on it.
    pub(super) asked: Flag,
    /// HTTP/1 in the clear on the kernel's own socket.
    pub(super) bare: Flag,
    /// Closing: our side has said that it will send nothing more.
    pub(super) finished: Flag,
    /// Closing: the client was still sending.
    pub(super) discarding: Flag,
    /// The request in flight on HTTP/1, which has one at a time.
    slot: Slot,
    /// The connection has become something else, a WebSocket for instance; the request that did it
    /// stands for it in the slot until the socket closes.
    upgraded: Flag,
    /// The client does not take what has been written; see [`State::unsent_since`].
    unsent: Flag,
    /// Something in flight here has been taken over by another resource; see [`super::handover`].
    handed: Flag,
    /// Nothing but that is in flight here: the server need not wait. Written under the registry's
    /// lock only.
    pub(super) away: Flag,
    /// The one request in flight is to be cut at once.
    pub(super) severed: Flag,
    /// HTTP/2: how many answers have given out a part and were not asked for the next: their clients
    /// let nothing more come.
    given: AtomicU32,
    /// HTTP/2: how many parts of answers have not been written.
    buffered: AtomicU32,
    /// Sessions have ended whose last bytes may still have to be written.
    leaving: Flag,
    id: u64,
    state: Mutex<State>,
}

struct State {
    waker: Option<Waker>,
    /// For the handlers that wait for their cancellation; made when the first does. One a connection
    /// and not one a server: what is handed out touches a count that other cores leave alone.
    cancellation: Option<CancellationToken>,
    /// The socket is closed. A stream's own task may still hold its end of it.
    closed: bool,
    /// When the last request ended, or the connection began. Kept only where there is an idle limit.
    idle_since: Instant,
    rare: Option<Box<Rare>>,
}

/// What only HTTP/2, sessions and clients that do not take their answers need. A connection that
/// idles should cost no more than hyper's own.
#[derive(Default)]
struct Rare {
    /// The requests in flight on HTTP/2. Places are used again, so that a connection allocates here
    /// for its busiest moment and never again.
    streams: Vec<Option<Stream>>,
    open_streams: usize,
    /// How many of them have been taken over.
    handed_streams: usize,
    /// The number of the last stream.
    serial: u32,
    /// The place and the number of a stream whose task is not there yet.
    #[cfg(feature = "http2")]
    latest: Option<(u32, u32)>,
    /// The request on HTTP/1 that has been taken over.
    kept: Option<Kept>,
    /// Sessions that have ended, until their last bytes are written.
    leaving: Vec<Kept>,
    unsent_since: Option<Instant>,
    /// When the last stream was answered, of which something may still have to be sent.
    last_answer: Option<Instant>,
}

struct Stream {
    since: Instant,
    method: Method,
    path: Option<PathAndQuery>,
    serial: u32,
    /// Ends its task.
    abort: Option<AbortHandle>,
    /// It has been taken over by another resource.
    kept: Option<Kept>,
}

impl Track {
    pub(super) fn new(server: Arc<Server>, peer: Peer, id: u64) -> Self {
        Self {
            server,
            peer,
            cancelled: Flag::default(),
            refusing: Flag::default(),
            unparsed: Flag::default(),
            written: Count::default(),
            rereading: Flag::default(),
            http2: Flag::default(),
            asked: Flag::default(),
            bare: Flag::default(),
            finished: Flag::default(),
            discarding: Flag::default(),
            slot: Slot::default(),
            upgraded: Flag::default(),
            unsent: Flag::default(),
            handed: Flag::default(),
            away: Flag::default(),
            severed: Flag::default(),
            given: AtomicU32::new(0),
            buffered: AtomicU32::new(0),
            leaving: Flag::default(),
            id,
            state: Mutex::new(State {
                waker: None,
                cancellation: None,
                closed: false,
                idle_since: Instant::now(),
                rare: None,
            }),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Counts a request in; it is out again when the ticket is dropped.
    pub(super) fn enter(self: &Arc<Self>, method: &Method, uri: &Uri) -> Ticket {
        self.unparsed.set(false);
        self.asked.set(true);
        let (place, serial) = if self.http2.get() {
            self.open_stream(method.clone(), uri.path_and_query().cloned())
        } else {
            self.slot.take(method.as_str(), uri.path());
            (0, self.slot.version())
        };
        Ticket {
            track: Arc::clone(self),
            place,
            serial,
            #[cfg(feature = "http2")]
            tunnels: self.http2.get() && method == Method::CONNECT,
        }
    }

    fn open_stream(&self, method: Method, path: Option<PathAndQuery>) -> (u32, u32) {
        let mut state = self.state();
        let rare = state.rare();
        rare.open_streams += 1;
        let serial = rare.serial.wrapping_add(1);
        rare.serial = serial;
        let stream = Some(Stream {
            since: Instant::now(),
            method,
            path,
            serial,
            abort: None,
            kept: None,
        });
        // Places are few: hyper allows a connection 200 streams at once.
        let place = match rare
            .streams
            .iter_mut()
            .zip(0..)
            .find(|(it, _)| it.is_none())
        {
            Some((free, place)) => {
                *free = stream;
                place
            }
            None => {
                rare.streams.push(stream);
                u32::try_from(rare.streams.len() - 1).unwrap_or(u32::MAX)
            }
        };
        #[cfg(feature = "http2")]
        {
            rare.latest = Some((place, serial));
        }
        (place, serial)
    }

    /// Which stream's task is to be noted: its place, and its number. `None`: the request was refused,
    /// and has no place.
    #[cfg(feature = "http2")]
    pub(super) fn take_latest(&self) -> Option<(u32, u32)> {
        self.state().rare().latest.take()
    }

    /// Notes the task that answers a stream.
    #[cfg(feature = "http2")]
    pub(super) fn note_task(&self, (place, serial): (u32, u32), abort: AbortHandle) {
        let mut state = self.state();
        // It may have been answered already, by another thread.
        if let Some(stream) = state.stream(place, serial) {
            stream.abort = Some(abort);
        }
    }

    fn leave(&self, place: u32) {
        self.unparsed.set(false);
        if self.http2.get() {
            let mut state = self.state();
            let rare = state.rare();
            rare.open_streams -= 1;
            let mut ended = rare.streams.get_mut(place as usize).and_then(Option::take);
            let kept = ended.as_mut().and_then(|stream| stream.kept.take());
            if rare.open_streams == 0 && self.buffered.load(Ordering::Relaxed) > 0 {
                rare.last_answer = Some(Instant::now());
            }
            drop(state);
            // Freed without the lock: what its path is part of may be large.
            drop(ended);
            match kept {
                Some(kept) => self.take_back_stream(kept),
                // What is left may be sessions only.
                None if self.handed.get() && self.refusing.get() => self.reckon(),
                None => {}
            }
        } else if !self.upgraded.get() {
            self.slot.free();
            if self.handed.get() {
                self.take_back();
            }
        }
        if self.server.options.keep_alive.get().is_some() {
            let now = Instant::now();
            self.state().idle_since = now;
        }
    }

    /// Notes that the request in flight is being waited for, if there is one and that is news.
    pub(super) fn note_time(&self) {
        if self.slot.is_untimed() {
            self.slot.note_time(self.server.nanoseconds(Instant::now()));
        }
    }

    /// Whether nothing is being answered and nothing written waits for the client.
    pub(super) fn is_quiet(&self) -> bool {
        !self.unsent.get()
            && !self.slot.is_taken()
            && (!self.http2.get()
                || (self.buffered.load(Ordering::Relaxed) == 0 && self.open_streams() == 0))
    }

    /// Whether an idle connection needs no farewell: closing it says all there is to say, at half of the
    /// price, and there may be thousands.
    pub(super) fn may_just_close(&self) -> bool {
        self.bare.get() && self.asked.get() && !self.unparsed.get() && self.is_quiet()
    }

    /// Whether all that is left to do here is up to the client: to take what it is answered.
    pub(super) fn waits_for_client(&self) -> bool {
        if self.unsent.get() {
            return true;
        }
        if !self.http2.get() {
            return false;
        }
        let given = self.given.load(Ordering::Relaxed);
        let buffered = self.buffered.load(Ordering::Relaxed);
        let open = self.open_streams();
        given as usize == open && (open > 0 || buffered > 0)
    }

    fn open_streams(&self) -> usize {
        let state = self.state();
        state.rare.as_ref().map_or(0, |rare| rare.open_streams)
    }

    /// Counts an answer in, or out, that has given out a part and was not asked for the next.
    pub(super) fn count_given(&self, given: bool) {
        count(&self.given, given);
    }

    /// Counts a part of an answer in, or out, that has not been written.
    pub(super) fn count_buffered(&self, buffered: bool) {
        count(&self.buffered, buffered);
    }

    /// Since when nothing has been in flight; `None` while something is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.is_quiet().then(|| self.state().idle_since)
    }

    /// Notes whether the client takes what is written to it.
    pub(super) fn set_unsent(&self, unsent: bool) {
        if self.unsent.get() != unsent {
            self.unsent.set(unsent);
            self.state().rare().unsent_since = unsent.then(Instant::now);
        }
    }

    /// Whether the step's timeout has passed.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    /// What fires with the step's timeout, for those who wait for it.
    pub(super) fn cancellation(&self) -> CancellationToken {
        let mut state = self.state();
        let token = state.cancellation.get_or_insert_default().clone();
        let late = self.is_cancelled();
        drop(state);
        if late {
            token.cancel();
        }
        token
    }

    /// The step's timeout has passed.
    pub(super) fn cancel(&self) {
        let state = self.state();
        // Under the lock: who makes the token sees it.
        self.cancelled.set(true);
        let token = state.cancellation.clone();
        drop(state);
        if let Some(token) = token {
            token.cancel();
        }
    }

    fn set_waker(&self, waker: Waker) {
        self.state().waker = Some(waker);
    }

    pub(super) fn wake(&self) {
        let waker = self.state().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done under this lock, so a panic elsewhere is no reason to stop counting.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The stream at `place`, if it is still the one with this number.
    fn stream(&mut self, place: u32, serial: u32) -> Option<&mut Stream> {
        let streams = &mut self.rare.as_mut()?.streams;
        let stream = streams.get_mut(place as usize)?.as_mut()?;
        (stream.serial == serial).then_some(stream)
    }
}

/// What a connection's task hears the server's stage with.
#[derive(Default)]
pub(super) struct Ear {
    /// Whose waker the track holds, to see without its lock whether it still is this task's: nobody
    /// else's has the same address while the task lives.
    task: Option<NonZero<usize>>,
}

impl Ear {
    /// Has [`Track::wake`] wake this task. To be called before the stage is looked at: whoever moves
    /// it on afterwards finds the waker.
    pub(super) fn listen(&mut self, track: &Track, cx: &Context<'_>) {
        let task = NonZero::new(cx.waker().data().addr());
        if self.task != task || task.is_none() {
            self.task = task;
            track.set_waker(cx.waker().clone());
        }
    }
}

fn count(counter: &AtomicU32, more: bool) {
    match more {
        true => counter.fetch_add(1, Ordering::Relaxed),
        false => counter.fetch_sub(1, Ordering::Relaxed),
    };
}
