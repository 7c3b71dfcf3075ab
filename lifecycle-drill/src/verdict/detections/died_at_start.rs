//! The process ended before it was ready.

use crate::measured::{Course, Finding};
use crate::verdict::Detection;
use crate::verdict::evidence::{Evidence, ended};

pub(super) static DETECTION: Detection = Detection {
    name: "died-at-start",
    what: "The process ended before it was ready.",
    cause: "It could not start.",
    remedy: "Read its last lines.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    if seen.measured.course != Course::DiedAtStart {
        return None;
    }
    DETECTION.failure(
        seen.measured.timeline.ended_ms,
        format!("the process {} before it was ready", ended(seen)),
        "it could not start; its last lines are below",
    )
}
