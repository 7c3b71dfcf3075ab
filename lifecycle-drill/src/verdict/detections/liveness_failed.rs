//! Liveness fails while the process lives.

use crate::measured::Finding;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::{count, moment};

pub(super) static DETECTION: Detection = Detection {
    name: "liveness-failed",
    what: "Liveness failed while the process was alive.",
    cause: "It is served by the listener that closes at the signal, or by workers that are blocked. A \
            platform that probes it then restarts the process in the middle of its shutdown.",
    remedy: "Answer liveness until the process leaves, best from a listener of its own.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let live = seen.measured.liveness.as_ref()?;
    let first = live.first_failure_ms?;
    let what = match live.first_failure_status {
        Some(status) => format!("answered {status}"),
        None => "found nobody, or no answer within a second".to_owned(),
    };
    let asked = seen.measured.timeline.asked_ms;
    let unseen =
        !seen.measured.planned.liveness_probed && asked.is_some_and(|asked| first >= asked);
    let message = format!(
        "liveness failed {} while the process was alive; the first, at {}, {what}",
        count(live.failures as u64, "time"),
        moment(first)
    );
    let closed = seen.measured.listener_closed_ms;
    let cause = match (live.first_failure_status, closed) {
        (Some(_), _) => {
            "its handler says no while it stops; liveness is about being alive, and readiness about \
             taking requests"
        }
        (None, Some(closed))
            if first >= closed && seen.measured.timeline.signalled_ms.is_some() =>
        {
            "it is served by the listener that closes at the signal; a platform that probes it then \
             restarts the process in the middle of its shutdown"
        }
        _ => {
            "liveness is served by a listener that closes at the signal, or by workers that are \
             blocked; a platform that probes it then restarts the process in the middle of its \
             shutdown"
        }
    };
    if unseen {
        DETECTION.warning(Some(first), message, cause)
    } else {
        DETECTION.failure(Some(first), message, cause)
    }
}
