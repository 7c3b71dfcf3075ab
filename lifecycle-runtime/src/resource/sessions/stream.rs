//! A stream of messages, such as a gRPC method's answers, which ends when its session has to leave.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::course::{Course, Turn};
use super::farewell::Farewell;
use super::session::Session;

type LastItem<T> = Box<dyn FnOnce(Farewell) -> T + Send>;

pin_project! {
    /// A stream that is a session: [`Session::stream`].
    ///
    /// ```
    /// # use futures_core::Stream;
    /// # struct Quote;
    /// # struct Status;
    /// use lifecycle::{Closed, SessionStream, Sessions};
    ///
    /// /// What a gRPC method answers with: quotes, until the service stops.
    /// fn watch<S>(sessions: &Sessions, quotes: S) -> Result<SessionStream<S>, Closed>
    /// where
    ///     S: Stream<Item = Result<Quote, Status>>,
    /// {
    ///     Ok(sessions.enter_foreign("watch")?.stream(quotes))
    /// }
    /// ```
    #[must_use = "streams do nothing unless they are polled"]
    pub struct SessionStream<S: Stream> {
        #[pin]
        stream: S,
        course: Course,
        last: Option<LastItem<S::Item>>,
    }
}

impl Session {
    /// Makes a stream a session: it ends when the session has to leave, and the session when it ends.
    ///
    /// At the farewell it still gives out what is ready, up to 64 items, then the last item, if there
    /// is one, and ends. For a gRPC method that answers with a stream, the last item is a status that
    /// clients try again on:
    ///
    /// ```
    /// # use lifecycle::{Session, SessionStream};
    /// # struct Status(String);
    /// # impl Status { fn unavailable(reason: &str) -> Self { Self(reason.to_owned()) } }
    /// # fn answer<T, S>(session: Session, ticks: S) -> SessionStream<S>
    /// # where S: futures_core::Stream<Item = Result<T, Status>> {
    /// session
    ///     .stream(ticks)
    ///     .last_item(|farewell| Err(Status::unavailable(farewell.reason())))
    /// # }
    /// ```
    pub fn stream<S: Stream>(self, stream: S) -> SessionStream<S> {
        SessionStream {
            stream,
            course: Course::new(self, true),
            last: None,
        }
    }
}

impl<S: Stream> SessionStream<S> {
    /// What is given out last when the session has to leave; without it the stream just ends. One
    /// that ends by itself ends without it.
    pub fn last_item(mut self, last: impl FnOnce(Farewell) -> S::Item + Send + 'static) -> Self {
        self.last = Some(Box::new(last));
        self
    }
}

impl<S: Stream> Stream for SessionStream<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let farewell = match this.course.turn(cx) {
            Turn::Over => return Poll::Ready(None),
            Turn::Open => {
                let item = ready!(this.stream.poll_next(cx));
                if item.is_none() {
                    this.course.end();
                }
                return Poll::Ready(item);
            }
            Turn::Leaving(farewell) => farewell,
        };
        if this.course.may_pass()
            && let Poll::Ready(item) = this.stream.poll_next(cx)
        {
            if item.is_none() {
                this.course.end();
            }
            return Poll::Ready(item);
        }
        this.course.end();
        Poll::Ready(this.last.take().map(|last| last(farewell)))
    }
}

impl<S: Stream> fmt::Debug for SessionStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionStream")
            .field("over", &self.course.is_over())
            .finish_non_exhaustive()
    }
}
