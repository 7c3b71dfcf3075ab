//! How processes end, and what signals are called.

use std::os::fd::OwnedFd;
use std::time::Instant;

use lifecycle_manifest::platform::Signal as StopSignal;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::proc;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It left with this exit code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It ended, and the system did not say how.
    Unknown,
}

/// The end of a process, and its moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) at: Instant,
    pub(crate) status: Status,
}

/// A handle to this process and no later one of its id; `None` where the system has no such thing.
pub(crate) fn hold(pid: i32) -> Option<OwnedFd> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{PidfdFlags, pidfd_open};
        pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _unheld = pid;
        None
    }
}

/// Watches a process, which need not be a child of this one: its end is seen in the moment it happens,
/// whatever the drill's runtime is doing. `how` then finds out how it ended; without a handle it is
/// `how` that waits.
pub(crate) fn watch(
    held: Option<OwnedFd>,
    how: impl FnOnce() -> Status + Send + 'static,
) -> std::io::Result<watch::Receiver<Option<Ended>>> {
    let (report, ended) = watch::channel(None);
    std::thread::Builder::new()
        .name("drill-wait".to_owned())
        .spawn(move || {
            let seen = held.and_then(|held| until_gone(&held));
            let status = how();
            let at = seen.unwrap_or_else(Instant::now);
            report.send_replace(Some(Ended { at, status }));
        })?;
    Ok(ended)
}

/// The moment in which the process ended; `None` where it cannot be waited for.
fn until_gone(held: &OwnedFd) -> Option<Instant> {
    use rustix::event::{PollFd, PollFlags, poll};
    loop {
        match poll(&mut [PollFd::new(held, PollFlags::IN)], None) {
            Ok(1..) => return Some(Instant::now()),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// How a process that is not ours has ended: known for as long as its parent has not taken note.
pub(crate) fn status_of_another(pid: i32) -> Status {
    const SIGNAL: i32 = 0x7f;
    match proc::wait_status(pid) {
        Some(raw) if raw & SIGNAL == 0 => Status::Code((raw >> 8) & 0xff),
        Some(raw) => Status::Signal(raw & SIGNAL),
        None => Status::Unknown,
    }
}

/// Waits until the process has ended, and leaves it to be reaped.
pub(crate) fn wait_unreaped(pid: Pid) -> Status {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    loop {
        match rustix::process::waitid(WaitId::Pid(pid), options) {
            Ok(Some(ended)) => {
                return match (ended.exit_status(), ended.terminating_signal()) {
                    (Some(code), _) => Status::Code(code),
                    (None, Some(signal)) => Status::Signal(signal),
                    (None, None) => Status::Unknown,
                };
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Status::Unknown,
        }
    }
}

/// The signal on this system.
pub(crate) const fn number(signal: StopSignal) -> Signal {
    match signal {
        StopSignal::Term => Signal::TERM,
        StopSignal::Int => Signal::INT,
        StopSignal::Quit => Signal::QUIT,
        StopSignal::Hup => Signal::HUP,
        StopSignal::Usr1 => Signal::USR1,
        StopSignal::Usr2 => Signal::USR2,
        StopSignal::Winch => Signal::WINCH,
        StopSignal::Stop => Signal::STOP,
        StopSignal::Kill => Signal::KILL,
    }
}

/// What a signal is called; numbers differ between systems, so only these few are named.
pub fn signal_name(number: i32) -> String {
    let named = [
        (Signal::TERM, "SIGTERM"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::KILL, "SIGKILL"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::BUS, "SIGBUS"),
        (Signal::ILL, "SIGILL"),
        (Signal::FPE, "SIGFPE"),
        (Signal::HUP, "SIGHUP"),
        (Signal::PIPE, "SIGPIPE"),
    ];
    named
        .iter()
        .find(|(signal, _)| signal.as_raw() == number)
        .map_or_else(
            || format!("signal {number}"),
            |(_, name)| (*name).to_owned(),
        )
}
