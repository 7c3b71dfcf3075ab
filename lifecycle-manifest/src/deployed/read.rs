//! A value of a deployed file with its route, and the questions that are asked of it.

use super::{Odd, Pairs, Port};
use crate::manifest::Written;
use crate::platform::Taken;
use crate::text::{Node, Route, Value};

/// What serves requests: another protocol's port of the same number is another port.
pub(super) fn is_tcp(protocol: &str) -> bool {
    let others = ["udp", "sctp"];
    !others
        .iter()
        .any(|other| protocol.eq_ignore_ascii_case(other))
}

/// A port as container engines write it, `8080` or `8080/tcp`, without its protocol.
pub(super) fn tcp_port(text: &str) -> Option<&str> {
    match text.split_once('/') {
        None => Some(text),
        Some((port, protocol)) => is_tcp(protocol).then_some(port),
    }
}

/// A value and the way to it.
#[derive(Clone)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    pub(super) route: Route,
}

impl At<'_> {
    /// The value under a key; nothing where it is null, as the platforms read it.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let node = &self.node.entry(key)?.value;
        let route = self.route.key(key);
        (!node.is_null()).then_some(Self { node, route })
    }

    /// The value under several keys, one within the other.
    pub(super) fn at(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().try_fold(self.clone(), |at, key| at.get(key))
    }

    /// The items of a sequence.
    pub(super) fn items(&self) -> Vec<Self> {
        let Value::Sequence(items) = &self.node.value else {
            return Vec::new();
        };
        let at = |(index, node)| Self {
            node,
            route: self.route.index(index),
        };
        items.iter().enumerate().map(at).collect()
    }

    /// The ports of a container, where a number is called `containerPort`.
    pub(super) fn ports(&self, key: &str, odd: &mut Vec<Odd>) -> Vec<Port> {
        let ports = self.list(key);
        let port = |at: &At<'_>| {
            let is_tcp = at.text("protocol").is_none_or(|it| is_tcp(&it.value));
            let number = at.number("containerPort", odd).filter(|_| is_tcp)?;
            Some(Port {
                name: at.text("name"),
                number,
            })
        };
        ports.iter().filter_map(port).collect()
    }

    /// The items of the sequence under a key.
    pub(super) fn list(&self, key: &str) -> Vec<Self> {
        self.get(key).map(|at| at.items()).unwrap_or_default()
    }

    /// This scalar's text, without the line breaks at its end: a block scalar's belongs to the way it is
    /// written, and JSON made of it has it all the same.
    pub(super) fn scalar(&self) -> Option<Written<String>> {
        match &self.node.value {
            Value::Scalar { text, .. } => {
                Some(self.written(text.trim_end_matches('\n').to_owned()))
            }
            _ => None,
        }
    }

    /// The text under a key.
    pub(super) fn text(&self, key: &str) -> Option<Written<String>> {
        self.get(key)?.scalar()
    }

    /// The texts of the list under a key.
    pub(super) fn texts(&self, key: &str) -> Vec<Written<String>> {
        self.list(key).iter().filter_map(Self::scalar).collect()
    }

    /// The texts of the mapping under a key.
    pub(super) fn pairs(&self, key: &str) -> Pairs {
        let Some(at) = self.get(key) else {
            return Pairs::default();
        };
        let Value::Mapping(entries) = &at.node.value else {
            return Pairs::default();
        };
        let pair = |entry: &crate::text::Entry| {
            let value = at.get(&entry.key)?.scalar()?;
            Some((entry.key.clone(), value))
        };
        Pairs(entries.iter().filter_map(pair).collect())
    }

    /// The whole number under a key; what stands there instead is kept aside.
    pub(super) fn number(&self, key: &str, odd: &mut Vec<Odd>) -> Option<Written<i64>> {
        let at = self.get(key)?;
        let (value, plain) = match &at.node.value {
            Value::Scalar { text, plain } => (integer(text), *plain),
            _ => (None, false),
        };
        if let (Some(value), true) = (value, plain) {
            return Some(at.written(value));
        }
        odd.push(Odd {
            route: at.route,
            expected: "a whole number",
            meant: value,
        });
        None
    }

    /// The whole number under a key, within what the platform takes, be it written as a number or as text;
    /// anything else is kept aside.
    pub(super) fn within(
        &self,
        key: &str,
        taken: &Taken,
        odd: &mut Vec<Odd>,
    ) -> Option<Written<i64>> {
        let at = self.get(key)?;
        let (value, plain) = match &at.node.value {
            Value::Scalar { text, plain } => (integer(text), *plain || taken.as_text),
            _ => (None, false),
        };
        let good = value.filter(|value| plain && taken.range.contains(value));
        if let Some(value) = good {
            return Some(at.written(value));
        }
        odd.push(Odd {
            route: at.route,
            expected: taken.expected,
            meant: value.filter(|value| taken.range.contains(value)),
        });
        None
    }

    /// The truth value under a key, in YAML 1.1's words as the platforms read them.
    pub(super) fn truth(&self, key: &str) -> Option<Written<bool>> {
        let at = self.get(key)?;
        let Value::Scalar { text, plain: true } = &at.node.value else {
            return None;
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(at.written(true)),
            "false" | "no" | "off" | "n" => Some(at.written(false)),
            _ => None,
        }
    }

    pub(super) fn written<T>(&self, value: T) -> Written<T> {
        Written {
            value,
            route: self.route.clone(),
        }
    }
}

/// A whole number as YAML 1.1 has them, which is what `kubectl` reads: `0x1e`, `0o36`, `036` and
/// `1_000` are numbers too.
fn integer(text: &str) -> Option<i64> {
    let text = text.replace('_', "");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let of = |digits: &str, radix| match digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => i64::from_str_radix(digits, radix).ok(),
        false => None,
    };
    let value = match digits
        .get(..2)
        .unwrap_or_default()
        .to_ascii_lowercase()
        .as_str()
    {
        "0x" => of(&digits[2..], 16),
        "0o" => of(&digits[2..], 8),
        "0b" => of(&digits[2..], 2),
        _ if digits.len() > 1 && digits.starts_with('0') => of(&digits[1..], 8),
        _ => of(digits, 10),
    }?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::integer;

    #[test]
    fn numbers_are_what_kubectl_takes_for_numbers() {
        for (text, value) in [
            ("30", Some(30)),
            ("-1", Some(-1)),
            ("0", Some(0)),
            ("0x1e", Some(30)),
            ("036", Some(30)),
            ("0o36", Some(30)),
            ("0b11110", Some(30)),
            ("1_000", Some(1_000)),
            ("30s", None),
            ("30.0", None),
            ("--3", None),
            ("", None),
            ("-", None),
            ("0x", None),
            ("09", None),
            ("٣", None),
            ("99999999999999999999", None),
            ("${GRACE}", None),
        ] {
            assert_eq!(integer(text), value, "{text:?}");
        }
    }
}
