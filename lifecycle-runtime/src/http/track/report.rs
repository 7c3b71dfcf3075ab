//! What is in flight on a connection, in words.

use std::time::Duration;

use http::uri::PathAndQuery;
use tokio::time::Instant;

use super::{Slot, Track};
use crate::sync::atomic::Ordering;

/// Something in flight, for a report.
pub(in crate::http) struct InFlight {
    pub(in crate::http) age: Duration,
    /// `GET /orders 10.0.0.7:41230`. Without the query, which may hold what no log should.
    pub(in crate::http) name: String,
}

impl Track {
    /// Adds what is in flight to `found`: every request, or, where only the end of an answer has yet
    /// to be taken by the client, that.
    pub(in crate::http) fn in_flight(&self, now: Instant, found: &mut Vec<InFlight>) {
        let peer = &self.peer;
        let before = found.len();
        if self.handed.get() && !self.http2.get() {
            return;
        }
        if let Some(request) = self.slot.read() {
            let age = self.server.age(now);
            let since = request.since.map_or(age, Duration::from_nanos);
            let (path, cut) = request.path;
            let method = request.method;
            found.push(InFlight {
                age: age.saturating_sub(since),
                name: format!("{method} {path}{} {peer}", if cut { "…" } else { "" }),
            });
        }
        let state = self.state();
        let Some(rare) = &state.rare else {
            return;
        };
        let streams = rare.streams.iter().flatten();
        found.extend(
            streams
                .filter(|stream| stream.kept.is_none())
                .map(|stream| {
                    let path = stream.path.as_ref().map_or("", PathAndQuery::path);
                    InFlight {
                        age: now.saturating_duration_since(stream.since),
                        name: format!("{} {} {peer}", stream.method, shortened(path)),
                    }
                }),
        );
        let counted = found.len() > before || rare.handed_streams > 0;
        let untaken = rare.unsent_since.or_else(|| {
            let buffered = self.buffered.load(Ordering::Relaxed) > 0;
            buffered.then_some(rare.last_answer).flatten()
        });
        if let (false, Some(since)) = (counted, untaken) {
            found.push(InFlight {
                age: now.saturating_duration_since(since),
                name: format!("response not taken by {peer}"),
            });
        }
    }
}

/// A path as a report has room for it.
fn shortened(path: &str) -> String {
    match path.char_indices().nth(Slot::PATH) {
        Some((cut, _)) => format!("{}…", &path[..cut]),
        None => path.to_owned(),
    }
}
