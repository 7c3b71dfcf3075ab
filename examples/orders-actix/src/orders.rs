//! The handlers.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::web::{Data, Json, Path, ReqData, ServiceConfig};
use actix_web::{HttpResponse, error, get, post};
use lifecycle::Cancellation;

use crate::journal::{Journal, NewOrder};

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(place_order)
        .service(get_order)
        .service(summary);
}

#[post("/orders")]
async fn place_order(
    journal: Data<Journal>,
    new: Json<NewOrder>,
) -> actix_web::Result<HttpResponse> {
    let order = journal.place(new.into_inner()).await.map_err(|error| {
        tracing::error!(%error, "an order is not placed");
        error::ErrorInternalServerError("not placed")
    })?;
    Ok(HttpResponse::Created().json(order))
}

#[get("/orders/{id}")]
async fn get_order(journal: Data<Journal>, id: Path<usize>) -> HttpResponse {
    match journal.get(id.into_inner()).await {
        Some(order) => HttpResponse::Ok().json(order),
        None => HttpResponse::NotFound().finish(),
    }
}

/// How many of each item were ordered, in ten parts of 100 ms: a report that takes its time.
#[get("/summary")]
async fn summary(journal: Data<Journal>, cancellation: ReqData<Cancellation>) -> HttpResponse {
    const PARTS: usize = 10;
    const PART: usize = 1000;
    let mut items: BTreeMap<String, u64> = BTreeMap::new();
    for part in 0..PARTS {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
            // The step's time is up: better a clear no than half an answer.
            () = cancellation.cancelled() => {
                return HttpResponse::ServiceUnavailable().finish();
            }
        }
        for order in journal.page(part * PART, PART).await {
            *items.entry(order.item).or_default() += u64::from(order.quantity);
        }
    }
    HttpResponse::Ok().json(items)
}
