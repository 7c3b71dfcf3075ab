//! How processes end, in words and as platforms count it; the same for one process and for the instances
//! of a rolling deploy.

use super::Expectations;
use crate::target::process::{Status, signal_name};

/// The exit code as a platform shows it: where a signal ended the process, 128 and its number.
pub(crate) const fn exit_code(status: Status) -> Option<i32> {
    match status {
        Status::Code(code) => Some(code),
        Status::Signal(number) => Some(128 + number),
        Status::Unknown => None,
    }
}

/// In words after "the process"; `None` where the system did not say.
pub(crate) fn in_words(status: Status) -> Option<String> {
    match status {
        Status::Code(code) => Some(format!("left with exit code {code}")),
        Status::Signal(number) => Some(format!("was ended by {}", signal_name(number))),
        Status::Unknown => None,
    }
}

/// What was expected instead, where that is not 0, to follow how it ended.
pub(crate) fn instead(expected: &Expectations) -> String {
    match expected.exit_code {
        0 => String::new(),
        code => format!("; {code} is expected"),
    }
}

/// What usually causes an end by the very signal that asks for it, where nobody saw what the program does
/// with it.
pub(crate) const BY_THE_STOP_SIGNAL: &str = "either no handler is set for the signal, so that the system \
    ends the process on the spot, or its handler ends it in the same way when it is done";

/// What usually causes an end by any other signal.
pub(crate) const BY_ANOTHER_SIGNAL: &str =
    "the program crashed during its shutdown; its last lines are below";

/// What causes an end of which the system does not tell.
pub(crate) const REAPED: &str = "something else reaped the process before the drill could";

/// What usually causes a code that is not the one expected. `reports`: the program left a report of the
/// `lifecycle` runtime, whose codes mean what that says.
pub(crate) const fn cause(code: i32, reports: bool) -> &'static str {
    match code {
        80 if reports => "work was abandoned: a step ran into its timeout",
        81 if reports => "the work was done, and closing something after it failed",
        82 if reports => "the shutdown was cut short by the watchdog or a second signal",
        128..=165 => {
            "the program turns the signal into a failure: 128 and the signal's number, as Java's \
             runtime always does; where that is how it is, expect it: `drill: { expect: { exit_code: \
             143 } }`"
        }
        _ => "either the shutdown failed, or the program reports its stop as a failure",
    }
}
