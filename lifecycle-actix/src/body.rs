//! A response's body. Its request is in flight until it has been given out or dropped.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use lifecycle::Working;
use pin_project_lite::pin_project;

use crate::drain::State;

pin_project! {
    /// The body of an answer that [`Drain`](crate::Drain) counts as in flight until its end.
    ///
    /// Around [`Drain`](crate::Drain) it is what other middleware sees of an answer:
    ///
    /// ```
    /// use actix_web::body::EitherBody;
    /// use actix_web::dev::ServiceResponse;
    /// use lifecycle_actix::Counted;
    ///
    /// fn status<B>(answer: &ServiceResponse<EitherBody<Counted<B>>>) -> u16 {
    ///     answer.status().as_u16()
    /// }
    /// ```
    pub struct Counted<B> {
        #[pin]
        body: B,
        working: Option<Working>,
        state: Arc<State>,
    }
}

impl<B> Counted<B> {
    pub(crate) fn new(body: B, working: Working, state: Arc<State>) -> Self {
        Self {
            body,
            working: Some(working),
            state,
        }
    }
}

impl<B: MessageBody> MessageBody for Counted<B> {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        if this.state.is_cut() {
            *this.working = None;
            return Poll::Ready(Some(Err("the server is stopping".into())));
        }
        let next = this.body.poll_next(cx).map_err(Into::into);
        if !matches!(next, Poll::Pending | Poll::Ready(Some(Ok(_)))) {
            *this.working = None;
        }
        next
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self {
            body,
            working,
            state,
        } = self;
        body.try_into_bytes().map_err(|body| Self {
            body,
            working,
            state,
        })
    }
}

impl<B> fmt::Debug for Counted<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").finish_non_exhaustive()
    }
}
