//! Reading one mapping: each key asked for once, everything wrong with it collected, the rest
//! reported as unknown.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::suggest::nearest;
use crate::duration::{self, DurationError};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::manifest::Written;
use crate::rules::{Rule, shape};
use crate::text::{Entry, Mapping, Node, Route, Value};

/// Whether a duration of nothing makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zero {
    /// `0s` means "not at all".
    Allowed,
    /// `0s` has no sensible reading.
    Refused,
}

/// What is read where nothing is written.
static NOTHING: Mapping = Mapping::EMPTY;

/// A name that another tool gives to one of our keys.
#[derive(Debug)]
pub(crate) struct OtherName {
    /// Theirs.
    pub(crate) theirs: &'static str,
    /// Ours; more than one word where there is no single key for it.
    pub(crate) ours: &'static str,
    /// What their bare numbers count, where ours is a duration.
    pub(crate) unit: Option<&'static str>,
}

impl OtherName {
    /// The same value under another name.
    pub(crate) const fn new(theirs: &'static str, ours: &'static str) -> Self {
        Self {
            theirs,
            ours,
            unit: None,
        }
    }

    /// Theirs is a number of seconds.
    pub(crate) const fn seconds(theirs: &'static str, ours: &'static str) -> Self {
        Self {
            theirs,
            ours,
            unit: Some("s"),
        }
    }

    /// Theirs is a number of milliseconds.
    pub(crate) const fn milliseconds(theirs: &'static str, ours: &'static str) -> Self {
        Self {
            theirs,
            ours,
            unit: Some("ms"),
        }
    }

    /// Our name, and our way to write the value.
    fn fix(&self, entry: &Entry, route: &Route) -> Fix {
        let here = route.key(&entry.key);
        let mut edits = vec![Edit::replace(Place::Key(here.clone()), self.ours)];
        if let (Some(unit), Value::Scalar { text, .. }) = (self.unit, &entry.value.value)
            && whole_number(text).is_some()
        {
            edits.push(Edit::replace(Place::Value(here), format!("{text}{unit}")));
        }
        Fix::new(Safety::Safe, edits)
    }
}

/// A mapping that is being read.
pub(crate) struct Table<'d, 'f> {
    route: Route,
    entries: &'d Mapping,
    known: Vec<&'static str>,
    missing: Vec<(&'static str, Finding)>,
    other_names: &'static [OtherName],
    findings: &'f mut Vec<Finding>,
}

impl<'d, 'f> Table<'d, 'f> {
    /// Begins to read a mapping. `None`, with a finding, where the node is something else; nothing
    /// at all counts as an empty mapping.
    pub(crate) fn new(
        node: &'d Node,
        route: Route,
        findings: &'f mut Vec<Finding>,
    ) -> Option<Self> {
        let entries = match &node.value {
            Value::Mapping(entries) => entries,
            _ if node.is_null() => &NOTHING,
            _ => {
                findings.push(wrong_type(&route, "a mapping", node));
                return None;
            }
        };
        Some(Self {
            route,
            entries,
            known: Vec::new(),
            missing: Vec::new(),
            other_names: &[],
            findings,
        })
    }

    /// Names that other tools give to keys of this mapping: shown when one of them is met.
    pub(crate) fn other_names(&mut self, names: &'static [OtherName]) {
        self.other_names = names;
    }

    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// All entries, for mappings whose keys are names.
    pub(crate) fn entries(&self) -> &'d [Entry] {
        self.entries
    }

    pub(crate) fn findings(&mut self) -> &mut Vec<Finding> {
        self.findings
    }

    /// The entry of a key, which is known from now on.
    pub(crate) fn entry(&mut self, key: &'static str) -> Option<&'d Entry> {
        self.known.push(key);
        self.entries.entry(key)
    }

    /// Notes that `key` is missing. [`finish`](Self::finish) reports it, unless it is there misspelt.
    pub(crate) fn missing(&mut self, key: &'static str, help: impl Into<String>) {
        let what = match self.route.segments().is_empty() {
            true => "the manifest".to_owned(),
            false => format!("`{}`", self.route),
        };
        let finding = Finding::new(
            &shape::MISSING_KEY,
            format!("{what} has no `{key}`"),
            Place::Key(self.route.clone()),
        )
        .help(help);
        self.missing.push((key, finding));
    }

    /// A mapping within this one.
    pub(crate) fn table(&mut self, key: &'static str) -> Option<Table<'d, '_>> {
        let entry = self.entry(key)?;
        Table::new(&entry.value, self.route.key(key), self.findings)
    }

    /// Text, quoted or not.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<Written<String>> {
        let entry = self.entry(key)?;
        self.scalar(&entry.value, self.route.key(key), "text")
    }

    /// A duration.
    pub(crate) fn duration(&mut self, key: &'static str, zero: Zero) -> Option<Written<Duration>> {
        let entry = self.entry(key)?;
        self.duration_of(&entry.value, self.route.key(key), zero)
    }

    /// A duration at a node of its own.
    pub(crate) fn duration_of(
        &mut self,
        node: &Node,
        route: Route,
        zero: Zero,
    ) -> Option<Written<Duration>> {
        let text = self.scalar(node, route, "a duration, such as `15s`")?;
        match duration::parse(&text.value) {
            Ok(Duration::ZERO) if zero == Zero::Refused => {
                let finding = Finding::new(
                    &shape::OUT_OF_RANGE,
                    format!("`{}` cannot be zero", text.route),
                    Place::Value(text.route),
                )
                .help("write a duration above zero, such as `5s`");
                self.push(finding);
                None
            }
            Ok(duration) => Some(Written {
                value: duration,
                route: text.route,
            }),
            Err(error) => {
                let place = Place::Value(text.route);
                let finding = Finding::new(&shape::BAD_DURATION, error.to_string(), place.clone());
                self.push(match error.meant() {
                    Some(meant) => finding.safe_fix(error.help(), place, meant),
                    None => match &error {
                        // Seconds are the likelier, and not surely meant.
                        DurationError::NoUnit(number) => {
                            let seconds = format!("{number}s");
                            finding.fix(error.help(), place, seconds)
                        }
                        _ => finding.help(error.help()),
                    },
                });
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(crate) fn number<N>(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<N>,
    ) -> Option<Written<N>>
    where
        N: TryFrom<u64> + PartialOrd + std::fmt::Display,
    {
        let entry = self.entry(key)?;
        let text = self.scalar(&entry.value, self.route.key(key), "a whole number")?;
        let help = || format!("write a number from {} to {}", bounds.start(), bounds.end());
        let Some(number) = whole_number(&text.value) else {
            let finding = Finding::new(
                &shape::WRONG_TYPE,
                format!(
                    "`{}` takes a whole number, and this is {}",
                    text.route,
                    entry.value.describe()
                ),
                Place::Value(text.route),
            )
            .help(help());
            self.push(finding);
            return None;
        };
        match N::try_from(number).ok().filter(|n| bounds.contains(n)) {
            Some(value) => Some(Written {
                value,
                route: text.route,
            }),
            None => {
                let finding = Finding::new(
                    &shape::OUT_OF_RANGE,
                    format!(
                        "{} is outside of what `{}` can hold",
                        entry.value.describe(),
                        text.route
                    ),
                    Place::Value(text.route),
                )
                .help(help());
                self.push(finding);
                None
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, key: &'static str) -> Option<Written<bool>> {
        let entry = self.entry(key)?;
        let text = self.scalar(&entry.value, self.route.key(key), "`true` or `false`")?;
        // The words of YAML 1.1, which other readers still take for truth values.
        let (value, meant) = match text.value.as_str() {
            "true" => (Some(true), None),
            "false" => (Some(false), None),
            other => match other.to_ascii_lowercase().as_str() {
                "true" | "yes" | "y" | "on" => (None, Some("true")),
                "false" | "no" | "n" | "off" => (None, Some("false")),
                _ => (None, None),
            },
        };
        if let Some(value) = value {
            return Some(Written {
                value,
                route: text.route,
            });
        }
        let message = format!(
            "`{}` takes `true` or `false`, and this is {}",
            text.route,
            entry.value.describe()
        );
        let place = Place::Value(text.route);
        let finding = Finding::new(&shape::UNKNOWN_VALUE, message, place.clone());
        self.push(match meant {
            Some(meant) => finding.safe_fix(format!("write `{meant}`"), place, meant),
            None => finding,
        });
        None
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        what: &str,
        words: &[(&'static str, T)],
    ) -> Option<Written<T>> {
        let entry = self.entry(key)?;
        self.word_of(&entry.value, self.route.key(key), what, words)
    }

    /// One of several words, at a node of its own.
    pub(crate) fn word_of<T: Copy>(
        &mut self,
        node: &Node,
        route: Route,
        what: &str,
        words: &[(&'static str, T)],
    ) -> Option<Written<T>> {
        let text = self.scalar(node, route, what)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(Written {
                value: *value,
                route: text.route,
            });
        }
        let names: Vec<&'static str> = words.iter().map(|(word, _)| *word).collect();
        self.push(no_such_word(node, text, what, &names));
        None
    }

    /// A list of names; a single name is the list of that name.
    pub(crate) fn names(&mut self, key: &'static str) -> Option<Vec<Written<String>>> {
        let entry = self.entry(key)?;
        let route = self.route.key(key);
        match &entry.value.value {
            Value::Sequence(items) => Some(
                items
                    .iter()
                    .enumerate()
                    .filter_map(|(at, item)| self.scalar(item, route.index(at), "a name"))
                    .collect(),
            ),
            Value::Scalar { .. } if !entry.value.is_null() => self
                .scalar(&entry.value, route, "a name")
                .map(|name| vec![name]),
            _ => {
                self.push(wrong_type(
                    &route,
                    "a list of names, such as `[http]`",
                    &entry.value,
                ));
                None
            }
        }
    }

    /// The items of a list, each with its route.
    pub(crate) fn items(&mut self, key: &'static str, what: &str) -> Vec<(Route, &'d Node)> {
        let Some(entry) = self.entry(key) else {
            return Vec::new();
        };
        let route = self.route.key(key);
        if let Value::Sequence(items) = &entry.value.value {
            return items
                .iter()
                .enumerate()
                .map(|(at, item)| (route.index(at), item))
                .collect();
        }
        self.push(wrong_type(&route, what, &entry.value));
        Vec::new()
    }

    /// Text at a node of its own.
    pub(crate) fn scalar(
        &mut self,
        node: &Node,
        route: Route,
        what: &str,
    ) -> Option<Written<String>> {
        match &node.value {
            Value::Scalar { text, .. } if !node.is_null() => Some(Written {
                value: text.clone(),
                route,
            }),
            _ => {
                self.push(wrong_type(&route, what, node));
                None
            }
        }
    }

    /// Reports every key that nobody asked for, and every missing one that none of those was meant
    /// to be.
    pub(crate) fn finish(self) {
        let Self {
            route,
            entries,
            known,
            mut missing,
            other_names,
            findings,
        } = self;
        for entry in entries
            .iter()
            .filter(|entry| !known.contains(&entry.key.as_str()))
        {
            let place = Place::Key(route.key(&entry.key));
            let within = match route.segments().is_empty() {
                true => String::new(),
                false => format!(" in `{route}`"),
            };
            let shown: String = entry.key.chars().take(60).collect();
            let finding = Finding::new(
                &shape::UNKNOWN_KEY,
                format!("there is no key `{shown}`{within}"),
                place.clone(),
            );
            let other = other_names.iter().find(|name| name.theirs == entry.key);
            let near = match other {
                Some(OtherName { ours, .. }) => {
                    Some((format!("here it is called `{ours}`"), *ours))
                }
                None => nearest(&entry.key, known.iter().copied())
                    .map(|near| (format!("did you mean `{near}`?"), near)),
            };
            findings.push(match near {
                None => finding.note(format!(
                    "the keys here are {}",
                    list(known.iter().copied(), "and")
                )),
                Some((_, ours)) if entries.entry(ours).is_some() => {
                    finding.help(format!("`{ours}` stands here as well: keep one of them"))
                }
                // Where ours is more than one key, there is nothing to put in this one's stead.
                Some((text, ours)) if ours.contains(' ') => finding.help(text),
                Some((text, ours)) => {
                    missing.retain(|(key, _)| *key != ours);
                    // Another tool's name for it is meant; a near word may not be.
                    match other {
                        Some(other) => finding.fix_with(text, other.fix(entry, &route)),
                        None => finding.fix(text, place, ours),
                    }
                }
            });
        }
        findings.extend(missing.into_iter().map(|(_, finding)| finding));
    }
}

fn no_such_word(node: &Node, text: Written<String>, what: &str, names: &[&'static str]) -> Finding {
    let place = Place::Value(text.route);
    let finding = Finding::new(
        &shape::UNKNOWN_VALUE,
        format!("{} is not {what}", node.describe()),
        place.clone(),
    );
    match nearest(&text.value, names.iter().copied()) {
        Some(near) => finding.fix(format!("did you mean `{near}`?"), place, near),
        None => finding.help(format!("it can be {}", list(names.iter().copied(), "or"))),
    }
}

/// Digits only: neither `0o17` nor `1_000` nor `017` is a number here. One that no integer holds is
/// the greatest of them, which no field holds either.
fn whole_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = text == "0" || !text.starts_with('0');
    (digits && plain).then(|| text.parse().unwrap_or(u64::MAX))
}

pub(crate) fn wrong_type(route: &Route, what: &str, node: &Node) -> Finding {
    let rule: &'static Rule = &shape::WRONG_TYPE;
    let subject = match route.segments().is_empty() {
        true => "a manifest is".to_owned(),
        false => format!("`{route}` takes"),
    };
    let message = format!("{subject} {what}, and this is {}", node.describe());
    let place = match node.is_null() && !route.segments().is_empty() {
        true => Place::Key(route.clone()),
        false => Place::Value(route.clone()),
    };
    let finding = Finding::new(rule, message, place);
    match &node.value {
        Value::Scalar { text, .. } if route.segments().is_empty() && text.contains(':') => {
            finding.help("a key's `:` needs a space after it: `lifecycle: 1`")
        }
        _ => match route.to_string().as_str() {
            "platforms" => finding
                .help("each platform is a key, and may be empty: `platforms: { kubernetes: {} }`"),
            "resources" => finding.help(
                "each resource is a key: `resources: { http: { kind: http-server, timeout: 15s } }`",
            ),
            _ => finding,
        },
    }
}

/// `a`, `b` or `c`, with the joining word that is asked for.
pub(crate) fn list<'a>(mut words: impl Iterator<Item = &'a str>, join: &str) -> String {
    list_of(&mut words, join)
}

/// Compiled once, whatever the words come from.
fn list_of(words: &mut dyn Iterator<Item = &str>, join: &str) -> String {
    let shown = |word: &str| word.chars().take(60).collect::<String>();
    let words: Vec<String> = words.map(|word| format!("`{}`", shown(word))).collect();
    match words.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {join} {last}", rest.join(", ")),
    }
}
