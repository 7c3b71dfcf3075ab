//! What of a connection belongs to another resource; see [`crate::http::handover`].

use super::{Keeper, Stage, Track};

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
            let before = stream.keeper.replace(keeper);
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
            let before = state.rare().keeper.replace(keeper);
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
            rare.leaving.extend(rare.keeper.take());
            self.leaving.set(true);
        }
    }

    /// A stream that was taken over has been answered to its end, which may still have to be written.
    pub(in crate::http) fn take_back_stream(&self, keeper: Keeper) {
        let mut state = self.state();
        let closed = state.closed;
        let rare = state.rare();
        rare.handed_streams -= 1;
        self.handed.set(rare.handed_streams > 0);
        if closed {
            // Nobody would come by to let go of it.
            drop(state);
            return drop(keeper);
        }
        rare.leaving.push(keeper);
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

    /// Lets go of the keepers of streams that have ended, if all that was written has gone out.
    pub(in crate::http) fn release_written(&self) {
        if self.leaving.get() && !self.unsent.get() {
            self.leaving.set(false);
            let written = std::mem::take(&mut self.state().rare().leaving);
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
        let keepers = (rare.keeper.take(), std::mem::take(&mut rare.leaving));
        drop(state);
        drop(keepers);
    }

    /// Ends one request that was taken over. Whether there was something to end.
    pub(in crate::http) fn cut(&self, place: u32, serial: u32) -> bool {
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

    /// Ends every stream that no other resource has taken over.
    #[cfg(feature = "http2")]
    pub(in crate::http) fn cut_own_streams(&self) {
        let state = self.state();
        let streams = state
            .rare
            .iter()
            .flat_map(|rare| rare.streams.iter().flatten());
        let own = streams.filter(|stream| stream.keeper.is_none());
        let tasks: Vec<_> = own.filter_map(|stream| stream.abort.clone()).collect();
        drop(state);
        for task in tasks {
            task.abort();
        }
    }
}
