//! What work in flight looks at to learn that its time is over.

use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

/// Fires when the step that a piece of work belongs to has reached its timeout.
///
/// HTTP handlers find one in the request's extensions; [`Claims`](crate::Claims) and
/// [`Stopping`](crate::Stopping) carry the same signal for jobs and servers. Work that sees it has
/// `budget.unwind` (by default 250 ms) to let go, for example to give a claimed job back; then it is
/// dropped.
#[derive(Debug, Clone, Default)]
// The token's own clone takes a lock; every HTTP request clones one of these.
pub struct Cancellation(Arc<CancellationToken>);

impl Cancellation {
    /// Resolves when the step's timeout has passed; immediately if it has already.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        CancellationToken::clone(&self.0).cancelled_owned()
    }

    /// Whether the step's timeout has passed.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// One that fires with this one, and can fire before it.
    pub(crate) fn child(&self) -> Self {
        Self(Arc::new(self.0.child_token()))
    }

    /// Fires it. Work that looks at it lets go.
    pub(crate) fn fire(&self) {
        self.0.cancel();
    }
}
