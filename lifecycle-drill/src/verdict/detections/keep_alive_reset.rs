//! Kept-alive connections are closed under their next request.

use crate::measured::Finding;
use crate::traffic::outcome::Lost;
use crate::verdict::Detection;
use crate::verdict::evidence::{Evidence, was};
use crate::words::{count, moment};

pub(super) static DETECTION: Detection = Detection {
    name: "keep-alive-reset",
    what: "Kept-alive connections were closed in the instant of their next request, by a process that \
           lived on.",
    cause: "Idle connections are closed at once at the signal. To the server such a connection looks \
            idle while the next request is already on the wire.",
    remedy: "From the signal on, answer with `Connection: close` (HTTP/2: GOAWAY), so that busy clients \
             leave by themselves, and let idle connections linger for a moment before closing them.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let reset = seen.idle_closes();
    if reset == 0 {
        return None;
    }
    let requests = seen.requests()?;
    let first = requests
        .lost
        .iter()
        .find(|lost| lost.how == Lost::IdleClose)?;
    let message = format!(
        "{} {} lost on kept-alive connections that were closed as it came; the first, {}, at {}",
        count(reset, "request"),
        was(reset),
        first.request,
        moment(first.ended_ms)
    );
    let cause = "idle kept-alive connections are closed at once, in the instant of a client's next \
                 request; answer with `Connection: close` from the signal on, and let idle \
                 connections linger";
    if requests.all().lost <= seen.expected().lost {
        return DETECTION.warning(Some(first.ended_ms), message, cause);
    }
    DETECTION.failure(Some(first.ended_ms), message, cause)
}
