//! Everything that is said in any room, as server-sent events.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, stream};
use http::Extensions;
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
