//! What of a connection belongs to another resource; see [`crate::http::handover`].

use std::sync::Arc;

use super::{Stage, Track};
use crate::http::handover::Keeper;
use crate::sync::atomic::Ordering;

/// A request that has been taken over.
pub(super) struct Kept {
    serial: u32,
    _keeper: Keeper,
    /// HTTP/2: shared with what of the answer has not been written.
    parts: Part,
    /// The connection has gone on since the answer ended.
    served: bool,
}

/// Lives as long as a part of a session's answer that has not been written.
pub(in crate::http) type Part = Arc<()>;

impl Kept {
    fn new(serial: u32, keeper: Keeper) -> Self {
        Self {
            serial,
            _keeper: keeper,
            parts: Part::default(),
            served: false,
        }
    }

    /// How many parts of the answer have not been given to the socket.
    fn unwritten(&self) -> usize {
        Arc::strong_count(&self.parts) - 1
    }

    /// Whether all parts of the answer have been given to the socket, and its end with them.
    fn is_written(&self) -> bool {
        self.served && self.unwritten() == 0
    }
}

impl Track {
    /// Lets another resource take the request over. Whether it is still in flight.
    pub(in crate::http) fn hand_over(&self, place: u32, serial: u32, keeper: Keeper) -> bool {
        let mut state = self.state();
        if state.closed {
            return false;
        }
        if self.http2.get() {
            let Some(stream) = state.stream(place, serial) else {
                return false;
            };
            let before = stream.kept.replace(Kept::new(serial, keeper));
            state.rare().handed_streams += usize::from(before.is_none());
            self.handed.set(true);
            // A keeper is somebody else's code: never dropped under the lock.
            drop(state);
            drop(before);
            self.reckon();
        } else {
            if self.slot.version() != serial {
                return false;
            }
            let before = state.rare().kept.replace(Kept::new(serial, keeper));
            self.handed.set(true);
            drop(state);
            drop(before);
            self.server.set_away(self, || true);
        }
        true
    }

    /// The request on HTTP/1 that was taken over has been answered to its end, which may still have to be
    /// written.
    pub(in crate::http) fn take_back(&self) {
        self.handed.set(false);
        self.server.set_away(self, || false);
        // While the server drains, the connection closes now; the socket's end is the session's. Before
        // that it is the server's again, which waits for it when its own time comes.
        if self.server.stage() < Stage::Draining {
            let mut state = self.state();
            let rare = state.rare();
            rare.leaving.extend(rare.kept.take());
            self.leaving.set(true);
            drop(state);
            self.wake();
        }
    }

    /// A stream that was taken over has been answered to its end, which may still have to be written.
    pub(super) fn take_back_stream(&self, kept: Kept) {
        let mut state = self.state();
        let closed = state.closed;
        let rare = state.rare();
        rare.handed_streams -= 1;
        self.handed.set(rare.handed_streams > 0);
        if closed {
            // Nobody would come by to let go of it.
            drop(state);
            return drop(kept);
        }
        rare.leaving.push(kept);
        self.leaving.set(true);
        drop(state);
        self.reckon();
        self.wake();
    }

    /// Tells the server whether it need not wait for this HTTP/2 connection.
    pub(in crate::http) fn reckon(&self) {
        // Counted under the registry's lock: of two streams that end at once, the last has the last word.
        self.server.set_away(self, || {
            let mut state = self.state();
            let rare = state.rare();
            let (open, handed) = (rare.open_streams, rare.handed_streams);
            // Until the connection has taken its last look, further requests may come.
            self.refusing.get() && handed > 0 && handed == open
        });
    }

    /// Whether another resource holds something in flight here.
    pub(in crate::http) fn is_handed(&self) -> bool {
        self.handed.get()
    }

    /// What the parts of this stream's answer hold until they are written, if it has been taken over.
    pub(super) fn part(&self, place: u32, serial: u32) -> Option<Part> {
        if !self.handed.get() {
            return None;
        }
        let mut state = self.state();
        let kept = state.stream(place, serial)?.kept.as_ref()?;
        Some(Arc::clone(&kept.parts))
    }

    /// To be called before the connection goes on: what has ended by now is written then, or waits.
    pub(in crate::http) fn note_leaving(&self) {
        if self.leaving.get() {
            for kept in &mut self.state().rare().leaving {
                kept.served = true;
            }
        }
    }

    /// Lets go of sessions that have ended and of which everything has gone out.
    pub(in crate::http) fn release_written(&self) {
        if self.leaving.get() && !self.unsent.get() {
            let mut state = self.state();
            let rare = state.rare();
            let written: Vec<Kept> = rare
                .leaving
                .extract_if(.., |kept| kept.is_written())
                .collect();
            self.leaving.set(!rare.leaving.is_empty());
            drop(state);
            drop(written);
        }
    }

    /// The socket is closed, and with it every session on it is over.
    pub(in crate::http) fn close(&self) {
        self.state().closed = true;
        self.release();
    }

    /// Lets go of every keeper: the sessions are over.
    fn release(&self) {
        let mut state = self.state();
        let Some(rare) = &mut state.rare else {
            return;
        };
        let kept = (rare.kept.take(), std::mem::take(&mut rare.leaving));
        drop(state);
        drop(kept);
    }

    /// Ends one request that was taken over. Whether there was something to end.
    pub(in crate::http) fn cut(&self, place: u32, serial: u32) -> bool {
        if self.cut_left(serial) {
            return true;
        }
        if self.http2.get() {
            let mut state = self.state();
            let stream = state.stream(place, serial);
            let Some(abort) = stream.and_then(|stream| stream.abort.clone()) else {
                return false;
            };
            drop(state);
            abort.abort();
            return true;
        }
        let ours = !self.upgraded.get() && self.slot.version() == serial;
        if ours {
            self.severed.set(true);
            self.wake();
        }
        ours
    }

    /// Ends a request that was taken over and has been answered, of which the client has not taken all.
    /// Whether it is one.
    fn cut_left(&self, serial: u32) -> bool {
        let mut state = self.state();
        let Some(rare) = &mut state.rare else {
            return false;
        };
        let busy = self.slot.is_taken() || rare.open_streams > 0;
        let closing = rare.kept.take_if(|kept| !busy && kept.serial == serial);
        let left = closing.or_else(|| {
            let mut leaving = rare.leaving.extract_if(.., |kept| kept.serial == serial);
            leaving.next()
        });
        let Some(left) = left else {
            return false;
        };
        // Beside the rest of other answers it goes with its connection.
        let buffered = self.buffered.load(Ordering::Relaxed) as usize;
        let alone = !busy && rare.leaving.is_empty() && left.unwritten() == buffered;
        drop(state);
        drop(left);
        if alone {
            self.severed.set(true);
            self.wake();
        }
        true
    }

    /// Ends every stream that no other resource has taken over.
    #[cfg(feature = "http2")]
    pub(in crate::http) fn cut_own_streams(&self) {
        let state = self.state();
        let streams = state
            .rare
            .iter()
            .flat_map(|rare| rare.streams.iter().flatten());
        let own = streams.filter(|stream| stream.kept.is_none());
        let tasks: Vec<_> = own.filter_map(|stream| stream.abort.clone()).collect();
        drop(state);
        for task in tasks {
            task.abort();
        }
    }
}
