//! The tasks of an HTTP/2 connection's streams, each of which can be ended alone.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use super::track::{Ticket, Track};

thread_local! {
    /// That of a CONNECT request that has just been agreed to, on its way to the task that carries
    /// its bytes from now on. hyper spawns that one while it polls the stream's, and gives no other
    /// way to tell which belongs to which.
    static CONNECTED: Cell<Option<Ticket>> = const { Cell::new(None) };
}

/// Keeps a request in flight that has become a tunnel (RFC 8441: a WebSocket, for instance).
pub(super) fn connected(ticket: Ticket) {
    CONNECTED.set(Some(ticket));
}

/// Spawns a connection's streams.
#[derive(Clone)]
pub(super) struct Tasks(Arc<Track>);

impl Tasks {
    pub(super) fn new(track: Arc<Track>) -> Self {
        Self(track)
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, stream: F) {
        if let Some(ticket) = CONNECTED.take() {
            let place = ticket.place();
            let tunnel = tokio::spawn(async move {
                let _ticket = ticket;
                stream.await;
            });
            self.0.note_task(place, tunnel.abort_handle());
            return;
        }
        // hyper calls this right after the service, on the connection's task.
        let place = self.0.take_latest();
        let answering = tokio::spawn(async move {
            let mut stream = pin!(stream);
            poll_fn(|cx| {
                let polled = stream.as_mut().poll(cx);
                // Unless hyper has refused the tunnel, nothing is left in there.
                drop(CONNECTED.take());
                polled
            })
            .await;
        });
        if let Some(place) = place {
            self.0.note_task(place, answering.abort_handle());
        }
    }
}
