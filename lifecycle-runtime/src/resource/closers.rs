//! What only has an end: pools, clients, exporters, files.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use super::ending::Ending;
use super::ending::sealed::Ending as _;
use super::{StartUp, wirable};
use crate::tasks;
use crate::work::{Active, BoxFuture, Failure, Window, Work};

pub(super) type Close = Box<dyn FnOnce() -> BoxFuture<Result<(), Failure>> + Send>;

pub(super) fn close_async<F, Fut>(close: F) -> Close
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output: Ending> + Send + 'static,
{
    Box::new(|| Box::pin(async move { close().await.into_result() }))
}

pub(super) fn close_blocking<F, O>(close: F) -> Close
where
    F: FnOnce() -> O + Send + 'static,
    O: Ending,
{
    Box::new(|| {
        Box::pin(async move {
            let closing = tokio::task::spawn_blocking(|| close().into_result());
            tasks::joined(closing.await)
        })
    })
}

/// A closing call that waits for its turn.
struct Closer(Mutex<Option<Close>>);

impl Closer {
    fn new(close: Close) -> Self {
        Self(Mutex::new(Some(close)))
    }
}

impl Work for Closer {
    fn ended(&self) -> Option<BoxFuture<Result<(), String>>> {
        None
    }

    fn stop(&self, _window: Window) -> BoxFuture<Result<(), Failure>> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(close) => close(),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }

    fn active(&self) -> Active {
        // A closer that has not been called has nothing in flight, and one that hangs is named by
        // its step.
        Active::default()
    }
}

macro_rules! closers {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        pub struct $name(Closer, StartUp);
        wirable!($name, $name);

        impl $name {
            /// Calls `close` when the step's turn has come. It may return nothing or a `Result`; an
            /// error is reported and does not keep the later steps from running.
            pub fn new<F, Fut>(close: F) -> Self
            where
                F: FnOnce() -> Fut + Send + 'static,
                Fut: Future<Output: Ending> + Send + 'static,
            {
                Self(Closer::new(close_async(close)), StartUp::default())
            }

            /// Like [`new`](Self::new) for a closing call that blocks its thread: it runs on a thread
            /// of its own, off the async workers. After the step's timeout nobody waits for it.
            pub fn blocking<F, O>(close: F) -> Self
            where
                F: FnOnce() -> O + Send + 'static,
                O: Ending,
            {
                Self(Closer::new(close_blocking(close)), StartUp::default())
            }
        }
    )*};
}

closers! {
    /// Audit records waiting to be written.
    ///
    /// ```
    /// # struct Trail;
    /// # impl Trail { async fn flush(&self) -> std::io::Result<()> { Ok(()) } }
    /// # let trail = Trail;
    /// let trail = lifecycle::AuditLog::new(move || async move { trail.flush().await });
    /// ```
    AuditLog,
    /// A connection to a message broker.
    ///
    /// ```
    /// # struct Connection;
    /// # impl Connection { async fn close(self, code: u16, text: &str) -> Result<(), String> { Ok(()) } }
    /// # let connection = Connection;
    /// let events = lifecycle::MessageBroker::new(move || connection.close(200, "going away"));
    /// ```
    MessageBroker,
    /// A cache client.
    ///
    /// ```
    /// # struct Client;
    /// # impl Client { async fn quit(&self) -> Result<(), String> { Ok(()) } }
    /// # let client = Client;
    /// let sessions = lifecycle::Cache::new(move || async move { client.quit().await });
    /// ```
    Cache,
    /// A database pool.
    ///
    /// ```
    /// # struct Pool;
    /// # impl Pool { async fn close(&self) {} }
    /// # let pool = Pool;
    /// let orders_db = lifecycle::Database::new(move || async move { pool.close().await });
    /// ```
    Database,
    /// A file or a lock on one.
    ///
    /// ```
    /// # fn wire() -> std::io::Result<lifecycle::File> {
    /// let lock = std::fs::File::create_new("/run/shop.lock")?;
    /// let lock = lifecycle::File::blocking(move || {
    ///     drop(lock);
    ///     std::fs::remove_file("/run/shop.lock")
    /// });
    /// # Ok(lock)
    /// # }
    /// ```
    File,
    /// Anything else that must be closed.
    ///
    /// ```
    /// # struct Membership;
    /// # impl Membership { async fn leave(&self) {} }
    /// # let membership = Membership;
    /// let cluster = lifecycle::Custom::new(move || async move { membership.leave().await });
    /// ```
    Custom,
}
