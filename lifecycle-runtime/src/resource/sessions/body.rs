//! A long response's body, which ends cleanly when its session has to leave.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::course::{Course, Turn};
use super::farewell::Farewell;
use super::session::Session;

type LastWords = Box<dyn FnOnce(Farewell) -> Bytes + Send>;

pin_project! {
    /// A response's body that is a session: [`Session::body`].
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use http_body::Body;
    /// # use lifecycle::{Closed, SessionBody, Sessions};
    /// /// The answer of a handler: its events, for as long as the service has room for them.
    /// fn feed<B: Body<Data = Bytes>>(
    ///     request: &http::Request<()>,
    ///     sessions: &Sessions,
    ///     events: B,
    /// ) -> Result<SessionBody<B>, Closed> {
    ///     Ok(sessions.enter(request, "ada")?.body(events))
    /// }
    /// ```
    #[must_use = "a body does nothing unless it is answered with"]
    pub struct SessionBody<B> {
        #[pin]
        body: B,
        course: Course,
        last: Option<LastWords>,
        // It has said in advance how long it is, and the client counts on that.
        sized: bool,
    }
}

impl Session {
    /// Makes a response's body a session: it ends when the session has to leave, and the session when
    /// it ends.
    ///
    /// At the farewell it still gives out what is ready, up to 64 frames, then the last words, if
    /// there are any, and ends as a body ends: the client sees a complete response and no error. It
    /// never breaks up a frame. For axum's `Sse` a frame is an event.
    ///
    /// A body that knows its length is not cut short by the farewell, since its client counts on the
    /// rest; it is only ended at the step's timeout.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use lifecycle::{Closed, Session};
    /// # fn answer<B: http_body::Body<Data = Bytes>>(session: Session, events: B) {
    /// let body = session.body(events).last_words(|farewell| {
    ///     let retry = farewell.retry_after().as_millis();
    ///     Bytes::from(format!("event: close\nretry: {retry}\ndata: {}\n\n", farewell.reason()))
    /// });
    /// # }
    /// ```
    pub fn body<B: Body>(self, body: B) -> SessionBody<B> {
        let sized = body.size_hint().exact().is_some();
        SessionBody {
            body,
            course: Course::new(self, !sized),
            last: None,
            sized,
        }
    }
}

impl<B> SessionBody<B> {
    /// What is sent as the body's last frame when the session has to leave, such as a final event;
    /// without it the body just ends. One that ends by itself, and one that knows its length, ends
    /// without it.
    pub fn last_words(mut self, last: impl FnOnce(Farewell) -> Bytes + Send + 'static) -> Self {
        self.last = Some(Box::new(last));
        self
    }
}

impl<B> Body for SessionBody<B>
where
    B: Body,
    B::Data: From<Bytes>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let farewell = match this.course.turn(cx) {
            Turn::Over => return Poll::Ready(None),
            Turn::Open => {
                let frame = ready!(this.body.poll_frame(cx));
                if !matches!(frame, Some(Ok(_))) {
                    this.course.end();
                }
                return Poll::Ready(frame);
            }
            Turn::Leaving(farewell) => farewell,
        };
        if this.course.may_pass()
            && let Poll::Ready(frame) = this.body.poll_frame(cx)
        {
            if !matches!(frame, Some(Ok(_))) {
                this.course.end();
            }
            return Poll::Ready(frame);
        }
        this.course.end();
        let last = this.last.take().map(|last| last(farewell));
        Poll::Ready(
            last.filter(|last| !last.is_empty())
                .map(|last| Ok(Frame::data(last.into()))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.course.is_over() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.sized {
            true => self.body.size_hint(),
            // It may be cut short.
            false => SizeHint::default(),
        }
    }
}

impl<B> fmt::Debug for SessionBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBody")
            .field("over", &self.course.is_over())
            .finish_non_exhaustive()
    }
}
