//! A table as a queue, `FOR UPDATE SKIP LOCKED`.
//!
//! A job is claimed by writing who has it and until when, renewed by writing a later time, finished
//! by deleting it, and handed back by writing now. Each of these says whose claim it means, so a
//! claim that ran out changes nothing any more.

use std::fmt::Write as _;
use std::time::Duration;

use lifecycle::{Claimed, Demand, Job, NotRenewed, Source};
use sqlx::PgPool;
use sqlx::postgres::PgListener;

/// How long to wait for word of a job before looking for one whose claim has run out.
const LOOK: Duration = Duration::from_secs(30);

/// The table, and the word that is given when a job is claimable.
pub const SCHEMA: &str = "
    CREATE TABLE jobs (
        queue text NOT NULL,
        id text NOT NULL,
        body text NOT NULL,
        claimed_by text,
        claimed_until timestamptz NOT NULL DEFAULT '-infinity',
        PRIMARY KEY (queue, id));
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_notify(NEW.queue, ''); RETURN NULL; END $$;
    CREATE TRIGGER added AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION tell();
    CREATE TRIGGER handed_back AFTER UPDATE ON jobs FOR EACH ROW
        WHEN (NEW.claimed_by IS NULL) EXECUTE FUNCTION tell();";

/// One queue of the table.
pub struct Table {
    db: PgPool,
    queue: String,
    worker: String,
    claims: u64,
    listener: Option<PgListener>,
}

impl Table {
    /// Claims jobs of `queue` as `worker`, a name that no other process has.
    pub fn of(db: PgPool, queue: &str, worker: &str) -> Self {
        Self {
            db,
            queue: queue.to_owned(),
            worker: worker.to_owned(),
            claims: 0,
            listener: None,
        }
    }
}

impl Source for Table {
    type Payload = String;
    type Job = Row;
    type Error = sqlx::Error;

    async fn claim(&mut self, demand: Demand) -> sqlx::Result<Claimed<Self>> {
        // A name for each claim: this worker's own, run out, must not pass for its next.
        self.claims += 1;
        let mut claim = self.worker.clone();
        // Writing to a string does not fail.
        let _ = write!(claim, "-{}", self.claims);
        let rows: Vec<(String, String)> = sqlx::query_as(
            "UPDATE jobs SET claimed_by = $1, claimed_until = now() + $2 * interval '1 millisecond'
             WHERE queue = $3 AND id IN (
                 SELECT id FROM jobs WHERE queue = $3 AND claimed_until <= now()
                 ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED)
             RETURNING id, body",
        )
        .bind(&claim)
        .bind(millis(demand.lease.unwrap_or(LOOK)))
        .bind(&self.queue)
        .bind(i64::try_from(demand.most).unwrap_or(i64::MAX))
        .fetch_all(&self.db)
        .await?;
        let job = |(id, body)| {
            let (db, claim) = (self.db.clone(), claim.clone());
            (body, Row { db, id, claim })
        };
        Ok(rows.into_iter().map(job).collect())
    }

    async fn wait(&mut self) -> sqlx::Result<()> {
        let Some(listener) = &mut self.listener else {
            let mut listener = PgListener::connect_with(&self.db).await?;
            listener.listen(&self.queue).await?;
            self.listener = Some(listener);
            // What came before there was somebody to tell is claimed first.
            return Ok(());
        };
        match tokio::time::timeout(LOOK, listener.recv()).await {
            Ok(word) => word.map(drop),
            Err(_) => Ok(()),
        }
    }
}

/// A claimed row.
pub struct Row {
    db: PgPool,
    id: String,
    claim: String,
}

impl Row {
    /// Whether the claim still held.
    async fn change(&self, sql: &'static str, lease: Option<Duration>) -> sqlx::Result<bool> {
        let mut query = sqlx::query(sql).bind(&self.id).bind(&self.claim);
        if let Some(lease) = lease {
            query = query.bind(millis(lease));
        }
        Ok(query.execute(&self.db).await?.rows_affected() == 1)
    }

    async fn end(self, sql: &'static str) -> sqlx::Result<()> {
        match self.change(sql, None).await? {
            true => Ok(()),
            false => Err(sqlx::Error::RowNotFound),
        }
    }
}

impl Job for Row {
    type Error = sqlx::Error;

    fn id(&self) -> String {
        self.id.clone()
    }

    async fn renew(&mut self, lease: Duration) -> Result<(), NotRenewed> {
        let sql = "UPDATE jobs SET claimed_until = now() + $3 * interval '1 millisecond'
                   WHERE id = $1 AND claimed_by = $2";
        match self.change(sql, Some(lease)).await? {
            true => Ok(()),
            false => Err(NotRenewed::Lost),
        }
    }

    async fn finish(self) -> sqlx::Result<()> {
        self.end("DELETE FROM jobs WHERE id = $1 AND claimed_by = $2")
            .await
    }

    async fn hand_back(self) -> sqlx::Result<()> {
        self.end(
            "UPDATE jobs SET claimed_by = NULL, claimed_until = now()
             WHERE id = $1 AND claimed_by = $2",
        )
        .await
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
