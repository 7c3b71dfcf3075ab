//! Reading what stands at a key: text, a duration, a number, a word, a list.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::suggest::nearest;
use super::table::{Table, list};
use crate::duration::{self, DurationError};
use crate::finding::{Finding, Place};
use crate::manifest::Written;
use crate::rules::{Rule, shape};
use crate::text::{Node, Route, Value};

/// Whether a duration of nothing makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zero {
    /// `0s` means "not at all".
    Allowed,
    /// `0s` has no sensible reading.
    Refused,
}

impl<'d> Table<'d, '_> {
    /// Text, quoted or not.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<Written<String>> {
        let entry = self.entry(key)?;
        self.scalar(&entry.value, self.route().key(key), "text")
    }

    /// A duration.
    pub(crate) fn duration(&mut self, key: &'static str, zero: Zero) -> Option<Written<Duration>> {
        let entry = self.entry(key)?;
        self.duration_of(&entry.value, self.route().key(key), zero)
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
        let text = self.scalar(&entry.value, self.route().key(key), "a whole number")?;
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
        let text = self.scalar(&entry.value, self.route().key(key), "`true` or `false`")?;
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
        self.word_of(&entry.value, self.route().key(key), what, words)
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
        let route = self.route().key(key);
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
        let route = self.route().key(key);
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
pub(super) fn whole_number(text: &str) -> Option<u64> {
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
