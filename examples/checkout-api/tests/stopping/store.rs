//! What is in the database once the service is gone.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::{Connection as _, Row as _, SqliteConnection};

/// The e-mail job of an order.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) attempts: i64,
    pub(crate) done: bool,
    /// Any worker may have it now.
    pub(crate) claimable: bool,
}

/// The jobs by their orders; an order has exactly one.
pub(crate) async fn jobs(database: &str) -> HashMap<String, Job> {
    let mut connection = SqliteConnection::connect(database).await.unwrap();
    let rows = sqlx::query(
        "SELECT orders.id AS order_id, jobs.id, attempts, claimable_at, done_at
         FROM orders LEFT JOIN jobs ON jobs.order_id = orders.id",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(since.as_millis()).unwrap();
    let mut jobs = HashMap::new();
    for row in rows {
        let id: Option<String> = row.get("id");
        let done = row.get::<Option<i64>, _>("done_at").is_some();
        let job = Job {
            id: id.expect("an order without its job"),
            attempts: row.get("attempts"),
            done,
            claimable: !done && row.get::<i64, _>("claimable_at") <= now,
        };
        let twice = jobs.insert(row.get("order_id"), job);
        assert!(twice.is_none(), "an order with two jobs");
    }
    jobs
}

/// Waits until `holds` is true of the only job there is.
pub(crate) async fn job_when(database: &str, holds: impl Fn(&Job) -> bool) -> Job {
    for _ in 0..2000 {
        let jobs = jobs(database).await;
        assert_eq!(jobs.len(), 1);
        if let Some(job) = jobs.into_values().find(&holds) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to that");
}
