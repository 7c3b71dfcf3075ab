//! Requests answered with a server error because of the stop.

use crate::measured::Finding;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::count;

pub(super) static DETECTION: Detection = Detection {
    name: "request-failed",
    what: "Requests were answered with a server error from the stop on, and none before it.",
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
    if before > 0 {
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
    let message = format!(
        "{} answered with a server error (the last {status}) after the stop was asked; before it \
         there was none",
        count(all, "request")
    );
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
    if all <= seen.expected().server_errors {
        return DETECTION.warning(at, message, cause);
    }
    DETECTION.failure(at, message, cause)
}
