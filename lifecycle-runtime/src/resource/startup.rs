//! When a resource counts as up.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::ending::Ending;
use super::ending::sealed::Ending as _;
use crate::report::words;
use crate::tasks::{self, AbortOnDrop};
use crate::work::{BoxFuture, FOR_EVER, Failure, Panicked};

/// How long a probe may say no before the service gives up, unless the resource says otherwise.
const LIMIT: Duration = Duration::from_secs(60);
/// The pause after the first no; it doubles to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

type Ask = Arc<dyn Fn() -> BoxFuture<Result<(), Failure>> + Send + Sync>;

/// What a resource waits for before those that use it start.
#[derive(Default)]
pub(crate) struct StartUp {
    probe: Option<Ask>,
    limit: Option<Duration>,
}

impl StartUp {
    pub(crate) fn when<F, Fut>(&mut self, probe: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        self.probe = Some(Arc::new(move || {
            let asked = probe();
            Box::pin(async move { asked.await.into_result() })
        }));
    }

    pub(crate) fn within(&mut self, limit: Duration) {
        self.limit = Some(limit);
    }

    /// Asks until the answer is yes; `None`: there is nothing to ask. The error says why the limit
    /// passed, or that the probe panicked.
    pub(crate) fn up(self) -> Option<BoxFuture<Result<(), String>>> {
        let probe = self.probe?;
        let limit = self.limit.unwrap_or(LIMIT);
        Some(Box::pin(async move {
            let until = Instant::now() + limit.min(FOR_EVER);
            let mut pause = FIRST;
            let mut last: Option<String> = None;
            loop {
                // A task of its own: a panic of the probe is an answer too.
                let probe = Arc::clone(&probe);
                // It ends together with whoever waits for it.
                let asking = AbortOnDrop::spawn(async move { probe().await });
                let answer = match timeout_at(until, asking).await {
                    Ok(joined) => tasks::joined(joined),
                    Err(_) => return Err(too_late(limit, last.as_deref().or(Some("no answer")))),
                };
                match answer {
                    Ok(()) => return Ok(()),
                    Err(error) if error.is::<Panicked>() => {
                        return Err(format!("its start-up probe panicked: {}", words(&*error)));
                    }
                    Err(error) => last = Some(words(&*error)),
                }
                if timeout_at(until, sleep(pause)).await.is_err() {
                    return Err(too_late(limit, last.as_deref()));
                }
                pause = (pause * 2).min(LONGEST);
            }
        }))
    }
}

fn too_late(limit: Duration, last: Option<&str>) -> String {
    let last = last.map(|last| format!(": {last}")).unwrap_or_default();
    format!("not up within {limit:?}{last}")
}

/// Gives a wirable type its start-up probe.
macro_rules! started_when {
    ($name:ident $(<$declared:ident>)?, $startup:tt) => {
        impl $(<$declared>)? $name $(<$declared>)? {
            /// Counts this resource as up once `probe` answers `Ok`. Until then nothing starts that
            /// uses it or waits for its place in the order, and readiness is 503.
            ///
            /// Resources start in the reverse of the order in which they stop. An error is asked
            /// again after a pause of 100 ms that doubles to 2 s; after
            /// [`started_within`](Self::started_within), by default 60 s, the service stops again
            /// in order and exits with 1. So does a probe that panics.
            #[must_use = "a resource does nothing before it is wired"]
            pub fn started_when<F, Fut>(mut self, probe: F) -> Self
            where
                F: Fn() -> Fut + Send + Sync + 'static,
                Fut: ::std::future::Future<Output: $crate::Ending> + Send + 'static,
            {
                self.$startup.when(probe);
                self
            }

            /// How long the start-up probe may say no; by default 60 s, and with
            /// [`Duration::MAX`](::std::time::Duration::MAX) without limit.
            #[must_use = "a resource does nothing before it is wired"]
            pub fn started_within(mut self, limit: ::std::time::Duration) -> Self {
                self.$startup.within(limit);
                self
            }
        }
    };
}
pub(crate) use started_when;
