//! Gives a request, and with it its connection, over to another resource of the service.
//!
//! A WebSocket or an event stream begins as a request of the HTTP server, and would be counted,
//! waited for and cut by its step. A resource that holds such sessions takes them over: from then on
//! the HTTP step does none of the three, and the resource does.

use std::any::Any;
use std::sync::Arc;

use http::Extensions;
use tokio_util::sync::CancellationToken;

use super::track::Track;
use crate::Cancellation;

/// What is kept until the session's last byte has been given to the kernel; dropping it tells the
/// resource that holds the session.
pub(crate) type Keeper = Box<dyn Any + Send>;

/// The right to take one request over. Clones are the same right.
#[derive(Clone)]
pub(crate) struct Handover {
    track: Arc<Track>,
    place: u32,
    /// Which request this is, among those that the place has held.
    serial: u32,
}

impl Handover {
    pub(super) fn new(track: Arc<Track>, place: u32, serial: u32) -> Self {
        Self {
            track,
            place,
            serial,
        }
    }

    /// That of the request whose extensions these are. `None` on a server that is not this crate's:
    /// it knows nothing of requests.
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        let cancellation = extensions.get::<Cancellation>()?;
        cancellation.handover().cloned()
    }

    /// Whether the step's timeout has passed.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.track.is_cancelled()
    }

    /// What fires with the step's timeout.
    pub(crate) fn cancellation(&self) -> CancellationToken {
        self.track.cancellation()
    }

    /// Takes the request over; to be called by the handler, before it has answered. Whether that was
    /// so: a request that has been answered cannot be taken over, and `keeper` is dropped at once.
    ///
    /// `keeper` is dropped when nothing of the session is left: an upgraded connection is closed, a
    /// response's body has been written to its end and, on HTTP/1 while the server drains, its
    /// connection is closed too.
    pub(crate) fn take(&self, keeper: Keeper) -> bool {
        self.track.hand_over(self.place, self.serial, keeper)
    }

    /// Ends the session at once, if this crate still holds its connection: the whole connection on
    /// HTTP/1, the one stream on HTTP/2. An upgraded HTTP/1 connection belongs to the service, and
    /// ends when the service drops it: then this says `false` and does nothing.
    pub(crate) fn cut(&self) -> bool {
        self.track.cut(self.place, self.serial)
    }
}
