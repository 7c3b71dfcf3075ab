//! Reports: one that a person asks for and waits for, and one that is written every night.

use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json, Router, routing};
use lifecycle::Cancellation;
use serde::Serialize;
use sqlx::AnyPool;

use crate::Shop;
use crate::db::{millis, now_ms};
use crate::error::Problem;

/// How much time a report covers.
pub(crate) const DAY: Duration = Duration::from_hours(24);
/// A report is put together from this many parts of the day.
const PARTS: i64 = 6;
/// What a part costs beyond its query. It stands for the warehouse that a real report would ask.
const PART_TAKES: Duration = Duration::from_millis(250);

pub(crate) fn routes() -> Router<Shop> {
    Router::new().route("/reports/daily", routing::get(daily))
}

/// The last day, part by part.
#[derive(Debug, Serialize)]
struct Report {
    orders: i64,
    cents: i64,
    parts: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    since: i64,
    orders: i64,
    cents: i64,
}

/// Takes about a second and a half. It looks at the cancellation, since it may be in flight when the
/// service's time is up: a client that is told to ask again is better off than one that is cut off.
async fn daily(
    State(shop): State<Shop>,
    Extension(cancellation): Extension<Cancellation>,
) -> Result<Json<Report>, Problem> {
    tokio::select! {
        report = compose(&shop.db) => Ok(Json(report?)),
        () = cancellation.cancelled() => Err(Problem::Leaving),
    }
}

async fn compose(db: &AnyPool) -> sqlx::Result<Report> {
    let length = millis(DAY) / PARTS;
    let begin = now_ms() - millis(DAY);
    let mut report = Report {
        orders: 0,
        cents: 0,
        parts: Vec::new(),
    };
    for number in 0..PARTS {
        let since = begin + number * length;
        let (orders, cents) = totals(db, since, since + length).await?;
        tokio::time::sleep(PART_TAKES).await;
        report.orders += orders;
        report.cents += cents;
        report.parts.push(Part {
            since,
            orders,
            cents,
        });
    }
    Ok(report)
}

/// Writes yesterday's totals, and clears away the jobs that were done before. Running it twice, or
/// on several instances, changes nothing.
pub(crate) async fn nightly(db: AnyPool) -> sqlx::Result<()> {
    let today = now_ms() / millis(DAY) * millis(DAY);
    let yesterday = today - millis(DAY);
    let (orders, cents) = totals(&db, yesterday, today).await?;
    sqlx::query(
        "INSERT INTO daily_reports (day, orders, cents) VALUES ($1, $2, $3)
         ON CONFLICT (day) DO UPDATE SET orders = excluded.orders, cents = excluded.cents",
    )
    .bind(yesterday)
    .bind(orders)
    .bind(cents)
    .execute(&db)
    .await?;
    let cleared = sqlx::query("DELETE FROM jobs WHERE done_at < $1")
        .bind(yesterday)
        .execute(&db)
        .await?
        .rows_affected();
    tracing::info!(orders, cents, cleared, "the nightly report is written");
    Ok(())
}

/// How many orders were placed from `since` until before `until`, and what they come to.
async fn totals(db: &AnyPool, since: i64, until: i64) -> sqlx::Result<(i64, i64)> {
    // Postgres adds up bigints to a numeric.
    sqlx::query_as(
        "SELECT COUNT(*), CAST(COALESCE(SUM(cents), 0) AS BIGINT) FROM orders
         WHERE placed_at >= $1 AND placed_at < $2",
    )
    .bind(since)
    .bind(until)
    .fetch_one(db)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db;

    #[tokio::test]
    async fn the_nightly_report_sums_up_yesterday_however_often_it_runs() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reports.db");
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let db = db::connect(&url).await.unwrap();
        let yesterday = now_ms() / millis(DAY) * millis(DAY) - 1;
        for (id, cents, placed_at) in [
            ("today", 1, now_ms()),
            ("late", 200, yesterday),
            ("early", 300, yesterday - millis(DAY) + 1),
            ("before", 4000, yesterday - millis(DAY)),
        ] {
            sqlx::query("INSERT INTO orders VALUES ($1, 'a@example.com', 'tea', 1, $2, $3)")
                .bind(id)
                .bind(cents)
                .bind(placed_at)
                .execute(&db)
                .await
                .unwrap();
            // The mail went out with the order.
            sqlx::query("INSERT INTO jobs VALUES ($1, $1, $2, 'worker', 1, $2)")
                .bind(id)
                .bind(placed_at)
                .execute(&db)
                .await
                .unwrap();
        }
        for _ in 0..2 {
            nightly(db.clone()).await.unwrap();
            let reports: Vec<(i64, i64)> =
                sqlx::query_as("SELECT orders, cents FROM daily_reports")
                    .fetch_all(&db)
                    .await
                    .unwrap();
            assert_eq!(reports, [(2, 500)]);
            let (jobs,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM jobs")
                .fetch_one(&db)
                .await
                .unwrap();
            assert_eq!(jobs, 3);
        }
    }
}
