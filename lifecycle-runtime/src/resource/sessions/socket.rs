//! A WebSocket of any library, which says goodbye by itself.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};

use super::course::{Course, Turn};
use super::farewell::Farewell;
use super::session::Session;
use crate::work::BoxFuture;

type Close<M> = Box<dyn FnOnce(Farewell) -> M + Send>;

pin_project! {
    /// A socket that is a session: [`Session::socket`].
    ///
    /// ```
    /// use lifecycle::SessionSocket;
    ///
    /// /// What a log line of a chat calls its client.
    /// fn client<S, M>(socket: &SessionSocket<S, M>) -> &str {
    ///     socket.session().name()
    /// }
    /// ```
    #[must_use = "a socket does nothing unless it is read from"]
    pub struct SessionSocket<S, M> {
        #[pin]
        socket: S,
        course: Course,
        goodbye: Goodbye<M>,
        // How long a client that has been told may be silent.
        answer: Duration,
        silence: Option<Pin<Box<Sleep>>>,
        // Resolves when the session has to leave, for who waits until there is room to write. The
        // course has a waker of its own, that of the reader, which may be another task.
        leaving: Option<BoxFuture<Farewell>>,
    }
}

/// How far the close frame has come.
enum Goodbye<M> {
    Unsaid(Close<M>),
    /// The socket has no room for it yet.
    Ready(M),
    Flushing,
    Said,
}

impl Session {
    /// Makes a socket a session that says goodbye by itself: anything that is a `Stream` of what
    /// comes in and a `Sink` of messages, such as axum's `WebSocket` or tokio-tungstenite's
    /// `WebSocketStream`.
    ///
    /// The service reads and writes as it would without. When the session has to leave, the next
    /// read sends the message that `close` makes, and then goes on giving out what the client had
    /// sent before it heard, until the client has answered: so nothing that was on its way is lost.
    /// The close frame is the last that goes out; what is written once the session has to leave is
    /// dropped, and who waits for room to write goes on. The stream ends when the client has closed, has been silent for
    /// [`answer_within`](crate::WebSockets::answer_within), or at the step's timeout.
    ///
    /// The session ends when this is dropped. It must be read from while it waits, which
    /// `StreamExt::split` leaves possible.
    ///
    /// ```
    /// # use futures_core::Stream;
    /// # use futures_sink::Sink;
    /// # use lifecycle::Session;
    /// # struct CloseFrame { code: u16, reason: String }
    /// # enum Message { Text(String), Close(Option<CloseFrame>) }
    /// # async fn handle(_: Message) {}
    /// # async fn next<S: Stream + Unpin>(socket: &mut S) -> Option<S::Item> {
    /// #     std::future::poll_fn(|cx| std::pin::Pin::new(&mut *socket).poll_next(cx)).await
    /// # }
    /// async fn chat<S>(session: Session, socket: S)
    /// where
    ///     S: Stream<Item = Result<Message, std::io::Error>> + Sink<Message> + Unpin,
    /// {
    ///     let mut socket = session.socket(socket, |farewell| {
    ///         Message::Close(Some(CloseFrame {
    ///             code: farewell.code(),
    ///             reason: farewell.reason().into(),
    ///         }))
    ///     });
    ///     while let Some(Ok(message)) = next(&mut socket).await {
    ///         handle(message).await;
    ///     }
    /// }
    /// ```
    pub fn socket<S, M>(
        self,
        socket: S,
        close: impl FnOnce(Farewell) -> M + Send + 'static,
    ) -> SessionSocket<S, M>
    where
        S: Stream + Sink<M>,
    {
        SessionSocket {
            socket,
            answer: self.answer(),
            course: Course::new(self, true),
            goodbye: Goodbye::Unsaid(Box::new(close)),
            silence: None,
            leaving: None,
        }
    }
}

impl<S, M> SessionSocket<S, M> {
    /// The session.
    pub fn session(&self) -> &Session {
        self.course.session()
    }

    /// The socket itself.
    pub fn get_ref(&self) -> &S {
        &self.socket
    }
}

impl<M> Goodbye<M> {
    /// Gets on with the close frame. A socket that fails tells those who read from it.
    fn say<S: Sink<M>>(
        &mut self,
        farewell: &Farewell,
        mut socket: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) {
        loop {
            *self = match std::mem::replace(self, Self::Said) {
                Self::Unsaid(close) => Self::Ready(close(farewell.clone())),
                Self::Ready(message) => match socket.as_mut().poll_ready(cx) {
                    Poll::Pending => {
                        *self = Self::Ready(message);
                        return;
                    }
                    Poll::Ready(Ok(())) if socket.as_mut().start_send(message).is_ok() => {
                        Self::Flushing
                    }
                    Poll::Ready(_) => Self::Said,
                },
                Self::Flushing if socket.as_mut().poll_flush(cx).is_pending() => {
                    *self = Self::Flushing;
                    return;
                }
                Self::Flushing | Self::Said => return,
            };
        }
    }
}

impl<S, M> Stream for SessionSocket<S, M>
where
    S: Stream + Sink<M>,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        let farewell = match this.course.turn(cx) {
            Turn::Over => return Poll::Ready(None),
            Turn::Open => {
                let item = ready!(this.socket.poll_next(cx));
                if item.is_none() {
                    this.course.end();
                }
                return Poll::Ready(item);
            }
            Turn::Leaving(farewell) => farewell,
        };
        this.goodbye.say(&farewell, this.socket.as_mut(), cx);
        let answer = *this.answer;
        let silence = this.silence.get_or_insert_with(|| Box::pin(sleep(answer)));
        match this.socket.poll_next(cx) {
            Poll::Ready(Some(item)) => {
                // It is there and talks: what it says is heard, until the step's timeout.
                if let Some(until) = Instant::now().checked_add(answer) {
                    silence.as_mut().reset(until);
                }
                Poll::Ready(Some(item))
            }
            Poll::Pending if silence.as_mut().poll(cx).is_pending() => Poll::Pending,
            _ => {
                this.course.end();
                Poll::Ready(None)
            }
        }
    }
}

impl<S, M> SessionSocket<S, M> {
    /// What writing comes to. Nothing may follow a close frame (RFC 6455, section 5.5.1), and an error
    /// would end loops that still have something to read; so from the farewell on all is well.
    fn written<E>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<Result<(), E>>,
    ) -> Poll<Result<(), E>> {
        let this = self.project();
        let session = this.course.session();
        if session.is_leaving() {
            return Poll::Ready(Ok(()));
        }
        let written = write(this.socket, cx);
        if written.is_pending() {
            let leaving = this
                .leaving
                .get_or_insert_with(|| Box::pin(session.leaving()));
            if leaving.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
        }
        written
    }
}

impl<S, M> Sink<M> for SessionSocket<S, M>
where
    S: Sink<M>,
{
    type Error = S::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.written(cx, S::poll_ready)
    }

    fn start_send(self: Pin<&mut Self>, message: M) -> Result<(), S::Error> {
        match self.course.session().is_leaving() {
            false => self.project().socket.start_send(message),
            true => Ok(()),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.written(cx, S::poll_flush)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().socket.poll_close(cx)
    }
}

impl<S, M> fmt::Debug for SessionSocket<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSocket")
            .field("session", self.course.session())
            .finish_non_exhaustive()
    }
}
