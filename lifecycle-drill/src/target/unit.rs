//! A systemd unit: started and stopped through `systemctl`, so that systemd itself is the platform.
//!
//! A unit that ran before the drill runs again after it, and one that did not is stopped, whatever
//! happens to the drill.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its name: `shop.service`, or `shop` for short.
    pub name: String,
    /// systemd plays the stop (`systemctl stop`), with what the unit says: `ExecStop=`, `KillSignal=`,
    /// `TimeoutStopSec=`. Otherwise its main process is signalled as by any other platform.
    pub stops_itself: bool,
}

/// What systemd says of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitProperties {
    /// It runs now.
    pub active: bool,
    /// `TimeoutStopSec=`; `None` for infinity.
    pub timeout_stop: Option<Duration>,
    /// `KillSignal=`, as a number.
    pub kill_signal: i32,
    /// `KillMode=`: `control-group`, `mixed`, `process`, `none`.
    pub kill_mode: String,
    /// It has an `ExecStop=`.
    pub exec_stop: bool,
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

impl Unit {
    /// Asks systemd about the unit.
    ///
    /// Errors: there is no systemd to ask, or it knows no such unit.
    pub fn properties(&self) -> anyhow::Result<UnitProperties> {
        let systemctl = Tool::new(&["systemctl"], &new_mark());
        let shown = show(&systemctl, &self.name)?;
        let get = |key: &str| shown.get(key).map_or("", String::as_str);
        ensure!(
            get("LoadState") == "loaded",
            "systemd has no unit `{}` ({})",
            self.name,
            get("LoadState")
        );
        Ok(UnitProperties {
            active: get("ActiveState") == "active",
            timeout_stop: span(get("TimeoutStopUSec")),
            kill_signal: get("KillSignal").parse().unwrap_or(15),
            kill_mode: get("KillMode").to_owned(),
            exec_stop: !get("ExecStop").is_empty(),
        })
    }
}

/// What `systemctl show` says, by property.
fn show(systemctl: &Tool, name: &str) -> anyhow::Result<HashMap<String, String>> {
    let shown = systemctl.now(&[
        "show",
        "--property=LoadState,ActiveState,SubState,MainPID,ControlGroup,TimeoutStopUSec,KillSignal,\
         KillMode,ExecStop,Result,ExecMainCode,ExecMainStatus,ExecMainExitTimestampMonotonic,\
         StateChangeTimestampMonotonic,ActiveExitTimestampMonotonic",
        "--",
        name,
    ])?;
    Ok(properties(&shown))
}

fn properties(shown: &str) -> HashMap<String, String> {
    shown
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// A time span as systemd prints it: `1min 30s`, `250ms`; `None` for infinity and what is no span.
fn span(text: &str) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    for part in text.split_whitespace() {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = part[..end].parse().ok()?;
        let unit = match &part[end..] {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return None,
        };
        sum += Duration::try_from_secs_f64(number * unit).ok()?;
    }
    (!text.is_empty()).then_some(sum)
}

/// The moment that systemd calls by this many microseconds of the monotonic clock.
fn moment(micros: &str) -> Option<Instant> {
    let then = Duration::from_micros(micros.parse().ok().filter(|micros| *micros > 0)?);
    let (now, clock) = (Instant::now(), clock_gettime(ClockId::Monotonic));
    let clock = Duration::new(
        u64::try_from(clock.tv_sec).ok()?,
        u32::try_from(clock.tv_nsec).ok()?,
    );
    now.checked_sub(clock.checked_sub(then)?)
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
    let undo = |unless: String, words: &[&str]| Undo {
        unless,
        command: systemctl.line(words),
        nothing_to_do: Vec::new(),
    };
    let undo = match active {
        true => vec![undo(
            format!("the unit {name}, which ran before the drill, could not be started again"),
            &["start", "--", name],
        )],
        false => vec![
            // Nothing may be left to signal.
            Undo {
                nothing_to_do: vec![String::new()],
                ..undo(String::new(), &["kill", "--signal=SIGKILL", "--", name])
            },
            undo(
                format!("the unit {name} could not be stopped"),
                &["stop", "--", name],
            ),
            // A unit that was killed is not to be remembered as one that failed.
            Undo {
                nothing_to_do: vec![String::new()],
                ..undo(String::new(), &["reset-failed", "--", name])
            },
        ],
    };
    let (guard, _) = Guard::start(Order {
        mark: mark.clone(),
        start: None,
        undo,
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

/// `ExecMainCode` is that of waitid(2): 1 exited, 2 killed, 3 dumped core.
fn status(code: &str, status: &str) -> Status {
    match (code, status.parse()) {
        ("1" | "exited", Ok(status)) => Status::Code(status),
        ("2" | "3" | "killed" | "dumped", Ok(status)) => Status::Signal(status),
        _ => Status::Unknown,
    }
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

/// A stop as systemd's states tell it.
#[derive(Default)]
struct Note {
    seen: Seen,
    /// The last look at which `ExecStop=` was still at work.
    stopping: Option<Instant>,
}

impl Note {
    /// Takes note of a look; true when the stop is over.
    fn read(&mut self, shown: &HashMap<String, String>) -> bool {
        let get = |key: &str| shown.get(key).map_or("", String::as_str);
        let since = || moment(get("StateChangeTimestampMonotonic")).unwrap_or_else(Instant::now);
        match get("SubState") {
            "stop" => self.stopping = Some(Instant::now()),
            "stop-sigterm" | "final-sigterm" => {
                self.seen.signalled.get_or_insert_with(since);
            }
            "stop-sigkill" | "final-sigkill" => {
                self.seen.killed.get_or_insert_with(since);
            }
            "dead" | "failed" => {
                // It went by between two looks: after the last at which the hook ran, or else at once.
                let at_once = || moment(get("ActiveExitTimestampMonotonic"));
                if self.seen.signalled.is_none() {
                    self.seen.signalled = self.stopping.or_else(at_once);
                }
                // What is killed is gone before the next look.
                if get("Result") == "timeout" {
                    let gone = || moment(get("ExecMainExitTimestampMonotonic"));
                    self.seen.killed = self.seen.killed.or_else(gone);
                }
                self.seen.over = true;
                return true;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_systemd_prints_them() {
        assert_eq!(span("1min 30s"), Some(Duration::from_secs(90)));
        assert_eq!(span("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(span("2.500s"), Some(Duration::from_millis(2_500)));
        assert_eq!(span("1h 5min"), Some(Duration::from_secs(3_900)));
        assert_eq!(span("infinity"), None);
        assert_eq!(span(""), None);
    }

    #[test]
    fn ends_are_read_as_systemd_notes_them() {
        assert_eq!(status("1", "3"), Status::Code(3));
        assert_eq!(status("2", "9"), Status::Signal(9));
        assert_eq!(status("0", "0"), Status::Unknown);
    }

    #[test]
    fn a_stop_is_read_from_its_states() {
        let shown = |state: &str, since: u64| {
            properties(&format!(
                "SubState={state}\nStateChangeTimestampMonotonic={since}\nActiveExitTimestampMonotonic=900000"
            ))
        };
        let mut note = Note::default();
        assert!(!note.read(&shown("stop", 1_000_000)));
        assert!(note.seen.signalled.is_none());
        assert!(!note.read(&shown("stop-sigterm", 2_000_000)));
        assert!(!note.read(&shown("stop-sigkill", 5_000_000)));
        let (signalled, killed) = (note.seen.signalled.unwrap(), note.seen.killed.unwrap());
        let between = killed.duration_since(signalled).as_millis();
        assert!((2_990..3_010).contains(&between), "{between}");
        assert!(note.read(&shown("failed", 5_100_000)));

        // Killed, and gone, between two looks.
        let mut note = Note::default();
        note.read(&shown("stop-sigterm", 2_000_000));
        let mut killed = shown("failed", 5_000_000);
        for (key, value) in [
            ("Result", "timeout"),
            ("ExecMainExitTimestampMonotonic", "4990000"),
        ] {
            killed.insert(key.to_owned(), value.to_owned());
        }
        assert!(note.read(&killed));
        assert_eq!(note.seen.killed.is_some(), moment("4990000").is_some());

        // Gone between two looks.
        let mut note = Note::default();
        assert!(note.read(&shown("dead", 1_000_000)));
        assert_eq!(note.seen.signalled.is_some(), moment("900000").is_some());
    }
}
