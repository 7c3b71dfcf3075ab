//! What is drilled, under way.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use lifecycle_manifest::contract;
use lifecycle_manifest::platform::Signal as StopSignal;
use rustix::process::{Pid, Signal};
use tokio::sync::watch;

use super::Subject;
use super::output::Output;
use super::proc;
use super::process::{Ended, Status, hold, number, status_of_another, watch};
use super::signalled::Signalled;
use crate::guard::{Guard, Order, Start, kill, new_mark};
use crate::script::{Endpoint, Script, Target};
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
/// Between two looks at which sockets are open.
const LOOK: Duration = Duration::from_millis(20);
/// A program that opens one port opens its others about then.
const OTHERS: Duration = Duration::from_millis(150);

/// What is drilled, under way. Dropping it ends what the drill has started, on panics and early
/// returns too; its guard does so when the drill is killed.
pub(crate) struct Running {
    /// The process that the signal is for.
    pid: Pid,
    ended: watch::Receiver<Option<Ended>>,
    output: Arc<Output>,
    /// The platform signals every process, not the first alone.
    everyone: bool,
    /// `None` when the drill has started nothing.
    guard: Option<Guard>,
}

impl Running {
    /// Starts the target with the script's environment, or takes hold of what runs already.
    pub(crate) async fn start(
        target: &Target,
        script: &Script,
        report: &Path,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        let running = match &target.subject {
            Subject::Command(words) => Self::command(words, target, script, report, progress)?,
            Subject::Pid(pid) => Self::existing(*pid)?,
        };
        progress(Event::Started { pid: running.id() });
        Ok(running)
    }

    fn command(
        words: &[String],
        target: &Target,
        script: &Script,
        report: &Path,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        let report = report
            .to_str()
            .context("the directory for temporary files has a name that is not text")?;
        let env = script.env.iter().chain(&target.env).cloned();
        let order = Order {
            mark: new_mark(),
            start: Some(Start {
                command: words.to_vec(),
                directory: target.directory.clone(),
                without: OWN_VARIABLES.map(str::to_owned).to_vec(),
                env: env
                    .chain([(REPORT.to_owned(), report.to_owned())])
                    .collect(),
            }),
            undo: Vec::new(),
        };
        let (guard, begun) = Guard::start(order)?;
        let pid = Pid::from_raw(begun.pid).context("the process has no id")?;
        let output = Arc::new(Output::default());
        if let Some(stdout) = begun.stdout {
            output.follow(stdout, progress)?;
        }
        if let Some(stderr) = begun.stderr {
            output.follow(stderr, progress)?;
        }
        // Left unreaped by its guard, so that neither its id nor its group's can belong to anybody
        // else before the drill is over.
        let ended = watch(hold(begun.pid), move || {
            begun.status.recv().unwrap_or(Status::Unknown)
        })?;
        Ok(Self {
            pid,
            ended,
            output,
            everyone: script.signals_everyone,
            guard: Some(guard),
        })
    }

    /// A process that somebody else has started: it is signalled and watched, and before its signal
    /// never ended.
    fn existing(pid: u32) -> anyhow::Result<Self> {
        let raw = i32::try_from(pid).ok().filter(|pid| *pid > 1);
        let Some(pid) = raw.and_then(Pid::from_raw) else {
            bail!("{pid} is no process id that can be drilled");
        };
        let raw = pid.as_raw_nonzero().get();
        ensure!(
            raw.cast_unsigned() != std::process::id(),
            "process {raw} is this drill itself"
        );
        let held = hold(raw);
        let alive = proc::entry(raw).is_some_and(|entry| !entry.zombie);
        ensure!(alive, "there is no process {raw}");
        rustix::process::test_kill_process(pid)
            .with_context(|| format!("process {raw} may not be signalled by this user"))?;
        ensure!(
            held.is_some(),
            "this system cannot watch a process that is not the drill's own"
        );
        Ok(Self {
            pid,
            ended: watch(held, move || status_of_another(raw))?,
            output: Arc::new(Output::default()),
            everyone: false,
            guard: None,
        })
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.raw().cast_unsigned()
    }

    fn raw(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// The drill has started it, and may end it whenever it likes.
    pub(crate) const fn is_own(&self) -> bool {
        self.guard.is_some()
    }

    /// The last lines it wrote.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.output.last()
    }

    /// Its end, once it has come.
    pub(crate) fn ended(&self) -> Option<Ended> {
        *self.ended.borrow()
    }

    /// Waits for its end.
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

    /// The live processes below it: all that have come of it, also those that have left its group.
    fn below(&self) -> Option<Vec<proc::Entry>> {
        match &self.guard {
            // Who lost a parent is the guard's child.
            Some(guard) => {
                let mut all = proc::descendants(guard.id())?;
                all.retain(|entry| entry.pid != self.raw());
                Some(all)
            }
            // Its id may be another's by now.
            None if self.ended().is_some() => Some(Vec::new()),
            None => proc::descendants(self.raw()),
        }
    }

    /// Sends a signal: to the process alone, as kubelet and the others do to the container's first, or
    /// to everything below it too where the platform does that.
    pub(crate) fn signal(&self, signal: StopSignal) -> rustix::io::Result<()> {
        let below = match self.everyone {
            true => self.below().unwrap_or_default(),
            false => Vec::new(),
        };
        rustix::process::kill_process(self.pid, number(signal))?;
        for entry in below {
            if let Some(pid) = Pid::from_raw(entry.pid) {
                // One that ended meanwhile needs no signal.
                let _gone = rustix::process::kill_process(pid, number(signal));
            }
        }
        Ok(())
    }

    /// The process and everything below it, as they are now.
    pub(crate) async fn look(&self, signal: StopSignal) -> anyhow::Result<Signalled> {
        let (pid, everyone) = (self.raw(), self.everyone);
        // Not on the drill's own threads, which have moments to keep.
        let look = move || Signalled::look(pid, number(signal).as_raw(), everyone);
        Ok(tokio::task::spawn_blocking(look).await?)
    }

    /// Ends it and everything below it, as a container ends with its first process.
    pub(crate) fn kill(&self) {
        let below = self.below().unwrap_or_default();
        if self.guard.is_some() {
            // An error means that nothing is left to kill.
            let _nothing_left = rustix::process::kill_process_group(self.pid, Signal::KILL);
        } else if self.ended().is_none() {
            let _nothing_left = rustix::process::kill_process(self.pid, Signal::KILL);
        }
        for entry in below {
            kill(entry);
        }
    }

    /// Processes that came of it and are still alive beside it; `None` where the system does not tell.
    pub(crate) fn left_behind(&self) -> Option<usize> {
        self.guard.as_ref()?;
        Some(self.below()?.len())
    }

    /// Where it takes connections, itself or anything below it.
    pub(crate) fn listening(&self) -> Vec<proc::Listening> {
        let below = self.below().unwrap_or_default();
        let pids: Vec<i32> = std::iter::once(self.raw())
            .chain(below.iter().map(|entry| entry.pid))
            .collect();
        proc::listening(&pids)
    }

    /// The target with the addresses it really has. Where none is known, this waits until the program
    /// has opened a port; whoever calls it brings the bound.
    pub(crate) async fn located(&self, target: &Target) -> anyhow::Result<Target> {
        let mut located = target.clone();
        while located.base.is_none() && target.finds_port {
            if choose(&self.listening()).is_some() {
                tokio::time::sleep(OTHERS).await;
                located.base = choose(&self.listening());
            } else {
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(located)
    }

    /// Ends and removes everything the drill has started; what could not be is told in sentences.
    pub(crate) fn close(&mut self) -> Vec<String> {
        self.guard.as_mut().map(Guard::close).unwrap_or_default()
    }
}

/// Of several ports the one that is most likely for users: open to more than this machine before open
/// to it alone, as debuggers and metrics are; then the lowest.
fn choose(listening: &[proc::Listening]) -> Option<Endpoint> {
    let reachable = listening
        .iter()
        .filter(|it| it.address.is_unspecified() || it.address.is_loopback());
    let best = reachable.min_by_key(|it| (it.address.is_loopback(), it.port))?;
    // What is open to all addresses of version 6 takes version 4 as well, unless it was told otherwise.
    let only_six = best.address.is_ipv6() && best.address.is_loopback();
    Some(Endpoint::on_loopback(only_six, best.port, "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(all: &[&str]) -> Option<String> {
        let all: Vec<_> = all
            .iter()
            .map(|text| {
                let at: std::net::SocketAddr = text.parse().unwrap();
                proc::Listening {
                    address: at.ip(),
                    port: at.port(),
                }
            })
            .collect();
        choose(&all).map(|endpoint| endpoint.address().to_string())
    }

    #[test]
    fn the_port_for_users_is_chosen() {
        let chosen = |all: &[&str]| chosen(all).unwrap_or_default();
        assert_eq!(chosen(&["127.0.0.1:3000"]), "127.0.0.1:3000");
        // A debugger on this machine alone, the server, and its metrics.
        let all = ["127.0.0.1:229", "0.0.0.0:8080", "[::]:9090"];
        assert_eq!(chosen(&all), "127.0.0.1:8080");
        assert_eq!(chosen(&["[::1]:3000"]), "[::1]:3000");
        assert_eq!(chosen(&["[::]:3000"]), "127.0.0.1:3000");
        // An address of the network is none that a drill connects to.
        assert_eq!(chosen(&["10.0.0.7:80"]), "");
        assert_eq!(chosen(&[]), "");
    }
}
