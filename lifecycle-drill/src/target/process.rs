//! How processes end, and what signals are called.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use lifecycle_manifest::platform::Signal as StopSignal;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::proc;

/// How a process ended.
///
/// ```
/// use lifecycle_drill::target::process::{signal_name, Status};
///
/// let told = |status| match status {
///     Status::Code(code) => format!("left with exit code {code}"),
///     Status::Signal(number) => format!("was ended by {}", signal_name(number)),
///     Status::Unknown => "ended".to_owned(),
/// };
/// assert_eq!(told(serde_json::from_str(r#"{ "code": 81 }"#)?), "left with exit code 81");
/// assert_eq!(told(serde_json::from_str(r#"{ "signal": 9 }"#)?), "was ended by SIGKILL");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

/// What is found out about an end that was waited for.
pub(crate) struct Known {
    pub(crate) status: Status,
    /// When it came, where somebody else has noted that.
    pub(crate) at: Option<Instant>,
}

impl From<Status> for Known {
    fn from(status: Status) -> Self {
        Self { status, at: None }
    }
}

/// The end of a process, once it comes: first its moment, and how it was as soon as that is known.
pub(crate) struct End {
    held: Option<Arc<OwnedFd>>,
    over: watch::Receiver<Option<Instant>>,
    told: watch::Receiver<Option<Ended>>,
}

impl End {
    /// Watches a process, which need not be a child of this one: its end is seen in the moment it
    /// happens, whatever the drill's runtime is doing. `how` then finds out how it ended; without a
    /// handle it is `how` that waits.
    pub(crate) fn watch(
        held: Option<OwnedFd>,
        how: impl FnOnce() -> Known + Send + 'static,
    ) -> std::io::Result<Self> {
        let held = held.map(Arc::new);
        let watched = held.clone();
        let (gone, over) = watch::channel(None);
        let (report, told) = watch::channel(None);
        std::thread::Builder::new()
            .name("drill-wait".to_owned())
            .spawn(move || {
                let seen = watched.and_then(|held| until_gone(&held));
                if seen.is_some() {
                    gone.send_replace(seen);
                }
                let Known { status, at } = how();
                let at = seen.or(at).unwrap_or_else(Instant::now);
                gone.send_replace(Some(at));
                report.send_replace(Some(Ended { at, status }));
            })?;
        Ok(Self { held, over, told })
    }

    /// The handle of the process, where the system has such a thing.
    pub(crate) fn held(&self) -> Option<&OwnedFd> {
        self.held.as_deref()
    }

    /// Its moment, once it has come.
    pub(crate) fn over(&self) -> Option<Instant> {
        *self.over.borrow()
    }

    /// Waits for it.
    pub(crate) async fn until_over(&self) -> Instant {
        let mut over = self.over.clone();
        let seen = over.wait_for(Option::is_some).await.map(|at| *at);
        // The waiting thread is gone without a word: nothing is known but that it is over.
        seen.ok().flatten().unwrap_or_else(Instant::now)
    }

    /// How it was, once that is known.
    pub(crate) fn told(&self) -> Option<Ended> {
        *self.told.borrow()
    }

    /// Waits until it is known how it was.
    pub(crate) async fn until_told(&self) -> Ended {
        let mut told = self.told.clone();
        let seen = told.wait_for(Option::is_some).await.map(|end| *end);
        seen.ok().flatten().unwrap_or_else(|| Ended {
            at: self.over().unwrap_or_else(Instant::now),
            status: Status::Unknown,
        })
    }
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

/// Whether a process that was sent SIGKILL had needed it: it was its end, or nobody says what else was,
/// and it had not ended before.
pub(crate) fn needed_kill(
    killed: Option<Instant>,
    over: Option<Instant>,
    status: Option<Status>,
) -> bool {
    let Some(killed) = killed else {
        return false;
    };
    match status {
        Some(Status::Signal(number)) => number == Signal::KILL.as_raw(),
        Some(Status::Code(_)) => false,
        None | Some(Status::Unknown) => over.is_none_or(|over| over >= killed),
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
///
/// ```
/// use lifecycle_drill::target::process::signal_name;
///
/// assert_eq!(signal_name(15), "SIGTERM");
/// assert_eq!(signal_name(42), "signal 42");
/// ```
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_end_of_which_nobody_tells_is_that_of_the_kill_before_it() {
        let killed = Instant::now();
        let needed = |over, status| needed_kill(Some(killed), over, status);
        let after = Some(killed + Duration::from_millis(1));
        let before = killed.checked_sub(Duration::from_millis(1));
        for unknown in [None, Some(Status::Unknown)] {
            assert!(needed(after, unknown));
            assert!(needed(Some(killed), unknown));
            assert!(!needed(before, unknown));
        }
        assert!(needed(after, Some(Status::Signal(9))));
        assert!(!needed(after, Some(Status::Signal(15))));
        assert!(!needed(after, Some(Status::Code(0))));
        assert!(!needed_kill(None, after, Some(Status::Unknown)));
    }

    #[tokio::test]
    async fn an_end_is_known_before_it_is_known_how() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let held = hold(i32::try_from(child.id()).unwrap());
        assert!(held.is_some());
        let (tell, told) = std::sync::mpsc::channel();
        let how = move || Known::from(told.recv().unwrap_or(Status::Unknown));
        let end = End::watch(held, how).unwrap();
        let over = tokio::time::timeout(Duration::from_secs(20), end.until_over());
        let at = over.await.unwrap();
        assert!(end.told().is_none());
        tell.send(Status::Code(0)).unwrap();
        let ended = end.until_told().await;
        assert_eq!((ended.at, ended.status), (at, Status::Code(0)));
        assert!(child.wait().unwrap().success());
    }
}
