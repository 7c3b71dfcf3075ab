//! The load asks for what is not there.

use crate::measured::Finding;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::{count, grouped};

pub(super) static DETECTION: Detection = Detection {
    name: "load-off-target",
    what: "A large part of the requests was answered with 4xx.",
    cause: "The paths of the load do not exist, or want credentials.",
    remedy: "Name requests that do real work, with `--request` or in the manifest's `drill.requests`.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let all = seen.requests()?.all();
    off_target(all.client_error, all.served)
}

/// So many of those that were served were answered with 4xx.
pub(crate) fn off_target(client_error: u64, served: u64) -> Option<Finding> {
    if client_error == 0 || client_error * 2 < served {
        return None;
    }
    DETECTION.warning(
        None,
        format!(
            "{} of {} answered with 4xx",
            grouped(client_error),
            count(served, "request")
        ),
        "the paths of the load do not exist, or want credentials; such answers say little about how \
         the service stops",
    )
}
