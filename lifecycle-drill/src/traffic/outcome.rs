//! What became of one request.
//!
//! # What "accepted" means
//!
//! A request is **accepted** once its connection was established and its head was written in full,
//! while routing still sent requests to this instance. The drill knows both from the socket itself.
//! An accepted request that is then neither answered in full nor refused with a proper response is
//! **lost**: its user sees an error, and does not know whether the work was done.
//!
//! A connection that was refused, or that closed before the head was written, was never accepted:
//! a router may send that request elsewhere without risk.
//! The kernel accepts connections on behalf of the program; those it takes and then resets, because
//! the program closed its listener without emptying the backlog, count as accepted, for their users
//! cannot tell the difference.
//!
//! HTTP/2 says it by itself: a stream beyond the last one that a GOAWAY names, or one that is reset as
//! refused, was never begun, and its client sends it elsewhere. It counts as refused politely, as do
//! gRPC's `UNAVAILABLE` and a 503 on a connection that is going away.
//!
//! A socket or stream, once it is open, stays open until the server ends it. Where it does so as the
//! protocol asks (a close frame with a reason such as 1001, the last chunk, a gRPC status), its
//! client was **let go**; where the connection just ends, it was lost.
//!
//! A request on a kept-alive connection that the server closes in the same instant is lost too.
//! Many clients would send it again; a POST may not be, and a client without retries cannot. It is
//! counted as its own kind, [`Lost::IdleClose`].
//! On a schedule, where connections rest between requests, the drill looks first whether the server
//! has closed one, as a pool of connections does; at saturation it writes at once, as a client does
//! that has only just read an answer.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::wire::End;

/// A close this soon after the request was written, on a connection used before and without a byte
/// of an answer, is taken for the race between an idle close and a new request. A handler that dies
/// within it looks the same from outside.
pub(crate) const IDLE_CLOSE: Duration = Duration::from_millis(20);

/// The header of an answer that a balancer of the drill's own gave instead of an instance.
pub(crate) const GATEWAY: &str = "x-lifecycle-balancer";

/// The header with which a balancer of the drill's own passes on that an instance asked its client to go,
/// or said when to come back: what is said of a connection is not passed on by itself.
pub(crate) const LEAVES: &str = "x-lifecycle-instance-leaves";

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered, and not with a server error.
    Served(u16),
    /// A socket or stream that the server ended as its protocol asks: its client knows that it may
    /// go elsewhere.
    LetGo,
    /// 503 with `Connection: close` or `Retry-After`: turned away in a way that clients understand.
    Refused,
    /// No connection, or none that took the request.
    RefusedAtConnect,
    /// Answered with a server error.
    Failed(u16),
    /// Accepted and then not answered.
    Lost(Lost),
    /// Never left the drill, for want of ports, descriptors or room.
    NotSent,
}

/// How an accepted request was lost.
///
/// ```
/// use lifecycle_drill::traffic::{outcome::Lost, tally::LostRequest};
///
/// let lost: LostRequest = serde_json::from_str(
///     r#"{ "request": "GET /slow", "how": "cut", "sent_ms": -20.5, "ended_ms": 310 }"#,
/// )?;
/// assert_eq!(lost.how, Lost::Cut);
/// let told = format!("{} was {}", lost.request, lost.how.words());
/// assert_eq!(told, "GET /slow was cut in the middle of the answer");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Lost {
    /// The connection was closed before a byte of the answer.
    Closed,
    /// The connection was reset before a byte of the answer.
    Reset,
    /// A connection kept alive was closed or reset in the instant of its next request.
    IdleClose,
    /// The answer began and did not end.
    Cut,
    /// No answer within the time a request is given.
    Unanswered,
    /// What came back was not the protocol of the request.
    Garbled,
    /// A balancer answered with an error of its own, for the instance did not answer.
    Gateway,
}

impl Lost {
    /// In words, after "a request was".
    ///
    /// ```
    /// use lifecycle_drill::traffic::outcome::Lost;
    ///
    /// let told = format!("GET /slow was {}", Lost::Unanswered.words());
    /// assert_eq!(told, "GET /slow was never answered");
    /// ```
    pub const fn words(self) -> &'static str {
        match self {
            Self::Closed => "closed in flight",
            Self::Reset => "reset in flight",
            Self::IdleClose => "closed on a kept-alive connection as it was sent",
            Self::Cut => "cut in the middle of the answer",
            Self::Unanswered => "never answered",
            Self::Garbled => "answered in another protocol",
            Self::Gateway => "answered with an error of the balancer's own",
        }
    }
}

impl Outcome {
    /// Whether the connection is of further use after it.
    pub(crate) const fn answered(self) -> bool {
        matches!(self, Self::Served(_) | Self::Refused | Self::Failed(_))
    }
}

/// What was observed of one request, from its connection to the end of its answer.
#[derive(Clone, Copy, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each was or was not seen, whatever the others say"
)]
pub(crate) struct Observed {
    /// The connection had carried a request before.
    pub(crate) reused: bool,
    /// The head was handed to the kernel in full.
    pub(crate) head_written: bool,
    /// Bytes of an answer.
    pub(crate) received: u64,
    /// The status line came.
    pub(crate) status: Option<u16>,
    /// The answer asked the client to go, or said when to come back.
    pub(crate) says_when: bool,
    /// The answer was not the program's, but a balancer's.
    pub(crate) by_balancer: bool,
    /// The answer came to its end.
    pub(crate) complete: bool,
    /// The request ran out of time.
    pub(crate) timed_out: bool,
    /// The answer could not be read as HTTP.
    pub(crate) garbled: bool,
    /// How the other side left.
    pub(crate) end: End,
    /// From the request's start on this connection to its end.
    pub(crate) took: Duration,
}

/// The outcome of a request that had a connection; `None` when the connection turned out to be gone
/// before the head was written, so that any client would take another one.
pub(crate) fn classify(seen: &Observed) -> Option<Outcome> {
    match seen.status {
        Some(_) if seen.by_balancer => Some(Outcome::Lost(Lost::Gateway)),
        Some(status) if seen.complete => Some(match status {
            503 if seen.says_when => Outcome::Refused,
            500.. => Outcome::Failed(status),
            _ => Outcome::Served(status),
        }),
        Some(_) if seen.timed_out => Some(Outcome::Lost(Lost::Unanswered)),
        Some(_) => Some(Outcome::Lost(Lost::Cut)),
        None if !seen.head_written => None,
        None if seen.timed_out => Some(Outcome::Lost(Lost::Unanswered)),
        None if seen.garbled => Some(Outcome::Lost(Lost::Garbled)),
        None if seen.received > 0 => Some(Outcome::Lost(Lost::Cut)),
        None if seen.reused && seen.took < IDLE_CLOSE => Some(Outcome::Lost(Lost::IdleClose)),
        None if seen.end == End::Reset => Some(Outcome::Lost(Lost::Reset)),
        None => Some(Outcome::Lost(Lost::Closed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> Observed {
        Observed {
            head_written: true,
            received: 100,
            status: Some(status),
            complete: true,
            ..Observed::default()
        }
    }

    fn silent(end: End) -> Observed {
        Observed {
            head_written: true,
            end,
            took: Duration::from_secs(1),
            ..Observed::default()
        }
    }

    #[test]
    fn answers() {
        for status in [200, 204, 301, 404, 499] {
            assert_eq!(classify(&answered(status)), Some(Outcome::Served(status)));
        }
        for status in [500, 502, 503, 504] {
            assert_eq!(classify(&answered(status)), Some(Outcome::Failed(status)));
        }
        let polite = Observed {
            says_when: true,
            ..answered(503)
        };
        assert_eq!(classify(&polite), Some(Outcome::Refused));
        let of_the_balancer = Observed {
            by_balancer: true,
            ..answered(502)
        };
        assert_eq!(
            classify(&of_the_balancer),
            Some(Outcome::Lost(Lost::Gateway))
        );
        let not_a_refusal = Observed {
            says_when: true,
            ..answered(500)
        };
        assert_eq!(classify(&not_a_refusal), Some(Outcome::Failed(500)));
    }

    #[test]
    fn losses() {
        let lost = |seen: Observed| match classify(&seen) {
            Some(Outcome::Lost(lost)) => lost,
            other => panic!("not lost: {other:?}"),
        };
        assert_eq!(lost(silent(End::Closed)), Lost::Closed);
        assert_eq!(lost(silent(End::Reset)), Lost::Reset);
        assert_eq!(
            lost(Observed {
                timed_out: true,
                ..silent(End::Open)
            }),
            Lost::Unanswered
        );
        assert_eq!(
            lost(Observed {
                complete: false,
                ..answered(200)
            }),
            Lost::Cut
        );
        assert_eq!(
            lost(Observed {
                received: 7,
                ..silent(End::Closed)
            }),
            Lost::Cut
        );
        let garbled = Observed {
            received: 7,
            garbled: true,
            ..silent(End::Closed)
        };
        assert_eq!(lost(garbled), Lost::Garbled);
        // Half an answer that never goes on is unanswered, not cut: nobody cut it.
        let stalled = Observed {
            complete: false,
            timed_out: true,
            ..answered(200)
        };
        assert_eq!(lost(stalled), Lost::Unanswered);
    }

    #[test]
    fn the_idle_close_race_needs_a_used_connection_and_no_time() {
        let quick = Observed {
            reused: true,
            took: Duration::ZERO,
            ..silent(End::Reset)
        };
        assert_eq!(classify(&quick), Some(Outcome::Lost(Lost::IdleClose)));
        let fresh = Observed {
            reused: false,
            ..quick
        };
        assert_eq!(classify(&fresh), Some(Outcome::Lost(Lost::Reset)));
        let slow = Observed {
            took: IDLE_CLOSE,
            ..quick
        };
        assert_eq!(classify(&slow), Some(Outcome::Lost(Lost::Reset)));
    }

    #[test]
    fn what_was_never_written_was_never_accepted() {
        for end in [End::Open, End::Closed, End::Reset] {
            assert_eq!(
                classify(&Observed {
                    end,
                    ..Observed::default()
                }),
                None
            );
            assert_eq!(
                classify(&Observed {
                    end,
                    reused: true,
                    ..Observed::default()
                }),
                None
            );
        }
    }
}
