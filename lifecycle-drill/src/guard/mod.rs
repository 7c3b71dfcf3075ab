//! Whatever happens to a drill, nothing that it started stays: a process of its own sees to it.
//!
//! The guard is this same program, started again. It leads a session of its own, so that nothing
//! which reaches the drill through a terminal reaches it, and it is the parent of what is drilled.
//! It holds one end of a socket; the other is the drill's, and closes with it, however the drill
//! ends: of itself, by a panic, by SIGKILL. The guard then ends everything that descends from it,
//! removes what it was told that an engine holds, and leaves.
//!
//! It finds descendants that have left the process group or made themselves daemons, because it is
//! their reaper: who loses a parent becomes its child. What the drill started beside it, an engine's
//! command line for instance, carries a mark in its environment.
//!
//! When the guard itself is killed, the drill notices, cleans up by the mark and by what it knew, and
//! ends with an error. When both are killed in the same instant, nobody is left who could clean up.

mod burn;
mod order;
mod serve;
mod sweep;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};

use crate::target::proc;
use crate::target::process::Status;
pub(crate) use burn::LOWEST;
use order::{Further, Word};
pub(crate) use order::{Order, Start, Undo};
pub use serve::serve_if_asked;
pub(crate) use sweep::{kill, signal};

/// Set for the guard, and for nothing else.
const ASKED: &str = "LIFECYCLE_DRILL_GUARD";
/// Which drill a process belongs to; set for everything that a drill starts.
pub(crate) const MARK: &str = "LIFECYCLE_DRILL";
/// The same for commands that have an engine make something: they are let finish before it is undone.
pub(crate) const MAKING: &str = "LIFECYCLE_DRILL_MAKING";

/// How long the guard may take until it has started the process.
const STARTING: Duration = Duration::from_secs(20);
/// How long it may take to leave once it has nothing left to end.
const LEAVING: Duration = Duration::from_secs(60);

/// A guard at work. Dropping it ends everything that it guards.
pub(crate) struct Guard {
    child: Child,
    /// The drill's end of the socket; `None` once it was closed.
    line: Option<UnixStream>,
    order: Order,
    /// What it started, to be found again should the guard be killed.
    started: Option<proc::Entry>,
    /// Collects what it could not end or remove.
    listener: Option<JoinHandle<Vec<String>>>,
    /// How long it is waited for in the end.
    leaving: Duration,
}

/// What the guard has started: its id, how it ends, and its streams.
pub(crate) struct Begun {
    /// 0 when there was nothing to start.
    pub(crate) pid: i32,
    /// Yields once the process has ended; broken off when the guard was killed before that.
    pub(crate) status: mpsc::Receiver<Status>,
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) stderr: Option<ChildStderr>,
}

/// A mark that no other drill has.
pub(crate) fn new_mark() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count}-{:x}", std::process::id(), since.as_nanos())
}

impl Guard {
    /// Starts a guard, and has it start what the order says.
    ///
    /// Errors: the process cannot be started, in the system's words; or this program is one that
    /// does not call [`serve_if_asked`].
    pub(crate) fn start(order: Order) -> anyhow::Result<(Self, Begun)> {
        ensure!(
            std::env::var_os(ASKED).is_none(),
            "this process was started as a drill's guard, and is none: its main has to begin with \
             `lifecycle_drill::guard::serve_if_asked()`"
        );
        let (line, theirs) = UnixStream::pair().context("could not open the guard's socket")?;
        let mut command = Command::new(this_program()?);
        command.arg0("lifecycle-drill-guard");
        if cfg!(test) {
            command.args(["--exact", "tests::victim::stand_guard", "--nocapture"]);
        }
        let mut child = command
            .env(ASKED, "1")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("could not start the drill's guard")?;
        // Its end of the socket is held by the guard alone.
        drop(command);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let words = line
            .try_clone()
            .context("could not share the guard's socket")?;
        // From here on a failure takes the guard down with it.
        let mut guard = Self {
            child,
            line: Some(line),
            order,
            started: None,
            listener: None,
            leaving: LEAVING,
        };
        let mut words = BufReader::new(words);
        let pid = guard.begin(&mut words)?;
        let (tell, status) = mpsc::channel();
        let listener = std::thread::Builder::new()
            .name("drill-guard".to_owned())
            .spawn(move || listen(words, &tell))?;
        guard.listener = Some(listener);
        let begun = Begun {
            pid,
            status,
            stdout,
            stderr,
        };
        Ok((guard, begun))
    }

    fn begin(&mut self, words: &mut BufReader<UnixStream>) -> anyhow::Result<i32> {
        let order = serde_json::to_vec(&self.order)?;
        self.tell(order)?;
        let line = self.line.as_mut().context("the guard was let go")?;
        line.set_read_timeout(Some(STARTING))?;
        let mut word = String::new();
        words.read_line(&mut word).with_context(|| {
            format!(
                "the drill's guard did not start the process within {} s",
                STARTING.as_secs()
            )
        })?;
        line.set_read_timeout(None)?;
        match serde_json::from_str(&word) {
            Ok(Word::Started { pid }) => {
                self.started = proc::entry(pid);
                Ok(pid)
            }
            Ok(Word::Ready) => Ok(0),
            Ok(Word::Failed { error }) => bail!("{error}"),
            Ok(Word::Ended { .. } | Word::Left { .. }) | Err(_) => bail!(
                "the drill's guard ended before it had started the process, and said `{}`",
                word.trim()
            ),
        }
    }

    fn tell(&mut self, mut document: Vec<u8>) -> anyhow::Result<()> {
        document.push(b'\n');
        let line = self.line.as_mut().context("the guard was let go")?;
        line.write_all(&document)
            .context("the drill's guard does not listen")
    }

    /// Has it take processor time from the process that it has started.
    pub(crate) fn starve(&mut self) -> anyhow::Result<()> {
        self.tell(serde_json::to_vec(&Further::Starve)?)
    }

    /// Its process id: the root of everything that it guards.
    pub(crate) fn id(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Has it end and remove everything, and waits until that is done; what could not be ended or
    /// removed is told in sentences.
    pub(crate) fn close(&mut self) -> Vec<String> {
        let Some(line) = self.line.take() else {
            return Vec::new();
        };
        // The guard still has a last word to say; when it is gone already, there is nothing to close.
        let _gone = line.shutdown(std::net::Shutdown::Write);
        let mut troubles = Vec::new();
        match self.wait() {
            Some(status) if status.success() => {}
            Some(status) => {
                troubles.push(format!(
                    "the drill's guard was ended from outside ({status}); the drill cleaned up itself"
                ));
                let known = self.started;
                troubles.extend(sweep::sweep(
                    &self.order.mark,
                    None,
                    known,
                    &self.order.undo,
                ));
            }
            None => {
                troubles.push(format!(
                    "the drill's guard, process {}, is still at work after {} s",
                    self.child.id(),
                    self.leaving.as_secs()
                ));
                // Its end of the socket stays open, and nobody listens for longer.
                let _unheard = line.shutdown(std::net::Shutdown::Both);
            }
        }
        if let Some(Ok(left)) = self.listener.take().map(JoinHandle::join) {
            troubles.extend(left);
        }
        troubles
    }

    /// Waits for the guard to leave, with a bound.
    fn wait(&mut self) -> Option<std::process::ExitStatus> {
        let until = Instant::now() + self.leaving;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // On this way nobody listens any more: a panic, or an interrupted drill.
        for trouble in self.close() {
            eprintln!("{trouble}");
        }
    }
}

/// Listens to the guard to its end, and collects what it could not do.
fn listen(words: BufReader<UnixStream>, tell: &mpsc::Sender<Status>) -> Vec<String> {
    let mut left = Vec::new();
    for line in words.lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(Word::Ended { status }) => {
                // Nobody waits for it any more when the drill is being broken off.
                let _over = tell.send(status);
            }
            Ok(Word::Left { what }) => left.push(what),
            Ok(Word::Ready | Word::Started { .. } | Word::Failed { .. }) => {}
            Err(error) => left.push(format!("the drill's guard said `{line}`: {error}")),
        }
    }
    left
}

/// This very program, also when its file has been replaced meanwhile.
fn this_program() -> anyhow::Result<std::path::PathBuf> {
    let running = Path::new("/proc/self/exe");
    match running.exists() {
        true => Ok(running.to_owned()),
        false => std::env::current_exe().context("this program's own file is unknown"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use rustix::process::{Pid, Signal};

    use super::*;

    #[test]
    fn a_guard_that_does_not_leave_is_not_waited_for_without_a_limit() {
        let order = Order {
            mark: new_mark(),
            start: None,
            undo: Vec::new(),
        };
        let (mut guard, _) = Guard::start(order).unwrap();
        guard.leaving = Duration::from_secs(1);
        let process = Pid::from_raw(guard.id()).unwrap();
        rustix::process::kill_process(process, Signal::STOP).unwrap();
        let (tell, told) = mpsc::channel();
        let closing = std::thread::spawn(move || {
            tell.send(guard.close()).unwrap();
            guard
        });
        let troubles = told.recv_timeout(Duration::from_secs(20));
        // Stopped no longer, it finds that nobody listens, and leaves.
        rustix::process::kill_process(process, Signal::CONT).unwrap();
        closing.join().unwrap().child.wait().unwrap();
        let still = "is still at work after 1 s";
        assert!(
            troubles.as_ref().unwrap()[0].contains(still),
            "{troubles:?}"
        );
    }

    #[test]
    fn a_program_has_no_more_descriptors_than_without_a_drill() {
        let start = Start {
            command: ["sh", "-c", "ulimit -n"].map(str::to_owned).to_vec(),
            directory: None,
            without: Vec::new(),
            env: Vec::new(),
            descriptors: Some(777),
        };
        let order = Order {
            mark: new_mark(),
            start: Some(start),
            undo: Vec::new(),
        };
        let (mut guard, begun) = Guard::start(order).unwrap();
        let mut said = String::new();
        begun.stdout.unwrap().read_to_string(&mut said).unwrap();
        // The test harness of the guard speaks first.
        assert_eq!(said.lines().last(), Some("777"), "{said}");
        assert_eq!(guard.close(), [""; 0]);
    }
}
