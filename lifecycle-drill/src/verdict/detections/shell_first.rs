//! A shell is the first process, and the signal ends there.

use crate::measured::{Course, Finding};
use crate::target::process::Status;
use crate::target::signalled::{Reaction, Role};
use crate::verdict::Detection;
use crate::verdict::evidence::{Evidence, command};
use crate::words::span;

pub(super) static DETECTION: Detection = Detection {
    name: "shell-first",
    what: "A shell is the first process, and the program behind it was never asked to stop.",
    cause: "The program is started in shell form (`CMD node server.js`, `sh -c '…'`, a start script), \
            and a shell passes no signal on. Some shells replace themselves by their last command, \
            and some do not.",
    remedy: "Use the exec form, `CMD [\"node\", \"server.js\"]`, or end the script with \
             `exec node server.js`.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    if seen.measured.course != Course::Played {
        return None;
    }
    let (shell, program) = seen.in_front(Role::Shell)?;
    let process = &seen.measured.process;
    let outlived = seen.left_behind();
    // A trap may pass it on; whether it did shows in how things ended.
    if shell.reaction == Reaction::Handles && !outlived && !process.sigkill_needed {
        return None;
    }
    let signal = seen.signal();
    let which = if shell.first {
        "PID 1"
    } else {
        "the first process"
    };
    let became = match (process.sigkill_needed, seen.left_with()) {
        (true, _) => format!(
            "both were still there {} later and were killed",
            span(seen.measured.planned.signal_to_kill_ms)
        ),
        (false, Some(Status::Signal(_))) if outlived => format!(
            "it ended the shell and left {} running, which had to be killed",
            command(program)
        ),
        (false, Some(Status::Signal(_))) => "it ended the shell".to_owned(),
        (false, _) if outlived => format!("{} outlived the shell", command(program)),
        (false, _) => "the program ended with it".to_owned(),
    };
    let has_handler = match program.reaction {
        Reaction::Handles => format!(" {} has a handler that never ran.", command(program)),
        _ => String::new(),
    };
    let alone = match shell.reaction {
        Reaction::Handles => "and its trap did not end the program",
        _ => "and a shell does not pass it on",
    };
    let in_a_container = match shell.first {
        true => "",
        false => {
            " In a container the shell is PID 1, where a signal without a handler has no effect: \
             all of it waits for SIGKILL there."
        }
    };
    DETECTION.failure(
        Some(0.0),
        format!(
            "{signal} was never seen by your program: {which} is {}; {became}",
            command(shell)
        ),
        format!(
            "{signal} goes to the first process, {alone}.{has_handler}{in_a_container} Use the exec \
             form, or `exec` before the program"
        ),
    )
}
