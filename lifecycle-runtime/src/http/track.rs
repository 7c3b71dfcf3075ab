//! What is known of one connection while it lives: its requests in flight, and how to wake its task.
//!
//! Everything here belongs to one connection, so that two connections on two cores share no line of
//! memory: there is no counter of the whole server that every request would have to touch.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use http::Method;
use http::uri::PathAndQuery;
use tokio::time::Instant;

use super::server::Server;
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
    /// The client does not take what has been written; see [`State::unsent_since`].
    unsent: Flag,
    id: u64,
    state: Mutex<State>,
}

struct State {
    waker: Option<Waker>,
    /// HTTP/1 uses the first place only; HTTP/2 one a stream. Places are used again, so that a
    /// connection allocates here for its busiest moment and never again.
    requests: Vec<Option<InFlight>>,
    in_flight: usize,
    /// When the last request ended, or the connection began. Kept only where there is an idle limit.
    idle_since: Instant,
    unsent_since: Option<Instant>,
}

/// A request that is being answered.
#[derive(Clone)]
pub(super) struct InFlight {
    pub(super) since: Instant,
    pub(super) request: Option<(Method, Option<PathAndQuery>)>,
    /// The connection has become something else, a WebSocket for instance; the request that did it
    /// stands for it until the socket closes.
    upgraded: bool,
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
            unsent: Flag::default(),
            id,
            state: Mutex::new(State {
                waker: None,
                requests: Vec::new(),
                in_flight: 0,
                idle_since: Instant::now(),
                unsent_since: None,
            }),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Counts a request in; it is out again when the ticket is dropped.
    pub(super) fn enter(self: &Arc<Self>, method: &Method, path: Option<&PathAndQuery>) -> Ticket {
        self.unparsed.set(false);
        self.asked.set(true);
        let request = InFlight {
            since: Instant::now(),
            request: Some((method.clone(), path.cloned())),
            upgraded: false,
        };
        let mut state = self.state();
        state.in_flight += 1;
        let free = state.requests.iter().position(Option::is_none);
        let place = free.unwrap_or(state.requests.len());
        if free.is_none() {
            state.requests.push(None);
        }
        state.requests[place] = Some(request);
        drop(state);
        Ticket {
            track: Arc::clone(self),
            place,
        }
    }

    fn leave(&self, place: usize) {
        self.unparsed.set(false);
        let now = self.server.options.keep_alive.get().map(|_| Instant::now());
        let mut state = self.state();
        let upgraded = state.requests[place]
            .as_ref()
            .is_none_or(|request| request.upgraded);
        if upgraded {
            return;
        }
        let ended = state.requests[place].take();
        state.in_flight -= 1;
        if let Some(now) = now {
            state.idle_since = now;
        }
        drop(state);
        // Freed without the lock: what a request's words hold on to may be large.
        drop(ended);
    }

    /// Whether nothing is being answered and nothing written waits for the client.
    pub(super) fn is_quiet(&self) -> bool {
        !self.unsent.get() && self.state().in_flight == 0
    }

    /// Since when nothing has been in flight; `None` while something is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.in_flight == 0 && !self.unsent.get()).then_some(state.idle_since)
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
    pub(super) fn in_flight(&self, found: &mut Vec<(SocketAddr, InFlight)>) {
        let state = self.state();
        let before = found.len();
        let requests = state.requests.iter().flatten().cloned();
        found.extend(requests.map(|request| (self.peer, request)));
        if let (true, Some(since)) = (found.len() == before, state.unsent_since) {
            let request = InFlight {
                since,
                request: None,
                upgraded: false,
            };
            found.push((self.peer, request));
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

/// A request in flight. Lives in the response's body: what still streams is still counted.
pub(super) struct Ticket {
    pub(super) track: Arc<Track>,
    place: usize,
}

impl Ticket {
    /// Leaves the request counted until its connection closes: it has become the connection.
    pub(super) fn upgrade(self) {
        if let Some(request) = &mut self.track.state().requests[self.place] {
            request.upgraded = true;
        }
    }

    /// The request's method and path, for the log.
    pub(super) fn name(&self) -> String {
        let found = self.track.state().requests[self.place].clone();
        found.map_or_else(String::new, |request| request.name(self.track.peer))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.track.leave(self.place);
    }
}

impl InFlight {
    /// `GET /orders 10.0.0.7:41230`. Without the query, which may hold what no log should.
    pub(super) fn name(&self, peer: SocketAddr) -> String {
        /// Enough for any route; a report has little room.
        const PATH: usize = 96;
        let Some((method, path)) = &self.request else {
            return format!("response not taken by {peer}");
        };
        let path = path.as_ref().map_or("", PathAndQuery::path);
        match path.char_indices().nth(PATH) {
            Some((cut, _)) => format!("{method} {}… {peer}", &path[..cut]),
            None => format!("{method} {path} {peer}"),
        }
    }
}
