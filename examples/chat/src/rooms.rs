//! The rooms: what one client says, all in the same room hear.

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use http::Extensions;
use lifecycle::Session;
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;

use crate::Chat;
use crate::fan_out::House;

/// Who comes.
#[derive(Debug, Deserialize)]
pub(crate) struct Guest {
    name: String,
}

/// `GET /rooms/{room}?name=…`: a WebSocket. Once the service is leaving, 503 with `Retry-After`.
pub(crate) async fn enter(
    State(chat): State<Chat>,
    Path(room): Path<String>,
    Query(guest): Query<Guest>,
    extensions: Extensions,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Response> {
    let session = chat.rooms.enter(&extensions, &guest.name)?;
    Ok(upgrade.on_upgrade(move |socket| async move {
        let talk = |session| talk(session, socket, room, guest.name, chat.house);
        session.run(talk).await;
    }))
}

/// Nothing here speaks of stopping: the socket says goodbye by itself, and what the client had said
/// before it heard that still comes out of it.
async fn talk(session: Session, socket: WebSocket, room: String, name: String, house: House) {
    let mut socket = session.socket(socket, |farewell| {
        Message::Close(Some(CloseFrame {
            code: farewell.code(),
            reason: farewell.reason().into(),
        }))
    });
    let mut news = house.join(&room);
    loop {
        tokio::select! {
            heard = socket.next() => match heard {
                Some(Ok(Message::Text(text))) => house.say(&room, &name, text.as_str()).await,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
            line = news.recv() => {
                let text = match line {
                    Ok(line) => Utf8Bytes::from(&*line),
                    // A client that does not keep up misses something, and is not waited for.
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => break,
                };
                if socket.send(Message::Text(text)).await.is_err() {
                    break;
                }
            }
        }
    }
    drop(news);
    house.leave(&room);
}
