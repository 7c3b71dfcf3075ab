//! Queue consumers: no new claims once intake stops, the claimed jobs finish.

mod custody;
mod intake;
mod limit;
mod source;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::ending::Ending;
use super::restart::{Restarts, Stops};
use super::roster::Working;
use super::served::{Hub, Served};
use super::{StartUp, wirable};
pub use intake::QueueConsumerBuilder;
pub use source::{Claimed, Demand, Job, NotRenewed, Source};

/// Claims jobs from a queue and works on them.
///
/// [`of`](Self::of) takes the queue and a handler: the runtime claims, renews leases, finishes and
/// hands back. [`new`](Self::new) runs a loop that does so itself:
///
/// ```no_run
/// # struct Job { id: u64 }
/// # struct Queue;
/// # impl Queue { async fn claim(&self) -> Job { Job { id: 1 } } async fn finish(&self, _: Job) {} }
/// # let queue = Queue;
/// use lifecycle::QueueConsumer;
///
/// let emails = QueueConsumer::new(|claims| async move {
///     while let Some(job) = claims.next(queue.claim()).await {
///         let _working = claims.working(job.id);
///         queue.finish(job).await;
///     }
/// });
/// ```
///
/// That is for a claim that can be dropped while it waits. Where it cannot, as with SQL and SQS, wait
/// inside [`Claims::next`] and claim outside it: there is an example.
///
/// Claiming ends with the signal, unless the consumer's step waits for others; then it ends when the
/// step begins. The step is done when the future has ended and every clone of [`Claims`] is gone, so
/// workers that were spawned with a clone each are waited for too. An error or a panic of the future
/// while the service runs stops the service in order, with a non-zero exit code; with `on_failure:
/// restart` in the manifest it is started again, see [`Restarts`], and made by
/// [`restarting`](Self::restarting).
///
/// [The manual](crate::manual::consumers) says what is called when, and what each broker's hand-back
/// is.
pub struct QueueConsumer<R = Stops>(Served, StartUp, PhantomData<fn() -> R>);
wirable!(QueueConsumer<R>, QueueConsumer);

impl QueueConsumer {
    /// Empties `source`, job by job, by the handler that [`each`](QueueConsumerBuilder::each) takes.
    ///
    /// ```no_run
    /// # use lifecycle::Source;
    /// # fn wired<S: Source<Payload = String>>(mails: S) -> lifecycle::QueueConsumer {
    /// # async fn send(mail: String) -> std::io::Result<()> { Ok(()) }
    /// use lifecycle::QueueConsumer;
    ///
    /// let emails = QueueConsumer::of(mails)
    ///     .concurrency(8)
    ///     .each(|mail, _cancelled| send(mail));
    /// # emails
    /// # }
    /// ```
    pub fn of<S: Source>(source: S) -> QueueConsumerBuilder<S> {
        QueueConsumerBuilder::new(source)
    }

    /// Runs `consume` from the start of the service on; it ends when [`Claims::next`] says `None`.
    pub fn new<F, Fut>(consume: F) -> Self
    where
        F: FnOnce(Claims) -> Fut + Send + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        let served = Served::new(|hub| async move {
            use super::ending::sealed::Ending as _;
            consume(Claims::new(hub)).await.into_result()
        });
        Self::of_served(served)
    }
}

impl QueueConsumer<Restarts> {
    /// Runs `consume` from the start of the service on, and again whenever it has ended badly, as
    /// `on_failure: restart` in the manifest wants it. The jobs it works on then are cancelled.
    ///
    /// It is never started again once the stop signal has come.
    pub fn restarting<F, Fut>(consume: F) -> Self
    where
        F: Fn(Claims) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        Self::of_served(Served::again(move |hub| {
            use super::ending::sealed::Ending as _;
            let consuming = consume(Claims::new(hub));
            async move { consuming.await.into_result() }
        }))
    }
}

impl<R> QueueConsumer<R> {
    fn of_served(served: Served) -> Self {
        Self(served.pulling(), StartUp::default(), PhantomData)
    }
}

/// A consumer's right to claim jobs. Clones share it: give one to each worker.
///
/// ```
/// use lifecycle::{Claims, QueueConsumer};
///
/// # async fn receive() -> u64 { 7 }
/// # async fn send(_: u64) {}
/// # async fn give_back(_: u64) {}
/// async fn worker(claims: Claims) {
///     while let Some(mail) = claims.next(receive()).await {
///         let working = claims.working(mail);
///         tokio::select! {
///             () = send(mail) => {}
///             () = claims.cancelled() => {
///                 give_back(mail).await;
///                 working.handed_back();
///             }
///         }
///     }
/// }
/// let emails = QueueConsumer::new(|claims| async move {
///     tokio::join!(worker(claims.clone()), worker(claims.clone()));
/// });
/// ```
pub struct Claims {
    hub: Arc<Hub>,
}

impl Claims {
    fn new(hub: Arc<Hub>) -> Self {
        hub.roster.hold();
        Self { hub }
    }

    /// The next job, or `None` as soon as intake stops.
    ///
    /// A `claim` that is still waiting then is dropped, so a long poll is not waited for; one that is
    /// ready in the same moment is returned, so no claimed job is thrown away. A job that the queue
    /// has granted while its answer was still on the way stays claimed until its lease ends.
    ///
    /// Where that can happen, the claim is not cancel-safe: an `UPDATE … RETURNING` that the database
    /// carries out while nobody waits for the rows any more, a message that SQS hides for a receiver
    /// that has gone. Split it then: wait for work inside `next`, and claim outside it.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # struct Job { id: u64 }
    /// # struct Jobs { added: tokio::sync::Notify }
    /// # impl Jobs {
    /// #     async fn claim(&self) -> Result<Option<Job>, std::io::Error> { Ok(None) }
    /// #     async fn work_on(&self, _: Job) -> Result<(), std::io::Error> { Ok(()) }
    /// # }
    /// # let jobs = Jobs { added: tokio::sync::Notify::new() };
    /// use lifecycle::QueueConsumer;
    ///
    /// let emails = QueueConsumer::new(|claims| async move {
    ///     // Only the waiting is cut short when intake stops: for word of a job, or for the time to
    ///     // look for one of which there was no word.
    ///     let due = || tokio::time::timeout(Duration::from_secs(1), jobs.added.notified());
    ///     while claims.next(due()).await.is_some() {
    ///         while !claims.is_stopping() {
    ///             // A claim is seen through, and the job it gives is worked on.
    ///             let Some(job) = jobs.claim().await? else {
    ///                 break;
    ///             };
    ///             let _working = claims.working(job.id);
    ///             jobs.work_on(job).await?;
    ///         }
    ///     }
    ///     Ok::<(), std::io::Error>(())
    /// });
    /// ```
    ///
    /// A queue that can only wait by claiming, as SQS does, is asked the same way with a short wait
    /// (`WaitTimeSeconds` of 0 or 1); the stop waits for that one answer.
    pub async fn next<F: Future>(&self, claim: F) -> Option<F::Output> {
        if self.is_stopping() {
            return None;
        }
        tokio::select! {
            biased;
            job = claim => Some(job),
            () = self.hub.requested.cancelled() => None,
        }
    }

    /// Notes that the job `id` is being worked on until the returned guard is dropped.
    pub fn working(&self, id: impl fmt::Display) -> Working {
        self.hub.roster.enter(&id)
    }

    /// How long a claimed job stays claimed without renewal: `lease:` in the manifest.
    pub fn lease(&self) -> Option<Duration> {
        self.hub.lease.get().copied()
    }

    /// Whether intake has stopped: no new job may be claimed.
    pub fn is_stopping(&self) -> bool {
        self.hub.requested.is_cancelled()
    }

    /// Resolves when intake stops.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.hub.requested.clone().cancelled_owned()
    }

    /// Resolves when the step's timeout has passed: the job must be let go within `budget.unwind`.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.hub.cancellation.cancelled()
    }

    /// Whether the step's timeout has passed.
    pub fn is_cancelled(&self) -> bool {
        self.hub.cancellation.is_cancelled()
    }
}

impl Clone for Claims {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.hub))
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        self.hub.roster.release();
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("stopping", &self.is_stopping())
            .finish_non_exhaustive()
    }
}
