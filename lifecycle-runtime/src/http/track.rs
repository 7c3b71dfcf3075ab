//! What is known of one connection while it lives: its requests in flight, and how to wake its task.
//!
//! Everything here belongs to one connection, so that two connections on two cores share no line of
//! memory: there is no counter of the whole server that every request would have to touch.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{Method, Uri};
use tokio::time::Instant;

use super::server::Server;
use super::slot::Slot;
use crate::Cancellation;

/// One connection's record, in the server's registry for as long as its socket is open.
pub(super) struct Track {
    pub(super) server: Arc<Server>,
    pub(super) peer: SocketAddr,
    /// In the extensions of every request of this connection. One a connection and not one a
    /// server: handing it out touches a count that other cores leave alone.
    pub(super) cancellation: Cancellation,
    /// The connection has been told to go: what still arrives on it is refused.
    pub(super) refusing: Flag,
    /// Bytes have come that no request has accounted for yet: the beginning of a request.
    pub(super) unparsed: Flag,
    /// Bytes have been written since this was last taken.
    pub(super) wrote: Flag,
    /// The next read asks the kernel itself, whatever the reactor has heard so far.
    pub(super) rereading: Flag,
    /// The connection speaks HTTP/2.
    pub(super) http2: Flag,
    /// A request has come in on it.
    pub(super) asked: Flag,
    /// The request in flight on HTTP/1, which has one at a time.
    slot: Slot,
    /// The connection has become something else, a WebSocket for instance; the request that did it
    /// stands for it in the slot until the socket closes.
    upgraded: Flag,
    /// The client does not take what has been written; see [`State::unsent_since`].
    unsent: Flag,
    id: u64,
    state: Mutex<State>,
}

struct State {
    waker: Option<Waker>,
    /// The requests in flight on HTTP/2. Places are used again, so that a connection allocates here
    /// for its busiest moment and never again.
    streams: Vec<Option<Stream>>,
    open_streams: usize,
    /// When the last request ended, or the connection began. Kept only where there is an idle limit.
    idle_since: Instant,
    unsent_since: Option<Instant>,
}

struct Stream {
    since: Instant,
    method: Method,
    path: Option<PathAndQuery>,
}

/// Something in flight, for a report.
pub(super) struct InFlight {
    pub(super) age: Duration,
    /// `GET /orders 10.0.0.7:41230`. Without the query, which may hold what no log should.
    pub(super) name: String,
}

/// A yes or no that only one connection's task and rarely somebody else looks at.
#[derive(Default)]
pub(super) struct Flag(AtomicBool);

impl Flag {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, value: bool) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Reads it and sets it to no.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Track {
    pub(super) fn new(server: Arc<Server>, peer: SocketAddr, id: u64) -> Self {
        Self {
            server,
            peer,
            cancellation: Cancellation::default(),
            refusing: Flag::default(),
            unparsed: Flag::default(),
            wrote: Flag::default(),
            rereading: Flag::default(),
            http2: Flag::default(),
            asked: Flag::default(),
            slot: Slot::default(),
            upgraded: Flag::default(),
            unsent: Flag::default(),
            id,
            state: Mutex::new(State {
                waker: None,
                streams: Vec::new(),
                open_streams: 0,
                idle_since: Instant::now(),
                unsent_since: None,
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
        let place = if self.http2.get() {
            self.open_stream(Stream {
                since: Instant::now(),
                method: method.clone(),
                path: uri.path_and_query().cloned(),
            })
        } else {
            self.slot.take(method.as_str(), uri.path());
            0
        };
        Ticket {
            track: Arc::clone(self),
            place,
        }
    }

    fn open_stream(&self, stream: Stream) -> usize {
        let mut state = self.state();
        state.open_streams += 1;
        let free = state.streams.iter().position(Option::is_none);
        let place = free.unwrap_or(state.streams.len());
        if free.is_none() {
            state.streams.push(None);
        }
        state.streams[place] = Some(stream);
        place
    }

    fn leave(&self, place: usize) {
        self.unparsed.set(false);
        if self.http2.get() {
            let mut state = self.state();
            state.open_streams -= 1;
            let ended = state.streams[place].take();
            drop(state);
            // Freed without the lock: what its path is part of may be large.
            drop(ended);
        } else if !self.upgraded.get() {
            self.slot.free();
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
            && (!self.http2.get() || self.state().open_streams == 0)
    }

    /// Since when nothing has been in flight; `None` while something is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.is_quiet().then(|| self.state().idle_since)
    }

    /// Notes whether the client takes what is written to it.
    pub(super) fn set_unsent(&self, unsent: bool) {
        if self.unsent.get() != unsent {
            self.unsent.set(unsent);
            self.state().unsent_since = unsent.then(Instant::now);
        }
    }

    /// Adds what is in flight to `found`: every request, or, where only the end of an answer has yet
    /// to be taken by the client, that.
    pub(super) fn in_flight(&self, now: Instant, found: &mut Vec<InFlight>) {
        let peer = self.peer;
        let before = found.len();
        if let Some(request) = self.slot.read() {
            let age = self.server.age(now);
            let since = request.since.map_or(age, Duration::from_nanos);
            let (path, cut) = request.path;
            let method = request.method;
            found.push(InFlight {
                age: age.saturating_sub(since),
                name: format!("{method} {path}{} {peer}", if cut { "…" } else { "" }),
            });
        }
        let state = self.state();
        found.extend(state.streams.iter().flatten().map(|stream| {
            let path = stream.path.as_ref().map_or("", PathAndQuery::path);
            InFlight {
                age: now.saturating_duration_since(stream.since),
                name: format!("{} {} {peer}", stream.method, shortened(path)),
            }
        }));
        if let (true, Some(since)) = (found.len() == before, state.unsent_since) {
            found.push(InFlight {
                age: now.saturating_duration_since(since),
                name: format!("response not taken by {peer}"),
            });
        }
    }

    /// Has the connection's task woken by [`Track::wake`].
    pub(super) fn set_waker(&self, waker: Waker) {
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

/// A path as a report has room for it.
fn shortened(path: &str) -> String {
    match path.char_indices().nth(Slot::PATH) {
        Some((cut, _)) => format!("{}…", &path[..cut]),
        None => path.to_owned(),
    }
}

/// A request in flight. Lives in the response's body: what still streams is still counted.
pub(super) struct Ticket {
    pub(super) track: Arc<Track>,
    place: usize,
}

impl Ticket {
    /// Leaves the request counted until its connection closes: it has become the connection.
    pub(super) fn upgrade(self) {
        self.track.upgraded.set(true);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // A panic of the service's code takes the connection's task with it (HTTP/2: the stream's),
        // and this ticket. Seen from here it costs the requests that do not panic nothing.
        if std::thread::panicking() {
            self.track.server.panicked();
        }
        self.track.leave(self.place);
    }
}
