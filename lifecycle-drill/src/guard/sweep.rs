//! Ends every process of a drill and removes what engines hold for it.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::order::Undo;
use super::{ASKED, MAKING, MARK};
use crate::target::proc;

/// How long a command that has an engine make something is let finish.
const MAKING_ENDS: Duration = Duration::from_secs(15);
/// A command that was started in the drill's last instant shows its mark after this long.
const SHOWING: Duration = Duration::from_millis(50);
/// How long processes may take to be gone after SIGKILL.
const KILLING: Duration = Duration::from_secs(10);
/// How long removing one thing may take.
const UNDOING: Duration = Duration::from_secs(20);

/// Ends everything below `root`, `known` and everything below it, and whatever carries the mark; then
/// undoes. What did not work is told in sentences.
pub(super) fn sweep(
    mark: &str,
    root: Option<i32>,
    known: Option<proc::Entry>,
    undo: &[Undo],
) -> Vec<String> {
    if !undo.is_empty() {
        std::thread::sleep(SHOWING);
        let until = Instant::now() + MAKING_ENDS;
        while !proc::with_variable(MAKING, mark).is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let mut troubles = kill_all(mark, root, known);
    for undo in undo {
        if let Err(why) = run(&undo.command)
            && !undo.nothing_to_do.iter().any(|words| why.contains(words))
        {
            troubles.push(format!("{}: {why}", undo.unless));
        }
    }
    troubles
}

/// Kills until nobody is left: those who were about to start others may have done so.
fn kill_all(mark: &str, root: Option<i32>, known: Option<proc::Entry>) -> Vec<String> {
    let until = Instant::now() + KILLING;
    loop {
        let mut left = Vec::new();
        if let Some(root) = root {
            left.extend(proc::descendants(root).unwrap_or_default());
        }
        // Its id may be another's by now.
        if let Some(known) = known
            && let Some(now) = proc::entry(known.pid)
            && now.started == known.started
            && !now.zombie
        {
            left.push(now);
            left.extend(proc::descendants(known.pid).unwrap_or_default());
        }
        left.extend(proc::with_variable(MARK, mark));
        left.extend(proc::with_variable(MAKING, mark));
        if left.is_empty() {
            return Vec::new();
        }
        if Instant::now() > until {
            return left
                .iter()
                .map(|it| format!("process {} is still there after SIGKILL", it.pid))
                .collect();
        }
        for entry in left {
            kill(entry);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Kills this process and no other that has come by its id since.
pub(crate) fn kill(entry: proc::Entry) {
    signal(entry, Signal::KILL);
}

/// Signals this process and no other that has come by its id since; one that has ended needs no signal.
pub(crate) fn signal(entry: proc::Entry, signal: Signal) {
    let Some(pid) = Pid::from_raw(entry.pid) else {
        return;
    };
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
        let Ok(held) = pidfd_open(pid, PidfdFlags::empty()) else {
            return;
        };
        if proc::entry(entry.pid).is_some_and(|now| now.started == entry.started) {
            // Whoever calls this looks again, and tells who is left.
            let _gone = pidfd_send_signal(&held, signal);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _gone = rustix::process::kill_process(pid, signal);
}

/// Runs a command to its end, within its time; the error is what it said.
fn run(command: &[String]) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env_remove(ASKED)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("could not start `{program}`: {error}"))?;
    let until = Instant::now() + UNDOING;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                let _gone = child.kill();
                let _reaped = child.wait();
                return Err(format!(
                    "`{}` did not end within {} s",
                    command.join(" "),
                    UNDOING.as_secs()
                ));
            }
            Err(error) => return Err(error.to_string()),
        }
    };
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        let _as_far_as_it_is_text = stderr.take(4_096).read_to_string(&mut said);
    }
    Err(format!("`{}`: {}", command.join(" "), said.trim()))
}
