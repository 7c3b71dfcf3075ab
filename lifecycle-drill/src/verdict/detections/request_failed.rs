//! Requests answered with a server error because of the stop.

use crate::measured::Finding;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::count;

pub(super) static DETECTION: Detection = Detection {
    name: "request-failed",
    what: "Requests were answered with a server error from the stop on, and none or fewer before it.",
    cause: "A resource was closed while requests that use it were under way, or requests are refused \
            with a bare 503, which clients take for a failure.",
    remedy: "Close what requests use after the last of them; refuse with 503 and `Connection: close` or \
             `Retry-After`.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let requests = seen.requests()?;
    let all = requests.all().server_error;
    let before = requests.server_errors_before_stop;
    if all == before {
        return None;
    }
    let status = requests.last_server_error.unwrap_or_default();
    let (since, sent_before) = (all - before, requests.before.sent());
    if is_alike(
        before,
        sent_before,
        since,
        requests.all().sent() - sent_before,
    ) {
        return DETECTION.warning(
            None,
            format!(
                "{} answered with a server error (the last {status}), {before} of them before any \
                 stop was asked",
                count(all, "request")
            ),
            "the requests of the drill fail by themselves, so it cannot tell what the stop broke",
        );
    }
    let message = match before {
        0 => format!(
            "{} answered with a server error (the last {status}) after the stop was asked; before it \
             there was none",
            count(all, "request")
        ),
        _ => format!(
            "{} answered with a server error (the last {status}) after the stop was asked; before it \
             there were {before} of {sent_before}",
            count(since, "request")
        ),
    };
    let cause = match status {
        503 => {
            "either requests are refused without `Connection: close` or `Retry-After`, so that \
             clients take it for a failure, or a resource was closed while requests that use it \
             were under way"
        }
        _ => "a resource was closed while requests that use it were still under way",
    };
    let at = seen
        .first_from_the_stop(|slice| slice.server_error > 0)
        .or(seen.measured.timeline.asked_ms);
    if since <= seen.expected().server_errors {
        return DETECTION.warning(at, message, cause);
    }
    DETECTION.failure(at, message, cause)
}

/// Whether as many failed after the stop as would have without it, by the rate before it and what chance
/// adds to that: three times the spread of what comes now and then.
pub(crate) fn is_alike(before: u64, sent_before: u64, since: u64, sent_since: u64) -> bool {
    if before == 0 || sent_before == 0 {
        return before > 0;
    }
    let usual = number(before) * number(sent_since) / number(sent_before);
    number(since) <= usual + 3.0 * usual.sqrt() + 1.0
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
const fn number(count: u64) -> f64 {
    count as f64
}
