//! What stands for a request while it is in flight.

use std::sync::Arc;

use super::{Part, Track};
use crate::Cancellation;
use crate::http::handover::Handover;

/// A request in flight. Lives in the response's body: what still streams is still counted.
pub(in crate::http) struct Ticket {
    pub(in crate::http) track: Arc<Track>,
    pub(super) place: u32,
    pub(super) serial: u32,
    #[cfg(feature = "http2")]
    pub(super) tunnels: bool,
}

impl Ticket {
    /// Whether the request is a CONNECT on HTTP/2, which becomes a tunnel if it is agreed to.
    #[cfg(feature = "http2")]
    pub(in crate::http) fn tunnels(&self) -> bool {
        self.tunnels
    }

    #[cfg(feature = "http2")]
    pub(in crate::http) fn place(&self) -> (u32, u32) {
        (self.place, self.serial)
    }

    /// What goes into the request's extensions.
    pub(in crate::http) fn cancellation(&self) -> Cancellation {
        let handover = Handover::new(Arc::clone(&self.track), self.place, self.serial);
        Cancellation::of_request(handover)
    }

    /// What each part of the answer holds until it is written, if the request has been taken over.
    pub(in crate::http) fn part(&self) -> Option<Part> {
        self.track.part(self.place, self.serial)
    }

    /// Leaves the request counted until its connection closes: it has become the connection.
    pub(in crate::http) fn upgrade(self) {
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
