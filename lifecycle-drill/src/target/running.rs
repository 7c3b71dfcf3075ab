//! What is drilled, under way.

mod port;
mod start;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use lifecycle_manifest::platform::Signal as StopSignal;
use rustix::process::{Pid, Signal};

use super::container::Container;
use super::output::Output;
use super::proc;
use super::process::{End, Ended, number};
use super::signalled::Signalled;
use super::stopping::Stopping;
use super::unit::UnitUp;
use crate::guard::{Guard, LOWEST, kill};
use crate::script::{Load, Target};
use port::choose;

/// Between two looks at which sockets are open.
const LOOK: Duration = Duration::from_millis(20);
/// A program that opens one port opens its others about then.
const OTHERS: Duration = Duration::from_millis(150);

/// What is drilled, under way. Dropping it ends what the drill has started, on panics and early
/// returns too; its guard does so when the drill is killed.
pub(crate) struct Running {
    /// The process that the signal is for; 0 where an engine keeps it out of sight.
    pid: i32,
    end: End,
    output: Arc<Output>,
    /// The platform signals every process, not the first alone.
    everyone: bool,
    /// What stands between the drill and the process.
    through: Through,
    /// `None` when the drill has started nothing.
    guard: Option<Guard>,
}

/// What stands between the drill and the process.
enum Through {
    /// Nothing: it is a child of the drill's guard, or somebody else's.
    Nothing,
    Container(Container),
    Unit(UnitUp),
}

impl Running {
    /// Leaves the process little processor time: it has the lowest priority, and threads that want all
    /// there is stand beside it.
    ///
    /// Errors: the priority cannot be lowered; the drill has not started the process.
    pub(crate) fn starve(&mut self) -> anyhow::Result<()> {
        rustix::process::setpriority_pgrp(Pid::from_raw(self.pid), LOWEST)
            .context("could not lower the priority of the process")?;
        let guard = self.guard.as_mut();
        guard
            .context("only a process that the drill has started is starved")?
            .starve()
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.pid.cast_unsigned()
    }

    /// The drill has started it, and may end it whenever it likes: not a unit that ran before, whose
    /// guard only sees to it that it runs again.
    pub(crate) const fn is_own(&self) -> bool {
        self.guard.is_some() && !self.ran_before()
    }

    const fn ran_before(&self) -> bool {
        matches!(&self.through, Through::Unit(unit) if unit.was_active)
    }

    /// The last lines it wrote.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.output.last()
    }

    /// When it ended, once it has.
    pub(crate) fn over(&self) -> Option<Instant> {
        self.end.over()
    }

    /// Waits for its end, however it comes.
    pub(crate) async fn until_over(&self) -> Instant {
        self.end.until_over().await
    }

    /// Its end, once it is known how it came.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.end.told()
    }

    /// Waits for its end, and how it came.
    pub(crate) async fn end(&self) -> Ended {
        self.end.until_told().await
    }

    /// The live processes below it: all that have come of it, also those that have left its group.
    fn below(&self) -> Option<Vec<proc::Entry>> {
        match (&self.through, &self.guard) {
            // What systemd has started anew since is not what was drilled.
            (Through::Unit(unit), _) if unit.was_active && self.over().is_some() => {
                Some(Vec::new())
            }
            (Through::Unit(unit), _) => Some(unit.members()),
            // Who lost a parent is the guard's child.
            (Through::Nothing, Some(guard)) => {
                let mut all = proc::descendants(guard.id())?;
                all.retain(|entry| entry.pid != self.pid);
                Some(all)
            }
            // Its id may be another's by now.
            _ if self.over().is_some() => Some(Vec::new()),
            _ if self.pid > 0 => proc::descendants(self.pid),
            _ => None,
        }
    }

    /// Sends a signal: to the process alone, as kubelet and the others do to the container's first, or
    /// to everything below it too where the platform does that.
    pub(crate) fn signal(&self, signal: StopSignal) -> anyhow::Result<()> {
        if let Through::Container(container) = &self.through {
            return container.signal(signal.name());
        }
        let below = match self.everyone {
            true => self.below().unwrap_or_default(),
            false => Vec::new(),
        };
        self.send(number(signal))?;
        for entry in below {
            crate::guard::signal(entry, number(signal));
        }
        Ok(())
    }

    /// The same without holding up anybody where an engine has to be asked; the moment at which it went
    /// out.
    pub(crate) async fn signal_at(&self, signal: StopSignal) -> anyhow::Result<Instant> {
        let Through::Container(container) = &self.through else {
            let at = Instant::now();
            self.signal(signal)?;
            return Ok(at);
        };
        container.send(signal.name()).await?;
        // The engine's own time is none of the program's, which may have left meanwhile.
        let done = Instant::now();
        Ok(self.over().map_or(done, |over| over.min(done)))
    }

    /// Signals the first process and no later one of its id, unless its end has been seen.
    fn send(&self, signal: Signal) -> rustix::io::Result<()> {
        #[cfg(target_os = "linux")]
        if let Some(held) = self.end.held() {
            return match rustix::process::pidfd_send_signal(held, signal) {
                // It ended meanwhile.
                Err(rustix::io::Errno::SRCH) => Ok(()),
                sent => sent,
            };
        }
        match Pid::from_raw(self.pid) {
            Some(pid) if self.is_child() || self.over().is_none() => {
                rustix::process::kill_process(pid, signal)
            }
            _ => Ok(()),
        }
    }

    /// The guard's child, whose id is its own until the drill is over.
    pub(crate) const fn is_child(&self) -> bool {
        matches!((&self.through, &self.guard), (Through::Nothing, Some(_)))
    }

    /// Has the engine stop it, where that is what the target says: the drill then looks on.
    pub(crate) fn stop(&self) -> anyhow::Result<Option<Stopping>> {
        match &self.through {
            Through::Container(container) => container.stop(),
            Through::Unit(unit) => unit.stop(),
            Through::Nothing => Ok(None),
        }
    }

    /// The process and everything below it, as they are now; `None` where an engine keeps it out of
    /// sight.
    pub(crate) async fn look(&self, signal: StopSignal) -> anyhow::Result<Option<Signalled>> {
        let (pid, everyone) = (self.pid, self.everyone);
        // Process 0 is the parent of all: what is below it is the whole machine.
        if pid <= 0 {
            return Ok(None);
        }
        // Not on the drill's own threads, which have moments to keep.
        let look = move || Signalled::look(pid, number(signal).as_raw(), everyone);
        Ok(Some(tokio::task::spawn_blocking(look).await?))
    }

    /// Ends it and everything below it, as a container ends with its first process.
    pub(crate) async fn kill_at_once(&self) {
        match &self.through {
            Through::Container(_) if self.over().is_some() => {}
            Through::Container(container) => {
                let below = self.below().unwrap_or_default();
                // An error means that nothing is left to kill; what is left nevertheless, its guard removes.
                let _nothing_left = container.send("SIGKILL").await;
                below.into_iter().for_each(kill);
            }
            Through::Nothing | Through::Unit(_) => self.kill(),
        }
    }

    /// The same, of what no engine holds.
    pub(crate) fn kill(&self) {
        let below = self.below().unwrap_or_default();
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_child()) {
            let _nothing_left = rustix::process::kill_process_group(pid, Signal::KILL);
        } else {
            let _nothing_left = self.send(Signal::KILL);
        }
        for entry in below {
            kill(entry);
        }
    }

    /// Processes that came of it and are still alive beside it; `None` where the system does not tell,
    /// or an engine ends them.
    pub(crate) fn left_behind(&self) -> Option<usize> {
        match self.is_child() {
            true => Some(self.below()?.len()),
            false => None,
        }
    }

    /// Where it takes connections, itself or anything below it.
    pub(crate) fn listening(&self) -> Vec<proc::Listening> {
        let below = self.below().unwrap_or_default();
        let pids: Vec<i32> = std::iter::once(self.pid)
            .chain(below.iter().map(|entry| entry.pid))
            .collect();
        proc::listening(&pids)
    }

    /// The target with the addresses it really has. Where none is known, this waits until the program
    /// has opened a port; whoever calls it brings the bound.
    pub(crate) async fn located(&self, target: &Target) -> anyhow::Result<Target> {
        if let Through::Container(container) = &self.through {
            return container.located(target).await;
        }
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

    /// The load with the ports that it names where they really are.
    pub(crate) fn reached(&self, load: &Load) -> anyhow::Result<Load> {
        match &self.through {
            Through::Container(container) => container.reached(load),
            Through::Nothing | Through::Unit(_) => Ok(load.clone()),
        }
    }

    /// Ends and removes everything the drill has started; what could not be is told in sentences.
    pub(crate) fn close(&mut self) -> Vec<String> {
        self.guard.as_mut().map(Guard::close).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{Order, new_mark};
    use crate::target::process::{hold, status_of_another};

    /// A process as the main one of a unit.
    fn unit(child: &std::process::Child, was_active: bool) -> Running {
        let pid = i32::try_from(child.id()).unwrap();
        let (guard, _) = Guard::start(Order {
            mark: new_mark(),
            start: None,
            undo: Vec::new(),
        })
        .unwrap();
        Running {
            pid,
            end: End::watch(hold(pid), move || status_of_another(pid).into()).unwrap(),
            output: Arc::new(Output::default()),
            everyone: false,
            through: Through::Unit(UnitUp::told(pid, was_active)),
            guard: Some(guard),
        }
    }

    #[tokio::test]
    async fn a_unit_that_ran_before_is_not_the_drills_to_end() {
        let mut child = std::process::Command::new("sleep")
            .arg("300")
            .spawn()
            .unwrap();
        assert!(unit(&child, false).is_own());
        let before = unit(&child, true);
        assert!(!before.is_own());
        // What is sent is sent to this process and to none that has its id later.
        before.signal(StopSignal::Term).unwrap();
        before.until_over().await;
        assert!(!child.wait().unwrap().success());
        before.signal(StopSignal::Term).unwrap();
    }

    #[tokio::test]
    async fn what_an_engine_keeps_out_of_sight_is_not_looked_at() {
        let child = std::process::Command::new("true").spawn().unwrap();
        let mut hidden = unit(&child, false);
        hidden.pid = 0;
        assert_eq!(hidden.look(StopSignal::Term).await.unwrap(), None);
        child.wait_with_output().unwrap();
    }
}
