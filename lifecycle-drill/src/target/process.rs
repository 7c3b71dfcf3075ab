//! One process, in a group of its own, that never outlives the drill.
//!
//! The process is not reaped before the drill is done with it: until then neither its id nor its
//! group's can belong to anybody else, so every signal reaches the one it is meant for.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use lifecycle_manifest::contract;
use lifecycle_manifest::platform::Signal as StopSignal;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::Subject;
use super::output::Output;
use super::signalled::Signalled;
use crate::script::{Script, Target};
use crate::{Event, Progress};

/// Where the process leaves its own report.
const REPORT: &str = contract::REPORT;
/// Never inherited from the drill's own surroundings: only the script says what these are.
const OWN_VARIABLES: [&str; 4] = [
    contract::PLATFORM,
    contract::DIGEST,
    contract::GRACE,
    REPORT,
];
/// How long a process that was killed may take to be gone; more means it is stuck in the kernel.
const REAPING: Duration = Duration::from_secs(5);

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

/// A process under way. Dropping it kills its whole group and reaps it, on panics and early
/// returns too.
pub(crate) struct Running {
    child: Child,
    pid: Pid,
    ended: watch::Receiver<Option<Ended>>,
    output: Arc<Output>,
}

impl Running {
    /// Starts the target with the script's environment.
    pub(crate) fn start(
        target: &Target,
        script: &Script,
        report: &Path,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        let Subject::Command(words) = &target.subject;
        let (program, arguments) = words.split_first().context("no command to run")?;
        let mut command = Command::new(program);
        command.args(arguments).process_group(0);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(directory) = &target.directory {
            command.current_dir(directory);
        }
        for name in OWN_VARIABLES {
            command.env_remove(name);
        }
        command.envs(
            script
                .env
                .iter()
                .chain(&target.env)
                .map(|(name, value)| (name, value)),
        );
        command.env(REPORT, AsRef::<OsStr>::as_ref(report));

        let child = command
            .spawn()
            .with_context(|| format!("could not start `{program}`"))?;
        let pid = Pid::from_child(&child);
        let (report_end, ended) = watch::channel(None);
        let output = Arc::new(Output::default());
        // Built at once, so that a failure below still takes the process down with it.
        let mut running = Self {
            child,
            pid,
            ended,
            output,
        };
        if let Some(stdout) = running.child.stdout.take() {
            running.output.follow(stdout, progress)?;
        }
        if let Some(stderr) = running.child.stderr.take() {
            running.output.follow(stderr, progress)?;
        }
        // A thread of its own sees the end in the moment it happens, whatever the drill's runtime
        // is doing, and leaves the process unreaped.
        std::thread::Builder::new()
            .name("drill-wait".to_owned())
            .spawn(move || {
                let status = wait_unreaped(pid);
                report_end.send_replace(Some(Ended {
                    at: Instant::now(),
                    status,
                }));
            })?;
        progress(Event::Started { pid: running.id() });
        Ok(running)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The last lines it wrote.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.output.last()
    }

    /// Its end, once it has come.
    pub(crate) fn ended(&self) -> Option<Ended> {
        *self.ended.borrow()
    }

    /// Waits for its end, without reaping it.
    pub(crate) async fn end(&self) -> Ended {
        let mut ended = self.ended.clone();
        let seen = ended.wait_for(Option::is_some).await.map(|end| *end);
        match seen {
            Ok(Some(end)) => end,
            // The waiting thread is gone without a word: nothing is known but that it is over.
            _ => Ended {
                at: Instant::now(),
                status: Status::Unknown,
            },
        }
    }

    /// Sends a signal to the process alone, as kubelet and the others do to the container's first.
    pub(crate) fn signal(&self, signal: StopSignal) -> rustix::io::Result<()> {
        rustix::process::kill_process(self.pid, number(signal))
    }

    /// The process and everything below it, as they are now.
    pub(crate) fn look(&self, signal: StopSignal) -> Signalled {
        let pid = self.pid.as_raw_nonzero().get();
        Signalled::look(pid, number(signal).as_raw(), false)
    }

    /// Ends the process and everything in its group.
    pub(crate) fn kill(&self) {
        // An error means that nothing is left to kill.
        let _nothing_left = rustix::process::kill_process_group(self.pid, Signal::KILL);
    }

    /// Processes of the group that are still alive beside the one that was started; `None` where
    /// the system does not tell.
    pub(crate) fn left_behind(&self) -> Option<usize> {
        group_members(self.pid.as_raw_nonzero().get())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        let until = Instant::now() + REAPING;
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() > until {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Waits until the process has ended, and leaves it to be reaped.
fn wait_unreaped(pid: Pid) -> Status {
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

/// Counts the live members of a process group other than its leader.
fn group_members(group: i32) -> Option<usize> {
    let processes = std::fs::read_dir("/proc").ok()?;
    let members = processes.filter_map(Result::ok).filter(|entry| {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            return false;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The second field is the program's name in parentheses and may hold anything.
        let Some((_, rest)) = stat.rsplit_once(')') else {
            return false;
        };
        let mut fields = rest.split_whitespace();
        let state = fields.next();
        let group_id = fields.nth(1).and_then(|field| field.parse::<i32>().ok());
        pid != group && group_id == Some(group) && !matches!(state, Some("Z" | "X"))
    });
    Some(members.count())
}

/// The signal on this system.
const fn number(signal: StopSignal) -> Signal {
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
