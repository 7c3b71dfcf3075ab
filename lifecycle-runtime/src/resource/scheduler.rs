//! Work that is started by the clock.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::ending::Ending;
use super::nursery::{ended, named};
use super::restart::random;
use super::served::{Hub, Served};
use super::stopping::Stopping;
use super::{StartUp, wirable};
use crate::report::words;
use crate::tasks::Tasks;
use crate::work::{BoxFuture, FOR_EVER, Failure};

/// Runs something again and again; once the service stops, no new run begins and the running ones
/// finish.
///
/// ```
/// use std::time::Duration;
/// use lifecycle::{Schedule, Scheduler};
/// # async fn report() {}
/// # async fn purge(_: lifecycle::Stopping) -> std::io::Result<()> { Ok(()) }
///
/// const HOUR: Duration = Duration::from_secs(3600);
///
/// // One job:
/// let nightly = Scheduler::every(24 * HOUR, report);
///
/// // Several, with names for the report and the log, and a handle that tells them of the stop:
/// let housekeeping = Scheduler::new()
///     .job("purge", Schedule::every(HOUR).at_once(), |stopping| purge(stopping))
///     .job("report", Schedule::every(24 * HOUR).jitter(HOUR / 2), |_| report());
/// ```
///
/// Runs of one job never overlap; different jobs run side by side. A run that fails or panics is
/// logged, and the next one comes all the same; only one that ends badly after the stop makes the step
/// fail.
///
/// From the stop signal on no run begins any more, and those that wait for their turn are forgotten;
/// a scheduler whose step waits for others goes on until its window opens. A running one has the step's
/// timeout to finish: it may look at [`Stopping::requested`] to finish early, sees [`Stopping::cancelled`] when the timeout has passed,
/// and is dropped after `budget.unwind`.
pub struct Scheduler(Jobs, StartUp);
wirable!(Scheduler as Served, Scheduler);

/// When a job runs.
///
/// By the clock of the process: what has to happen at an hour of the day, or once for many instances,
/// needs a lock or a mark outside of it.
///
/// ```
/// use std::time::Duration;
/// use lifecycle::Schedule;
///
/// const MINUTE: Duration = Duration::from_secs(60);
///
/// // At the start and then every five minutes, each run up to half a minute late; what a long run has
/// // missed is left out.
/// let sync = Schedule::every(5 * MINUTE).at_once().jitter(MINUTE / 2).skip_missed();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a schedule does nothing before it is given to a `Scheduler`"]
pub struct Schedule {
    period: Duration,
    at_once: bool,
    jitter: Duration,
    skip_missed: bool,
}

impl Schedule {
    /// Every `period`, for the first time one `period` after the start. Zero counts as one
    /// millisecond.
    ///
    /// After a run that took longer than `period` the next begins at once, and the following one a
    /// `period` later; those that were missed are not made up for.
    pub fn every(period: Duration) -> Self {
        Self {
            period: period.clamp(Duration::from_millis(1), FOR_EVER),
            at_once: false,
            jitter: Duration::ZERO,
            skip_missed: false,
        }
    }

    /// For the first time as soon as the service has started.
    pub fn at_once(mut self) -> Self {
        self.at_once = true;
        self
    }

    /// Each run begins up to `jitter` later than its time, at random, so that many instances do not
    /// begin in one instant. The times themselves stay where they are. Unset: zero.
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// After a run that took longer than the period, waits for the next regular time instead of
    /// beginning at once.
    pub fn skip_missed(mut self) -> Self {
        self.skip_missed = true;
        self
    }
}

impl Scheduler {
    /// Runs `job` every `period`, for the first time one `period` after the start: a scheduler with
    /// one job that needs no name and no handle.
    pub fn every<F, Fut>(period: Duration, job: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        Self::new().job("", Schedule::every(period), move |_| job())
    }

    /// A scheduler without jobs.
    pub fn new() -> Self {
        Self(Jobs::default(), StartUp::default())
    }

    /// Runs `job` by `schedule` too. `name` is what the log and the report call its runs.
    #[must_use = "a resource does nothing before it is wired"]
    pub fn job<F, Fut>(mut self, name: impl fmt::Display, schedule: Schedule, job: F) -> Self
    where
        F: Fn(Stopping) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        self.0.0.push(Job {
            name: name.to_string(),
            schedule,
            run: Box::new(move |hub| {
                use super::ending::sealed::Ending as _;
                let running = job(Stopping { hub });
                Box::pin(async move { running.await.into_result() })
            }),
        });
        self
    }
}

impl Default for Scheduler {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Default)]
struct Jobs(Vec<Job>);

struct Job {
    name: String,
    schedule: Schedule,
    run: Run,
}

type Run = Box<dyn Fn(Arc<Hub>) -> BoxFuture<Result<(), Failure>> + Send + Sync>;

impl From<Jobs> for Served {
    fn from(jobs: Jobs) -> Self {
        let served = Self::new(|hub| async move {
            // Dropped with this future, and with it every run.
            let mut running = Tasks::default();
            for (number, job) in jobs.0.into_iter().enumerate() {
                running.spawn(number, repeat(job, Arc::clone(&hub)));
            }
            let mut ended = Ok(());
            while let Some((_, result)) = running.next().await {
                ended = ended.and(result);
            }
            ended
        });
        served.pulling()
    }
}

impl Schedule {
    /// The time of the next run, after one whose time was `last`.
    fn after(&self, last: Instant) -> Instant {
        let next = last + self.period;
        let late = Instant::now().saturating_duration_since(next);
        if late.is_zero() {
            next
        } else if self.skip_missed {
            let period = self.period.as_nanos();
            let into = late.as_nanos() % period;
            let left = u64::try_from((period - into) % period).unwrap_or(u64::MAX);
            next + late + Duration::from_nanos(left)
        } else {
            next + late
        }
    }
}

/// Runs the job by its schedule until the service stops; an error is that of the run that was the last.
async fn repeat(job: Job, hub: Arc<Hub>) -> Result<(), Failure> {
    let schedule = job.schedule;
    let first = match schedule.at_once {
        true => Duration::ZERO,
        false => schedule.period,
    };
    let mut due = Instant::now() + first;
    loop {
        let late = random(schedule.jitter);
        tokio::select! {
            biased;
            () = hub.requested.cancelled() => return Ok(()),
            () = sleep_until(due + late) => {}
        }
        let result = {
            let _working = hub.roster.enter(&job.name);
            let given = Arc::clone(&hub);
            // The closure runs inside, so that its panic is the run's.
            ended(async { (job.run)(given).await }).await
        };
        due = schedule.after(due);
        let Err(error) = result else { continue };
        if hub.requested.is_cancelled() {
            return Err(named(&job.name, &*error));
        }
        let (name, error) = (&*job.name, words(&*error));
        tracing::error!(
            job = name,
            error,
            "a scheduled run failed; the next one comes as planned"
        );
    }
}
