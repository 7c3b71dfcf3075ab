//! The one task that claims: as long as a worker is free, and never after the stop.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use super::QueueConsumer;
use super::custody::Custody;
use super::limit::Limit;
use super::source::{Claimed, Demand, Job, Source};
use crate::cancellation::Cancellation;
use crate::report::words;
use crate::resource::ending::{Ending, sealed::Ending as _};
use crate::resource::served::{Hub, Served};
use crate::tasks;
use crate::work::Failure;

/// The pause after the first of several claims that failed; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// A [`QueueConsumer`] that lacks its handler.
///
/// ```
/// # use lifecycle::Source;
/// # fn wired<S: Source<Payload = String>>(mails: S) -> lifecycle::QueueConsumer {
/// # async fn send(mail: String) -> std::io::Result<()> { Ok(()) }
/// use lifecycle::QueueConsumer;
///
/// QueueConsumer::of(mails).concurrency(8).each(|mail, cancelled| async move {
///     tokio::select! {
///         sent = send(mail) => sent,
///         () = cancelled.cancelled() => Err(std::io::ErrorKind::TimedOut.into()), // handed back
///     }
/// })
/// # }
/// ```
#[must_use = "a queue without a handler consumes nothing: call `each`"]
pub struct QueueConsumerBuilder<S> {
    source: S,
    concurrency: usize,
}

impl<S: Source> QueueConsumerBuilder<S> {
    pub(super) fn new(source: S) -> Self {
        Self {
            source,
            concurrency: 1,
        }
    }

    /// How many jobs are worked on at once: 1 by default, and at least 1.
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.concurrency = jobs.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Does each job by `handler`, in a task of its own.
    ///
    /// `Ok` finishes the job; an error or a panic makes it a [failed](super::Job::failed) one, and
    /// the others go on. The [`Cancellation`] fires when the step's timeout has passed, and when the
    /// job's lease is lost. A handler then has four tenths of `budget.unwind` to return: `Ok` still
    /// finishes the job, an error hands it back, and so does no answer, once the handler is dropped.
    pub fn each<F, Fut>(self, handler: F) -> QueueConsumer
    where
        F: Fn(S::Payload, Cancellation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        let body = move |hub: Arc<Hub>| {
            hub.roster.follow_to_the_end();
            let intake = Intake {
                slots: Arc::new(Semaphore::new(self.concurrency)),
                hub,
                handler: Arc::new(handler),
            };
            intake.run(self.source)
        };
        QueueConsumer::of_served(Served::new(body))
    }
}

impl<S> fmt::Debug for QueueConsumerBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueConsumerBuilder")
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

struct Intake<F> {
    hub: Arc<Hub>,
    handler: Arc<F>,
    /// A permit for each job that may begin.
    slots: Arc<Semaphore>,
}

impl<F: Send + Sync + 'static> Intake<F> {
    async fn run<S, Fut>(self, mut source: S) -> Result<(), Failure>
    where
        S: Source,
        F: Fn(S::Payload, Cancellation) -> Fut,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        self.claim(&mut source).await;
        self.give_up_the_rest(&mut source).await;
        self.hub.roster.drained().await;
        Ok(())
    }

    /// Claims until the stop.
    async fn claim<S, Fut>(&self, source: &mut S)
    where
        S: Source,
        F: Fn(S::Payload, Cancellation) -> Fut,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        let mut pause = FIRST_PAUSE;
        while let Some(slot) = self.slot().await {
            let asked = Instant::now();
            let Some(claimed) = self.claim_once(source).await else {
                return;
            };
            // A claim that was asked for may have been granted while its answer was still on the way.
            let granted = match S::CANCEL_SAFE {
                true => Instant::now(),
                false => asked,
            };
            let empty = match claimed {
                Ok(jobs) => self.begin::<S, Fut>(jobs, slot, granted),
                Err(error) => {
                    self.hold_off(error.into(), &mut pause).await;
                    continue;
                }
            };
            if empty {
                let waited = tokio::select! {
                    biased;
                    () = self.hub.requested.cancelled() => return,
                    waited = source.wait() => waited,
                };
                if let Err(error) = waited {
                    self.hold_off(error.into(), &mut pause).await;
                    continue;
                }
            }
            pause = FIRST_PAUSE;
        }
    }

    /// A worker that is free; `None` at the stop.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.hub.requested.cancelled() => None,
            slot = Arc::clone(&self.slots).acquire_owned() => slot.ok(),
        }
    }

    /// `None`: the stop came while a claim waited that can be dropped, or the step's time is over.
    async fn claim_once<S: Source>(&self, source: &mut S) -> Option<Result<Claimed<S>, S::Error>> {
        let demand = Demand {
            // This task alone takes permits, so there will not be fewer.
            most: 1 + self.slots.available_permits(),
            lease: self.hub.lease.get().copied(),
        };
        let hub = &*self.hub;
        tokio::select! {
            biased;
            claimed = source.claim(demand) => Some(claimed),
            () = hub.requested.cancelled(), if S::CANCEL_SAFE => None,
            () = Limit::HAND_BACK.passed(hub) => {
                hub.roster.trouble("a claim was on its way and gave no answer; what it gives stays claimed until its lease ends");
                None
            }
        }
    }

    /// Starts the jobs; true if there are none. What was claimed while the stop came, or beyond what
    /// was asked for, is handed back.
    fn begin<S, Fut>(&self, jobs: Claimed<S>, slot: OwnedSemaphorePermit, granted: Instant) -> bool
    where
        S: Source,
        F: Fn(S::Payload, Cancellation) -> Fut,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        let empty = jobs.is_empty();
        let mut slot = Some(slot);
        for (payload, job) in jobs {
            let custody = self.take(job, granted);
            let slot = match slot.take() {
                _ if self.hub.requested.is_cancelled() => None,
                Some(slot) => Some(slot),
                None => Arc::clone(&self.slots).try_acquire_owned().ok(),
            };
            let Some(slot) = slot else {
                drop(payload);
                tasks::spawn(custody.hand_back());
                continue;
            };
            let handler = Arc::clone(&self.handler);
            let work =
                move |cancelled| async move { handler(payload, cancelled).await.into_result() };
            tasks::spawn(async move {
                custody.work(work).await;
                drop(slot);
            });
        }
        empty
    }

    /// From here on the job is in flight: counted, and named.
    fn take<J: Job>(&self, job: J, granted: Instant) -> Custody<J> {
        let working = self.hub.roster.enter(&job.id());
        Custody::new(job, working, Arc::clone(&self.hub), granted)
    }

    async fn hold_off(&self, error: Failure, pause: &mut Duration) {
        tracing::warn!(
            error = %words(&*error),
            again_in = ?*pause,
            "the queue cannot be claimed from"
        );
        tokio::select! {
            biased;
            () = self.hub.requested.cancelled() => {}
            () = sleep(*pause) => {}
        }
        *pause = (*pause * 2).min(LONGEST_PAUSE);
    }

    /// The stop has come: what the queue has sent ahead goes back, so that others take it.
    async fn give_up_the_rest<S: Source>(&self, source: &mut S) {
        let hub = &*self.hub;
        let held = tokio::select! {
            biased;
            held = source.stop() => held.map_err(Into::into),
            () = Limit::HAND_BACK.passed(hub) => Err("no answer".into()),
        };
        match held {
            Ok(jobs) => {
                for job in jobs {
                    tasks::spawn(self.take(job, Instant::now()).hand_back());
                }
            }
            Err(error) => hub.roster.trouble(&format!(
                "the queue could not be told to send no more: {}",
                words(&*error)
            )),
        }
    }
}
