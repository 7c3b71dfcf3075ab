//! Latency during the stop is beyond what is expected.

use crate::measured::Finding;
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
    let most = seen.expected().p99_ms?;
    let requests = seen.requests()?;
    let after = requests.latency_after?;
    if after.p99_ms <= most {
        return None;
    }
    let before = requests.latency_before.map(|before| before.p99_ms);
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
        seen.measured.timeline.asked_ms,
        format!(
            "99 in 100 requests took up to {} from the stop on, and {} are expected at most{}",
            span(after.p99_ms),
            span(most),
            before.map_or_else(String::new, |before| format!(
                "; before it, up to {}",
                span(before)
            ))
        ),
        cause,
    )
}
