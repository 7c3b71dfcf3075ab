//! A systemd unit: started and stopped through `systemctl`, so that systemd itself is the platform.
//!
//! A unit that ran before the drill runs again after it, and one that did not is stopped, whatever
//! happens to the drill.

mod note;
mod shown;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::sync::watch;

use note::Note;
pub use shown::UnitProperties;
use shown::{show, status};

use super::output::Output;
use super::proc;
use super::process::{End, Status, hold, status_of_another};
use super::stopping::{Seen, Stopping};
use super::tool::{Follower, Tool};
use crate::Progress;
use crate::guard::{Guard, Order, Undo, new_mark};

/// How long a unit may take to be started, beyond which systemd itself gives up.
const START: Duration = Duration::from_secs(120);
/// Between two looks at what systemd is doing.
const LOOK: Duration = Duration::from_millis(40);
/// How long systemd may take to note the end of the main process.
const NOTING: Duration = Duration::from_secs(3);

/// A unit of this machine's systemd.
///
/// ```
/// use lifecycle_drill::{Subject, Unit};
///
/// // `systemctl stop shop` plays the stop.
/// let unit = Unit { name: "shop".to_owned(), stops_itself: true };
/// assert_eq!(Subject::Unit(unit).words(), ["--unit", "shop"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its name: `shop.service`, or `shop` for short.
    pub name: String,
    /// systemd plays the stop (`systemctl stop`), with what the unit says: `ExecStop=`, `KillSignal=`,
    /// `TimeoutStopSec=`. Otherwise its main process is signalled as by any other platform.
    pub stops_itself: bool,
}

/// A unit under way.
pub(crate) struct UnitUp {
    systemctl: Tool,
    name: String,
    /// Its main process.
    pub(crate) pid: i32,
    /// Where its processes are listed.
    group: String,
    stops_itself: bool,
    /// It ran before the drill: it is not the drill's to end.
    pub(crate) was_active: bool,
    _journal: Option<Follower>,
}

/// What is known of a unit once it runs.
pub(crate) struct Started {
    pub(crate) unit: UnitUp,
    pub(crate) end: End,
    pub(crate) output: Arc<Output>,
    pub(crate) guard: Guard,
}

/// Starts a unit, or takes hold of it where it runs already.
pub(crate) async fn start(unit: &Unit, progress: &Progress) -> anyhow::Result<Started> {
    let active = {
        let unit = unit.clone();
        tokio::task::spawn_blocking(move || unit.properties())
            .await??
            .active
    };
    let mark = new_mark();
    let systemctl = Tool::new(&["systemctl"], &mark);
    let name = unit.name.as_str();
    let (guard, _) = Guard::start(Order {
        mark: mark.clone(),
        start: None,
        undo: undo(&systemctl, name, active),
    })?;
    let journal = Tool::new(&["journalctl"], &mark);
    let journal = journal.follow(&[
        "--follow",
        "--lines=0",
        "--output=cat",
        "--quiet",
        "--unit",
        name,
    ]);
    if !active {
        systemctl.make(START, &["start", "--", name]).await?;
    }

    let shown = {
        let (systemctl, name) = (systemctl.clone(), name.to_owned());
        tokio::task::spawn_blocking(move || show(&systemctl, &name)).await??
    };
    let pid: i32 = shown
        .get("MainPID")
        .and_then(|pid| pid.parse().ok())
        .unwrap_or(0);
    ensure!(
        pid > 0,
        "the unit {name} has no main process to watch (it is {}); a drill needs a service that stays",
        shown.get("SubState").map_or("gone", String::as_str)
    );
    let output = Arc::new(Output::default());
    // Without a journal there are no last lines, and nothing else is missed.
    let mut journal = journal.ok();
    if let Some(journal) = &mut journal {
        output.follow(journal.stdout()?, progress)?;
    }
    let held = hold(pid);
    ensure!(
        held.is_some(),
        "the main process {pid} of {name} is gone, or cannot be watched"
    );
    let end = End::watch(held, {
        let (systemctl, name) = (systemctl.clone(), name.to_owned());
        move || how_it_ended(&systemctl, &name, pid).into()
    })?;
    let unit = UnitUp {
        systemctl,
        name: name.to_owned(),
        pid,
        group: shown.get("ControlGroup").cloned().unwrap_or_default(),
        stops_itself: unit.stops_itself,
        was_active: active,
        _journal: journal,
    };
    Ok(Started {
        unit,
        end,
        output,
        guard,
    })
}

/// What puts the unit back as it was before the drill.
fn undo(systemctl: &Tool, name: &str, was_active: bool) -> Vec<Undo> {
    let run = |unless: String, words: &[&str]| Undo {
        unless,
        command: systemctl.line(words),
        nothing_to_do: Vec::new(),
    };
    match was_active {
        true => vec![run(
            format!("the unit {name}, which ran before the drill, could not be started again"),
            &["start", "--", name],
        )],
        false => vec![
            // Nothing may be left to signal.
            Undo {
                nothing_to_do: vec![String::new()],
                ..run(String::new(), &["kill", "--signal=SIGKILL", "--", name])
            },
            run(
                format!("the unit {name} could not be stopped"),
                &["stop", "--", name],
            ),
            // A unit that was killed is not to be remembered as one that failed.
            Undo {
                nothing_to_do: vec![String::new()],
                ..run(String::new(), &["reset-failed", "--", name])
            },
        ],
    }
}

/// What systemd noted of the end of its main process.
///
/// It forgets that with the unit, once it is inactive and nothing refers to it: one that is enabled is
/// referred to by its target. Then what the process itself shows before it is reaped has to do.
fn how_it_ended(systemctl: &Tool, name: &str, pid: i32) -> Status {
    let shown = status_of_another(pid);
    if shown != Status::Unknown {
        return shown;
    }
    let until = Instant::now() + NOTING;
    while Instant::now() < until {
        let Ok(shown) = show(systemctl, name) else {
            return Status::Unknown;
        };
        let get = |key: &str| shown.get(key).map_or("", String::as_str);
        if get("MainPID") != pid.to_string() {
            return status(get("ExecMainCode"), get("ExecMainStatus"));
        }
        std::thread::sleep(LOOK);
    }
    Status::Unknown
}

impl UnitUp {
    /// A unit that nobody has to ask systemd about.
    #[cfg(test)]
    pub(crate) fn told(pid: i32, was_active: bool) -> Self {
        Self {
            systemctl: Tool::new(&["false"], &new_mark()),
            name: String::new(),
            pid,
            group: String::new(),
            stops_itself: false,
            was_active,
            _journal: None,
        }
    }

    /// Every process of the unit, from its control group.
    pub(crate) fn members(&self) -> Vec<proc::Entry> {
        let list = [
            "/sys/fs/cgroup",
            "/sys/fs/cgroup/unified",
            "/sys/fs/cgroup/systemd",
        ]
        .iter()
        .find_map(|root| {
            std::fs::read_to_string(format!("{root}{}/cgroup.procs", self.group)).ok()
        });
        list.unwrap_or_default()
            .lines()
            .filter_map(|pid| proc::entry(pid.parse().ok()?))
            .filter(|entry| !entry.zombie && entry.pid != self.pid)
            .collect()
    }

    /// Has systemd stop it, where the drill was told to leave that to systemd.
    pub(crate) fn stop(&self) -> anyhow::Result<Option<Stopping>> {
        if !self.stops_itself {
            return Ok(None);
        }
        let (tell, seen) = watch::channel(Seen::default());
        let systemctl = self.systemctl.clone();
        let name = self.name.clone();
        let over = Arc::new(AtomicBool::new(false));
        let stop = self
            .systemctl
            .follow(&["stop", "--", &self.name])
            .context("systemd could not be asked to stop the unit")?;
        std::thread::Builder::new()
            .name("drill-systemd".to_owned())
            .spawn(move || {
                let mut note = Note::default();
                while !over.load(Ordering::Relaxed) && !tell.is_closed() {
                    let Ok(shown) = show(&systemctl, &name) else {
                        return;
                    };
                    let done = note.read(&shown);
                    tell.send_replace(note.seen);
                    if done {
                        return;
                    }
                    std::thread::sleep(LOOK);
                }
            })?;
        Ok(Some(Stopping {
            seen,
            _commands: vec![stop],
        }))
    }
}
