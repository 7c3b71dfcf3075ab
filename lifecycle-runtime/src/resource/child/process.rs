//! One running program: waited for without losing sight of its group, and never left behind.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::group::{self, Listed, Target};
use crate::environment::OF_THIS_PROCESS;

/// How often a group without its leader is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A program that has been started; dropping it kills it, and its group if it leads one.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    listed: Listed,
    exit: oneshot::Receiver<()>,
    exited: bool,
    reaped: bool,
}

impl Process {
    /// Starts the program, as the leader of a group of its own if that is asked for.
    pub(crate) fn start(command: &mut Command, group: bool, owner: u64) -> io::Result<Self> {
        keep_own_environment(command);
        if group {
            command.process_group(0);
        }
        let (child, listed) = group::start(owner, || {
            let child = command.spawn()?;
            let target = child.id().and_then(|pid| Target::new(pid, group));
            // One that was started has a number.
            let target = target.ok_or_else(|| io::Error::other("a process without a number"))?;
            Ok((child, target))
        })?;
        let (said, exit) = oneshot::channel();
        let process = Self {
            child,
            listed,
            exit,
            exited: false,
            reaped: false,
        };
        // Without the thread the program is killed again, as the process is dropped.
        watch(process.target(), said)?;
        Ok(process)
    }

    pub(crate) fn target(&self) -> Target {
        self.listed.target
    }

    /// The pipes, where the command asked for some.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Resolves when the program has exited. It has not been reaped then, so its number is still its
    /// own and its group's, and its group may live on.
    pub(crate) async fn exited(&mut self) {
        if !self.exited {
            // The thread says it, or has ended.
            let _ = (&mut self.exit).await;
            self.exited = true;
        }
    }

    /// Resolves when the rest of the group has exited too.
    pub(crate) async fn group_gone(&self) {
        while self.target().has_others() {
            sleep(LOOK).await;
        }
    }

    /// Kills what is left of the group of a program that has exited, and gives the program's status.
    pub(crate) async fn reap(mut self) -> io::Result<ExitStatus> {
        self.target().signal_all(Signal::KILL);
        self.listed.unlist();
        let status = self.child.wait().await;
        self.reaped = true;
        status
    }
}

/// Has the program inherit nothing that was said to this process alone. What the command itself sets
/// stays.
fn keep_own_environment(command: &mut Command) {
    for own in OF_THIS_PROCESS {
        let mut said = command.as_std().get_envs();
        if !said.any(|(name, _)| name == own) {
            command.env_remove(own);
        }
    }
}

/// Waits for the exit on a thread of its own, without reaping.
///
/// A pidfd would do without the thread. It is Linux's alone, old kernels and some sandboxes refuse it,
/// and a program costs so much more than a thread that the difference is not seen.
fn watch(target: Target, said: oneshot::Sender<()>) -> io::Result<()> {
    let wait = move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(target.pid()), options).err() == Some(Errno::INTR) {}
        // Nobody may wait any more.
        let _ = said.send(());
    };
    std::thread::Builder::new()
        .name("lifecycle-child".to_owned())
        .stack_size(64 * 1024)
        .spawn(wait)?;
    Ok(())
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            self.target().signal_all(Signal::KILL);
        }
        self.listed.unlist();
        // tokio reaps a child that is dropped.
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn what_is_said_to_this_process_is_inherited_only_where_the_command_says_so() {
        let mut command = Command::new("sh");
        command
            .env("LIFECYCLE_REPORT", "/tmp/report")
            .env("COLOUR", "blue");
        // A program that is started again goes through it again.
        for _ in 0..2 {
            keep_own_environment(&mut command);
            let mut said: BTreeMap<_, _> = command.as_std().get_envs().collect();
            let mut take = |name: &str| said.remove(OsStr::new(name));
            assert_eq!(
                take("LIFECYCLE_REPORT"),
                Some(Some(OsStr::new("/tmp/report")))
            );
            assert_eq!(take("COLOUR"), Some(Some(OsStr::new("blue"))));
            for own in OF_THIS_PROCESS {
                if own != "LIFECYCLE_REPORT" {
                    assert_eq!(take(own), Some(None), "{own}");
                }
            }
            assert!(said.is_empty(), "nothing else is taken away: {said:?}");
        }
    }
}
