//! What a session is told when it has to leave.

use std::sync::Arc;
use std::time::Duration;

use super::spread::Random;

/// The longest reason a close frame has room for, in bytes: a control frame carries 125 and the code
/// takes two of them (RFC 6455, section 5.5).
const REASON: usize = 123;
const GOING_AWAY: u16 = 1001;

/// What a session is told when its moment to leave has come.
///
/// ```
/// use lifecycle::Farewell;
///
/// /// The last of a stream of server-sent events: the browser comes back by itself, to somebody else.
/// fn last_event(farewell: &Farewell) -> String {
///     let retry = farewell.retry_after().as_millis();
///     format!("event: bye\nretry: {retry}\ndata: {}\n\n", farewell.reason())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    reason: Arc<str>,
    retry_after: Duration,
}

impl Farewell {
    /// The code of the WebSocket close frame: 1001, "going away", such as a server going down
    /// (RFC 6455, section 7.4.1).
    pub fn code(&self) -> u16 {
        GOING_AWAY
    }

    /// Why, in words for the client; at most 123 bytes, so that a close frame has room for it.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// After what time this client should come back: the resource's `retry_after` (by default one
    /// second) and up to as much again, another for each session, so that clients which were told
    /// together do not come back together. For server-sent events it is the `retry:` field, in
    /// milliseconds.
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

/// How a resource says goodbye.
#[derive(Debug, Clone)]
pub(super) struct Manners {
    pub(super) reason: Arc<str>,
    pub(super) retry_after: Duration,
    pub(super) answer: Duration,
    /// Set in the program; a manifest's own value goes before it.
    pub(super) spread: Option<Duration>,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            reason: "the server is going away".into(),
            retry_after: Duration::from_secs(1),
            answer: Duration::from_secs(2),
            spread: None,
        }
    }
}

impl Manners {
    /// Another for each session.
    pub(super) fn farewell(&self, random: &mut Random) -> Farewell {
        Farewell {
            reason: Arc::clone(&self.reason),
            retry_after: random.stretch(self.retry_after),
        }
    }

    pub(super) fn set_reason(&mut self, reason: &str) {
        let mut end = reason.len().min(REASON);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        self.reason = reason[..end].into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_to_what_a_close_frame_holds_and_never_in_a_character() {
        let mut manners = Manners::default();
        for (given, kept) in [("", 0), ("moving", 6)] {
            manners.set_reason(given);
            assert_eq!((&*manners.reason, manners.reason.len()), (given, kept));
        }
        manners.set_reason(&"é".repeat(100));
        assert_eq!(manners.reason.len(), 122);
    }
}
