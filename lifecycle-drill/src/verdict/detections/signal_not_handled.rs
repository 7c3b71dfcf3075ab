//! The stop signal has no handler.

use crate::measured::{Course, Finding};
use crate::target::process::{Status, signal_name};
use crate::target::signalled::Reaction;
use crate::verdict::evidence::Evidence;
use crate::verdict::{Detection, exits};
use crate::words::moment;

pub(super) static DETECTION: Detection = Detection {
    name: "signal-not-handled",
    what: "The program does nothing about the signal that asks it to stop.",
    cause: "No handler is set for it. The system then ends the program on the spot, with everything \
            that is under way; as PID 1 of a container the program is not even ended, and waits for \
            SIGKILL.",
    remedy: "Handle SIGTERM as you handle Ctrl-C, which is another signal (SIGINT).",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    if seen.measured.course != Course::Played || seen.has_launcher() {
        return None;
    }
    let signal = seen.signal();
    let process = &seen.measured.process;
    let reaction = seen.reaction();
    if process.sigkill_needed {
        let first = seen.first().is_some_and(|first| first.first);
        let why = match reaction {
            Reaction::Ignores => "the program has set the signal to be ignored",
            Reaction::Default if first => {
                "it is PID 1 of its container, and the kernel keeps signals without a handler from \
                 PID 1; handle the signal, or let an init such as tini be PID 1"
            }
            _ => return None,
        };
        return DETECTION.failure(
            Some(0.0),
            format!("{signal} had no effect: the program has no handler for it"),
            why,
        );
    }
    let Status::Signal(number) = seen.left_with()? else {
        return None;
    };
    if signal_name(number) != signal || seen.exit_code() == Some(seen.expected().exit_code) {
        return None;
    }
    let at = seen.left_ms()?;
    match reaction {
        // It was asked, did what it had to do, and ended itself in the same way.
        Reaction::Handles | Reaction::Blocks => None,
        Reaction::Default => DETECTION.failure(
            Some(at),
            format!(
                "the program has no handler for {signal}: the system ended it at {}",
                moment(at)
            ),
            "nothing was told to stop: what was under way, and what was yet to be written, went with \
             it. Set a handler; one for Ctrl-C (SIGINT) is not enough",
        ),
        Reaction::Ignores | Reaction::Unknown => DETECTION.failure(
            Some(at),
            format!("the process was ended by {signal} at {}", moment(at)),
            exits::BY_THE_STOP_SIGNAL,
        ),
    }
}
