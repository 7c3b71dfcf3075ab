//! The load was late.

use crate::measured::Finding;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::span;

/// Requests that are late by more than this, ninety-nine in a hundred, are not the load asked for.
const BEHIND_MS: f64 = 50.0;

pub(super) static DETECTION: Detection = Detection {
    name: "load-behind",
    what: "The load was behind its own schedule.",
    cause: "This machine is too busy for this rate; latencies include the delay.",
    remedy: "Ask for a lower rate, or drill on a quieter machine.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let requests = seen.requests()?;
    // What was not sent at all says more, and is said instead.
    behind(requests.behind_p99_ms).filter(|_| requests.all().not_sent == 0 && !requests.ended_early)
}

/// Ninety-nine in a hundred requests were late by so much at most.
pub(crate) fn behind(p99_ms: f64) -> Option<Finding> {
    if p99_ms <= BEHIND_MS {
        return None;
    }
    DETECTION.warning(
        None,
        format!("the load was up to {} behind its schedule", span(p99_ms)),
        "this machine is too busy for this rate; latencies include the delay",
    )
}
