//! The section `[Service]`, or the properties that `systemctl show` prints in its place.

use std::time::Duration;

use super::super::hook::at_most;
use super::super::read::At;
use super::super::unit::{Command, Expands, TimeSpan, commands, time_span, words};
use super::super::{Container, Odd, Variable};
use super::{GRACE, Misplaced, UnitFile};
use crate::manifest::Written;
use crate::platform::Signal;
use crate::platform::systemd::FACTS;
use crate::text::Value;

/// The assignments of a service.
pub(super) struct Service<'a> {
    pub(super) at: &'a At<'a>,
    /// Properties of `systemctl show`, which have names of their own.
    pub(super) is_shown: bool,
}

impl Service<'_> {
    pub(super) fn container(&self, is_drop_in: bool, odd: &mut Vec<Odd>) -> Container {
        let mut container = Container::at(self.at.route.clone());
        container.stop_signal = self.last("KillSignal").map(|it| it.map(signal));
        container.environment = self.environment();
        container.has_more_variables = !self.list("EnvironmentFile").is_empty();
        let mut unit = self.unit(is_drop_in);
        if let Some((place, command)) = self.commands("ExecStart").into_iter().next() {
            unit.starts_computed = command.is_computed;
            let words = command.words.into_iter();
            let mut words = words.map(|word| place.clone().map(|_| word));
            container.entry.extend(words.next());
            container.args.extend(words);
        }
        // The later of the two holds, and people write one.
        let keys: &[&str] = match self.is_shown {
            true => &["TimeoutStopUSec"],
            false => &[GRACE, "TimeoutSec"],
        };
        if let Some((text, span)) = self.span(keys, odd) {
            match span {
                TimeSpan::Finite(time) if !time.is_zero() => {
                    container.grace = Some(text.map(|_| time));
                }
                _ => unit.endless = Some(text),
            }
        }
        let key = if self.is_shown {
            "WatchdogUSec"
        } else {
            "WatchdogSec"
        };
        if let Some((text, TimeSpan::Finite(time))) = self.span(&[key], odd)
            && !time.is_zero()
        {
            unit.watchdog = Some(text.map(|_| time));
        }
        container.outside = outside(&unit, container.grace.as_ref());
        container.unit = Some(Box::new(unit));
        container
    }

    fn unit(&self, is_drop_in: bool) -> UnitFile {
        let says_no = |it: &Written<String>| {
            ["no", "false", "off", "0", "n", "f"].contains(&it.value.as_str())
        };
        let exec_stop = self.commands("ExecStop").into_iter();
        let exec_stop = exec_stop.map(|(place, command)| {
            let time = at_most(&command.words);
            (place, command, time)
        });
        UnitFile {
            section: self.at.route.clone(),
            is_drop_in,
            endless: None,
            kill_mode: self.last("KillMode"),
            never_kills: self.last("SendSIGKILL").filter(says_no),
            service_type: self.last("Type"),
            notify_access: self.last("NotifyAccess"),
            watchdog: None,
            user: self.last("User"),
            starts_computed: false,
            exec_stop: exec_stop.collect(),
            no_exec_stop: self
                .all("ExecStop")
                .into_iter()
                .find(|it| it.value.is_empty()),
            misplaced: Vec::new(),
        }
    }

    fn environment(&self) -> Vec<Variable> {
        let mut environment: Vec<Variable> = Vec::new();
        for value in self.list("Environment") {
            let words = words(&value.value, Expands::Specifiers).unwrap_or_default();
            for (name, text) in words.iter().filter_map(|word| word.split_once('=')) {
                environment.retain(|it| it.name.value != name);
                let here = |text: &str| value.clone().map(|_| text.to_owned());
                environment.push(Variable {
                    name: here(name),
                    value: Some(here(text)),
                });
            }
        }
        environment
    }

    /// The commands of a key, each with its line's place.
    fn commands(&self, key: &str) -> Vec<(Written<String>, Command)> {
        let values = self.list(key).into_iter();
        let commands = values.filter_map(|value| {
            let read = match self.is_shown {
                true => shown_commands(&value.value),
                false => commands(&value.value)?,
            };
            Some(read.into_iter().map(move |it| (value.clone(), it)))
        });
        commands.flatten().collect()
    }

    /// A time span under the first of these keys that is written; what is none is kept aside.
    fn span(&self, keys: &[&str], odd: &mut Vec<Odd>) -> Option<(Written<String>, TimeSpan)> {
        let written = keys.iter().find_map(|key| self.last(key))?;
        if let Some(span) = time_span(&written.value) {
            return Some((written, span));
        }
        odd.push(Odd {
            route: written.route,
            expected: "a time span, such as `45s`",
            meant: None,
        });
        None
    }

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
}

/// What the commands before the signal take: what their text says, and otherwise a whole
/// `TimeoutStopSec=` each.
fn outside(unit: &UnitFile, grace: Option<&Written<Duration>>) -> Option<Written<Duration>> {
    let bound = grace.map_or(FACTS.default_grace, |grace| grace.value);
    let Some((first, ..)) = unit.exec_stop.first() else {
        // An empty assignment says that there is none.
        return unit
            .no_exec_stop
            .clone()
            .map(|it| it.map(|_| Duration::ZERO));
    };
    let times = unit
        .exec_stop
        .iter()
        .map(|(_, _, time)| time.map_or(bound, |it| it.min(bound)));
    Some(first.clone().map(|_| times.sum()))
}

/// `systemctl show` prints signals as numbers.
fn signal(text: String) -> String {
    Signal::numbered(&text).map_or(text, |signal| signal.name().to_owned())
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
                is_computed: false,
            })
        })
        .collect()
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
pub(super) fn misplaced(at: &At<'_>) -> Vec<Misplaced> {
    let Value::Mapping(sections) = &at.node.value else {
        return Vec::new();
    };
    let mut misplaced = Vec::new();
    for section in sections {
        let Value::Mapping(keys) = &section.value.value else {
            continue;
        };
        for key in keys {
            let meant = STOP_KEYS.iter().find(|it| is_nearly(&key.key, it));
            let is_known = STOP_KEYS.contains(&key.key.as_str());
            let is_wrong = match section.key.as_str() {
                "Service" => !is_known,
                "Unit" | "Install" => is_known,
                _ => false,
            };
            if let Some(meant) = meant.filter(|_| is_wrong) {
                misplaced.push(Misplaced {
                    section: section.key.clone(),
                    route: at.route.key(&section.key).key(&key.key),
                    meant,
                });
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

#[cfg(test)]
mod tests {
    use crate::deployed::Deployed;

    #[test]
    fn a_file_of_variables_counts_until_it_is_taken_back() {
        for (keys, has_file) in [
            ("User=x", false),
            ("EnvironmentFile=/etc/shop", true),
            ("EnvironmentFile=/etc/shop\nEnvironmentFile=", false),
            ("EnvironmentFile=\nEnvironmentFile=/etc/shop", true),
        ] {
            let deployed = Deployed::named("shop.service", &format!("[Service]\n{keys}\n"));
            let read = deployed.workloads[0].containers[0].has_more_variables;
            assert_eq!(read, has_file, "{keys}");
        }
    }
}
