//! PM2: `kill_timeout` in milliseconds, and SIGINT.
//!
//! Source: <https://github.com/Unitech/pm2> at 7.0.3, `constants.js`, `lib/God/Methods.js`,
//! `lib/God/Reload.js`, `lib/TreeKill.js`, `lib/API.js`. The signal goes to the program and to every
//! process below it, deepest first; what is left is looked at in steps, and killed at
//! `kill_timeout`. PM2 routes nothing itself: whatever is in front of the program connects to it
//! until it is told otherwise, or refused.

use std::time::Duration;

use super::{Common, Facts, Own, Signal, Terms, held, owed_settle};
use crate::figure::{Figure, Origin};
use crate::finding::{Finding, Place};
use crate::manifest::{Manifest, Written};
use crate::read::{OtherName, Table, Zero};
use crate::rules::shape;

pub(crate) static FACTS: Facts = Facts {
    key: "pm2",
    name: "PM2",
    nicknames: &[],
    // `KILL_TIMEOUT` in `constants.js`, unless the daemon's PM2_KILL_TIMEOUT says otherwise.
    default_grace: Duration::from_millis(1_600),
    // integer milliseconds.
    unit: Duration::from_millis(1),
    kill_floor: Duration::ZERO,
    runs_images: false,
    other_names: &[
        OtherName::milliseconds("kill_timeout", "grace_period"),
        OtherName::milliseconds("PM2_KILL_TIMEOUT", "grace_period"),
        OtherName::new("PM2_KILL_SIGNAL", "kill_signal"),
        OtherName::new("stop_signal", "kill_signal"),
        OtherName::new("exec", "script"),
    ],
};

/// How long a reload waits for the new process before it stops the old one all the same
/// (`GRACEFUL_LISTEN_TIMEOUT` in `constants.js`).
const DEFAULT_LISTEN_TIMEOUT: Duration = Duration::from_secs(3);

/// How many processes `pm2 kill` stops side by side, and `pm2-runtime` with it (`processIds` of
/// `lib/API.js`).
const SIDE_BY_SIDE: u32 = 10;

/// What `pm2-runtime` needs beside the program: the daemon is told, and ends after it.
const OUTER_MARGIN: Duration = Duration::from_secs(1);

/// The longest time that Node's timers hold, and `kill_timeout` with them: beyond it they fire after
/// a millisecond (<https://nodejs.org/api/timers.html#settimeoutcallback-delay-args>).
#[cfg(feature = "deployed")]
pub(crate) const LONGEST_TIMER: Duration = Duration::from_millis(2_147_483_647);

/// The endings of programs that PM2 hands to Node (or Bun): only those can be run in cluster mode
/// (`lib/API/interpreter.json`, `determineExecMode` of `lib/Common.js`).
const NODE_ENDINGS: [&str; 5] = ["js", "cjs", "mjs", "ts", "tsx"];

/// The endings of programs that PM2 knows another interpreter for (`lib/API/interpreter.json`).
const OTHER_ENDINGS: [&str; 6] = ["sh", "py", "rb", "php", "pl", "coffee"];

/// `platforms.pm2`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   pm2: { grace_period: 20s, script: shop.py, instances: 4, treekill: false }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let pm2 = platforms.iter().find_map(Platform::pm2).unwrap();
/// assert!(pm2.has_interpreter());
/// assert!(!pm2.treekill());
/// assert_eq!(pm2.instances.as_ref().map(|it| it.value), Some(4));
/// assert_eq!(pm2.listen_timeout().term(), "3s listen timeout");
/// ```
#[derive(Debug, Clone)]
pub struct Pm2 {
    /// The knobs that every platform has.
    pub common: Common,
    /// `kill_signal`: what the daemon's `PM2_KILL_SIGNAL` says; SIGINT when not written.
    pub kill_signal: Option<Written<Signal>>,
    /// `treekill`: the signal goes to every process below the program too; so when not written.
    pub treekill: Option<Written<bool>>,
    /// `kill_retry_time`: how often PM2 looks whether the program has gone.
    pub kill_retry_time: Option<Written<Duration>>,
    /// `shutdown_with_message`: a message in place of the signal.
    pub shutdown_with_message: Option<Written<bool>>,
    /// `wait_ready`: a new process counts once it has sent `ready`.
    pub wait_ready: Option<Written<bool>>,
    /// `listen_timeout`: how long a new process is waited for.
    pub listen_timeout: Option<Written<Duration>>,
    /// `start_time`: how long a new process needs until it is ready.
    pub start_time: Option<Written<Duration>>,
    /// `script`: the program.
    pub script: Option<Written<String>>,
    /// `args`: what the program is given.
    pub args: Vec<Written<String>>,
    /// `instances`: how many processes; 1 when not written.
    pub instances: Option<Written<u32>>,
    /// `exec_mode`.
    pub exec_mode: Option<Written<ExecMode>>,
    /// `outer`: the grace period of the container that `pm2-runtime` runs in.
    pub outer: Option<Written<Duration>>,
}

/// `exec_mode`: how PM2 starts a process.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::ExecMode;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   pm2: { grace_period: 20s, script: shop.js, exec_mode: cluster }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let pm2 = platforms.iter().find_map(Platform::pm2).unwrap();
/// assert_eq!(pm2.exec_mode(), ExecMode::Cluster);
/// assert_eq!(ExecMode::default().as_str(), "fork");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum ExecMode {
    /// A process of its own: any program.
    #[default]
    Fork,
    /// A worker of Node's cluster module, on a port that all workers share: Node programs only.
    Cluster,
}

impl ExecMode {
    /// The name in the manifest, and in PM2's files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Cluster => "cluster",
        }
    }
}

impl Pm2 {
    /// How often PM2 looks whether the program has gone when nothing is said (`KILL_RETRY_TIME` in
    /// `constants.js`).
    pub const USUAL_KILL_RETRY_TIME: Duration = Duration::from_millis(100);

    pub(super) fn read(common: Common, table: &mut Table<'_, '_>) -> Self {
        let modes = [ExecMode::Fork, ExecMode::Cluster].map(|mode| (mode.as_str(), mode));
        let read = Self {
            common,
            kill_signal: table.word("kill_signal", "a signal", Signal::WORDS),
            treekill: table.boolean("treekill"),
            kill_retry_time: table.duration("kill_retry_time", Zero::Refused),
            shutdown_with_message: table.boolean("shutdown_with_message"),
            wait_ready: table.boolean("wait_ready"),
            listen_timeout: table.duration("listen_timeout", Zero::Refused),
            start_time: table.duration("start_time", Zero::Refused),
            script: script(table),
            args: table.names("args").unwrap_or_default(),
            instances: table.number("instances", 1..=1_000),
            exec_mode: table.word("exec_mode", "a mode of PM2", &modes),
            outer: table.duration("outer", Zero::Refused),
        };
        if let Some(finding) = read.cluster_without_node() {
            table.push(finding);
        }
        read
    }

    /// Cluster mode loads the program as a module of Node's.
    fn cluster_without_node(&self) -> Option<Finding> {
        let mode = self.exec_mode.as_ref()?;
        if mode.value != ExecMode::Cluster || self.is_node() {
            return None;
        }
        let message = match &self.script {
            Some(script) => format!(
                "`exec_mode: cluster` runs programs of Node's, and `{}` is none by its name",
                script.value.chars().take(60).collect::<String>()
            ),
            None => "`exec_mode: cluster` runs programs of Node's only".to_owned(),
        };
        let place = Place::Value(mode.route.clone());
        let finding = Finding::new(&shape::OUT_OF_RANGE, message, place.clone());
        Some(finding.fix(
            "write `fork`, the mode of every other program",
            place,
            "fork",
        ))
    }

    /// It is a program of Node's (or Bun's), by its name.
    pub(crate) fn is_node(&self) -> bool {
        self.script.as_ref().is_some_and(|it| is_node(&it.value))
    }

    /// PM2 knows by the program's name what runs it. Otherwise it takes what it takes for text for a
    /// program of Node's.
    pub fn has_interpreter(&self) -> bool {
        let known = |ending| NODE_ENDINGS.contains(&ending) || OTHER_ENDINGS.contains(&ending);
        let script = self.script.as_ref();
        script.is_some_and(|it| ending(&it.value).is_some_and(known))
    }

    /// The mode, `fork` when not written.
    pub fn exec_mode(&self) -> ExecMode {
        self.exec_mode
            .as_ref()
            .map_or_else(ExecMode::default, |mode| mode.value)
    }

    /// The signal goes to every process below the program too.
    pub fn treekill(&self) -> bool {
        self.treekill.as_ref().is_none_or(|tree| tree.value)
    }

    /// How often PM2 looks whether the program has gone.
    pub fn kill_retry_time(&self) -> Figure {
        match &self.kill_retry_time {
            Some(written) => held(written, "polling step", FACTS.unit),
            None => default(Self::USUAL_KILL_RETRY_TIME, "polling step"),
        }
    }

    /// How long a new process is waited for.
    pub fn listen_timeout(&self) -> Figure {
        match &self.listen_timeout {
            Some(written) => held(written, "listen timeout", FACTS.unit),
            None => default(DEFAULT_LISTEN_TIMEOUT, "listen timeout"),
        }
    }

    /// How often the grace period passes, one after another, until `pm2-runtime` has stopped all
    /// processes.
    pub(crate) fn rounds(&self) -> u32 {
        let instances = self.instances.as_ref().map_or(1, |count| count.value);
        instances.div_ceil(SIDE_BY_SIDE)
    }

    /// What a container around `pm2-runtime` must give.
    pub(crate) fn outer_needed(&self, grace: Duration) -> Duration {
        grace * self.rounds() + OUTER_MARGIN
    }

    pub(super) fn terms(&self, manifest: &Manifest) -> Terms {
        Terms {
            signal: self
                .kill_signal
                .as_ref()
                .map_or(Signal::Int, |signal| signal.value),
            grace: self.grace(),
            cap: None,
            outside: None,
            hook: None,
            paid_before_signal: Duration::ZERO,
            // Nothing of PM2's routes; a settle time that the manifest writes is the program's.
            routing_lags: false,
            settle: owed_settle(manifest, false),
            sidecars: Vec::new(),
            after: Vec::new(),
        }
    }

    /// The grace period as PM2 holds it: 0 is no number to JavaScript's `||`, and counts as not
    /// written (`processIsDead` of `lib/God/Methods.js`).
    fn grace(&self) -> Figure {
        let mut grace = self.common.grace(&FACTS);
        let written = self.common.grace_period.as_ref();
        if let Some(written) = written.filter(|grace| grace.value.is_zero()) {
            grace.value = FACTS.default_grace;
            grace.origin = Origin::Unset {
                route: written.route.clone(),
                from: written.value,
                whose: FACTS.name,
            };
        }
        grace
    }
}

impl Own for Pm2 {
    fn signals_everyone(&self) -> bool {
        self.treekill()
    }

    fn written_signal(&self) -> Option<&Written<Signal>> {
        self.kill_signal.as_ref()
    }

    #[cfg(feature = "deployed")]
    fn forget_signal(&mut self) {
        self.kill_signal = None;
    }
}

/// PM2 hands a program with a space in its name to `bash -c` (`verifyConfs` of `lib/Common.js`), which
/// has its own way with what else stands there, and with signals.
fn script(table: &mut Table<'_, '_>) -> Option<Written<String>> {
    let script = table.text("script")?;
    if !script.value.contains(' ') {
        return Some(script);
    }
    let place = Place::Value(script.route);
    let message = "PM2 gives a `script` with a space in it to `bash -c`";
    let finding = Finding::new(&shape::OUT_OF_RANGE, message, place);
    table.push(finding.help(
        "write the program alone, and what it is given under `args`; PM2 starts nothing whose own path has a space",
    ));
    None
}

fn ending(script: &str) -> Option<&str> {
    let name = script.rsplit('/').next().unwrap_or(script);
    name.rsplit_once('.').map(|(_, ending)| ending)
}

/// A program of Node's (or Bun's), by its name.
pub(crate) fn is_node(script: &str) -> bool {
    ending(script).is_some_and(|it| NODE_ENDINGS.contains(&it))
}

fn default(value: Duration, label: &str) -> Figure {
    Figure::new(value, label, Origin::PlatformDefault(FACTS.name))
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "pm2",
    rename = "Pm2",
    description = "How the service stops under PM2."
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct Schema {
    #[schemars(flatten)]
    common: crate::schema::CommonSchema,
    /// The signal that the daemon sends: what its `PM2_KILL_SIGNAL` says. No ecosystem file can set it. `SIGINT` when not written.
    kill_signal: Option<Signal>,
    /// The signal goes to every process below the program too, deepest first; `true` when not written.
    treekill: Option<bool>,
    /// How often PM2 looks whether the program has gone; 100ms when not written.
    kill_retry_time: Option<crate::schema::DurationSchema>,
    /// The message `shutdown` on Node's channel, in place of the signal; `false` when not written.
    shutdown_with_message: Option<bool>,
    /// A new process counts as there once it has sent `ready` on Node's channel; `false` when not written.
    wait_ready: Option<bool>,
    /// How long a reload waits for the new process before it stops the old one all the same; 3s when not written.
    listen_timeout: Option<crate::schema::DurationSchema>,
    /// How long a new process needs until it is ready. Unset: nothing is compared with `listen_timeout`.
    start_time: Option<crate::schema::DurationSchema>,
    /// The program, as seen from the directory in which PM2 is started. Unset: one of the service's name in that directory.
    #[schemars(extend("examples" = ["./target/release/checkout-api"]))]
    script: Option<String>,
    /// What the program is given. Unset: nothing.
    #[schemars(extend("examples" = [["--port", "8080"]]))]
    args: Option<Vec<String>>,
    /// How many processes; 1 when not written.
    #[schemars(range(min = 1, max = 1000))]
    instances: Option<u32>,
    /// How PM2 starts them; `fork` when not written.
    exec_mode: Option<ExecMode>,
    /// The grace period of the container that `pm2-runtime` runs in. Unset: it runs in none.
    outer: Option<crate::schema::DurationSchema>,
}
