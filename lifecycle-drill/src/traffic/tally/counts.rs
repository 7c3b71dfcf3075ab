//! What a load comes to, in plain numbers, as records and answers have them.

#![allow(
    clippy::struct_field_names,
    reason = "in JSON a number carries its unit in its name"
)]

use std::time::Duration;

use hdrhistogram::{Counter, Histogram};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::traffic::outcome::{Lost, Outcome};

/// Outcomes of the requests that were sent in one phase.
///
/// What is a part of another count is not counted twice, and what never left not at all:
///
/// ```
/// use lifecycle_drill::traffic::tally::Counts;
///
/// let before = Counts { served: 40, client_error: 2, ..Counts::default() };
/// let after = Counts {
///     served: 7, refused: 2, lost: 1, lost_unanswered: 1, not_sent: 3, ..Counts::default()
/// };
/// assert_eq!((before.sent(), after.sent()), (40, 10));
/// let all = before.plus(after);
/// assert_eq!((all.sent(), all.served, all.lost, all.not_sent), (50, 47, 1, 3));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Answered with 2xx, 3xx or 4xx, or let go.
    pub served: u64,
    /// Of those: answered with 4xx.
    pub client_error: u64,
    /// Of those: sockets and streams that the server ended as their protocol asks, or that were open to
    /// the end of a rolling deploy.
    #[serde(default)]
    pub let_go: u64,
    /// 503 with `Connection: close` or `Retry-After`, a GOAWAY before the request was begun, gRPC's
    /// `UNAVAILABLE`, a socket closed with 1013.
    pub refused: u64,
    /// No connection, or one that closed before the request was written.
    pub refused_at_connect: u64,
    /// Any other 5xx.
    pub server_error: u64,
    /// Accepted, and neither answered nor refused: all kinds.
    pub lost: u64,
    /// Of those: closed or reset on a kept-alive connection in the instant of the request.
    pub lost_to_idle_close: u64,
    /// Of those: no answer within the request's time.
    pub lost_unanswered: u64,
    /// Held back by a bound of the drill, or for want of local ports.
    pub not_sent: u64,
}

impl Counts {
    pub(super) fn add(&mut self, outcome: Outcome) {
        let field = match outcome {
            Outcome::Served(status) => {
                self.client_error += u64::from((400..500).contains(&status));
                &mut self.served
            }
            Outcome::LetGo => {
                self.let_go += 1;
                &mut self.served
            }
            Outcome::Refused => &mut self.refused,
            Outcome::RefusedAtConnect => &mut self.refused_at_connect,
            Outcome::Failed(_) => &mut self.server_error,
            Outcome::NotSent => &mut self.not_sent,
            Outcome::Lost(lost) => {
                match lost {
                    Lost::IdleClose => self.lost_to_idle_close += 1,
                    Lost::Unanswered => self.lost_unanswered += 1,
                    Lost::Closed | Lost::Reset | Lost::Cut | Lost::Garbled | Lost::Gateway => {}
                }
                &mut self.lost
            }
        };
        *field += 1;
    }

    /// Every request that was sent.
    pub const fn sent(&self) -> u64 {
        self.served + self.refused + self.refused_at_connect + self.server_error + self.lost
    }

    /// The sums of two phases.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            served: self.served + other.served,
            client_error: self.client_error + other.client_error,
            let_go: self.let_go + other.let_go,
            refused: self.refused + other.refused,
            refused_at_connect: self.refused_at_connect + other.refused_at_connect,
            server_error: self.server_error + other.server_error,
            lost: self.lost + other.lost,
            lost_to_idle_close: self.lost_to_idle_close + other.lost_to_idle_close,
            lost_unanswered: self.lost_unanswered + other.lost_unanswered,
            not_sent: self.not_sent + other.not_sent,
        }
    }
}

/// Latencies of served requests in milliseconds, from the moment each should have left.
///
/// ```
/// use lifecycle_drill::Measured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let before = measured.requests.unwrap().latency_before.unwrap();
/// assert_eq!((before.p50_ms, before.p99_ms), (1.3, 9.8));
/// assert_eq!(before.figures(), [("p50", 1.3), ("p90", 3.9), ("p99", 9.8), ("max", 9.8)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Half were faster.
    pub p50_ms: f64,
    /// Nine in ten were faster.
    pub p90_ms: f64,
    /// Ninety-nine in a hundred were faster.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

impl Latency {
    pub(super) fn of<C: Counter>(histogram: &Histogram<C>) -> Option<Self> {
        if histogram.is_empty() {
            return None;
        }
        let at = |quantile| millis_of(histogram.value_at_quantile(quantile));
        Some(Self {
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            max_ms: millis_of(histogram.max()),
        })
    }

    /// The figures with their short names, from the fastest on, in milliseconds.
    pub const fn figures(self) -> [(&'static str, f64); 4] {
        [
            ("p50", self.p50_ms),
            ("p90", self.p90_ms),
            ("p99", self.p99_ms),
            ("max", self.max_ms),
        ]
    }
}

/// What became of the requests, by the phase in which each was sent.
///
/// ```
/// use lifecycle_drill::Measured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let requests = measured.requests.unwrap();
/// assert_eq!((requests.before.served, requests.settling.served), (11, 20));
/// assert_eq!((requests.after().sent(), requests.all().sent()), (20, 31));
/// // Routing had ended when the signal came.
/// assert_eq!(requests.stopping.sent() + requests.gone.sent(), 0);
/// assert_eq!(requests.latency_stopping, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Requests {
    /// Before the stop was asked.
    pub before: Counts,
    /// From the stop asked to the signal.
    pub settling: Counts,
    /// From the signal to the end of the process.
    pub stopping: Counts,
    /// After the end of the process.
    pub gone: Counts,
    /// Latency of the served requests that were sent before the stop was asked.
    pub latency_before: Option<Latency>,
    /// Latency of those sent from then on until the signal.
    #[serde(default)]
    pub latency_settling: Option<Latency>,
    /// Latency of those sent from the signal to the end of the process.
    #[serde(default)]
    pub latency_stopping: Option<Latency>,
    /// Latency of all that were sent after the stop was asked.
    pub latency_after: Option<Latency>,
    /// How late the drill itself was with its requests, ninety-nine in a hundred, in milliseconds;
    /// part of every latency above.
    pub behind_p99_ms: f64,
    /// The status of the last server error, if there was one.
    pub last_server_error: Option<u16>,
    /// How many server errors came before the stop was asked; the others are the stop's doing,
    /// whenever their requests were sent.
    pub server_errors_before_stop: u64,
    /// The load ended before routing did, because it had sent as many requests as it may.
    pub ended_early: bool,
    /// The first lost requests of each kind, twenty at most, in the order in which they were sent.
    pub lost: Vec<LostRequest>,
    /// The same counts by kind of request, in the order of the mix.
    #[serde(default)]
    pub kinds: Vec<KindOfRequest>,
}

impl Requests {
    /// Everything after the stop was asked.
    pub const fn after(&self) -> Counts {
        self.settling.plus(self.stopping).plus(self.gone)
    }

    /// Everything.
    pub const fn all(&self) -> Counts {
        self.before.plus(self.after())
    }
}

/// One request that was lost. Times are milliseconds from the signal; without a signal, from the
/// start of the process.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::traffic::{outcome::Lost, tally::LostRequest};
/// use lifecycle_drill::{verdict, Measured};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let mut measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let requests = measured.requests.as_mut().unwrap();
/// requests.settling.lost = 1;
/// requests.lost = vec![LostRequest {
///     request: "GET /report".to_owned(),
///     how: Lost::Cut,
///     sent_ms: -20.0,
///     ended_ms: 310.0,
/// }];
/// let findings = verdict::findings(&measured, Duration::from_secs(10));
/// let lost = findings.iter().find(|finding| finding.name == "request-lost").unwrap();
/// assert!(lost.message.ends_with(
///     "GET /report, was sent at -20ms and cut in the middle of the answer at +310ms"
/// ));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LostRequest {
    /// Method and path.
    pub request: String,
    /// How it was lost.
    pub how: Lost,
    /// When it was sent.
    pub sent_ms: f64,
    /// When its end was seen.
    pub ended_ms: f64,
}

/// What became of the requests of one kind, by the phase in which each was sent.
///
/// ```
/// use lifecycle_drill::Measured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let kinds = measured.requests.unwrap().kinds;
/// let served: Vec<_> = kinds.iter().map(|kind| (&*kind.request, kind.all().served)).collect();
/// assert_eq!(served, [("GET /", 12), ("POST /orders", 19), ("GET /report", 0)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KindOfRequest {
    /// What was sent: `GET /`, `grpc /shop.Quotes/Get`.
    pub request: String,
    /// Before the stop was asked.
    pub before: Counts,
    /// From the stop asked to the signal.
    pub settling: Counts,
    /// From the signal to the end of the process.
    pub stopping: Counts,
    /// After the end of the process.
    pub gone: Counts,
    /// Latency of the served ones that were sent before the stop was asked; null for sockets and
    /// streams.
    pub latency_before: Option<Latency>,
    /// Latency of those sent after it.
    pub latency_after: Option<Latency>,
    /// There for sockets and streams.
    pub sessions: Option<Sessions>,
}

impl KindOfRequest {
    /// All phases.
    pub const fn all(&self) -> Counts {
        self.before
            .plus(self.settling)
            .plus(self.stopping)
            .plus(self.gone)
    }
}

/// What passed over the sockets or streams of one kind.
///
/// ```
/// use lifecycle_drill::traffic::tally::Sessions;
///
/// let chat: Sessions = serde_json::from_str(
///     r#"{ "clients": 4, "opened": 7, "messages_sent": 120, "messages_received": 118 }"#,
/// )?;
/// assert_eq!((chat.messages_sent, chat.messages_received), (120, 118));
/// // Each client opened one, and three of those were opened again.
/// assert_eq!(chat.opened, 4 + 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// Clients that each kept one open.
    pub clients: usize,
    /// How many were opened, those included that were opened again.
    pub opened: u64,
    /// Messages that the clients sent on them; 0 for streams.
    pub messages_sent: u64,
    /// Messages that they received; 0 for streams.
    pub messages_received: u64,
}

/// Milliseconds to a tenth, or to a hundredth below one.
pub(super) fn millis_of(micros: u64) -> f64 {
    let duration = Duration::from_micros(micros).as_secs_f64();
    let scale = if micros < 1_000 { 100.0 } else { 10.0 };
    (duration * 1_000.0 * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_keep_what_is_small() {
        assert!((millis_of(123) - 0.12).abs() < 1e-9);
        assert!((millis_of(123_456) - 123.5).abs() < 1e-9);
    }
}
