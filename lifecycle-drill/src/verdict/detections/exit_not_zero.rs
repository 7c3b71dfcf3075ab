//! The process leaves otherwise than expected.

use std::borrow::Cow;

use crate::measured::Finding;
use crate::target::process::{Status, signal_name};
use crate::target::signalled::{Reaction, Role};
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
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
    let when = moment(at);
    let expected = seen.expected().exit_code;
    if seen.exit_code() == Some(expected) {
        return None;
    }
    let instead = match expected {
        0 => String::new(),
        code => format!("; {code} is expected"),
    };
    match seen.left_with()? {
        Status::Code(code) => DETECTION.failure(
            Some(at),
            format!("the process left with exit code {code} at {when}{instead}"),
            code_cause(seen, code),
        ),
        Status::Signal(number) if signal_name(number) == seen.signal() => {
            // A shell, or a program without a handler: told as what it is.
            let handled = matches!(seen.reaction(), Reaction::Handles | Reaction::Blocks);
            if !handled || seen.has_launcher() {
                return None;
            }
            DETECTION.failure(
                Some(at),
                format!("the process was ended by {} at {when}{instead}", seen.signal()),
                "it has a handler for the signal, and then ends itself by the same signal instead of \
                 leaving with 0",
            )
        }
        Status::Signal(number) => DETECTION.failure(
            Some(at),
            format!(
                "the process was ended by {} at {when}{instead}",
                signal_name(number)
            ),
            "the program crashed during its shutdown; its last lines are below",
        ),
        Status::Unknown => DETECTION.failure(
            Some(at),
            format!("the process ended at {when}, and the system did not say how{instead}"),
            "something else reaped the process before the drill could",
        ),
    }
}

fn code_cause(seen: &Evidence<'_>, code: i32) -> Cow<'static, str> {
    let own = seen.measured.report.is_some();
    if let (true, Some(step)) = (own, seen.step_that_failed()) {
        return format!("{step}, by the program's own account").into();
    }
    match code {
        80 if own => "work was abandoned: a step ran into its timeout",
        81 if own => "the work was done, and closing something after it failed",
        82 if own => "the shutdown was cut short by the watchdog or a second signal",
        128..=165 if seen.in_front(Role::PackageRunner).is_some() => {
            "it is the package runner's code: 128 and the number of the signal that ended its child"
        }
        128..=165 => {
            "the program turns the signal into a failure: 128 and the signal's number, as Java's \
             runtime always does; where that is how it is, expect it: `drill: { expect: { exit_code: \
             143 } }`"
        }
        _ => "either the shutdown failed, or the program reports its stop as a failure",
    }
    .into()
}
