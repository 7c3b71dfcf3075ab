//! How a program is asked to end, and what its end is worth.

use std::process::ExitStatus;

use rustix::process::Signal;
use tokio::process::Command;

use super::process::Process;
use crate::work::Failure;

pub(super) const KILL: Signal = Signal::KILL;

/// A signal that asks a program to stop.
///
/// ```
/// use std::process::Command;
/// use lifecycle::{ChildProcess, StopSignal};
///
/// let apache = ChildProcess::new(Command::new("httpd")).stop_signal(StopSignal::WindowChange);
/// # drop(apache);
/// assert_eq!(StopSignal::default(), StopSignal::Terminate);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum StopSignal {
    /// SIGTERM, which most programs take for it.
    #[default]
    Terminate,
    /// SIGINT: what Ctrl-C sends.
    Interrupt,
    /// SIGQUIT: nginx and PHP-FPM finish what they serve.
    Quit,
    /// SIGHUP: what a shell sends to what it leaves.
    Hangup,
    /// SIGUSR1.
    User1,
    /// SIGUSR2.
    User2,
    /// SIGWINCH: Apache httpd finishes what it serves.
    WindowChange,
}

impl StopSignal {
    pub(super) fn number(self) -> Signal {
        match self {
            Self::Terminate => Signal::TERM,
            Self::Interrupt => Signal::INT,
            Self::Quit => Signal::QUIT,
            Self::Hangup => Signal::HUP,
            Self::User1 => Signal::USR1,
            Self::User2 => Signal::USR2,
            Self::WindowChange => Signal::WINCH,
        }
    }
}

/// How a program is to be treated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) signal: StopSignal,
    pub(super) to_all: bool,
    pub(super) group: bool,
    pub(super) may_end: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            signal: StopSignal::default(),
            to_all: false,
            group: true,
            may_end: false,
        }
    }
}

impl Manner {
    /// Asks what is left of the group to go, after its leader has, and waits for it.
    pub(super) async fn dismiss(self, process: &Process) {
        if process.target().has_others() {
            process.target().signal_all(self.signal.number());
            process.group_gone().await;
        }
    }
}

/// What a status is worth, of a program that was asked to end or was not.
pub(super) fn judge(
    name: &str,
    status: ExitStatus,
    asked: bool,
    killed: bool,
    manner: Manner,
) -> Result<(), Failure> {
    if killed {
        return Err(format!("`{name}` was killed after its time: {status}").into());
    }
    let expected = asked || manner.may_end && status.success();
    if !expected {
        return Err(format!("`{name}` has exited by itself: {status}").into());
    }
    if status.success() || asked && by_signal(status, manner.signal) {
        return Ok(());
    }
    Err(format!("`{name}`: {status}").into())
}

/// Whether the program ended by this signal, or says so as a shell does: 128 and its number.
fn by_signal(status: ExitStatus, signal: StopSignal) -> bool {
    use std::os::unix::process::ExitStatusExt as _;

    let number = signal.number().as_raw();
    status.signal() == Some(number) || status.code() == Some(128 + number)
}

/// What the report calls a program.
pub(super) fn name_of(command: &Command) -> String {
    let program = command.as_std().get_program();
    let path = std::path::Path::new(program);
    let name = path.file_name().unwrap_or(program);
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    /// As `wait` gives it: the code in the second byte, or the signal in the first.
    fn code(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    fn signal(number: i32) -> ExitStatus {
        ExitStatus::from_raw(number)
    }

    #[test]
    fn an_end_that_was_asked_for_is_good_by_status_or_by_the_signal() {
        let manner = Manner::default();
        for good in [code(0), signal(15), code(143)] {
            assert!(judge("x", good, true, false, manner).is_ok(), "{good}");
        }
        for bad in [code(1), code(130), signal(2), signal(9), signal(11)] {
            assert!(judge("x", bad, true, false, manner).is_err(), "{bad}");
        }
        let manner = Manner {
            signal: StopSignal::Quit,
            ..manner
        };
        assert!(judge("x", signal(3), true, false, manner).is_ok());
        assert!(judge("x", signal(15), true, false, manner).is_err());
    }

    #[test]
    fn an_end_that_was_not_asked_for_is_good_only_where_that_is_said() {
        let manner = Manner::default();
        assert!(judge("x", code(0), false, false, manner).is_err());
        assert!(judge("x", signal(15), false, false, manner).is_err());
        let manner = Manner {
            may_end: true,
            ..manner
        };
        assert!(judge("x", code(0), false, false, manner).is_ok());
        assert!(judge("x", code(3), false, false, manner).is_err());
        assert!(judge("x", signal(15), false, false, manner).is_err());
    }

    #[test]
    fn a_program_is_called_by_its_file() {
        for (program, name) in [("/usr/sbin/nginx", "nginx"), ("nginx", "nginx"), ("", "")] {
            assert_eq!(name_of(&Command::new(program)), name);
        }
    }
}
