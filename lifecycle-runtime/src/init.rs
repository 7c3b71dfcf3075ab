//! The duties of a container's first process, in a process of its own.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
};
use signal_hook::iterator::Signals;

use crate::environment::INIT;

/// What is passed on. The others say something about the process itself, or cannot be caught.
const PASSED_ON: [i32; 9] = [
    SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH,
];

/// In the first process of a container, runs the rest of the program in a process of its own, does the
/// duties that Linux gives to process 1, and never returns. Elsewhere it does nothing.
///
/// [`Runtime::run`](crate::Runtime::run) begins with this. With [`Lifecycle`](crate::Lifecycle), call it
/// as the first thing in `main`, before there is a runtime or a thread. See
/// [the manual](crate::manual::child_processes#as-a-containers-first-process).
///
/// ```
/// lifecycle::init(); // in a container's first process, all below runs in its child
///
/// let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
/// // … `block_on` with a `Lifecycle`
/// # drop(runtime);
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn init() {
    if let Some(code) = duties() {
        std::process::exit(code);
    }
}

/// The exit code of the service, if this is its container's first process.
pub(crate) fn duties() -> Option<i32> {
    let first = std::process::id() == 1;
    let off = env::var_os(INIT).is_some_and(|value| value == "off");
    // Handed to process 1 by number: another one would not take them.
    let sockets = env::var_os("LISTEN_PID").is_some_and(|value| value == "1");
    if !first || off || sockets {
        return None;
    }
    match start(env::args_os()) {
        Ok((signals, service)) => Some(serve(signals, service)),
        Err(error) => {
            eprintln!(
                "lifecycle: orphans are not reaped, the service is process 1 itself: {error}"
            );
            None
        }
    }
}

/// Starts this program again.
fn start(mut arguments: impl Iterator<Item = OsString>) -> io::Result<(Signals, Pid)> {
    // Before the program runs: a signal that comes now waits for it.
    let signals = Signals::new(PASSED_ON.into_iter().chain([SIGCHLD]))?;
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let service = command.args(arguments).spawn()?;
    Ok((signals, Pid::from_child(&service)))
}

/// Passes signals on to the service and reaps whoever exits, until it does itself; its exit code.
fn serve(mut signals: Signals, service: Pid) -> i32 {
    loop {
        for number in signals.wait() {
            if number == SIGCHLD {
                if let Some(code) = reap(service) {
                    // All others go with this process.
                    return code;
                }
            } else if let Some(signal) = Signal::from_named_raw(number) {
                // It has exited perhaps, and SIGCHLD is next.
                let _ = kill_process(service, signal);
            }
        }
    }
}

/// Reaps all who have exited, up to the service; its exit code, if it is among them. One that was ended
/// by a signal has 128 and the signal's number, as a shell says it.
fn reap(service: Pid) -> Option<i32> {
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == service {
            let signal = || status.terminating_signal().map(|number| 128 + number);
            return status.exit_status().or_else(signal);
        }
    }
    None
}
