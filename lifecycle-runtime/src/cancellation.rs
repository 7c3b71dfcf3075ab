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
///
/// ```
/// use lifecycle::Cancellation;
///
/// # async fn draw() -> String { "ten mugs".to_owned() }
/// async fn report(cancellation: Cancellation) -> Result<String, &'static str> {
///     tokio::select! {
///         report = draw() => Ok(report),
///         () = cancellation.cancelled() => Err("out of time: ask another instance"),
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // In a test of the handler alone: one that never fires.
/// assert_eq!(report(Cancellation::default()).await.as_deref(), Ok("ten mugs"));
/// # }
/// ```
#[derive(Clone)]
pub struct Cancellation(Signal);

#[derive(Clone)]
enum Signal {
    // The token's own clone takes a lock.
    Token(Arc<CancellationToken>),
    /// A request's: its connection has the signal, and makes a token of it for the few that wait.
    /// How the request is taken over comes along, since each extension costs a request an allocation.
    #[cfg(feature = "http")]
    Request(Handover),
}

impl Cancellation {
    /// Resolves when the step's timeout has passed; immediately if it has already.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.token().cancelled_owned()
    }

    /// Whether the step's timeout has passed.
    pub fn is_cancelled(&self) -> bool {
        match &self.0 {
            Signal::Token(token) => token.is_cancelled(),
            #[cfg(feature = "http")]
            Signal::Request(request) => request.is_cancelled(),
        }
    }

    /// One that fires with this one, or alone.
    pub(crate) fn child(&self) -> Self {
        Self::of(self.token().child_token())
    }

    /// Fires it. Work that looks at it lets go.
    pub(crate) fn fire(&self) {
        self.token().cancel();
    }

    /// That of a request that `handover` can take over.
    #[cfg(feature = "http")]
    pub(crate) fn of_request(handover: Handover) -> Self {
        Self(Signal::Request(handover))
    }

    /// How the request is taken over by another resource, if it is a request of this crate's server.
    #[cfg(feature = "http")]
    pub(crate) fn handover(&self) -> Option<&Handover> {
        match &self.0 {
            Signal::Token(_) => None,
            Signal::Request(handover) => Some(handover),
        }
    }

    fn of(token: CancellationToken) -> Self {
        Self(Signal::Token(Arc::new(token)))
    }

    fn token(&self) -> CancellationToken {
        match &self.0 {
            Signal::Token(token) => CancellationToken::clone(token),
            #[cfg(feature = "http")]
            Signal::Request(request) => request.cancellation(),
        }
    }
}

impl Default for Cancellation {
    fn default() -> Self {
        Self::of(CancellationToken::new())
    }
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancellation")
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_fires_with_its_parent_and_not_the_other_way_round() {
        let parent = Cancellation::default();
        let (first, second) = (parent.child(), parent.child());
        first.fire();
        assert!(first.is_cancelled() && !parent.is_cancelled() && !second.is_cancelled());
        parent.fire();
        assert!(parent.is_cancelled() && second.is_cancelled());
        let words = [parent, Cancellation::default()].map(|it| format!("{it:?}"));
        assert_eq!(
            words,
            ["true", "false"].map(|is| format!("Cancellation {{ cancelled: {is}, .. }}"))
        );
    }
}
