//! systemd services: `TimeoutStopSec=`, and the commands that run before its clock begins.
//!
//! Sources: `systemd.service(5)`, `systemd.kill(5)`, `systemd-system.conf(5)`, and systemd's
//! `src/core/service.c` and `src/core/load-fragment.c`. A stop runs each `ExecStop=` command on a
//! `TimeoutStopSec=` of its own; then `KillSignal=` begins a fresh one, SIGKILL ends it, and another
//! passes at most until the end is noticed.

use std::time::Duration;

use super::command::{self, Program};
use super::{Common, Facts, Own, Signal, Terms, owed_settle};
use crate::duration::LONGEST;
use crate::figure::{Figure, Origin};
use crate::finding::{Finding, Place};
use crate::manifest::{Manifest, Written};
use crate::read::{OtherName, Table, Zero};
use crate::rules::shape;
use crate::text::{Node, Route, Value};

pub(crate) static FACTS: Facts = Facts {
    key: "systemd",
    name: "systemd",
    nicknames: &[],
    // `DefaultTimeoutStopSec=`, systemd-system.conf(5); a distribution or a host may have another.
    default_grace: Duration::from_secs(90),
    // Time spans are held in microseconds (systemd.time(7)); a manifest has milliseconds.
    unit: Duration::from_millis(1),
    kill_floor: Duration::ZERO,
    runs_images: false,
    other_names: &[
        OtherName::seconds("TimeoutStopSec", "grace_period"),
        OtherName::seconds("timeout_stop_sec", "grace_period"),
        OtherName::seconds("TimeoutSec", "grace_period"),
        OtherName::new("ExecStart", "exec"),
        OtherName::new("exec_start", "exec"),
        OtherName::new("command", "exec"),
        OtherName::new("ExecStop", "exec_stop"),
        OtherName::new("KillMode", "kill_mode"),
        OtherName::new("KillSignal", "kill_signal"),
        OtherName::new("stop_signal", "kill_signal"),
        OtherName::new("Type", "type"),
        OtherName::new("User", "user"),
        OtherName::seconds("WatchdogSec", "watchdog"),
    ],
};

/// `platforms.systemd`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::{KillMode, ServiceType};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   systemd: { kill_mode: control-group, watchdog: 10s, socket: true }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let systemd = platforms.iter().find_map(Platform::systemd).unwrap();
/// assert_eq!(systemd.kill_mode(), KillMode::ControlGroup);
/// assert_eq!(systemd.service_type(), ServiceType::Notify);
/// assert_eq!(systemd.watchdog.as_ref().map(|it| it.value.as_secs()), Some(10));
/// assert!(systemd.has_socket());
/// ```
#[derive(Debug, Clone)]
pub struct Systemd {
    /// The knobs that every platform has.
    pub common: Common,
    /// `exec`: the program and its arguments; `/usr/local/bin/` and the service's name when not
    /// written.
    pub exec: Option<Program>,
    /// `user`; root when not written.
    pub user: Option<Written<String>>,
    /// `type`; notify when not written.
    pub service_type: Option<Written<ServiceType>>,
    /// `watchdog`: how long systemd waits for a sign of life; for ever when not written.
    pub watchdog: Option<Written<Duration>>,
    /// `kill_mode`; mixed when not written.
    pub kill_mode: Option<Written<KillMode>>,
    /// `kill_signal`; SIGTERM when not written.
    pub kill_signal: Option<Written<Signal>>,
    /// `exec_stop`: what runs before the signal, one after another.
    pub exec_stop: Vec<ExecStop>,
    /// `socket`: systemd listens, and hands the listeners over.
    pub socket: Option<Written<bool>>,
}

/// `type`: how systemd knows that the service is up.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::ServiceType;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   systemd: { type: exec }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let systemd = platforms.iter().find_map(Platform::systemd).unwrap();
/// assert_eq!(systemd.service_type(), ServiceType::Exec);
/// assert_eq!(ServiceType::default().as_str(), "notify");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum ServiceType {
    /// The program says so, by `sd_notify`. This runtime does, and asks for more time where its plan
    /// needs it.
    #[default]
    Notify,
    /// It is up once its program runs; systemd hears nothing of it.
    Exec,
    /// It is up at once, whether or not its program can be run.
    Simple,
}

impl ServiceType {
    /// As a unit file has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notify => "notify",
            Self::Exec => "exec",
            Self::Simple => "simple",
        }
    }
}

/// `kill_mode`: who is sent the signals of a stop (`systemd.kill(5)`).
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::KillMode;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   systemd: { kill_mode: control-group }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let systemd = platforms.iter().find_map(Platform::systemd).unwrap();
/// assert_eq!(systemd.kill_mode(), KillMode::ControlGroup);
/// assert_eq!(systemd.kill_mode().as_str(), "control-group");
/// assert_eq!(KillMode::default(), KillMode::Mixed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum KillMode {
    /// SIGTERM goes to the program, SIGKILL to all that is left of the service.
    #[default]
    Mixed,
    /// All processes of the service get SIGTERM at the same time, and SIGKILL at the end: systemd's own
    /// default.
    ControlGroup,
    /// Only the program is signalled and killed; its children live on.
    Process,
    /// Nobody is signalled and nobody killed.
    None,
}

impl KillMode {
    /// As a unit file has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::ControlGroup => "control-group",
            Self::Process => "process",
            Self::None => "none",
        }
    }

    /// Every mode, for reading.
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("mixed", Self::Mixed),
        ("control-group", Self::ControlGroup),
        ("process", Self::Process),
        ("none", Self::None),
    ];

    /// What the service started is still there when systemd has done.
    pub(crate) const fn leaves_children(self) -> bool {
        matches!(self, Self::Process | Self::None)
    }
}

/// One of `exec_stop`.
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
///   systemd: { exec_stop: [2500ms, { command: [/usr/local/bin/leave, --now], timeout: 5s }] }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let systemd = platforms.iter().find_map(Platform::systemd).unwrap();
/// let [sleep, leave] = systemd.exec_stop.as_slice() else { panic!("two commands") };
/// assert_eq!(sleep.words(), ["/bin/sleep", "2.5"]);
/// assert_eq!(leave.words(), ["/usr/local/bin/leave", "--now"]);
/// assert_eq!(leave.timeout().value.as_secs(), 5);
/// ```
#[derive(Debug, Clone)]
pub enum ExecStop {
    /// Nothing but time passes, for those who send requests to notice.
    Sleep(Written<Duration>),
    /// A command, and how long it takes at most.
    Command {
        /// The program and its arguments, no shell implied.
        command: Program,
        /// How long it takes; systemd bounds it by `TimeoutStopSec=` alone.
        timeout: Written<Duration>,
    },
}

impl ExecStop {
    /// How long it takes at most.
    pub fn timeout(&self) -> &Written<Duration> {
        match self {
            Self::Sleep(time) | Self::Command { timeout: time, .. } => time,
        }
    }

    /// The command that is run.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Sleep(time) => vec![SLEEP.to_owned(), seconds(time.value)],
            Self::Command { command, .. } => command.words().map(str::to_owned).collect(),
        }
    }
}

/// A duration in seconds as coreutils read it: `5`, `1.5`.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::platform::seconds;
/// assert_eq!(seconds(Duration::from_secs(5)), "5");
/// assert_eq!(seconds(Duration::from_millis(1_500)), "1.5");
/// assert_eq!(seconds(Duration::from_millis(50)), "0.05");
/// ```
pub fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match duration.subsec_millis() {
        0 => seconds.to_string(),
        millis => format!("{seconds}.{millis:03}")
            .trim_end_matches('0')
            .to_owned(),
    }
}

/// What passes the time of an `exec_stop` that is a duration (coreutils; takes fractions).
pub(crate) const SLEEP: &str = "/bin/sleep";

impl Systemd {
    pub(super) fn read(common: Common, table: &mut Table<'_, '_>) -> Self {
        let types = [
            ("notify", ServiceType::Notify),
            ("exec", ServiceType::Exec),
            ("simple", ServiceType::Simple),
        ];
        Self {
            common,
            exec: command::read(table, "exec", command::Path::Absolute),
            user: user(table),
            service_type: table.word("type", "a type of service", &types),
            watchdog: table.duration("watchdog", Zero::Refused),
            kill_mode: table.word("kill_mode", "a kill mode", KillMode::WORDS),
            kill_signal: table.word("kill_signal", "a signal", Signal::WORDS),
            exec_stop: exec_stop(table),
            socket: table.boolean("socket"),
        }
    }

    /// How systemd knows that the service is up; notify when not written.
    pub fn service_type(&self) -> ServiceType {
        let written = self.service_type.as_ref();
        written.map_or_else(ServiceType::default, |written| written.value)
    }

    /// Who is sent the signals; mixed when not written.
    pub fn kill_mode(&self) -> KillMode {
        let written = self.kill_mode.as_ref();
        written.map_or_else(KillMode::default, |written| written.value)
    }

    /// systemd listens for it.
    pub fn has_socket(&self) -> bool {
        self.socket.as_ref().is_some_and(|socket| socket.value)
    }

    pub(super) fn terms(&self, manifest: &Manifest) -> Terms {
        // The socket stays open with systemd: who comes while the service stops waits for the next one.
        let routing_lags = !self.has_socket();
        let slept = self.exec_stop.iter().filter_map(|it| match it {
            ExecStop::Sleep(time) => Some(time.value),
            // It may take its whole time and may return at once: it pays for nothing.
            ExecStop::Command { .. } => None,
        });
        Terms {
            signal: self
                .kill_signal
                .as_ref()
                .map_or(Signal::Term, |signal| signal.value),
            grace: self.grace(),
            cap: None,
            paid_before_signal: slept.sum(),
            outside: self.outside(),
            hook: None,
            routing_lags,
            settle: owed_settle(manifest, routing_lags),
            sidecars: Vec::new(),
            after: Vec::new(),
        }
    }

    /// The commands before the signal, each on its own clock.
    fn outside(&self) -> Option<Figure> {
        let total = self.exec_stop.iter().map(|it| it.timeout().value).sum();
        match self.exec_stop.as_slice() {
            [] => None,
            [only] => Some(Figure::new(
                total,
                "ExecStop",
                Origin::Written(only.timeout().route.clone()),
            )),
            _ => Some(Figure::new(
                total,
                "ExecStop",
                Origin::Derived("the sum of `exec_stop`"),
            )),
        }
    }

    /// The grace period; systemd takes 0 for no limit (`src/core/load-fragment.c`,
    /// `config_parse_service_timeout`).
    fn grace(&self) -> Figure {
        let mut grace = self.common.grace(&FACTS);
        let written = self.common.grace_period.as_ref();
        if let Some(written) = written.filter(|grace| grace.value.is_zero()) {
            grace.value = LONGEST;
            grace.origin = Origin::Endless {
                route: written.route.clone(),
                from: written.value,
                whose: FACTS.name,
            };
        }
        grace
    }
}

impl Own for Systemd {
    fn signals_everyone(&self) -> bool {
        self.kill_mode() == KillMode::ControlGroup
    }

    fn written_signal(&self) -> Option<&Written<Signal>> {
        self.kill_signal.as_ref()
    }

    #[cfg(feature = "deployed")]
    fn forget_signal(&mut self) {
        self.kill_signal = None;
    }
}

/// A user's name, or a number: what systemd takes (`systemd.exec(5)`, "User/Group Name Syntax").
fn user(table: &mut Table<'_, '_>) -> Option<Written<String>> {
    let user = table.text("user")?;
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_number = user.value.chars().all(|c| c.is_ascii_digit());
    let is_name = user.value.starts_with(begins) && user.value.chars().all(known);
    if !user.value.is_empty() && user.value.len() <= LONGEST_USER && (is_number || is_name) {
        return Some(user);
    }
    let message = format!("`{}` takes the name or the number of a user", user.route);
    let finding = Finding::new(&shape::OUT_OF_RANGE, message, Place::Value(user.route));
    table.push(finding.help("a name has letters, digits, `_` and `-`, at most 31 of them"));
    None
}

/// The longest name of a user.
const LONGEST_USER: usize = 31;

/// A duration, or a list of durations and commands.
fn exec_stop(table: &mut Table<'_, '_>) -> Vec<ExecStop> {
    let Some(entry) = table.entry("exec_stop") else {
        return Vec::new();
    };
    let route = table.route().key("exec_stop");
    let Value::Sequence(items) = &entry.value.value else {
        return one_exec_stop(table, &entry.value, route)
            .into_iter()
            .collect();
    };
    let items = items.iter().enumerate();
    items
        .filter_map(|(at, item)| one_exec_stop(table, item, route.index(at)))
        .collect()
}

fn one_exec_stop(table: &mut Table<'_, '_>, node: &Node, route: Route) -> Option<ExecStop> {
    if !matches!(node.value, Value::Mapping(_)) {
        return table
            .duration_of(node, route, Zero::Refused)
            .map(ExecStop::Sleep);
    }
    let mut table = Table::new(node, route, table.findings())?;
    let command = command::read(&mut table, "command", command::Path::Absolute);
    let timeout = table.duration("timeout", Zero::Refused);
    for (key, help) in [
        (
            "command",
            "add `command: [/PROGRAM, ARGUMENT]`, or write a duration for a sleep",
        ),
        (
            "timeout",
            "add `timeout:`: systemd bounds each command by a whole grace period, and by nothing else",
        ),
    ] {
        if node.entry(key).is_none() {
            table.missing(key, help);
        }
    }
    table.finish();
    Some(ExecStop::Command {
        command: command?,
        timeout: timeout?,
    })
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "systemd",
    rename = "Systemd",
    description = "How the service stops as a service of systemd."
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct Schema {
    #[schemars(flatten)]
    common: crate::schema::CommonSchema,
    /// The program and its arguments, no shell implied (`ExecStart=`). Unset: `/usr/local/bin/` and the service's name.
    #[schemars(extend("examples" = [["/usr/local/bin/shop", "--port", "8080"]]))]
    exec: Option<super::command::Schema>,
    /// Who runs it. Unset: root.
    #[schemars(extend("examples" = ["shop"]))]
    user: Option<String>,
    /// How systemd knows that the service is up; `notify` when not written: the program says so, as this runtime does.
    #[schemars(rename = "type")]
    service_type: Option<ServiceType>,
    /// How long systemd waits for a sign of life before it ends the service and starts it again (`WatchdogSec=`). Unset: for ever.
    watchdog: Option<crate::schema::DurationSchema>,
    /// Who is sent the signals of a stop; `mixed` when not written.
    kill_mode: Option<KillMode>,
    /// What asks the program to stop; `SIGTERM` when not written.
    kill_signal: Option<Signal>,
    /// What runs before the signal, one after another, each on a clock of its own outside of the grace period. Unset: nothing.
    #[schemars(extend("examples" = ["5s", [{ "command": ["/usr/local/bin/deregister"], "timeout": "5s" }]]))]
    exec_stop: Option<ExecStopsSchema>,
    /// systemd listens, and hands the listeners over: a restart loses no connection. `false` when not written.
    socket: Option<bool>,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(untagged, rename = "ExecStops")]
#[allow(dead_code, reason = "only its shape is read")]
enum ExecStopsSchema {
    /// A sleep.
    Sleep(crate::schema::DurationSchema),
    /// One command.
    #[schemars(title = "command")]
    One(CommandSchema),
    /// Several, one after another.
    Several(Vec<ExecStopSchema>),
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(untagged, rename = "ExecStop")]
#[allow(dead_code, reason = "only its shape is read")]
enum ExecStopSchema {
    /// A sleep.
    Sleep(crate::schema::DurationSchema),
    /// A command.
    #[schemars(title = "command")]
    Command(CommandSchema),
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, rename = "ExecStopCommand")]
#[allow(dead_code, reason = "only its shape is read")]
struct CommandSchema {
    /// The program and its arguments; no shell is implied.
    command: super::command::Schema,
    /// How long it takes at most; systemd bounds it by a grace period of its own.
    timeout: crate::schema::DurationSchema,
}
