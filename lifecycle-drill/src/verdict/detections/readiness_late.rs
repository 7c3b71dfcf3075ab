//! Readiness goes down, and too late.

use crate::measured::Finding;
use crate::probe::Flip;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::span;

pub(super) static DETECTION: Detection = Detection {
    name: "readiness-late",
    what: "Readiness went down after the time it has from the signal on.",
    cause: "It only falls when the listener closes, or the handler learns of the shutdown late.",
    remedy: "Answer 503 from the signal on, before anything else is done.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let readiness = seen.measured.readiness.as_ref()?;
    let budget = seen.measured.planned.readiness_budget_ms;
    let Flip::Flipped { at_ms } = readiness.flip else {
        return None;
    };
    if at_ms <= budget {
        return None;
    }
    DETECTION.warning(
        Some(at_ms),
        format!(
            "readiness went down {} after {}; it has {}",
            span(at_ms),
            seen.signal(),
            span(budget)
        ),
        match seen.readiness_said_no() {
            true => {
                "its handler said so itself, and late: it learns of the shutdown after something else"
            }
            false => "nobody answered any more: it fails with the listener, instead of at the signal",
        },
    )
}
