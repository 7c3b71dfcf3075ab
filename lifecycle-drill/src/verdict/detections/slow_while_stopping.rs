//! Latency during the stop is beyond what is expected.

use crate::measured::Finding;
use crate::traffic::tally::Latency;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::span;

pub(super) static DETECTION: Detection = Detection {
    name: "slow-while-stopping",
    what: "The requests that were sent after the stop was asked were slower than `drill.expect.p99` \
           allows.",
    cause: "What stops takes the time of what still serves: caches are flushed, workers leave, a lock is \
            held.",
    remedy: "Stop in order: first the requests, then what they use.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let requests = seen.requests()?;
    let p99 = |latency: Option<Latency>| latency.map(|it| it.p99_ms);
    slow(
        p99(requests.latency_before),
        p99(requests.latency_after)?,
        seen.expected().p99_ms?,
        "the stop",
        seen.measured.timeline.asked_ms,
    )
}

/// Ninety-nine in a hundred requests took so long at most, before and after.
pub(crate) fn slow(
    before: Option<f64>,
    after: f64,
    most: f64,
    what: &str,
    at_ms: Option<f64>,
) -> Option<Finding> {
    if after <= most {
        return None;
    }
    let cause = match before {
        Some(before) if before > most => {
            "the service is as slow as that before any stop was asked, under this load"
        }
        _ => {
            "either what stops takes time from what still serves, or answers wait for something that \
             was closed already"
        }
    };
    DETECTION.failure(
        at_ms,
        format!(
            "99 in 100 requests took up to {} from {what} on, and {} are expected at most{}",
            span(after),
            span(most),
            before.map_or_else(String::new, |before| format!(
                "; before it, up to {}",
                span(before)
            ))
        ),
        cause,
    )
}
