//! What a queue has to say for the runtime to own its jobs.

use std::error::Error;
use std::fmt;
use std::future::{Future, ready};
use std::time::Duration;

/// How long [`Source::wait`] waits by default.
const LOOK: Duration = Duration::from_secs(1);

/// A queue, as [`QueueConsumer::of`](crate::QueueConsumer::of) empties it.
///
/// `claim` is called as long as a worker is free and the service is not stopping; when it has nothing
/// to give, `wait` says when to ask again. Both are called by one task, one at a time. An error of
/// either is logged, and they are called again: after a quarter of a second, then after twice as long
/// each time, up to 15 s. So a source whose connection has gone makes a new one in `claim`.
///
/// A table in PostgreSQL, where a job is claimed by an `UPDATE`:
///
/// ```
/// # use std::time::Duration;
/// # #[derive(Clone)] struct Pool;
/// # impl Pool {
/// #     async fn claim(&self, most: usize, lease: Duration) -> Result<Vec<(i64, String)>, std::io::Error> { Ok(vec![]) }
/// #     async fn update(&self, sql: &str, id: i64) -> Result<u64, std::io::Error> { Ok(1) }
/// # }
/// use lifecycle::{Demand, Job, NotRenewed, Source};
///
/// struct Mails(Pool);
/// struct Mail { pool: Pool, id: i64 }
///
/// impl Source for Mails {
///     type Payload = String;
///     type Job = Mail;
///     type Error = std::io::Error;
///
///     // Not cancel-safe: the database carries an UPDATE out, whoever waits for its rows.
///     async fn claim(&mut self, demand: Demand) -> Result<Vec<(String, Mail)>, std::io::Error> {
///         let lease = demand.lease.unwrap_or(Duration::from_secs(30));
///         let rows = self.0.claim(demand.most, lease).await?;
///         let job = |id| Mail { pool: self.0.clone(), id };
///         Ok(rows.into_iter().map(|(id, address)| (address, job(id))).collect())
///     }
/// }
///
/// impl Job for Mail {
///     type Error = std::io::Error;
///
///     fn id(&self) -> String {
///         self.id.to_string()
///     }
///
///     async fn renew(&mut self, _lease: Duration) -> Result<(), NotRenewed> {
///         match self.pool.update("… SET claimed_until = now() + … WHERE claimed_by = …", self.id).await? {
///             0 => Err(NotRenewed::Lost),
///             _ => Ok(()),
///         }
///     }
///
///     async fn finish(self) -> Result<(), std::io::Error> {
///         self.pool.update("DELETE … WHERE claimed_by = …", self.id).await.map(drop)
///     }
///
///     async fn hand_back(self) -> Result<(), std::io::Error> {
///         self.pool.update("… SET claimed_until = now() WHERE claimed_by = …", self.id).await.map(drop)
///     }
/// }
/// ```
pub trait Source: Sized + Send + 'static {
    /// What a handler needs to do the job; it is given away.
    type Payload: Send + 'static;
    /// What is needed to renew the job, to finish it, or to hand it back; the runtime keeps it.
    type Job: Job;
    /// Why there is nothing to claim just now.
    type Error: Into<Box<dyn Error + Send + Sync>> + Send;

    /// Whether a claim that is still waiting can be dropped without a job being granted to nobody.
    ///
    /// `true`: at the stop a waiting claim is dropped. Right for what arrives by itself and is kept by
    /// the client, as AMQP deliveries are. `false`, the default: a claim on its way is seen through,
    /// and what it gives is handed back at once. Right for an SQL `UPDATE`, for Redis' `XREADGROUP`
    /// and for SQS, where the server grants the job whether or not somebody still reads the answer.
    /// Such a claim must answer soon: waiting belongs into [`wait`](Self::wait).
    const CANCEL_SAFE: bool = false;

    /// Claims up to `demand.most` jobs; none means that there are none now.
    ///
    /// Each begins at once. What is more than `demand.most` is handed back.
    fn claim(
        &mut self,
        demand: Demand,
    ) -> impl Future<Output = Result<Claimed<Self>, Self::Error>> + Send;

    /// Resolves when it is worth claiming again, after a claim that gave nothing. By default after a
    /// second.
    ///
    /// Always dropped at the stop: it must not claim. A source whose `claim` waits by itself resolves
    /// at once here.
    fn wait(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        async {
            tokio::time::sleep(LOOK).await;
            Ok(())
        }
    }

    /// The stop has come: tells the queue to send no more, and gives what it has sent already and
    /// `claim` has not yet given, to be handed back at once. By default nothing.
    ///
    /// Called once, and the source is dropped when the last job has ended.
    fn stop(&mut self) -> impl Future<Output = Result<Vec<Self::Job>, Self::Error>> + Send {
        ready(Ok(Vec::new()))
    }
}

/// What a claim gives: jobs, each with what its handler needs.
pub type Claimed<S> = Vec<(<S as Source>::Payload, <S as Source>::Job)>;

/// What a claim is asked for.
///
/// ```
/// use std::time::Duration;
/// use lifecycle::Demand;
///
/// /// As SQS takes it: ten messages at most, and a visibility timeout in whole seconds.
/// fn receive(demand: Demand) -> (usize, u64) {
///     let lease = demand.lease.unwrap_or(Duration::from_secs(30));
///     (demand.most.min(10), lease.as_secs())
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Demand {
    /// How many jobs can begin now; at least one.
    pub most: usize,
    /// How long a job is to stay claimed without renewal: `lease:` in the manifest.
    pub lease: Option<Duration>,
}

/// The runtime's end of a claimed job: the receipt, the delivery tag, the row's key.
///
/// While the handler works on the payload, the runtime renews the lease. Then it calls one of `finish`,
/// `hand_back` and `failed`, and as each takes the job by value, no code can call two. It calls none
/// after a lost lease, and none where a handler blocks its thread beyond the step's unwind time: it may
/// still be at work, so the job is another's only when its lease lapses. The report names both kinds.
///
/// A method that panics leaves the job's end unknown, as one that fails does.
///
/// A job that left its queue when it was claimed, and that is tried five times:
///
/// ```
/// # use std::error::Error;
/// # use tokio::sync::mpsc::{UnboundedSender, error::SendError};
/// use lifecycle::Job;
///
/// struct Mail { address: String, attempts: u32, queue: UnboundedSender<(String, u32)> }
///
/// impl Job for Mail {
///     type Error = SendError<(String, u32)>;
///
///     fn id(&self) -> String { self.address.clone() }
///     async fn finish(self) -> Result<(), Self::Error> { Ok(()) }
///     async fn hand_back(self) -> Result<(), Self::Error> {
///         self.queue.send((self.address, self.attempts))
///     }
///     async fn failed(mut self, _: Box<dyn Error + Send + Sync>) -> Result<(), Self::Error> {
///         self.attempts += 1;
///         if self.attempts < 5 { self.hand_back().await } else { self.finish().await }
///     }
/// }
/// ```
pub trait Job: Send + 'static {
    /// Why the queue did not take the answer.
    type Error: Into<Box<dyn Error + Send + Sync>> + Send;

    /// The job's name, for logs and the report.
    fn id(&self) -> String;

    /// Claims the job for the length of `lease` from now.
    ///
    /// Called a third of the lease after the claim, and a third after each renewal. One that fails is
    /// tried again after a ninth of the lease. Must change nothing, and say [`NotRenewed::Lost`],
    /// where another consumer has the job by now. By default it does nothing: right where a job stays
    /// claimed for as long as the connection lives, as with AMQP.
    fn renew(&mut self, lease: Duration) -> impl Future<Output = Result<(), NotRenewed>> + Send {
        let _ = lease;
        ready(Ok(()))
    }

    /// The work is done: takes the job off the queue.
    fn finish(self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The work is not done, and nobody here goes on with it: makes the job claimable for others at
    /// once.
    fn hand_back(self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The handler failed or panicked. By default the job is handed back, to be tried again at once.
    ///
    /// Where the queue does not count attempts by itself, this is the place to do it: to make the job
    /// claimable later, or to put it aside after too many attempts.
    fn failed(
        self,
        error: Box<dyn Error + Send + Sync>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send
    where
        Self: Sized,
    {
        let _ = error;
        self.hand_back()
    }
}

/// Why a lease was not renewed. Every error converts into [`Failed`](Self::Failed), so `?` does.
///
/// ```
/// use lifecycle::NotRenewed;
///
/// /// Of a statement that extends the lease: how many rows it was given to, or why it could not be made.
/// fn extended(rows: Result<u64, std::io::Error>) -> Result<(), NotRenewed> {
///     match rows? {
///         0 => Err(NotRenewed::Lost),
///         _ => Ok(()),
///     }
/// }
/// let lost = extended(Ok(0)).unwrap_err();
/// assert_eq!(lost.to_string(), "another consumer has it");
/// ```
#[derive(Debug)]
pub enum NotRenewed {
    /// The job is no longer this consumer's: the handler is cancelled, and the job neither finished
    /// nor handed back.
    Lost,
    /// The queue could not be asked. It is asked again until a ninth of the lease is left; then the
    /// job counts as lost, so that the handler is gone before another consumer begins.
    Failed(Box<dyn Error + Send + Sync>),
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for NotRenewed {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl fmt::Display for NotRenewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => f.write_str("another consumer has it"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}
