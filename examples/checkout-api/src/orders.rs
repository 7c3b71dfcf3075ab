//! Orders: placing one writes it and its e-mail job in one transaction.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Shop;
use crate::db::now_ms;
use crate::error::Problem;
use crate::events::Event;

/// The header that carries a visitor's session.
const SESSION: HeaderName = HeaderName::from_static("x-session");

pub(crate) fn routes() -> Router<Shop> {
    Router::new()
        .route("/", routing::get(front))
        .route("/orders", routing::post(place))
        .route("/orders/{id}", routing::get(show))
}

/// What a customer wants.
#[derive(Debug, Deserialize)]
struct NewOrder {
    customer: String,
    item: String,
    quantity: i64,
    cents: i64,
}

/// An order as it is stored and shown.
#[derive(Debug, Serialize)]
struct Order {
    id: String,
    customer: String,
    item: String,
    quantity: i64,
    cents: i64,
    placed_at: i64,
}

async fn front(State(shop): State<Shop>, headers: HeaderMap) -> String {
    let orders = session(&headers).map_or(0, |id| shop.sessions.orders(id));
    format!("Welcome to the shop. Your orders so far: {orders}.\n")
}

async fn place(
    State(shop): State<Shop>,
    headers: HeaderMap,
    order: Result<Json<NewOrder>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(order) = order?;
    order.check()?;
    let order = Order {
        id: Uuid::now_v7().to_string(),
        customer: order.customer,
        item: order.item,
        quantity: order.quantity,
        cents: order.cents,
        placed_at: now_ms(),
    };

    // Both or neither: there is no order without its mail, and no mail without its order.
    let mut transaction = shop.db.begin().await?;
    sqlx::query(
        "INSERT INTO orders (id, customer, item, quantity, cents, placed_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&order.id)
    .bind(&order.customer)
    .bind(&order.item)
    .bind(order.quantity)
    .bind(order.cents)
    .bind(order.placed_at)
    .execute(&mut *transaction)
    .await?;
    shop.jobs
        .add(&mut transaction, &order.id, order.placed_at)
        .await?;
    transaction.commit().await?;

    shop.jobs.wake();
    shop.events.publish(Event::OrderPlaced {
        order: order.id.clone(),
        cents: order.cents,
    });
    let session = shop.sessions.ordered(session(&headers));
    let location = format!("/orders/{}", order.id);
    let answer = (
        StatusCode::CREATED,
        [(header::LOCATION, location), (SESSION, session.to_string())],
        Json(order),
    );
    Ok(answer.into_response())
}

async fn show(State(shop): State<Shop>, Path(id): Path<String>) -> Result<Json<Order>, Problem> {
    let row: Option<(String, String, i64, i64, i64)> = sqlx::query_as(
        "SELECT customer, item, quantity, cents, placed_at FROM orders WHERE id = $1",
    )
    .bind(&id)
    .fetch_optional(&shop.db)
    .await?;
    let (customer, item, quantity, cents, placed_at) = row.ok_or(Problem::NotFound)?;
    Ok(Json(Order {
        id,
        customer,
        item,
        quantity,
        cents,
        placed_at,
    }))
}

impl NewOrder {
    fn check(&self) -> Result<(), Problem> {
        let complaint = if !self.customer.contains('@') || self.customer.contains(char::is_control)
        {
            "customer: an e-mail address, please"
        } else if self.item.trim().is_empty() {
            "item: what shall it be?"
        } else if !(1..=1000).contains(&self.quantity) {
            "quantity: between 1 and 1000"
        } else if !(0..=100_000_000).contains(&self.cents) {
            "cents: between 0 and 100000000"
        } else {
            return Ok(());
        };
        Err(Problem::Unprocessable(complaint.to_owned()))
    }
}

fn session(headers: &HeaderMap) -> Option<Uuid> {
    headers.get(SESSION)?.to_str().ok()?.parse().ok()
}
