//! One claimed job, from its claim to the one answer that the queue gets.

use std::error::Error;
use std::future::{Future, pending};
use std::sync::{Arc, OnceLock};

use tokio::task::JoinError;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::limit::Limit;
use super::source::{Job, NotRenewed};
use crate::cancellation::Cancellation;
use crate::report::words;
use crate::resource::roster::Working;
use crate::resource::served::Hub;
use crate::tasks::AbortOnDrop;
use crate::work::{Failure, Panicked};

/// A renewal comes after a third of the lease, a failed one is tried again after a ninth, and with a
/// ninth left it is given up. No jitter: jobs are claimed at different moments, and each keeps its
/// own time.
const RENEW: u32 = 3;
const RETRY: u32 = 9;

/// A job that this process has claimed. Consumed by the one answer it gives.
pub(super) struct Custody<J> {
    job: J,
    working: Working,
    hub: Arc<Hub>,
    granted: Instant,
}

/// The handler's task, which does not outlive who answers for the job.
type Handler = AbortOnDrop<Result<(), Failure>>;

/// What became of the handler; it is gone, except when stuck.
enum Worked {
    Done,
    Failed(Failure),
    /// It was cancelled, and did not say that it was done.
    LetGo,
    /// It was dropped and does not let go: it blocks its thread.
    Stuck,
}

/// What became of the lease while the handler worked.
enum Lease {
    /// It holds until then; without a time, for as long as the connection does.
    Held(Option<Instant>),
    Lost(String),
}

/// Told by who renews the lease to who watches the handler.
#[derive(Default)]
struct Loss {
    lost: CancellationToken,
    /// When the job may become another's, if it is not that already.
    lapse: OnceLock<Instant>,
}

impl<J: Job> Custody<J> {
    pub(super) fn new(job: J, working: Working, hub: Arc<Hub>, granted: Instant) -> Self {
        Self {
            job,
            working,
            hub,
            granted,
        }
    }

    /// Gives the job back, not begun.
    pub(super) async fn hand_back(self) {
        let lapse = self.hub.lease.get().map(|lease| self.granted + *lease);
        self.hand_back_until(lapse).await;
    }

    /// Does the job and tells the queue.
    pub(super) async fn work<F, Fut>(mut self, handler: F)
    where
        F: FnOnce(Cancellation) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let cancellation = self.hub.cancellation.child();
        let own = cancellation.clone();
        // A task of its own: its panic ends only this job, and blocking keeps no lease from renewal.
        let mut handler = Handler::spawn(async move { handler(own).await });
        let (over, loss) = (CancellationToken::new(), Loss::default());
        let (worked, lease) = tokio::join!(
            async {
                let worked = watch(&mut handler, &cancellation, &loss, &self.hub).await;
                over.cancel();
                worked
            },
            keep(&mut self.job, &self.hub, self.granted, &over, &loss),
        );
        match (worked, lease) {
            (Worked::Stuck, _) => self
                .working
                .lose("its handler had not let go in time, so the job was not handed back"),
            (_, Lease::Lost(why)) => self.working.lose(&format!("its lease was lost: {why}")),
            (Worked::Done, Lease::Held(lapse)) => {
                let Self {
                    job, working, hub, ..
                } = self;
                match answer(job.finish(), lapse, &hub).await {
                    Ok(()) => drop(working),
                    Err(why) => working.lose(&format!("done, but perhaps not finished: {why}")),
                }
            }
            (Worked::Failed(error), Lease::Held(lapse)) => {
                let Self {
                    job, working, hub, ..
                } = self;
                let error_words = words(&*error);
                tracing::error!(job = working.name(), error = error_words, "a job failed");
                match answer(job.failed(error), lapse, &hub).await {
                    Ok(()) => drop(working),
                    Err(why) => {
                        working.lose(&format!(
                            "failed ({error_words}), and the queue does not know: {why}"
                        ));
                    }
                }
            }
            (Worked::LetGo, Lease::Held(lapse)) => self.hand_back_until(lapse).await,
        }
    }

    async fn hand_back_until(self, lapse: Option<Instant>) {
        let Self {
            job, working, hub, ..
        } = self;
        match answer(job.hand_back(), lapse, &hub).await {
            Ok(()) => working.handed_back(),
            Err(why) => working.lose(&format!("perhaps not handed back: {why}")),
        }
    }
}

/// Waits for the handler's end, which comes soon after its cancellation or the loss of the lease.
async fn watch(
    handler: &mut Handler,
    cancellation: &Cancellation,
    loss: &Loss,
    hub: &Hub,
) -> Worked {
    tokio::select! {
        biased;
        // It may have seen its cancellation before this did.
        joined = &mut *handler => return worked(joined, cancellation.is_cancelled()),
        () = hub.cancellation.cancelled() => {}
        () = loss.lost.cancelled() => {}
    }
    cancellation.fire();
    tokio::select! {
        biased;
        joined = &mut *handler => return worked(joined, true),
        () = Limit::HANDLER.passed(hub) => {}
        () = loss.passed(hub) => {}
    }
    handler.abort();
    tokio::select! {
        biased;
        joined = &mut *handler => worked(joined, true),
        () = Limit::HAND_BACK.passed(hub) => Worked::Stuck,
    }
}

fn worked(joined: Result<Result<(), Failure>, JoinError>, cancelled: bool) -> Worked {
    match joined {
        Ok(Ok(())) => Worked::Done,
        // Told to let go, it says that it is not done: that is no fault of the job's.
        Ok(Err(_)) if cancelled => Worked::LetGo,
        Ok(Err(error)) => Worked::Failed(error),
        Err(error) => match error.try_into_panic() {
            Ok(payload) => Worked::Failed(Box::new(Panicked::new(&*payload))),
            Err(_) => Worked::LetGo,
        },
    }
}

impl Loss {
    /// Resolves when a handler must be gone because the lease is.
    async fn passed(&self, hub: &Hub) {
        self.lost.cancelled().await;
        let share = Instant::now() + Limit::HANDLER.share(hub);
        sleep_until(self.lapse.get().map_or(share, |lapse| share.min(*lapse))).await;
    }
}

/// Renews the lease until the handler is `over`. A renewal on its way is seen through, so that it
/// cannot reach the queue after the job's end.
async fn keep<J: Job>(
    job: &mut J,
    hub: &Hub,
    granted: Instant,
    over: &CancellationToken,
    loss: &Loss,
) -> Lease {
    let Some(lease) = hub.lease.get().copied() else {
        return Lease::Held(None);
    };
    let mut since = granted;
    let mut due = since + lease / RENEW;
    loop {
        tokio::select! {
            biased;
            () = over.cancelled() => return Lease::Held(Some(since + lease)),
            () = sleep_until(due) => {}
        }
        let begun = Instant::now();
        // Late is not lost: the queue knows.
        let give_up = (since + lease - lease / RETRY).max(begun + lease / RETRY);
        let renewed = tokio::select! {
            biased;
            renewed = job.renew(lease) => renewed,
            () = sleep_until(give_up) => Err(NotRenewed::Failed("no answer".into())),
            () = async { over.cancelled().await; Limit::HANDLER.passed(hub).await } => {
                return Lease::Held(Some(since + lease));
            }
        };
        let why = match renewed {
            Ok(()) => {
                since = begun;
                due = since + lease / RENEW;
                continue;
            }
            Err(NotRenewed::Lost) => {
                loss.lost.cancel();
                NotRenewed::Lost.to_string()
            }
            Err(NotRenewed::Failed(_)) if over.is_cancelled() => {
                return Lease::Held(Some(since + lease));
            }
            Err(NotRenewed::Failed(error)) => {
                let again = Instant::now() + lease / RETRY;
                if again < give_up {
                    tracing::warn!(job = job.id(), error = %words(&*error), "a lease was not renewed; it is tried again");
                    due = again;
                    continue;
                }
                // Set once: a lease is lost once.
                let _ = loss.lapse.set(since + lease);
                loss.lost.cancel();
                words(&*error)
            }
        };
        return Lease::Lost(why);
    }
}

/// What the queue says, if it says it before the lease lapses and the step's time is over.
async fn answer<F, E>(answer: F, lapse: Option<Instant>, hub: &Hub) -> Result<(), String>
where
    F: Future<Output = Result<(), E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let lapsed = async {
        match lapse {
            Some(lapse) => sleep_until(lapse).await,
            None => pending().await,
        }
    };
    tokio::select! {
        biased;
        answer = answer => answer.map_err(|error| words(&*error.into())),
        () = Limit::HAND_BACK.passed(hub) => Err("no answer within the step's time".to_owned()),
        () = lapsed => Err("no answer within the lease".to_owned()),
    }
}
