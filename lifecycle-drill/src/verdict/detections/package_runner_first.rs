//! npm, yarn or a relative is the first process.

use crate::measured::{Course, Finding};
use crate::target::process::Status;
use crate::target::signalled::{Reaction, Role};
use crate::verdict::Detection;
use crate::verdict::evidence::{Evidence, command};

pub(super) static DETECTION: Detection = Detection {
    name: "package-runner-first",
    what: "npm, yarn or a relative is the first process, and stands between the signal and the \
           program.",
    cause: "The program is started as `npm start` or alike. The runner starts it through a shell; \
            what becomes of a signal on that way depends on the runner's version and on the shell.",
    remedy: "Start the program itself: `CMD [\"node\", \"server.js\"]`.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    if seen.measured.course != Course::Played {
        return None;
    }
    let (runner, program) = seen.in_front(Role::PackageRunner)?;
    let process = &seen.measured.process;
    let signal = seen.signal();
    let front = format!(
        "the first process is {}, and your program, {}, is behind it",
        command(runner),
        command(program)
    );
    let outlived = seen.left_behind();
    let shell = seen.is_behind_a_shell(program);
    if outlived {
        let way = match shell {
            true => {
                "the runner passes the signal to its shell, and the shell ends without passing it on"
            }
            false => "the runner left without having ended what it started",
        };
        let never = match program.reaction {
            Reaction::Handles => "; the handler that the program has never ran",
            _ => "",
        };
        return DETECTION.failure(
            Some(0.0),
            format!(
                "{signal} did not end your program: {front}; it was still running when the first \
                 process was gone, and had to be killed"
            ),
            format!("{way}{never}. Start the program itself"),
        );
    }
    if process.sigkill_needed {
        return DETECTION.failure(
            Some(0.0),
            format!("{front}; both were still there when SIGKILL came"),
            "either the runner did not pass the signal on, or the program did not end upon it; start \
             the program itself, and drill again",
        );
    }
    let left = match seen.left_with() {
        Some(Status::Code(0)) => "this time the signal came through",
        _ => "the exit code is the runner's, and not your program's",
    };
    DETECTION.warning(
        Some(0.0),
        front,
        format!("{left}. Start the program itself, so that nothing stands in between"),
    )
}
