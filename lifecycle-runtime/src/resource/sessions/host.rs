//! The owner's end of sessions, and the handle through which they come in.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::hall::Hall;
use super::session::Session;
use super::spread::longest_spread;
use crate::plan::{Plan, Step};
use crate::resource::Stopping;
use crate::resource::closed::Closed;
use crate::resource::ending::Ending;
use crate::resource::served::Served;
use crate::resource::{StartUp, wirable};
use crate::work::{Active, BoxFuture, Failure, Tally, Window, Work};

/// Through which sessions come in. Clones share it: each handler has one.
///
/// ```
/// use lifecycle::WebSockets;
///
/// # fn main() -> Result<(), lifecycle::Closed> {
/// let rooms = WebSockets::new();
/// let sessions = rooms.handle(); // for the handlers
///
/// let ada = sessions.enter_foreign("ada")?;
/// assert_eq!((sessions.count(), sessions.is_open()), (1, true));
/// drop(ada);
/// assert_eq!(sessions.count(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Sessions {
    hall: Arc<Hall>,
}

impl Sessions {
    /// Lets in the client of a request, as `name` in the report: a user, a peer's address. At most 96
    /// characters of it are kept.
    ///
    /// # Errors
    ///
    /// [`Closed`] once the intake has stopped; as an answer it is 503 with `Retry-After`.
    #[cfg(feature = "http")]
    pub fn enter(
        &self,
        from: &impl super::Origin,
        name: impl fmt::Display,
    ) -> Result<Session, Closed> {
        let session = self.enter_foreign(name)?;
        session.take_over(from.extensions());
        Ok(session)
    }

    /// Lets in a client that did not come by a request to an `HttpServer` of this crate: over a socket
    /// of the service's own, or through another server.
    ///
    /// # Errors
    ///
    /// [`Closed`] once the intake has stopped.
    pub fn enter_foreign(&self, name: impl fmt::Display) -> Result<Session, Closed> {
        self.hall.enter(&name).map(Session::new)
    }

    /// Whether sessions are let in.
    pub fn is_open(&self) -> bool {
        self.hall.is_open()
    }

    /// How many are in.
    pub fn count(&self) -> u64 {
        self.hall.active().count
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("count", &self.count())
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}

/// What stands behind both resources.
#[derive(Default)]
pub(crate) struct Host {
    hall: Arc<Hall>,
    /// The plan's own spread.
    spread: OnceLock<Duration>,
    /// An accept loop of the service's own.
    served: Option<Served>,
}

impl Host {
    /// Over how long sessions are told to leave.
    fn spread(&self, window: Window) -> Duration {
        if window.hurry {
            return Duration::ZERO;
        }
        let manners = self.hall.manners();
        let timeout = window.timeout;
        let wanted = self.spread.get().copied().or(manners.spread);
        let wanted = wanted.unwrap_or_default();
        let longest = longest_spread(timeout, manners.answer);
        if wanted > longest {
            tracing::warn!(
                ?wanted,
                ?timeout,
                answer = ?manners.answer,
                "sessions are told to leave over {longest:?} only: the last of them needs time to answer"
            );
        }
        wanted.min(longest)
    }
}

impl Work for Host {
    fn start(&self, plan: &Plan, step: &Step) {
        if let Some(spread) = step.spread {
            // Set once: `start` is called once.
            let _ = self.spread.set(spread);
        }
        if let Some(served) = &self.served {
            served.start(plan, step);
        }
    }

    fn ended(&self) -> Option<BoxFuture<Result<(), String>>> {
        // Without a loop there is nothing that could end by itself: clients come through others.
        self.served.as_ref()?.ended()
    }

    fn settle(&self) {
        if let Some(served) = &self.served {
            served.settle();
        }
    }

    fn stop(&self, window: Window) -> BoxFuture<Result<(), Failure>> {
        let spread = self.spread(window);
        // First, so that nobody is accepted only to be refused.
        let served = self.served.as_ref().map(|served| served.stop(window));
        let sessions = self.hall.stop(spread);
        Box::pin(async move {
            let Some(served) = served else {
                return sessions.await;
            };
            let (served, sessions) = tokio::join!(served, sessions);
            served.and(sessions)
        })
    }

    fn cancel(&self) {
        self.hall.cancel();
        if let Some(served) = &self.served {
            served.cancel();
        }
    }

    fn abandon(&self) {
        self.hall.abandon();
        if let Some(served) = &self.served {
            served.abandon();
        }
    }

    fn active(&self) -> Active {
        let mut active = self.hall.active();
        if let Some(served) = &self.served {
            let others = served.active();
            active.count += others.count;
            active.oldest = active.oldest.max(others.oldest);
            active.names.extend(others.names);
        }
        active
    }

    fn tally(&self) -> Tally {
        let others = self.served.as_ref().map(Work::tally);
        let mut tally = others.unwrap_or_default();
        tally.rejected += self.hall.rejected();
        tally.abandoned.extend(self.hall.abandoned());
        tally
    }
}

macro_rules! hosts {
    ($($(#[$doc:meta])* $name:ident = $kind:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Default)]
        #[must_use = "it stops nothing unless it is returned from `main` or given to `Lifecycle::with`"]
        pub struct $name(Host, StartUp);
        wirable!($name, $kind);

        impl $name {
            /// No session yet; they come in through [`handle`](Self::handle).
            pub fn new() -> Self {
                Self::default()
            }

            /// What the handlers hold.
            pub fn handle(&self) -> Sessions {
                Sessions { hall: Arc::clone(&self.0.hall) }
            }

            /// Over how long sessions are told to leave, in any order and evenly: with ten thousand
            /// over ten seconds it is one each millisecond that comes back to the other instances,
            /// and not all in one. By default zero: all at once. `spread` of the manifest goes
            /// before it.
            ///
            /// The last to be told must still have its time to answer
            /// ([`answer_within`](Self::answer_within)), so the spread is cut to the step's timeout
            /// less that, and to half the timeout at least. Somebody at a keyboard (SIGINT) does not
            /// wait for it: then all are told at once.
            pub fn spread(self, spread: Duration) -> Self {
                self.0.hall.with_manners(|manners| manners.spread = Some(spread));
                self
            }

            /// Why clients are told to leave; by default "the server is going away". What exceeds
            /// 123 bytes, the room of a close frame, is cut off.
            pub fn reason<'a>(self, reason: impl Into<Cow<'a, str>>) -> Self {
                let reason = reason.into();
                self.0.hall.with_manners(|manners| manners.set_reason(&reason));
                self
            }

            /// After what time clients should come back; by default one second. See
            /// [`Farewell::retry_after`](crate::Farewell::retry_after).
            pub fn retry_after(self, after: Duration) -> Self {
                self.0.hall.with_manners(|manners| manners.retry_after = after);
                self
            }

            /// How long a client that was told to leave may be silent before it counts as gone; by
            /// default two seconds.
            pub fn answer_within(self, limit: Duration) -> Self {
                self.0.hall.with_manners(|manners| manners.answer = limit);
                self
            }

            /// Also runs `run` from the start of the service on: an accept loop of the service's own,
            /// which ends soon after [`Stopping::requested`] resolves.
            ///
            /// An error or a panic of the future while the service runs stops the service in order,
            /// with a non-zero exit code; an `Ok` end is just an end.
            ///
            /// ```
            /// # use lifecycle::{Session, Sessions};
            /// # use tokio::net::{TcpListener, TcpStream};
            /// # async fn session(_: Session, _: TcpStream) {}
            #[doc = concat!("# fn wire(listener: TcpListener) -> lifecycle::", stringify!($name), " {")]
            #[doc = concat!("let sessions = lifecycle::", stringify!($name), "::new();")]
            /// let handle = sessions.handle();
            /// sessions.serve(|stopping| async move {
            ///     loop {
            ///         let (stream, peer) = tokio::select! {
            ///             () = stopping.requested() => return Ok(()),
            ///             accepted = listener.accept() => accepted?,
            ///         };
            ///         let Ok(entered) = handle.enter_foreign(peer) else { continue };
            ///         tokio::spawn(entered.run(|entered| session(entered, stream)));
            ///     }
            /// #   #[allow(unreachable_code)] Ok::<(), std::io::Error>(())
            /// })
            /// # }
            /// ```
            pub fn serve<F, Fut>(mut self, run: F) -> Self
            where
                F: FnOnce(Stopping) -> Fut + Send + 'static,
                Fut: Future<Output: Ending> + Send + 'static,
            {
                self.0.served = Some(Served::stopping(run));
                self
            }
        }
    )*};
}

hosts! {
    /// WebSocket sessions: each is told to leave with a close frame, waited for, and then ended. The
    /// manual has [a page](crate::manual::websockets) about them.
    ///
    /// The resource is the owner's end; handlers let clients in through its [`handle`](Self::handle)
    /// and hold a [`Session`] for as long as the client is connected.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lifecycle::WebSockets;
    ///
    /// let rooms = WebSockets::new()
    ///     .spread(Duration::from_secs(5)) // not all in one instant
    ///     .reason("a new version is coming")
    ///     .retry_after(Duration::from_secs(2));
    /// let sessions = rooms.handle(); // for the handlers
    /// # assert!(sessions.is_open());
    /// ```
    WebSockets = Websocket,
    /// Responses without an end of their own: server-sent events, long polls, gRPC streams. Each is
    /// told to leave and ends as a complete response, is waited for, and then ended. The manual has
    /// [a page](crate::manual::streams) about them.
    ///
    /// The resource is the owner's end; handlers let clients in through its [`handle`](Self::handle).
    /// A body ([`Session::body`]) and a stream of messages (`Session::stream`) then end by themselves;
    /// a long poll selects on [`Session::leaving`].
    ///
    /// ```
    /// use lifecycle::{Closed, Session, Streams};
    ///
    /// /// A long poll: news, or nothing when the service has to end it.
    /// async fn poll(session: Session, news: impl Future<Output = String>) -> Option<String> {
    ///     tokio::select! {
    ///         news = news => Some(news),
    ///         _farewell = session.leaving() => None,
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Closed> {
    /// let feed = Streams::new();
    /// let session = feed.handle().enter_foreign("ada")?;
    /// assert_eq!(poll(session, async { "rain".to_owned() }).await.as_deref(), Some("rain"));
    /// # Ok(())
    /// # }
    /// ```
    Streams = Stream,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_at_a_keyboard_does_not_wait_for_the_spread() {
        let WebSockets(host, _) = WebSockets::new().spread(Duration::from_secs(3));
        let window = |hurry| Window {
            timeout: Duration::from_secs(10),
            hurry,
        };
        assert_eq!(host.spread(window(true)), Duration::ZERO);
        assert_eq!(host.spread(window(false)), Duration::from_secs(3));
    }
}
