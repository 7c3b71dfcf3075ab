//! A step ends later than planned.

use crate::measured::Finding;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::{count, moment};

pub(super) static DETECTION: Detection = Detection {
    name: "step-over-plan",
    what: "A step ended later than the plan has it, by the program's own account.",
    cause: "The binary was built from another plan, or the machine was too busy to keep time.",
    remedy: "Build the program from this manifest; on a quiet machine, look what the step waits for.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let over = seen.steps_over_plan();
    let (_, first, _) = over.first()?;
    let told: Vec<_> = over
        .iter()
        .map(|(step, own, plan)| {
            format!("{step} at {}, planned by {}", moment(*own), moment(*plan))
        })
        .collect();
    DETECTION.warning(
        Some(*first),
        format!(
            "{} ended later than planned: {}",
            count(over.len() as u64, "step"),
            told.join("; ")
        ),
        match seen.has_another_plan() {
            Some(true) => "the binary was built from another plan",
            Some(false) => {
                "the binary was built from this plan: either the machine was too busy to keep time, or \
                 a blocked thread kept the step from being cut off"
            }
            None => "the binary was built from another plan, or the machine was too busy to keep time",
        },
    )
}
