//! Readiness says no before anybody asked for a stop.

use crate::measured::Finding;
use crate::probe::Flip;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;

pub(super) static DETECTION: Detection = Detection {
    name: "readiness-already-down",
    what: "Readiness had said no several times in a row when the stop was asked.",
    cause: "The load is more than the program takes, or what its readiness depends on was not there.",
    remedy: "Send less, or find out what readiness waits for; until it says yes to the end of the warm-up, \
             nothing tells when it falls.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let readiness = seen.measured.readiness.as_ref()?;
    (readiness.flip == Flip::AlreadyDown).then_some(())?;
    DETECTION.warning(
        seen.measured.timeline.asked_ms,
        "readiness said no before the stop was asked, so it could not fall because of it"
            .to_owned(),
        "the load is more than the program takes, or what its readiness depends on was not there",
    )
}
