//! Everything that is said in any room: as server-sent events, and one at a time to who asks.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, stream};
use http::{Extensions, StatusCode};
use serde::Deserialize;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::Chat;
use crate::fan_out::Line;

/// `GET /feed`: an event for each thing said. When the service is leaving, a last one says so and
/// when to come back.
pub(crate) async fn read(
    State(chat): State<Chat>,
    extensions: Extensions,
) -> Result<Response, Response> {
    let session = chat.feed.enter(&extensions, "a reader of the feed")?;
    let events = Sse::new(events(chat.house.listen())).keep_alive(KeepAlive::default());
    Ok(events.into_response().map(|events| {
        Body::new(session.body(events).last_words(|farewell| {
            let (retry, reason) = (farewell.retry_after().as_millis(), farewell.reason());
            format!("event: close\nretry: {retry}\ndata: {reason}\n\n").into()
        }))
    }))
}

fn events(lines: broadcast::Receiver<Line>) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(lines, |mut lines| async move {
        loop {
            match lines.recv().await {
                Ok(line) => return Some((Ok(Event::default().data(&*line)), lines)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    })
}

/// How long somebody asks for.
#[derive(Debug, Deserialize)]
pub(crate) struct Patience {
    /// In milliseconds; unset: 25 s, at most a minute.
    wait_ms: Option<u64>,
}

/// `GET /next?wait_ms=…`: the next thing said, or 204 if nothing is said for that long. When the
/// service is leaving it is 204 at once, and the client asks again elsewhere.
pub(crate) async fn next(
    State(chat): State<Chat>,
    Query(patience): Query<Patience>,
    extensions: Extensions,
) -> Result<Response, Response> {
    let session = chat
        .feed
        .enter(&extensions, "somebody who asks for the next")?;
    let mut lines = chat.house.listen();
    let wait = Duration::from_millis(patience.wait_ms.unwrap_or(25_000).min(60_000));
    Ok(tokio::select! {
        Ok(line) = lines.recv() => line.to_string().into_response(),
        () = tokio::time::sleep(wait) => StatusCode::NO_CONTENT.into_response(),
        _ = session.leaving() => StatusCode::NO_CONTENT.into_response(),
    })
}
