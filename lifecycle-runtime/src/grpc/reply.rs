//! The body of a response: the service's own, or one of this module's.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Sleep;

use super::health::Watch;
use super::wire::{Code, Status};

/// What a client is told whose deadline has passed.
pub(super) const TOO_LATE: Status = Status(Code::DeadlineExceeded, "the deadline has passed");

pin_project! {
    #[project = ReplyProj]
    pub(crate) enum Reply<B> {
        /// The head has said it all.
        Nothing,
        /// One message and the status.
        Once { message: Option<Bytes>, status: Option<HeaderMap> },
        /// Health, as it changes.
        Watch { watch: Watch },
        /// The service's own, until the client's deadline.
        Service { #[pin] body: B, deadline: Option<Pin<Box<Sleep>>> },
    }
}

impl<B> Reply<B> {
    /// `message`, and that all is well.
    pub(super) fn once(message: Bytes) -> Self {
        Self::Once {
            message: Some(message),
            status: Some(Status::OK.trailers()),
        }
    }
}

impl<B: Body<Data = Bytes>> Body for Reply<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.as_mut().project() {
            ReplyProj::Nothing => return Poll::Ready(None),
            ReplyProj::Once { message, status } => {
                let message = message.take().map(Frame::data);
                let frame = message.or_else(|| status.take().map(Frame::trailers));
                return Poll::Ready(frame.map(Ok));
            }
            ReplyProj::Watch { watch } => {
                return watch.poll_next(cx).map(|frame| frame.map(Ok));
            }
            ReplyProj::Service { body, deadline } => {
                // Asked first, so that a body that always has something does not outlive it.
                let over = |it: &mut Pin<Box<Sleep>>| it.as_mut().poll(cx).is_ready();
                if !deadline.as_mut().is_some_and(over) {
                    return body.poll_frame(cx);
                }
            }
        }
        self.set(Self::Nothing);
        Poll::Ready(Some(Ok(Frame::trailers(TOO_LATE.trailers()))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Once { message, status } => message.is_none() && status.is_none(),
            Self::Watch { .. } => false,
            Self::Service { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            // With a deadline it may become less.
            Self::Service {
                body,
                deadline: None,
            } => body.size_hint(),
            Self::Nothing => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}
