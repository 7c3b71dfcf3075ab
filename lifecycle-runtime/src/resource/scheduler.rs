//! Work that is started by the clock.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::ending::Ending;
use super::served::{Hub, Served};
use super::{StartUp, wirable};
use crate::report::words;
use crate::work::{Failure, join_failure};

/// Runs something again and again; once the service stops, no new run begins and the running one
/// finishes.
///
/// A run that fails or panics is logged, and the next one comes all the same; only a run that ends
/// badly after the stop makes the step fail. At the step's timeout the running one is dropped.
pub struct Scheduler(Served, StartUp);
wirable!(Scheduler, Scheduler);

impl Scheduler {
    /// Runs `job` every `period`, for the first time one `period` after the start.
    ///
    /// Runs never overlap: after one that took longer than `period` the next begins at once, and
    /// those it missed are not made up for. A `period` of zero counts as one millisecond.
    pub fn every<F, Fut>(period: Duration, job: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        let period = period.max(Duration::from_millis(1));
        let served = Served::new(move |hub| run(hub, period, Arc::new(job)));
        Self(served, StartUp::default())
    }
}

async fn run<F, Fut>(hub: Arc<Hub>, period: Duration, job: Arc<F>) -> Result<(), Failure>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Ending> + Send + 'static,
{
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = hub.requested.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let result = run_once(&hub, Arc::clone(&job)).await;
        if hub.requested.is_cancelled() {
            return result;
        }
        if let Err(error) = result {
            tracing::error!(error = %words(&*error), "a scheduled run failed; the next one comes as planned");
        }
    }
}

/// One run, in a task of its own, so that its panic ends only this run.
async fn run_once<F, Fut>(hub: &Hub, job: Arc<F>) -> Result<(), Failure>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Ending> + Send + 'static,
{
    use super::ending::sealed::Ending as _;

    let _working = hub.roster.enter(&"");
    let mut running = tokio::spawn(async move { job().await.into_result() });
    let joined = tokio::select! {
        biased;
        joined = &mut running => joined,
        () = hub.cancellation.cancelled() => {
            running.abort();
            running.await
        }
    };
    joined.unwrap_or_else(|error| Err(join_failure(error)))
}
