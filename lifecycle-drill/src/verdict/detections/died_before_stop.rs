//! The process ended under load, with no stop asked.

use crate::measured::{Course, Finding};
use crate::verdict::Detection;
use crate::verdict::evidence::{Evidence, ended};

pub(super) static DETECTION: Detection = Detection {
    name: "died-before-stop",
    what: "The process ended under load, before any stop was asked.",
    cause: "It crashed under the load, or it is a command that starts another process and leaves.",
    remedy: "Read its last lines; run the program in the foreground.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    if seen.measured.course != Course::DiedBeforeStop {
        return None;
    }
    DETECTION.failure(
        seen.measured.timeline.ended_ms,
        format!(
            "the process {} under load, before any stop was asked",
            ended(seen)
        ),
        "it crashed under the load, or it is a command that starts another process and leaves",
    )
}
