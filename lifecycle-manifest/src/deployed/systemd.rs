//! Units of systemd: service files and their drop-ins, and what `systemctl cat` and `systemctl show`
//! print of them.
//!
//! A drop-in that stands in a file of its own is a workload of its own, which says nothing but what is
//! written in it. [`join`] then takes what it overrides away from the unit and from earlier drop-ins:
//! each setting is looked at where it holds.

use std::time::Duration;

use super::hook::at_most;
use super::pair::Setting;
use super::read::At;
use super::reader::{Reader, own_grace};
use super::syntax::unit::{ENDINGS, ID, amended};
use super::unit::{Command, Expands, TimeSpan, commands, show_time_span, time_span, words};
use super::{Container, Deployed, Odd, Variable, Workload};
use crate::manifest::Written;
use crate::platform::systemd::FACTS;
use crate::text::{Route, Value};

pub(super) static READER: Reader = Reader {
    platform: "systemd",
    generate: "lifecycle gen systemd",
    grace_key: GRACE,
    write_grace: |grace| format!("{GRACE}={}", show_time_span(grace)),
    object,
    grace,
};

const GRACE: &str = "TimeoutStopSec";

/// The kind of a workload that is a drop-in alone.
const DROP_IN: &str = "drop-in";

/// What a unit says beside what every program's deployment says.
#[derive(Debug, Clone)]
pub struct UnitFile {
    /// Where its keys stand: the section `[Service]`.
    pub section: Route,
    /// It amends a unit that may be in another file.
    pub is_drop_in: bool,
    /// `TimeoutStopSec=` or `TimeoutSec=`, where it is no limit at all.
    pub endless: Option<Written<String>>,
    /// `KillMode=`.
    pub kill_mode: Option<Written<String>>,
    /// `SendSIGKILL=`, where it says no.
    pub never_kills: Option<Written<String>>,
    /// `Type=`.
    pub service_type: Option<Written<String>>,
    /// `NotifyAccess=`.
    pub notify_access: Option<Written<String>>,
    /// `WatchdogSec=`.
    pub watchdog: Option<Written<Duration>>,
    /// `User=`.
    pub user: Option<Written<String>>,
    /// What runs before the signal, with how long each takes at most where its text can tell.
    pub exec_stop: Vec<(Written<String>, Command, Option<Duration>)>,
    /// An empty `ExecStop=` takes away what stands in the unit itself.
    resets_exec_stop: bool,
    /// There is an `EnvironmentFile=`: there are variables that nobody sees here.
    pub has_environment_file: bool,
    /// Keys that systemd does not read where they stand: the section and the key.
    pub misplaced: Vec<(String, Route)>,
}

impl UnitFile {
    /// systemd hears what the program says of itself.
    pub fn hears_the_program(&self) -> bool {
        let is = |value: &Option<Written<String>>, words: &[&str]| {
            let value = value.as_ref();
            value.is_some_and(|it| words.contains(&it.value.as_str()))
        };
        is(&self.service_type, &["notify", "notify-reload"])
            || is(&self.notify_access, &["main", "exec", "all"])
            || self.watchdog.is_some() && !is(&self.notify_access, &["none"])
    }
}

fn object(at: &At<'_>, deployed: &mut Deployed) -> bool {
    let Value::Mapping(_) = &at.node.value else {
        return false;
    };
    let id = at.text(ID);
    let of_unit = |name: &str| name.ends_with(".service") || name.ends_with(".socket");
    let is_shown = id.as_ref().is_some_and(|id| of_unit(&id.value)) && at.get("Service").is_none();
    let is_unit = ENDINGS.iter().any(|ending| deployed.name.ends_with(ending))
        || id.as_ref().is_some_and(|id| id.value.starts_with('/'))
        || is_shown;
    if !is_unit && !is_bare_unit(at) {
        return false;
    }
    let path = id
        .as_ref()
        .map_or(deployed.name.as_str(), |id| id.value.as_str());
    let file = path.rsplit('/').next().unwrap_or(path);
    let (unit, is_drop_in) = match amended(path) {
        Some(unit) => (unit, true),
        // Standard input without a path above it.
        None if !of_unit(file) => ("", false),
        None => (file, false),
    };
    let Some(name) = unit
        .strip_suffix(".service")
        .or((unit.is_empty()).then_some(""))
    else {
        // A socket, or what holds for every service: nothing in it says how the program stops.
        return true;
    };
    // A template's instances are one.
    let name = name.split('@').next().unwrap_or(name).to_owned();
    let name_route = id.map_or_else(|| at.route.key("Service"), |id| id.route);
    let service = match at.get("Service") {
        Some(service) => service,
        None if is_shown => at.clone(),
        None => return true,
    };
    let kind = if is_drop_in { DROP_IN } else { "unit" };
    let mut workload = Workload::at("systemd", kind, at.route.clone());
    workload.spec = service.route.clone();
    let name = Written {
        value: name,
        route: name_route,
    };
    workload.name = (!name.value.is_empty()).then(|| name.clone());
    let mut container = container(&service, is_drop_in, is_shown, &mut deployed.odd);
    container.name = Some(name);
    if let Some(unit) = &mut container.unit {
        unit.misplaced = misplaced(at);
    }
    workload.containers.push(container);
    deployed.workloads.push(workload);
    true
}

/// What is piped in: sections and no name.
fn is_bare_unit(at: &At<'_>) -> bool {
    let Some(service) = at.get("Service") else {
        return false;
    };
    let Value::Mapping(keys) = &service.node.value else {
        return false;
    };
    keys.iter()
        .all(|key| matches!(key.value.value, Value::Sequence(_)))
}

/// The settings of `[Service]`, or the properties of `systemctl show`.
fn container(service: &At<'_>, is_drop_in: bool, is_shown: bool, odd: &mut Vec<Odd>) -> Container {
    let settings = Settings { at: service };
    let mut container = Container::at(service.route.clone());
    let mut unit = UnitFile {
        section: service.route.clone(),
        is_drop_in,
        endless: None,
        kill_mode: settings.last("KillMode"),
        never_kills: settings
            .last("SendSIGKILL")
            .filter(|it| ["no", "false", "off", "0", "n", "f"].contains(&it.value.as_str())),
        service_type: settings.last("Type"),
        notify_access: settings.last("NotifyAccess"),
        watchdog: None,
        user: settings.last("User"),
        exec_stop: Vec::new(),
        resets_exec_stop: false,
        has_environment_file: !settings.list("EnvironmentFile").is_empty(),
        misplaced: Vec::new(),
    };
    container.stop_signal = settings.last("KillSignal").map(|it| it.map(signal));
    let mut span = |keys: &[&str]| {
        let written = keys.iter().find_map(|key| settings.last(key))?;
        match time_span(&written.value) {
            Some(span) => Some(written.map(|text| (text, span))),
            None => {
                odd.push(Odd {
                    route: written.route,
                    expected: "a time span, such as `45s`",
                    meant: None,
                });
                None
            }
        }
    };
    // The later of the two holds, and people write one.
    let grace: &[&str] = match is_shown {
        true => &["TimeoutStopUSec"],
        false => &[GRACE, "TimeoutSec"],
    };
    if let Some(grace) = span(grace) {
        match grace.value.1 {
            TimeSpan::Finite(time) if !time.is_zero() => {
                container.grace = Some(grace.map(|_| time));
            }
            _ => unit.endless = Some(grace.map(|(text, _)| text)),
        }
    }
    let watchdog = if is_shown {
        "WatchdogUSec"
    } else {
        "WatchdogSec"
    };
    if let Some(watchdog) = span(&[watchdog])
        && let TimeSpan::Finite(time) = watchdog.value.1
        && !time.is_zero()
    {
        unit.watchdog = Some(watchdog.map(|_| time));
    }
    for value in settings.list("Environment") {
        let Some(words) = words(&value.value, Expands::Specifiers) else {
            continue;
        };
        for word in words {
            if let Some((name, text)) = word.split_once('=') {
                container.environment.retain(|it| it.name.value != name);
                let here = |text: &str| Written {
                    value: text.to_owned(),
                    route: value.route.clone(),
                };
                container.environment.push(Variable {
                    name: here(name),
                    value: Some(here(text)),
                });
            }
        }
    }
    let lines = |key: &str| -> Vec<(Written<String>, Command)> {
        let values = settings.list(key).into_iter();
        let commands = values.filter_map(|value| {
            let read = match is_shown {
                true => shown_commands(&value.value),
                false => commands(&value.value)?,
            };
            Some(read.into_iter().map(move |it| (value.clone(), it)))
        });
        commands.flatten().collect()
    };
    if let Some((place, command)) = lines("ExecStart").into_iter().next() {
        let words = command.words.into_iter();
        let mut words = words.map(|word| place.clone().map(|_| word));
        container.entry.extend(words.next());
        container.args.extend(words);
    }
    unit.exec_stop = lines("ExecStop")
        .into_iter()
        .map(|(place, command)| {
            let time = at_most(&command.words);
            (place, command, time)
        })
        .collect();
    unit.resets_exec_stop = settings.is_reset("ExecStop");
    container.outside = outside(&unit, container.grace.as_ref());
    container.unit = Some(Box::new(unit));
    container
}

/// What the commands before the signal take: what their text says, and otherwise a whole
/// `TimeoutStopSec=` each.
fn outside(unit: &UnitFile, grace: Option<&Written<Duration>>) -> Option<Written<Duration>> {
    let bound = grace.map_or(FACTS.default_grace, |grace| grace.value);
    let (first, ..) = unit.exec_stop.first()?;
    let times = unit
        .exec_stop
        .iter()
        .map(|(_, _, time)| time.map_or(bound, |it| it.min(bound)));
    Some(first.clone().map(|_| times.sum()))
}

/// `systemctl show` prints signals as numbers; those that a stop is asked with.
fn signal(text: String) -> String {
    let names = [
        ("1", "SIGHUP"),
        ("2", "SIGINT"),
        ("3", "SIGQUIT"),
        ("9", "SIGKILL"),
        ("10", "SIGUSR1"),
        ("12", "SIGUSR2"),
        ("15", "SIGTERM"),
        ("28", "SIGWINCH"),
    ];
    let named = names.iter().find(|(number, _)| *number == text);
    named.map_or(text, |(_, name)| (*name).to_owned())
}

/// `{ path=/bin/a ; argv[]=/bin/a b ; ignore_errors=no ; … }`, one after another.
fn shown_commands(text: &str) -> Vec<Command> {
    let blocks = text.split("{ path=").skip(1);
    blocks
        .filter_map(|block| {
            let (_, argv) = block.split_once(" ; argv[]=")?;
            let (argv, rest) = argv.split_once(" ; ignore_errors=")?;
            Some(Command {
                words: argv.split(' ').map(str::to_owned).collect(),
                may_fail: rest.starts_with("yes"),
            })
        })
        .collect()
}

/// The grace period that holds; `None` where there is no limit, where it cannot be read, and where it
/// is another file's to say.
fn grace(file: &Deployed, _: &Workload, container: &Container) -> Option<Setting> {
    let unit = container.unit.as_ref()?;
    let silent = unit.endless.is_some()
        || unit.is_drop_in && container.grace.is_none()
        || file.is_odd(&unit.section.key(GRACE))
        || file.odd.iter().any(|odd| {
            odd.route
                .segments()
                .starts_with(unit.section.key(GRACE).segments())
        });
    (!silent).then(|| own_grace(container, &FACTS))
}

/// The assignments of a section.
struct Settings<'a> {
    at: &'a At<'a>,
}

impl Settings<'_> {
    /// What is assigned to a key, in the order of the file.
    fn all(&self, key: &str) -> Vec<Written<String>> {
        let Some(at) = self.at.get(key) else {
            return Vec::new();
        };
        match &at.node.value {
            Value::Sequence(_) => at.items().iter().filter_map(At::scalar).collect(),
            _ => at.scalar().into_iter().collect(),
        }
    }

    /// What counts of a key that takes lists: everything behind the last empty assignment.
    fn list(&self, key: &str) -> Vec<Written<String>> {
        let all = self.all(key);
        let reset = all.iter().rposition(|it| it.value.is_empty());
        all.into_iter().skip(reset.map_or(0, |at| at + 1)).collect()
    }

    /// What counts of a key that takes one value: the last; nothing where that is empty.
    fn last(&self, key: &str) -> Option<Written<String>> {
        self.all(key).pop().filter(|it| !it.value.is_empty())
    }

    fn is_reset(&self, key: &str) -> bool {
        self.all(key).iter().any(|it| it.value.is_empty())
    }
}

/// The keys that say how a service stops, and are read in `[Service]` alone.
const STOP_KEYS: [&str; 12] = [
    "TimeoutStopSec",
    "TimeoutSec",
    "TimeoutAbortSec",
    "KillMode",
    "KillSignal",
    "RestartKillSignal",
    "SendSIGKILL",
    "SendSIGHUP",
    "FinalKillSignal",
    "ExecStop",
    "ExecStopPost",
    "WatchdogSec",
];

/// Keys of a stop that stand in another section, or that are misspelt.
fn misplaced(at: &At<'_>) -> Vec<(String, Route)> {
    let Value::Mapping(sections) = &at.node.value else {
        return Vec::new();
    };
    let mut misplaced = Vec::new();
    for section in sections {
        let Value::Mapping(keys) = &section.value.value else {
            continue;
        };
        for key in keys {
            let known = STOP_KEYS.contains(&key.key.as_str());
            let here = match section.key.as_str() {
                "Service" => !known && STOP_KEYS.iter().any(|it| is_nearly(&key.key, it)),
                "Unit" | "Install" => known,
                _ => false,
            };
            if here {
                let route = at.route.key(&section.key).key(&key.key);
                misplaced.push((section.key.clone(), route));
            }
        }
    }
    misplaced
}

/// The same word but for case, `_` and an `s` too many: what a slip looks like.
fn is_nearly(text: &str, key: &str) -> bool {
    let plain = |text: &str| {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        let lower: String = letters.map(|c| c.to_ascii_lowercase()).collect();
        lower
            .trim_end_matches("onds")
            .trim_end_matches('s')
            .to_owned()
    };
    plain(text) == plain(key)
}

/// Takes from units what drop-ins in other files override. The last drop-in by the name of its file
/// holds, wherever it is.
pub(super) fn join(files: &mut [Deployed]) {
    let mut drop_ins: Vec<(String, usize, usize)> = Vec::new();
    for (file, deployed) in files.iter().enumerate() {
        for (at, workload) in deployed.workloads.iter().enumerate() {
            if workload.platform == READER.platform && workload.kind == DROP_IN {
                let name = deployed.name.rsplit('/').next().unwrap_or(&deployed.name);
                drop_ins.push((name.to_owned(), file, at));
            }
        }
    }
    drop_ins.sort();
    for (order, (_, file, at)) in drop_ins.iter().enumerate() {
        let amending = files[*file].workloads[*at].clone();
        let earlier = &drop_ins[..order];
        let before = |other: usize, index: usize, workload: &Workload| {
            workload.kind != DROP_IN || earlier.iter().any(|it| (it.1, it.2) == (other, index))
        };
        let mut added = None;
        for (other, deployed) in files.iter_mut().enumerate() {
            let mut hidden = Vec::new();
            for (index, workload) in deployed.workloads.iter_mut().enumerate() {
                let same = workload.platform == READER.platform
                    && name(workload) == name(&amending)
                    && before(other, index, workload);
                if same {
                    let outside = override_with(workload, &amending, &mut hidden);
                    added = added.or(outside);
                }
            }
            deployed.odd_routes.extend(hidden);
        }
        let own = files[*file].workloads[*at].containers.first_mut();
        if let (Some(added), Some(own)) = (added, own)
            && let Some(outside) = &mut own.outside
        {
            outside.value += added;
        }
    }
}

fn name(workload: &Workload) -> Option<&str> {
    workload.name.as_ref().map(|name| name.value.as_str())
}

/// Takes away what a drop-in says otherwise, and gives the time of the commands that it adds to.
fn override_with(
    workload: &mut Workload,
    drop_in: &Workload,
    hidden: &mut Vec<Route>,
) -> Option<Duration> {
    let new = drop_in.containers.first()?;
    let container = workload.containers.first_mut()?;
    let (unit, new_unit) = (container.unit.as_mut()?, new.unit.as_ref()?);
    let mut hide = |key: &str, is_said: bool| {
        if is_said {
            hidden.push(unit.section.key(key));
        }
        is_said
    };
    if hide(GRACE, new.grace.is_some() || new_unit.endless.is_some()) {
        container.grace = None;
        unit.endless = None;
    }
    if hide("KillSignal", new.stop_signal.is_some()) {
        container.stop_signal = None;
    }
    if hide("KillMode", new_unit.kill_mode.is_some()) {
        unit.kill_mode = None;
    }
    if hide("Type", new_unit.service_type.is_some()) {
        unit.service_type = None;
    }
    container
        .environment
        .retain(|variable| new.variable(&variable.name.value).is_none());
    let says_stop = !new_unit.exec_stop.is_empty() || new_unit.resets_exec_stop;
    if !hide("ExecStop", says_stop) {
        return None;
    }
    unit.exec_stop.clear();
    let before = container.outside.take()?;
    (!new_unit.resets_exec_stop).then_some(before.value)
}
