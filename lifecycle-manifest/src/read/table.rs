//! Reading one mapping: each key asked for once, everything wrong with it collected, the rest
//! reported as unknown.

use std::collections::HashSet;

use super::other_name::OtherName;
use super::suggest::nearest;
use super::value::wrong_type;
use crate::finding::{Finding, Place};
use crate::rules::shape;
use crate::text::{Entry, Mapping, Node, Route, Value};

/// What is read where nothing is written.
static NOTHING: Mapping = Mapping::EMPTY;

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
        let mut offered = HashSet::new();
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
                // Two that were meant to be the same would both be written so.
                Some((text, ours)) if !offered.insert(ours) => finding.help(text),
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
