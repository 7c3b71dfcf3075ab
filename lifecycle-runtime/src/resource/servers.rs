//! Servers and background tasks: anything that offers a stop handle.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::ending::Ending;
use super::roster::Working;
use super::served::{Hub, Served};
use super::{StartUp, wirable};

/// What a running server or task looks at to learn that it must stop. Clones share it.
#[derive(Clone)]
pub struct Stopping {
    hub: Arc<Hub>,
}

impl Stopping {
    /// Resolves when the stop signal has come and the service settles: still serve everyone, and ask
    /// clients to take their next request elsewhere. [`Stopping::requested`] follows when routing has
    /// had its time to notice, and resolves this too.
    pub fn settling(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let hub = Arc::clone(&self.hub);
        async move {
            tokio::select! {
                () = hub.settling.cancelled() => {}
                () = hub.requested.cancelled() => {}
            }
        }
    }

    /// Whether the stop signal has come.
    pub fn is_settling(&self) -> bool {
        self.hub.settling.is_cancelled() || self.is_requested()
    }

    /// Resolves when the step's window opens: take no new work, finish what is in flight.
    ///
    /// Owns what it needs, so it can be handed to a server's `with_graceful_shutdown` and the like.
    pub fn requested(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.hub.requested.clone().cancelled_owned()
    }

    /// Whether the step's window has opened.
    pub fn is_requested(&self) -> bool {
        self.hub.requested.is_cancelled()
    }

    /// Resolves when the step's timeout has passed: let go within `budget.unwind`, then the future
    /// is dropped.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.hub.cancellation.cancelled()
    }

    /// Whether the step's timeout has passed.
    pub fn is_cancelled(&self) -> bool {
        self.hub.cancellation.is_cancelled()
    }

    /// Notes that something called `name`, such as a session, is in flight until the returned guard
    /// is dropped. The step waits for it, and the report names it if it does not end in time.
    pub fn working(&self, name: impl fmt::Display) -> Working {
        self.hub.roster.enter(&name)
    }
}

impl fmt::Debug for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopping")
            .field("requested", &self.is_requested())
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Served {
    /// Runs `run` until it ends, which it is asked to by what it is given.
    pub(crate) fn stopping<F, Fut>(run: F) -> Self
    where
        F: FnOnce(Stopping) -> Fut + Send + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        Self::new(|hub| async move {
            use super::ending::sealed::Ending as _;
            run(Stopping { hub }).await.into_result()
        })
    }
}

macro_rules! servers {
    ($($(#[$doc:meta])* $name:ident = $kind:ident,)*) => {$(
        $(#[$doc])*
        ///
        /// An error or a panic of the future while the service runs stops the service in order, with
        /// a non-zero exit code; an `Ok` end is just an end.
        pub struct $name(Served, StartUp);
        wirable!($name, $kind);

        impl $name {
            /// Runs `run` from the start of the service on; it has to end soon after
            /// [`Stopping::requested`] resolves.
            pub fn new<F, Fut>(run: F) -> Self
            where
                F: FnOnce(Stopping) -> Fut + Send + 'static,
                Fut: Future<Output: Ending> + Send + 'static,
            {
                Self(Served::stopping(run), StartUp::default())
            }
        }
    )*};
}

servers! {
    /// A background task.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lifecycle::Task;
    ///
    /// let refresher = Task::new(|stopping| async move {
    ///     let mut ticks = tokio::time::interval(Duration::from_secs(60));
    ///     loop {
    ///         tokio::select! {
    ///             () = stopping.requested() => break,
    ///             _ = ticks.tick() => { /* refresh */ }
    ///         }
    ///     }
    /// });
    /// ```
    Task = Task,
}
