//! Children outlive the process.

use crate::measured::Finding;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::count;

pub(super) static DETECTION: Detection = Detection {
    name: "processes-left-behind",
    what: "Processes outlived the one that was stopped, and had to be killed.",
    cause: "It starts children and does not wait for them; in a container they end with it, unasked.",
    remedy: "Pass the stop on to the children, and wait for them.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let left = seen.measured.process.left_behind.filter(|left| *left > 0)?;
    // What a shell or a runner leaves behind is the program itself, and told as that.
    if seen.has_launcher() {
        return None;
    }
    DETECTION.warning(
        seen.left_ms(),
        format!(
            "{} outlived the one that was stopped, and had to be killed",
            count(left as u64, "process")
        ),
        "it starts children and does not wait for them; in a container they end with it, unasked",
    )
}
