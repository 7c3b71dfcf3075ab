//! What work in flight looks at to learn that its time is over.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

#[cfg(feature = "http")]
use crate::http::Handover;

/// Fires when the step that a piece of work belongs to has reached its timeout.
///
/// HTTP handlers find one in the request's extensions; [`Claims`](crate::Claims) and
/// [`Stopping`](crate::Stopping) carry the same signal for jobs and servers. Work that sees it has
/// `budget.unwind` (by default 250 ms) to let go, for example to give a claimed job back; then it is
/// dropped.
#[derive(Clone, Default)]
pub struct Cancellation {
    // The token's own clone takes a lock; every HTTP request clones one of these.
    token: Arc<CancellationToken>,
    // Here, and not in an extension of its own, since each costs a request an allocation.
    #[cfg(feature = "http")]
    handover: Option<Handover>,
}

impl Cancellation {
    /// Resolves when the step's timeout has passed; immediately if it has already.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        CancellationToken::clone(&self.token).cancelled_owned()
    }

    /// Whether the step's timeout has passed.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// One that fires with this one, or alone.
    pub(crate) fn child(&self) -> Self {
        Self {
            token: Arc::new(self.token.child_token()),
            #[cfg(feature = "http")]
            handover: None,
        }
    }

    /// Fires it. Work that looks at it lets go.
    pub(crate) fn fire(&self) {
        self.token.cancel();
    }

    /// The same signal, for a request that `handover` can take over.
    #[cfg(feature = "http")]
    pub(crate) fn with_handover(&self, handover: Handover) -> Self {
        Self {
            token: Arc::clone(&self.token),
            handover: Some(handover),
        }
    }

    /// How the request is taken over by another resource, if it is a request of this crate's server.
    #[cfg(feature = "http")]
    pub(crate) fn handover(&self) -> Option<&Handover> {
        self.handover.as_ref()
    }
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancellation")
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
