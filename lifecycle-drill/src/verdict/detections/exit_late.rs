//! The process leaves later than it should.

use std::borrow::Cow;

use crate::measured::Finding;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::{moment, span};

pub(super) static DETECTION: Detection = Detection {
    name: "exit-late",
    what: "The process left by itself, and later than the plan says or than `drill.expect.exit_within` \
           allows: it lived on its reserve.",
    cause: "A step took longer than its timeout, or the program does something that is not in the plan.",
    remedy: "Look which step was late; a step's timeout has to be kept by whatever runs in it.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let left = seen.left_ms()?;
    if let Some(most) = seen.expected().exit_within_ms {
        if left <= most {
            return None;
        }
        return DETECTION.failure(
            Some(left),
            format!(
                "the process left at {}, and is expected to within {}",
                moment(left),
                span(most)
            ),
            cause(seen),
        );
    }
    let deadline = seen.measured.planned.deadline_ms?;
    if left <= deadline {
        return None;
    }
    DETECTION.warning(
        Some(left),
        format!(
            "the process left at {}, {} later than planned; SIGKILL was {} away",
            moment(left),
            span(left - deadline),
            span(seen.measured.planned.signal_to_kill_ms - left)
        ),
        cause(seen),
    )
}

fn cause(seen: &Evidence<'_>) -> Cow<'static, str> {
    if let Some((step, own, plan)) = seen.steps_over_plan().first() {
        return format!(
            "the step {step} ended at {} and was planned to by {}",
            moment(*own),
            moment(*plan)
        )
        .into();
    }
    if let Some((step, own)) = seen.last_step() {
        return format!(
            "every step kept its time; the last, {step}, ended at {}, and what came after it is not \
             in the plan",
            moment(own)
        )
        .into();
    }
    match seen.quiet_from() {
        Some(quiet) => format!(
            "the last request had ended and routing had noticed at {}; what it did after that is not \
             known, since it leaves no report",
            moment(quiet)
        )
        .into(),
        None => "what took the time is not known, since the program leaves no report of its steps".into(),
    }
}
