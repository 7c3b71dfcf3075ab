//! The database: `SQLite` or Postgres, whichever `DATABASE_URL` names.
//!
//! sqlx's `Any` driver takes both, so that there is one set of queries. What it asks for in return:
//! text, integers and `$1` placeholders, which both databases understand.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Executor as _, SqlSafeStr as _};

/// How long to wait for the database at the start, and for a free connection later. A database that
/// starts together with this service is waited for; one that does not come ends the start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects, and brings the schema up to date.
pub(crate) async fn connect(url: &str) -> Result<AnyPool> {
    sqlx::any::install_default_drivers();
    let sqlite = url.starts_with("sqlite:");
    let pool = AnyPoolOptions::new()
        // SQLite has one writer at a time: more connections would only wait for one another.
        .max_connections(if sqlite { 4 } else { 10 })
        .acquire_timeout(PATIENCE)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if sqlite {
                    // Readers and the writer do not block each other; a commit survives the end of
                    // the process, though perhaps not that of the machine.
                    connection
                        .execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
                        .await?;
                }
                Ok(())
            })
        })
        .connect(url)
        .await
        .context("no connection to the database")?;
    migrations()
        .run(&pool)
        .await
        .context("the database's schema could not be brought up to date")?;
    Ok(pool)
}

/// The schema, in the binary: an image needs no extra files.
fn migrations() -> Migrator {
    Migrator::with_migrations(vec![Migration::new(
        1,
        "orders and jobs".into(),
        MigrationType::Simple,
        include_str!("../migrations/0001_orders_and_jobs.sql").into_sql_str(),
        false,
    )])
}

/// Now, in the milliseconds since 1970 that the tables hold.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    millis(since.unwrap_or_default())
}

/// A duration as the tables hold it.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
