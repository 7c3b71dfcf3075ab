//! The program has another plan in it than the one it is drilled by.

use crate::measured::Finding;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;

pub(super) static DETECTION: Detection = Detection {
    name: "built-from-another-plan",
    what: "The plan in the program is not the one it is drilled by.",
    cause: "The manifest was edited after the program was built, or another manifest was given to the \
            drill.",
    remedy: "Build the program again, or drill it by the manifest it was built from.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    seen.has_another_plan()?.then_some(())?;
    let own = seen.measured.report.as_ref()?.digest.as_deref()?;
    let ours = seen.measured.planned.digest.as_deref()?;
    DETECTION.warning(
        None,
        format!("the program was built from plan {own}, and is drilled by plan {ours}"),
        "the manifest was edited after the program was built, or another manifest was given to the \
         drill",
    )
}
