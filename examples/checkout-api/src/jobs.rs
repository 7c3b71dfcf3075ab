//! The queue of e-mails: a table with leases, and the workers that empty it.
//!
//! A job is claimed by moving its `claimable_at` ahead, is claimed longer by moving it again, and is
//! handed back by moving it to now. So a job is never lost: whoever holds it finishes it, hands it
//! back, or dies and lets the claim run out. A mail may be sent twice, if its worker dies between the
//! sending and the note of it; the relay tells it by its `Message-ID`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use lifecycle::Claims;
use sqlx::{Any, AnyPool, Transaction};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::db::{millis, now_ms};
use crate::mail::Mailer;

/// How many jobs are worked on at once.
const WORKERS: usize = 4;
/// How often an idle worker looks for jobs of which nobody told it: those of other instances, and
/// those whose claim has run out.
const LOOK: Duration = Duration::from_secs(1);
/// How long a claim holds if `lifecycle.yaml` does not say.
const LEASE: Duration = Duration::from_secs(30);
/// The longest wait before a failed job is tried again.
const LONGEST_BACKOFF: Duration = Duration::from_mins(10);

/// The jobs table. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Jobs {
    db: AnyPool,
    added: Arc<Notify>,
}

/// A job that some worker holds.
#[derive(Debug)]
struct Job {
    id: String,
    order_id: String,
    attempts: i64,
}

impl Jobs {
    pub(crate) fn new(db: AnyPool) -> Self {
        let added = Arc::default();
        Self { db, added }
    }

    /// Adds the job of an order, in the order's own transaction.
    pub(crate) async fn add(
        &self,
        transaction: &mut Transaction<'_, Any>,
        order: &str,
        now: i64,
    ) -> sqlx::Result<()> {
        sqlx::query("INSERT INTO jobs (id, order_id, claimable_at) VALUES ($1, $2, $3)")
            .bind(Uuid::now_v7().to_string())
            .bind(order)
            .bind(now)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// Tells an idle worker that a job was committed.
    pub(crate) fn wake(&self) {
        self.added.notify_one();
    }

    /// Resolves when it is worth looking for a job.
    async fn due(&self) {
        tokio::select! {
            () = self.added.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }

    /// Claims the job that has waited longest, for the length of `lease`.
    async fn claim(&self, worker: &str, lease: Duration) -> sqlx::Result<Option<Job>> {
        let now = now_ms();
        // The condition stands twice for Postgres, where another worker may have taken the same job
        // between the inner query and the update.
        let row: Option<(String, String, i64)> = sqlx::query_as(
            "UPDATE jobs SET claimable_at = $1, claimed_by = $2, attempts = attempts + 1
             WHERE done_at IS NULL AND claimable_at <= $3 AND id = (
                 SELECT id FROM jobs WHERE done_at IS NULL AND claimable_at <= $3
                 ORDER BY claimable_at LIMIT 1)
             RETURNING id, order_id, attempts",
        )
        .bind(now.saturating_add(millis(lease)))
        .bind(worker)
        .bind(now)
        .fetch_optional(&self.db)
        .await?;
        Ok(row.map(|(id, order_id, attempts)| Job {
            id,
            order_id,
            attempts,
        }))
    }

    /// Claims the job for the length of `lease` from now. False if `worker` no longer holds it.
    async fn renew(&self, job: &Job, worker: &str, lease: Duration) -> sqlx::Result<bool> {
        let updated = sqlx::query(
            "UPDATE jobs SET claimable_at = $1
             WHERE id = $2 AND claimed_by = $3 AND done_at IS NULL",
        )
        .bind(now_ms().saturating_add(millis(lease)))
        .bind(&job.id)
        .bind(worker)
        .execute(&self.db)
        .await?;
        Ok(updated.rows_affected() == 1)
    }

    /// Hands the job back, for anyone to claim `after` from now. False if `worker` no longer holds
    /// it. From here on it does not: a renewal that is still on its way comes to nothing.
    async fn hand_back(&self, job: &Job, worker: &str, after: Duration) -> sqlx::Result<bool> {
        let updated = sqlx::query(
            "UPDATE jobs SET claimable_at = $1, claimed_by = NULL
             WHERE id = $2 AND claimed_by = $3 AND done_at IS NULL",
        )
        .bind(now_ms().saturating_add(millis(after)))
        .bind(&job.id)
        .bind(worker)
        .execute(&self.db)
        .await?;
        Ok(updated.rows_affected() == 1)
    }

    /// Notes that the job is done. False if `worker` no longer holds it.
    async fn done(&self, job: &Job, worker: &str) -> sqlx::Result<bool> {
        let updated = sqlx::query(
            "UPDATE jobs SET done_at = $1 WHERE id = $2 AND claimed_by = $3 AND done_at IS NULL",
        )
        .bind(now_ms())
        .bind(&job.id)
        .bind(worker)
        .execute(&self.db)
        .await?;
        Ok(updated.rows_affected() == 1)
    }
}

/// Works on jobs until intake stops; then each worker ends with the job it holds.
pub(crate) async fn consume(claims: Claims, jobs: Jobs, mailer: Mailer) -> Result<()> {
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let worker = Worker {
            name: Uuid::now_v7().to_string(),
            claims: claims.clone(),
            jobs: jobs.clone(),
            mailer: mailer.clone(),
        };
        workers.spawn(worker.run());
    }
    while let Some(worker) = workers.join_next().await {
        worker?;
    }
    Ok(())
}

struct Worker {
    name: String,
    claims: Claims,
    jobs: Jobs,
    mailer: Mailer,
}

/// What became of a job in hand.
enum Ending {
    Sent,
    Failed(anyhow::Error),
    /// Another worker has it: the claim ran out.
    Lost,
    /// The step's time is over.
    Cut,
}

/// What the shutdown report is told of a job.
#[derive(PartialEq)]
enum Outcome {
    /// Sent, or another worker's; or due again after a failure, which the log tells and the queue
    /// knows: it would have failed without a stop as well, so the report has nothing to say of it.
    Ended,
    /// Cut short, and anyone's from now on.
    HandedBack,
}

impl Worker {
    async fn run(self) {
        // Only the waiting is cut short when intake stops. A claim is seen through: one that is
        // dropped while the database answers might hold a job that nobody works on.
        while self.claims.next(self.jobs.due()).await.is_some() {
            if let Err(error) = self.empty_the_queue().await {
                tracing::error!(%error, "the queue is out of reach; trying again");
                let _ = self.claims.next(tokio::time::sleep(LOOK)).await;
            }
        }
    }

    async fn empty_the_queue(&self) -> Result<()> {
        while !self.claims.is_stopping() {
            let Some(job) = self.jobs.claim(&self.name, self.lease()).await? else {
                break;
            };
            let working = self.claims.working(&job.id);
            let span = tracing::info_span!("job", job = job.id, attempt = job.attempts);
            if self.work(&job).instrument(span).await? == Outcome::HandedBack {
                working.handed_back();
            }
        }
        Ok(())
    }

    async fn work(&self, job: &Job) -> Result<Outcome> {
        let ending = tokio::select! {
            biased;
            sent = self.send(job) => sent.map_or_else(Ending::Failed, |()| Ending::Sent),
            () = self.keep(job) => Ending::Lost,
            () = self.claims.cancelled() => Ending::Cut,
        };
        let cut = matches!(ending, Ending::Cut);
        let held = match ending {
            Ending::Sent => self.jobs.done(job, &self.name).await?,
            Ending::Failed(error) => {
                tracing::warn!(error = format!("{error:#}"), "a mail was not sent");
                let after = backoff(job.attempts);
                self.jobs.hand_back(job, &self.name, after).await?
            }
            Ending::Cut => {
                tracing::warn!("no time left: the job is handed back");
                let at_once = Duration::ZERO;
                self.jobs.hand_back(job, &self.name, at_once).await?
            }
            Ending::Lost => false,
        };
        if !held {
            tracing::warn!("the claim ran out while the job was in hand");
        }
        Ok(if cut && held {
            Outcome::HandedBack
        } else {
            Outcome::Ended
        })
    }

    async fn send(&self, job: &Job) -> Result<()> {
        let (customer, item): (String, String) =
            sqlx::query_as("SELECT customer, item FROM orders WHERE id = $1")
                .bind(&job.order_id)
                .fetch_one(&self.jobs.db)
                .await?;
        let text = format!("Thank you for your order {}: {item}.", job.order_id);
        self.mailer.send(&job.id, &customer, &text).await
    }

    /// Renews the claim again and again; resolves when it is lost.
    async fn keep(&self, job: &Job) {
        let lease = self.lease();
        loop {
            // Two renewals may fail before the claim runs out.
            tokio::time::sleep(lease / 3).await;
            match self.jobs.renew(job, &self.name, lease).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "a claim was not renewed"),
            }
        }
    }

    fn lease(&self) -> Duration {
        self.claims.lease().unwrap_or(LEASE)
    }
}

/// Two seconds after the first attempt, four after the second, and so on.
fn backoff(attempts: i64) -> Duration {
    let doublings = attempts.clamp(0, 16);
    Duration::from_secs(1 << doublings).min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db;

    const HOUR: Duration = Duration::from_hours(1);

    /// A queue with this many jobs. The directory goes when it is dropped.
    async fn queue(jobs: usize) -> (Jobs, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("jobs.db");
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let queue = Jobs::new(db::connect(&url).await.unwrap());
        let mut transaction = queue.db.begin().await.unwrap();
        let order = "INSERT INTO orders VALUES ('o', 'a@example.com', 'tea', 1, 100, 0)";
        sqlx::query(order).execute(&mut *transaction).await.unwrap();
        for _ in 0..jobs {
            queue.add(&mut transaction, "o", 0).await.unwrap();
        }
        transaction.commit().await.unwrap();
        (queue, directory)
    }

    #[tokio::test]
    async fn a_job_is_claimed_by_one_worker() {
        let (queue, _directory) = queue(40).await;
        let mut workers = JoinSet::new();
        for name in ["a", "b", "c", "d"] {
            let queue = queue.clone();
            workers.spawn(async move {
                let mut claimed = Vec::new();
                while let Some(job) = queue.claim(name, HOUR).await.unwrap() {
                    assert_eq!(job.attempts, 1);
                    claimed.push(job.id);
                }
                claimed
            });
        }
        let mut claimed = workers.join_all().await.concat();
        claimed.sort();
        claimed.dedup();
        assert_eq!(claimed.len(), 40);
    }

    #[tokio::test]
    async fn a_claim_that_ran_out_is_the_next_workers() {
        let (queue, _directory) = queue(1).await;
        let late = queue.claim("late", Duration::ZERO).await.unwrap().unwrap();
        let job = queue.claim("next", HOUR).await.unwrap().unwrap();
        assert_eq!((&job.id, job.attempts), (&late.id, 2));
        assert!(!queue.renew(&late, "late", HOUR).await.unwrap());
        assert!(!queue.done(&late, "late").await.unwrap());
        assert!(queue.done(&job, "next").await.unwrap());
        assert!(!queue.done(&job, "next").await.unwrap());
        assert!(queue.claim("next", HOUR).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_job_handed_back_is_claimable_at_once() {
        let (queue, _directory) = queue(1).await;
        let job = queue.claim("a", HOUR).await.unwrap().unwrap();
        assert!(queue.claim("b", HOUR).await.unwrap().is_none());
        assert!(queue.hand_back(&job, "a", Duration::ZERO).await.unwrap());
        assert!(!queue.renew(&job, "a", HOUR).await.unwrap());
        assert!(queue.claim("b", HOUR).await.unwrap().is_some());
    }

    #[test]
    fn backoff_doubles_up_to_a_limit() {
        assert_eq!(backoff(1), Duration::from_secs(2));
        assert_eq!(backoff(3), Duration::from_secs(8));
        assert_eq!(backoff(60), LONGEST_BACKOFF);
        assert_eq!(backoff(i64::MAX), LONGEST_BACKOFF);
    }
}
