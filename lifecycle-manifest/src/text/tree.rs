//! The document as a tree in which every key and every value knows its bytes.

use super::{Route, Segment, Source, Span};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value's bytes: from its first character to its last.
    pub span: Span,
    /// The value itself.
    pub value: Value,
}

/// What stands there. A scalar stays text until somebody asks for a type, so `no`, `017` and
/// `12:30` have no hidden meaning.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text; `plain` when it was written without quotes.
    Scalar {
        /// The text, escapes resolved.
        text: String,
        /// Written without quotes.
        plain: bool,
    },
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping, in the order of the file, its keys distinct.
    Mapping(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The key's bytes.
    pub key_span: Span,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// A plain scalar that YAML reads as nothing: `~`, `null` or no text at all.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The entry of a mapping; `None` where this is no mapping or has no such key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// What this is, in words for a message.
    pub fn describe(&self) -> String {
        match &self.value {
            _ if self.is_null() => "nothing".to_owned(),
            Value::Scalar { text, .. } => {
                let mut shown: String = text.chars().take(40).collect();
                if shown.len() < text.len() {
                    shown.push('…');
                }
                format!("`{shown}`")
            }
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }
}

/// A parsed file: its text and its tree.
#[derive(Debug, Clone)]
pub struct Document {
    /// The text.
    pub source: Source,
    /// The tree.
    pub root: Node,
    /// Comments that speak to this tool, in the order of the file.
    pub comments: Vec<Comment>,
}

/// A comment that speaks to this tool, as in `# lifecycle: allow(unused-grace) timeouts grow soon`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its bytes, from `#` to the end of the line.
    pub span: Span,
    /// What it says, behind its mark.
    pub text: String,
    /// Nothing but space stands before it on its line.
    pub own_line: bool,
}

impl Comment {
    /// What such a comment begins with.
    pub const MARK: &str = "lifecycle:";

    /// Something in the text looks like such a comment.
    pub(super) fn is_any_in(text: &str) -> bool {
        text.match_indices('#').any(|(at, _)| {
            text[at + 1..]
                .trim_start_matches([' ', '\t'])
                .starts_with(Self::MARK)
        })
    }
}

impl Document {
    /// The value at a route.
    pub fn get(&self, route: &Route) -> Option<&Node> {
        route
            .segments()
            .iter()
            .try_fold(&self.root, |node, segment| match segment {
                Segment::Key(key) => node.entry(key).map(|entry| &entry.value),
                Segment::Index(index) => match &node.value {
                    Value::Sequence(items) => items.get(*index),
                    _ => None,
                },
            })
    }

    /// The bytes of the value at a route; of the nearest ancestor that exists where it does not.
    pub fn value_span(&self, route: &Route) -> Span {
        let mut route = route.clone();
        loop {
            if let Some(node) = self.get(&route) {
                return node.span;
            }
            match route.parent() {
                Some(parent) => route = parent,
                None => return self.root.span,
            }
        }
    }

    /// The bytes of the key a route ends in; of the value where the route ends in an index, and of
    /// the nearest ancestor's key where nothing stands there.
    pub fn key_span(&self, route: &Route) -> Span {
        let mut route = route.clone();
        while let Some(parent) = route.parent() {
            match route.segments().last() {
                Some(Segment::Key(key)) => {
                    if let Some(entry) = self.get(&parent).and_then(|node| node.entry(key)) {
                        return entry.key_span;
                    }
                }
                _ => {
                    if let Some(node) = self.get(&route) {
                        return node.span;
                    }
                }
            }
            route = parent;
        }
        self.root.span
    }
}
