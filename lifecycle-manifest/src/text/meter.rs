//! What a text has cost so far, held against its limits.

use super::parse::{Step, error};
use super::{Limits, Span, SyntaxErrorKind};

/// Values, and the bytes of their text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    nodes: usize,
    bytes: usize,
}

impl Cost {
    fn add(&mut self, more: Self) {
        self.nodes += more.nodes;
        self.bytes += more.bytes;
    }
}

/// Counts while a text is read.
pub(super) struct Meter {
    pub(super) limits: Limits,
    /// Of all values, those that aliases repeat included.
    read: Cost,
    /// Bytes that aliases have repeated.
    repeated: usize,
    /// What the anchors hold together: each is a copy, and one may stand within another.
    kept: Cost,
}

impl Meter {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            read: Cost::default(),
            repeated: 0,
            kept: Cost::default(),
        }
    }

    /// Of all values so far.
    pub(super) fn read(&self) -> Cost {
        self.read
    }

    /// Of what has been read since then.
    pub(super) fn since(&self, then: Cost) -> Cost {
        Cost {
            nodes: self.read.nodes - then.nodes,
            bytes: self.read.bytes - then.bytes,
        }
    }

    pub(super) fn text_is_small_enough(&self, text: &str) -> Step<()> {
        if text.len() <= self.limits.bytes {
            return Ok(());
        }
        Err(error(
            Span::new(0, 0),
            SyntaxErrorKind::TooLarge(
                format!(
                    "the file has {} bytes, and at most {} are read",
                    text.len(),
                    self.limits.bytes
                ),
                "this is some other file, or one that a program wrote",
            ),
        ))
    }

    /// One more value.
    pub(super) fn value(&mut self, at: Span) -> Step<()> {
        self.values(1, at)
    }

    /// The text of one.
    pub(super) fn text(&mut self, bytes: usize) {
        self.read.bytes += bytes;
    }

    /// An alias repeats what has cost so much.
    pub(super) fn repeat(&mut self, cost: Cost, at: Span) -> Step<()> {
        self.values(cost.nodes, at)?;
        self.read.bytes += cost.bytes;
        self.repeated += cost.bytes;
        if self.repeated <= self.limits.repeated {
            return Ok(());
        }
        Err(error(
            at,
            SyntaxErrorKind::TooLarge(
                format!("aliases repeat more than {} bytes", self.limits.repeated),
                "write values out instead of repeating them by alias",
            ),
        ))
    }

    fn values(&mut self, more: usize, at: Span) -> Step<()> {
        self.read.nodes += more;
        if self.read.nodes <= self.limits.nodes {
            return Ok(());
        }
        Err(error(
            at,
            SyntaxErrorKind::TooLarge(
                format!("more than {} values, aliases expanded", self.limits.nodes),
                "write values out instead of repeating them by alias",
            ),
        ))
    }

    /// An anchor keeps a copy of what has cost so much.
    pub(super) fn keep(&mut self, cost: Cost, at: Span) -> Step<()> {
        self.kept.add(cost);
        if self.kept.nodes <= self.limits.nodes && self.kept.bytes <= self.limits.bytes {
            return Ok(());
        }
        Err(error(
            at,
            SyntaxErrorKind::TooLarge(
                "its anchors mark more than all of it could hold".into(),
                "take away the anchors that no alias repeats",
            ),
        ))
    }

    /// The anchors are gone.
    pub(super) fn forget_kept(&mut self) {
        self.kept = Cost::default();
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;
    use crate::text::parse_stream;

    fn faults(text: &str, limits: Limits) -> usize {
        parse_stream(text, limits).1.len()
    }

    #[test]
    fn anchors_within_anchors_are_counted_together() {
        let nodes = |nodes| Limits {
            nodes,
            ..Limits::of_a_stream()
        };
        // Six values, of which the anchors hold 5, 4, 3 and 2.
        let text = "- &a [&b [&c [&d [x]]]]";
        assert_eq!(faults(text, nodes(14)), 0);
        assert_eq!(faults(text, nodes(13)), 1);
        let bytes = |bytes| Limits {
            bytes,
            ..Limits::of_a_stream()
        };
        // Four times twenty bytes.
        let text = format!("- &a [&b [&c [&d [{}]]]]", "x".repeat(20));
        assert_eq!(faults(&text, bytes(80)), 0);
        assert_eq!(faults(&text, bytes(79)), 1);
    }

    #[test]
    fn anchors_end_with_the_value_they_stand_in() {
        let limits = Limits {
            nodes: 13,
            ..Limits::of_a_stream()
        };
        // Twelve values; in each of the three the anchors hold 3 and 2.
        assert_eq!(faults(&"[&a [&b [x]]]".repeat(3), limits), 0);
    }
}
