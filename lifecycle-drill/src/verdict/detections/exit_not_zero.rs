//! The process leaves otherwise than expected.

use std::borrow::Cow;

use crate::measured::Finding;
use crate::target::process::{Status, signal_name};
use crate::target::signalled::{Reaction, Role};
use crate::verdict::evidence::Evidence;
use crate::verdict::{Detection, exits};
use crate::words::moment;

pub(super) static DETECTION: Detection = Detection {
    name: "exit-not-zero",
    what: "The process left with another exit code than 0, or than `drill.expect.exit_code`.",
    cause: "The shutdown failed, or the program reports its stop as a failure: 143 is 128 and the number \
            of SIGTERM.",
    remedy: "Leave with 0 when everything was done. Where the language's runtime insists on another code, \
             as Java's does, write it as `drill: { expect: { exit_code: 143 } }`.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let at = seen.left_ms()?;
    if seen.exit_code() == Some(seen.expected().exit_code) {
        return None;
    }
    let status = seen.left_with()?;
    let cause = match status {
        Status::Code(code) => code_cause(seen, code),
        Status::Signal(number) if signal_name(number) == seen.signal() => {
            // A shell, or a program without a handler: told as what it is.
            let handled = matches!(seen.reaction(), Reaction::Handles | Reaction::Blocks);
            if !handled || seen.has_launcher() {
                return None;
            }
            "it has a handler for the signal, and then ends itself by the same signal instead of \
             leaving with 0"
                .into()
        }
        Status::Signal(_) => exits::BY_ANOTHER_SIGNAL.into(),
        Status::Unknown => exits::REAPED.into(),
    };
    let (when, instead) = (moment(at), exits::instead(seen.expected()));
    let message = match exits::in_words(status) {
        Some(how) => format!("the process {how} at {when}{instead}"),
        None => format!("the process ended at {when}, and the system did not say how{instead}"),
    };
    DETECTION.failure(Some(at), message, cause)
}

fn code_cause(seen: &Evidence<'_>, code: i32) -> Cow<'static, str> {
    let reports = seen.measured.report.is_some();
    if let (true, Some(step)) = (reports, seen.step_that_failed()) {
        return format!("{step}, by the program's own account").into();
    }
    match code {
        128..=165 if seen.in_front(Role::PackageRunner).is_some() => {
            "it is the package runner's code: 128 and the number of the signal that ended its child"
        }
        _ => exits::cause(code, reports),
    }
    .into()
}
