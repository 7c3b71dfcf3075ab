//! The process ended between the stop asked and the signal.

use crate::measured::{Course, Finding};
use crate::verdict::Detection;
use crate::verdict::evidence::{Evidence, ended};

pub(super) static DETECTION: Detection = Detection {
    name: "died-before-signal",
    what: "The process ended after the stop was asked and before the signal.",
    cause: "It crashed under the load: nothing had been sent to it yet.",
    remedy: "Read its last lines.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    if seen.measured.course != Course::DiedBeforeSignal {
        return None;
    }
    DETECTION.failure(
        seen.measured.timeline.ended_ms,
        format!(
            "the process {} after the stop was asked and before {}",
            ended(seen),
            seen.signal()
        ),
        "it crashed under the load: nothing had been sent to it yet",
    )
}
