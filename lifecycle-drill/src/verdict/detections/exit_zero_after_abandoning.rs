//! Success is said after work was abandoned.

use crate::measured::Finding;
use crate::target::process::Status;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::{count, moment};

pub(super) static DETECTION: Detection = Detection {
    name: "exit-zero-after-abandoning",
    what: "The process left with exit code 0 although work was abandoned. Whoever watches exit codes sees \
           a clean stop.",
    cause: "The program exits with 0 whatever became of its drain, as most servers do when a limit is \
            reached.",
    remedy: "Leave with another code when the drain was cut short.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    if seen.left_with() != Some(Status::Code(0)) || seen.expected().exit_code != 0 {
        return None;
    }
    let left = seen.left_ms()?;
    let taken = seen.under_way_at_the_end().len() as u64;
    let own = seen
        .measured
        .report
        .as_ref()
        .map(|report| &report.outcome[..]);
    let (what, cause) = match own {
        Some(own @ ("abandoned" | "forced")) => (
            format!("its own report calls the shutdown {own}"),
            "something other than the runtime decides the exit code",
        ),
        _ if taken > 0 => (
            format!("{} went with it", count(taken, "request")),
            "the program leaves with 0 whatever became of its requests",
        ),
        _ => return None,
    };
    DETECTION.failure(
        Some(left),
        format!(
            "the process left with exit code 0 at {}, and {what}",
            moment(left)
        ),
        cause,
    )
}
