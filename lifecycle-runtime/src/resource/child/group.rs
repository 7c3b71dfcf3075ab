//! Whom a signal goes to, and the list of all who must not outlive this process.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long the end of the process waits for a program that is being started in that moment.
const STARTING: Duration = Duration::from_millis(100);

/// One program and, where it leads a group of its own, all that it has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    leader: Pid,
    group: bool,
}

impl Target {
    /// `None` for a number that no process can have.
    pub(crate) fn new(pid: u32, group: bool) -> Option<Self> {
        let leader = Pid::from_raw(i32::try_from(pid).ok()?)?;
        Some(Self { leader, group })
    }

    pub(crate) fn pid(self) -> Pid {
        self.leader
    }

    /// Sends the signal to the program alone. One that has exited is no error.
    pub(crate) fn signal(self, signal: Signal) {
        let _ = kill_process(self.leader, signal);
    }

    /// Sends the signal to the program and all of its group.
    pub(crate) fn signal_all(self, signal: Signal) {
        if self.group {
            let _ = kill_process_group(self.leader, signal);
        } else {
            self.signal(signal);
        }
    }

    /// Whether somebody of the group, other than its leader, still runs. Linux only; elsewhere nobody
    /// is seen.
    ///
    /// Asked while the leader has exited and has not been reaped, so that its number still is the
    /// group's. The answer is in `/proc/<pid>/stat`: after the name in parentheses come the state, the
    /// parent and the group (`proc_pid_stat(5)`). A zombie runs no more.
    pub(crate) fn has_others(self) -> bool {
        if !self.group {
            return false;
        }
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return false;
        };
        processes.flatten().any(|process| {
            let name = process.file_name();
            let pid = name.to_str().and_then(|name| name.parse::<i32>().ok());
            if pid.is_none_or(|pid| pid == self.leader.as_raw_nonzero().get()) {
                return false;
            }
            std::fs::read_to_string(process.path().join("stat"))
                .is_ok_and(|stat| runs_in(&stat, self.leader.as_raw_nonzero().get()))
        })
    }
}

/// Whether the process with this `/proc/<pid>/stat` runs, and in this group.
fn runs_in(stat: &str, group: i32) -> bool {
    let Some((_, fields)) = stat.rsplit_once(')') else {
        return false;
    };
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next().unwrap_or("Z");
    let its_group = fields.nth(1).and_then(|field| field.parse::<i32>().ok());
    !matches!(state, "Z" | "X") && its_group == Some(group)
}

/// All programs that have been started and not yet reaped.
static ALL: Mutex<All> = Mutex::new(All {
    next: 0,
    starting: 0,
    over: false,
    targets: BTreeMap::new(),
});

struct All {
    next: u64,
    /// Programs that are being started.
    starting: usize,
    /// The process ends: nobody is started any more.
    over: bool,
    /// With whom started them.
    targets: BTreeMap<u64, (u64, Target)>,
}

/// A number for one that starts programs.
pub(crate) fn owner() -> u64 {
    let mut all = all();
    all.next += 1;
    all.next
}

/// Starts a program, listed for as long as the returned entry lives.
pub(crate) fn start<T>(
    owner: u64,
    start: impl FnOnce() -> io::Result<(T, Target)>,
) -> io::Result<(T, Listed)> {
    {
        let mut all = all();
        if all.over {
            return Err(io::Error::other("the process ends"));
        }
        all.starting += 1;
    }
    let starting = Starting;
    // Not under the lock: a program on a file system that hangs takes for ever.
    let (program, target) = start()?;
    let mut all = all();
    // Under one lock with the entry: who finds nobody starting finds everyone on the list.
    starting.over(&mut all);
    all.next += 1;
    let id = all.next;
    all.targets.insert(id, (owner, target));
    if all.over {
        target.signal_all(Signal::KILL);
    }
    Ok((program, Listed { id, target }))
}

/// Counts a start until it has succeeded, failed or panicked.
struct Starting;

impl Starting {
    /// It has succeeded.
    fn over(self, all: &mut All) {
        all.starting -= 1;
        std::mem::forget(self);
    }
}

/// It has failed or panicked.
impl Drop for Starting {
    fn drop(&mut self) {
        all().starting -= 1;
    }
}

/// The entry of one program, for as long as its number is its own.
#[derive(Debug)]
pub(crate) struct Listed {
    id: u64,
    pub(crate) target: Target,
}

impl Listed {
    /// Takes it off the list: before it is reaped, since its number may be another's from then on, and
    /// after it was killed, since nobody else does so from now on.
    pub(crate) fn unlist(&self) {
        all().targets.remove(&self.id);
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.unlist();
    }
}

/// Kills all programs that `owner` has started.
pub(crate) fn kill_all_of(owner: u64) {
    for (_, target) in all().targets.values().filter(|(of, _)| *of == owner) {
        target.signal_all(Signal::KILL);
    }
}

/// The process ends now: kills all programs, and those that are being started in this moment.
pub(crate) fn kill_all() {
    let begun = Instant::now();
    loop {
        let mut all = all();
        all.over = true;
        for (_, target) in all.targets.values() {
            target.signal_all(Signal::KILL);
        }
        if all.starting == 0 || begun.elapsed() > STARTING {
            return;
        }
        drop(all);
        thread::sleep(Duration::from_millis(1));
    }
}

/// Nothing that waits or could panic runs under the lock.
fn all() -> MutexGuard<'static, All> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_process_is_read_by_what_comes_after_its_name() {
        for (stat, runs) in [
            ("17 (sh) S 1 12 12 0 -1", true),
            ("17 (a) R 1 99 (b) S 1 12 12 0", true),
            ("17 (sh) Z 1 12 12 0 -1", false),
            ("17 (sh) X 1 12 12 0 -1", false),
            ("17 (sh) S 12 13 12 0 -1", false),
            ("17 (sh) S 1", false),
            ("17 (sh", false),
            ("", false),
        ] {
            assert_eq!(runs_in(stat, 12), runs, "{stat}");
        }
    }

    #[test]
    fn who_is_off_the_list_is_not_killed_with_the_others() {
        let owner = owner();
        let sleep = || {
            start(owner, || {
                let child = std::process::Command::new("sleep").arg("300").spawn()?;
                let target = Target::new(child.id(), false);
                Ok((child, target.unwrap()))
            })
            .unwrap()
        };
        let (mut listed, _kept) = sleep();
        let (mut reaped, entry) = sleep();
        entry.unlist();
        kill_all_of(owner);
        assert!(!listed.wait().unwrap().success());
        // The signal to it would have come before that end was seen.
        assert_eq!(reaped.try_wait().unwrap(), None);
        reaped.kill().unwrap();
        reaped.wait().unwrap();
    }

    /// Between the two, the end of the process would leave it behind.
    #[test]
    fn a_program_is_listed_as_soon_as_it_is_started_no_more() {
        let owner = owner();
        // What is looked at is the list, so any number that no process has will do.
        let target = Target::new(i32::MAX.unsigned_abs(), false).unwrap();
        for _ in 0..200 {
            let started = AtomicBool::new(false);
            thread::scope(|scope| {
                let program = scope.spawn(|| {
                    start(owner, || {
                        started.store(true, Ordering::SeqCst);
                        Ok(((), target))
                    })
                });
                while !started.load(Ordering::SeqCst) {
                    std::hint::spin_loop();
                }
                loop {
                    let all = all();
                    if all.targets.values().any(|(of, _)| *of == owner) {
                        break;
                    }
                    assert!(all.starting > 0, "it is neither started nor listed");
                }
                drop(program.join().unwrap().unwrap());
            });
        }
    }

    #[test]
    fn no_process_has_number_zero_or_one_too_large() {
        assert_eq!(Target::new(0, true), None);
        assert_eq!(Target::new(u32::MAX, true), None);
        assert!(Target::new(1, false).is_some());
    }
}
