//! One WebSocket, from its handshake to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::{MissedTickBehavior, interval, timeout_at};
use tokio_tungstenite::tungstenite::client::{ClientRequestBuilder, IntoClientRequest as _};
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::client::says_when;
use super::connecting::connect;
use super::outcome::{GATEWAY, Lost, Outcome};
use super::template::AGENT;
use super::wire::{End, Traffic, Wire};
use crate::script::SessionSpec;

/// What opens a socket, and what is said on it.
pub(crate) struct Opening {
    request: Request,
    message: Utf8Bytes,
    every: Option<Duration>,
}

/// What passed over a socket.
#[derive(Clone, Copy, Default)]
pub(crate) struct Messages {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Opening {
    pub(crate) fn new(spec: &SessionSpec, authority: &str) -> anyhow::Result<Self> {
        let request = &spec.request;
        let refused = || format!("the request `{}` cannot be sent as written", spec.label());
        let uri = format!("ws://{authority}{}", request.path);
        let mut builder = ClientRequestBuilder::new(uri.parse().with_context(refused)?)
            .with_header("user-agent", AGENT);
        for (name, value) in &request.headers {
            builder = builder.with_header(name, value);
        }
        Ok(Self {
            request: builder.into_client_request().with_context(refused)?,
            message: String::from_utf8_lossy(&request.body).into_owned().into(),
            every: spec.every,
        })
    }

    /// Opens a socket and keeps it until the server ends it; `opened` is called once it is open.
    pub(crate) async fn keep(
        &self,
        address: SocketAddr,
        until: Instant,
        opened: &(dyn Fn() + Send + Sync),
        messages: &mut Messages,
    ) -> Outcome {
        let stream = match connect(address, until, false).await {
            Ok(stream) => stream,
            Err(why) => return why.outcome(),
        };
        let (wire, traffic) = Wire::new(stream);
        traffic.begin();
        let shaken = timeout_at(until.into(), client_async(self.request.clone(), wire)).await;
        let socket = match shaken {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(error)) => return not_opened(&error, &traffic),
            Err(_) => return Outcome::Lost(Lost::Unanswered),
        };
        opened();
        self.talk(socket, &traffic, messages).await
    }

    async fn talk(
        &self,
        mut socket: WebSocketStream<Wire>,
        traffic: &Arc<Traffic>,
        messages: &mut Messages,
    ) -> Outcome {
        let mut ticks = self.every.map(|every| {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        if ticks.is_none() && !self.message.is_empty() {
            self.say(&mut socket, messages).await;
        }
        let mut farewell = None;
        loop {
            let tick = async {
                match &mut ticks {
                    Some(ticks) => ticks.tick().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                heard = socket.next() => match heard {
                    Some(Ok(Message::Close(frame))) => {
                        // Its answer goes out as the rest is read.
                        farewell = Some(frame.map(|frame| u16::from(frame.code)));
                        ticks = None;
                    }
                    Some(Ok(Message::Text(_) | Message::Binary(_))) => messages.received += 1,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break,
                },
                _ = tick => self.say(&mut socket, messages).await,
            }
        }
        match farewell {
            Some(code) => ended(code),
            None if traffic.end() == End::Reset => Outcome::Lost(Lost::Reset),
            None => Outcome::Lost(Lost::Cut),
        }
    }

    /// Says its message; that it could not is seen by who listens.
    async fn say(&self, socket: &mut WebSocketStream<Wire>, messages: &mut Messages) {
        if socket
            .send(Message::Text(self.message.clone()))
            .await
            .is_ok()
        {
            messages.sent += 1;
        }
    }
}

/// A handshake that did not come to its end.
fn not_opened(error: &Error, traffic: &Traffic) -> Outcome {
    if let Error::Http(answer) = error {
        if answer.headers().contains_key(GATEWAY) {
            return Outcome::Lost(Lost::Gateway);
        }
        return match answer.status().as_u16() {
            503 if says_when(answer.headers()) => Outcome::Refused,
            status @ 500.. => Outcome::Failed(status),
            // Answered, and not with a socket: a path that has none.
            status @ ..400 => Outcome::Served(status.max(400)),
            status => Outcome::Served(status),
        };
    }
    if !traffic.head_written() {
        return Outcome::RefusedAtConnect;
    }
    Outcome::Lost(match error {
        Error::Protocol(_) | Error::HttpFormat(_) if traffic.received() > 0 => Lost::Garbled,
        _ if traffic.received() > 0 => Lost::Cut,
        _ if traffic.end() == End::Reset => Lost::Reset,
        _ => Lost::Closed,
    })
}

/// What a close frame means, by its code (RFC 6455, 7.4, and IANA's list beyond it).
const fn ended(code: Option<u16>) -> Outcome {
    match code {
        // Try again later.
        Some(1013) => Outcome::Refused,
        // An error within the server, or behind it.
        Some(1011) => Outcome::Failed(500),
        Some(1014) => Outcome::Failed(502),
        // What the client sent, or did not.
        Some(1002 | 1003 | 1007 | 1008 | 1009 | 1010) => Outcome::Served(400),
        // Done, going away, restarting, a reason of the program's own, or none.
        _ => Outcome::LetGo,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_frame_is_read_by_its_code() {
        for code in [
            None,
            Some(1000),
            Some(1001),
            Some(1005),
            Some(1012),
            Some(4000),
        ] {
            assert_eq!(ended(code), Outcome::LetGo, "{code:?}");
        }
        assert_eq!(ended(Some(1013)), Outcome::Refused);
        assert_eq!(ended(Some(1011)), Outcome::Failed(500));
        assert_eq!(ended(Some(1008)), Outcome::Served(400));
    }
}
