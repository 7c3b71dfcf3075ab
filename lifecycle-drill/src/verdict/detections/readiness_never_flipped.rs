//! Readiness says yes to the end.

use crate::measured::Finding;
use crate::probe::Flip;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::span;

pub(super) static DETECTION: Detection = Detection {
    name: "readiness-never-flipped",
    what: "Readiness still said yes after the time it has, and never said no.",
    cause: "The readiness handler does not know about the shutdown, so that a platform which routes by \
            readiness goes on sending requests.",
    remedy: "Answer 503 from the signal on.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let readiness = seen.measured.readiness.as_ref()?;
    let budget = seen.measured.planned.readiness_budget_ms;
    (readiness.flip == Flip::Never).then_some(())?;
    DETECTION.failure(
        Some(budget),
        format!(
            "readiness still said yes {} after {} and later",
            span(budget),
            seen.signal()
        ),
        if seen.has_launcher() {
            "the program was not told to stop, so its readiness had no reason to fall"
        } else {
            "the readiness handler does not know about the shutdown; have it answer 503 from the \
             signal on"
        },
    )
}
