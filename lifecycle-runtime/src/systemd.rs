//! What systemd is told: that the service is up, that it stops, how far it is, that it is alive.
//!
//! The protocol is that of `sd_notify(3)`: datagrams of `NAME=value` lines to the socket that
//! `NOTIFY_SOCKET` names. Nothing is said where it is not set.

use std::ffi::OsStr;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::tasks;

/// How long a full queue of systemd's may keep the sender, which may be the signal thread.
const PATIENCE: Duration = Duration::from_millis(100);
/// From the plan's deadline to the end of the process: the watchdog's last words, and the exit.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Longest status line, in characters. systemd takes a datagram of a few KiB.
const STATUS_LENGTH: usize = 500;

pub(crate) struct Systemd {
    socket: UnixDatagram,
    to: SocketAddr,
    /// `WatchdogSec=` of the unit.
    watchdog: Option<Duration>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    stopping: bool,
    status: String,
    failed: bool,
}

impl Systemd {
    /// What the environment says; `None` where no service manager listens.
    pub(crate) fn read() -> Option<Self> {
        let socket = std::env::var_os("NOTIFY_SOCKET").filter(|it| !it.is_empty())?;
        let text = |name| std::env::var(name).ok();
        let watchdog = watchdog(
            text("WATCHDOG_USEC").as_deref(),
            text("WATCHDOG_PID").as_deref(),
            std::process::id(),
        );
        match Self::connect(&socket, watchdog) {
            Ok(systemd) => Some(systemd),
            Err(error) => {
                complain(&error);
                None
            }
        }
    }

    fn connect(name: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            socket,
            to: address(name)?,
            watchdog,
            told: Mutex::default(),
        })
    }

    /// How often at least systemd wants a sign of life, if it does.
    pub(crate) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Readiness has turned 200.
    pub(crate) fn ready(&self) {
        let mut told = self.lock();
        // The stop's message may have been faster.
        if !told.stopping {
            "ready".clone_into(&mut told.status);
            self.send(&mut told, "READY=1\nSTATUS=ready");
        }
    }

    /// The service stops, and will be gone when `left` is over.
    pub(crate) fn stopping(&self, left: Duration) {
        let mut told = self.lock();
        told.stopping = true;
        "stopping".clone_into(&mut told.status);
        // systemd only ever takes this for more time than `TimeoutStopSec=` gives, not for less.
        let left = (left + LAST_WORDS).as_micros();
        let message = format!("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC={left}");
        self.send(&mut told, &message);
    }

    /// How far the service is, in a line; what was said last is not said again.
    pub(crate) fn status(&self, status: &str) {
        let mut line = String::new();
        for character in status.chars().take(STATUS_LENGTH) {
            // A line break would begin another assignment.
            line.push(if character.is_control() {
                ' '
            } else {
                character
            });
        }
        let mut told = self.lock();
        if told.status != line {
            self.send(&mut told, &format!("STATUS={line}"));
            told.status = line;
        }
    }

    /// The sign of life.
    pub(crate) fn alive(&self) {
        self.send(&mut self.lock(), "WATCHDOG=1");
    }

    fn send(&self, told: &mut Told, message: &str) {
        let sent = self.socket.send_to_addr(message.as_bytes(), &self.to);
        if let Err(error) = sent
            && !std::mem::replace(&mut told.failed, true)
        {
            complain(&error);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The watchdog's interval. The variables are inherited by children, whom `WATCHDOG_PID` excludes.
fn watchdog(micros: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(own)) {
        return None;
    }
    let interval = Duration::from_micros(micros?.parse().ok()?);
    (interval > Duration::ZERO).then_some(interval)
}

/// A path, or after an `@` the name of an abstract socket, as `sd_notify(3)` says.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_encoded_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(name),
        #[cfg(any(target_os = "linux", target_os = "android"))]
        [b'@', name @ ..] => {
            #[cfg(target_os = "android")]
            use std::os::android::net::SocketAddrExt as _;
            #[cfg(target_os = "linux")]
            use std::os::linux::net::SocketAddrExt as _;
            SocketAddr::from_abstract_name(name)
        }
        _ => {
            let why = format!(
                "NOTIFY_SOCKET is `{}`: neither a path nor abstract",
                name.display()
            );
            Err(io::Error::new(io::ErrorKind::Unsupported, why))
        }
    }
}

/// Logs aside: this may be the signal thread.
fn complain(error: &io::Error) {
    let error = error.to_string();
    let _ = tasks::thread("lifecycle-log", move || {
        tracing::warn!(error, "the service manager could not be told");
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// What a fresh socket of this name hears when `told` has been said.
    fn heard(name: &OsStr, told: impl FnOnce(&Systemd)) -> Vec<String> {
        let listener = UnixDatagram::bind_addr(&address(name).expect("a name")).expect("bound");
        told(&Systemd::connect(name, None).expect("connected"));
        listener.set_nonblocking(true).expect("set");
        let mut heard = Vec::new();
        let mut datagram = [0; 4096];
        while let Ok(length) = listener.recv(&mut datagram) {
            heard.push(String::from_utf8_lossy(&datagram[..length]).into_owned());
        }
        heard
    }

    fn told_everything(systemd: &Systemd) {
        systemd.status("starting");
        systemd.status("starting");
        systemd.ready();
        systemd.status("ready");
        systemd.alive();
        systemd.stopping(ms(12_000));
        systemd.ready();
        systemd.status("two\nlines: \u{7f}");
    }

    const EVERYTHING: [&str; 5] = [
        "STATUS=starting",
        "READY=1\nSTATUS=ready",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=12500000",
        "STATUS=two lines:  ",
    ];

    #[test]
    fn a_socket_with_a_path_is_told_once_and_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        assert_eq!(heard(path.as_os_str(), told_everything), EVERYTHING);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn so_is_an_abstract_one() {
        let name = format!("@lifecycle-systemd-test-{}", std::process::id());
        assert_eq!(heard(OsStr::new(&name), told_everything), EVERYTHING);
    }

    #[test]
    fn a_socket_that_nobody_reads_does_not_keep_the_caller() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let _deaf = UnixDatagram::bind(&path).expect("bound");
        let systemd = Systemd::connect(path.as_os_str(), None).expect("connected");
        // More than any queue of datagrams holds; a send that waits gives up after 100 ms.
        let begun = std::time::Instant::now();
        while !systemd.lock().failed {
            systemd.alive();
        }
        assert!(begun.elapsed() < ms(10_000));
    }

    #[test]
    fn other_addresses_are_refused() {
        for name in ["notify", "vsock:2:1234", "./notify"] {
            assert!(address(OsStr::new(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn the_watchdog_is_for_the_process_it_names() {
        for (micros, pid, wanted) in [
            (Some("2000000"), None, Some(ms(2000))),
            (Some("2000000"), Some("7"), Some(ms(2000))),
            (Some("2000000"), Some("8"), None),
            (Some("2000000"), Some("x"), None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (None, Some("7"), None),
        ] {
            assert_eq!(watchdog(micros, pid, 7), wanted, "{micros:?} {pid:?}");
        }
    }
}
