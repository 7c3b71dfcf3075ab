//! One session, as the service's own code holds it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::farewell::Farewell;
use super::hall::Presence;

/// Stands for one connected client; dropping it says that the session has ended.
///
/// A client that came through an [`HttpServer`](crate::HttpServer) is there until its connection has
/// taken the last byte, however early this is dropped. The resource's step waits until all are gone.
/// Those that are left at its timeout are named in the
/// report as `unfinished`, with the age of the oldest.
///
/// ```
/// use lifecycle::Session;
/// use tokio::sync::mpsc::{Receiver, Sender};
///
/// /// Passes on what is said, until one side has nothing to say any more.
/// async fn talk(session: Session, mut said: Receiver<String>, client: Sender<String>) {
///     loop {
///         let line = tokio::select! {
///             line = said.recv() => line,
///             farewell = session.leaving() => {
///                 let _ = client.send(format!("{} {}", farewell.code(), farewell.reason())).await;
///                 return;
///             }
///         };
///         let Some(line) = line else { return };
///         let _ = client.send(line).await;
///     }
/// }
/// ```
#[must_use = "the session counts as ended as soon as this is dropped; keep it as long as the client is connected"]
pub struct Session(Arc<Presence>);

impl Session {
    pub(super) fn new(presence: Arc<Presence>) -> Self {
        Self(presence)
    }

    #[cfg(feature = "http")]
    pub(super) fn take_over(&self, extensions: &http::Extensions) {
        self.0.take_over(extensions);
    }

    /// Resolves at this session's moment to leave, with what the client is to be told; at once if it
    /// has come already. Say goodbye then, finish what is in flight, and drop the session.
    ///
    /// A long poll answers "nothing new" at once:
    ///
    /// ```
    /// # use lifecycle::Session;
    /// # async fn news() -> String { String::new() }
    /// async fn poll(session: Session) -> Option<String> {
    ///     tokio::select! {
    ///         news = news() => Some(news),
    ///         _ = session.leaving() => None, // 204: the client asks again, and somebody else
    ///     }
    /// }
    /// ```
    pub fn leaving(&self) -> impl Future<Output = Farewell> + Send + 'static + use<> {
        let seat = Arc::clone(&self.0.seat);
        async move { seat.told().await }
    }

    /// What the client is to be told, if the moment has come.
    pub fn farewell(&self) -> Option<Farewell> {
        self.0.seat.farewell().cloned()
    }

    /// Whether the moment has come.
    pub fn is_leaving(&self) -> bool {
        self.0.seat.farewell().is_some()
    }

    /// Resolves when the step's timeout has passed: let go within `budget.unwind`.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.0.hall.cancellation.cancelled()
    }

    /// Whether the step's timeout has passed.
    pub fn is_cancelled(&self) -> bool {
        self.0.hall.cancellation.is_cancelled()
    }

    /// What the report calls it.
    pub fn name(&self) -> &str {
        &self.0.seat.name
    }

    /// How long a client that has been told to leave may be silent.
    #[cfg(feature = "futures")]
    pub(super) fn answer(&self) -> std::time::Duration {
        self.0.hall.manners().answer
    }

    /// Runs the session's code, with an end that it cannot put off: when the unwind time after the
    /// step's timeout has passed, the future is dropped where it waits, and the connection with it.
    ///
    /// `None`: it was dropped. Without this a session that heeds neither
    /// [`leaving`](Self::leaving) nor [`cancelled`](Self::cancelled) lives until the process ends,
    /// and the report says that it was abandoned.
    ///
    /// ```
    /// # use lifecycle::{Closed, Sessions};
    /// # async fn serve(_: tokio::net::TcpStream, _: lifecycle::Session) {}
    /// # fn accepted(sessions: Sessions, stream: tokio::net::TcpStream) -> Result<(), Closed> {
    /// let session = sessions.enter_foreign("10.0.0.7:41230")?;
    /// tokio::spawn(session.run(|session| serve(stream, session)));
    /// # Ok(()) }
    /// ```
    pub fn run<F, Fut>(self, code: F) -> impl Future<Output = Option<Fut::Output>> + use<F, Fut>
    where
        F: FnOnce(Self) -> Fut,
        Fut: Future,
    {
        let over = self.0.hall.over.clone();
        self.0.seat.owned.store(true, Ordering::Relaxed);
        // Made here and not when it is first polled: a future that never runs still holds what the
        // session holds, and lets go of it when it is dropped.
        let running = code(self);
        async move {
            tokio::select! {
                biased;
                () = over.cancelled() => None,
                output = running => Some(output),
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.hall.lose(&self.0.seat);
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("name", &self.name())
            .field("leaving", &self.is_leaving())
            .finish_non_exhaustive()
    }
}

/// What a session comes from: a request, its parts or its extensions.
///
/// A connection that is served by an [`HttpServer`](crate::HttpServer) is in flight there. Once it is
/// a session it belongs to the sessions' step, and the server neither waits for it nor cuts it.
/// With axum the extensions are what an extractor of the type `http::Extensions` gives.
///
/// ```
/// use lifecycle::{Closed, Origin, Sessions};
///
/// /// For handlers of every framework that keeps the request's extensions.
/// fn enter(sessions: &Sessions, request: &impl Origin) -> Result<(), Closed> {
///     let _session = sessions.enter(request, "ada")?;
///     Ok(())
/// }
/// let feed = lifecycle::Streams::new();
/// assert!(enter(&feed.handle(), &http::Request::new(())).is_ok());
/// ```
#[cfg(feature = "http")]
pub trait Origin: sealed::Origin {}

#[cfg(feature = "http")]
pub(super) mod sealed {
    pub trait Origin {
        fn extensions(&self) -> &http::Extensions;
    }

    impl Origin for http::Extensions {
        fn extensions(&self) -> &http::Extensions {
            self
        }
    }

    impl<B> Origin for http::Request<B> {
        fn extensions(&self) -> &http::Extensions {
            self.extensions()
        }
    }

    impl Origin for http::request::Parts {
        fn extensions(&self) -> &http::Extensions {
            &self.extensions
        }
    }
}

#[cfg(feature = "http")]
impl<T: sealed::Origin> Origin for T {}
