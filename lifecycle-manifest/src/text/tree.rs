//! The document as a tree in which every key and every value knows its bytes.

use super::{Mapping, Route, Segment, Source, Span};

/// A value and where it stands.
///
/// ```
/// use lifecycle_manifest::text::{Limits, parse};
/// let (document, _) = parse("budget: { reserve: 5s }\nplatforms:\n", Limits::default());
/// let document = document.unwrap();
/// let budget = &document.root.entry("budget").unwrap().value;
/// assert_eq!(document.source.slice(budget.span), "{ reserve: 5s }");
/// assert_eq!(budget.describe(), "a mapping");
/// assert!(document.root.entry("platforms").unwrap().value.is_null());
/// ```
#[derive(Debug, Clone)]
pub struct Node {
    /// The value's bytes: from its first character to its last.
    pub span: Span,
    /// The value itself.
    pub value: Value,
}

/// What stands there. A scalar stays text until somebody asks for a type, so `no`, `017` and
/// `12:30` have no hidden meaning.
///
/// ```
/// use lifecycle_manifest::text::{Limits, Value, parse};
/// let value = |text: &str| parse(text, Limits::default()).0.unwrap().root.value;
/// assert!(matches!(value("no"), Value::Scalar { text, plain: true } if text == "no"));
/// assert!(matches!(value("'017'"), Value::Scalar { text, plain: false } if text == "017"));
/// assert!(matches!(value("[http, db]"), Value::Sequence(items) if items.len() == 2));
/// assert!(matches!(value("{}"), Value::Mapping(entries) if entries.is_empty()));
/// ```
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
    /// A mapping.
    Mapping(Mapping),
}

/// One key of a mapping with its value.
///
/// ```
/// use lifecycle_manifest::text::{Limits, parse};
/// let (document, _) = parse("'service': shop\n", Limits::default());
/// let document = document.unwrap();
/// let entry = document.root.entry("service").unwrap();
/// assert_eq!(entry.key, "service");
/// assert_eq!(document.source.slice(entry.key_span), "'service'");
/// assert_eq!(entry.value.describe(), "`shop`");
/// ```
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
            Value::Mapping(entries) => entries.entry(key),
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

/// What stands under a cursor.
///
/// ```
/// use lifecycle_manifest::text::{Limits, Part, Route, parse};
/// let (document, _) = parse("service: shop\n", Limits::default());
/// let document = document.unwrap();
/// let service = Route::keys(["service"]);
/// assert_eq!(document.at(2), Some((service.clone(), Part::Key)));
/// assert_eq!(document.at(11), Some((service, Part::Value)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The key that the route ends in.
    Key,
    /// The value at the route.
    Value,
}

/// A parsed file: its text and its tree.
///
/// ```
/// use lifecycle_manifest::text::{Limits, Route, parse};
/// let (document, _) = parse("resources:\n  http: { timeout: 15s }\n", Limits::default());
/// let document = document.unwrap();
/// let http = Route::keys(["resources", "http"]);
/// assert_eq!(document.source.slice(document.value_span(&http.key("timeout"))), "15s");
/// assert_eq!(document.source.slice(document.key_span(&http)), "http");
/// assert!(document.get(&http.key("port")).is_none());
/// ```
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
///
/// ```
/// use lifecycle_manifest::text::{Limits, parse};
/// let text = "service: shop # lifecycle: allow(unused-grace) timeouts grow soon\n# a word\n";
/// let (document, _) = parse(text, Limits::default());
/// let comments = document.unwrap().comments;
/// assert_eq!(comments.len(), 1);
/// assert_eq!(comments[0].text, "allow(unused-grace) timeouts grow soon");
/// assert_eq!((comments[0].span.start, comments[0].own_line), (14, false));
/// ```
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

    /// What stands at a byte offset: the innermost key or value. A cursor right behind a word counts
    /// as on it. Between keys and values it is the mapping or the list around them; `None` outside of
    /// everything. What an alias repeats stands at its anchor, and nowhere else.
    ///
    /// ```
    /// use lifecycle_manifest::text::{Limits, Part, Route, parse};
    /// let (document, _) = parse("a: { b: 15s }", Limits::default());
    /// let document = document.unwrap();
    /// assert_eq!(document.at(5), Some((Route::keys(["a", "b"]), Part::Key)));
    /// assert_eq!(document.at(9), Some((Route::keys(["a", "b"]), Part::Value)));
    /// ```
    pub fn at(&self, offset: usize) -> Option<(Route, Part)> {
        let on = |span: Span| span.start <= offset && offset <= span.end;
        if !on(self.root.span) {
            return None;
        }
        let mut node = &self.root;
        let mut segments = Vec::new();
        loop {
            let inner = match &node.value {
                Value::Scalar { .. } => None,
                Value::Sequence(items) => items
                    .iter()
                    .enumerate()
                    .find(|(_, item)| on(item.span))
                    .map(|(index, item)| (Segment::Index(index), item)),
                Value::Mapping(entries) => {
                    let key = entries.iter().find(|entry| on(entry.key_span));
                    if let Some(entry) = key {
                        segments.push(Segment::Key(entry.key.as_str().into()));
                        return Some((Route::from(segments), Part::Key));
                    }
                    entries
                        .iter()
                        .find(|entry| on(entry.value.span))
                        .map(|entry| (Segment::Key(entry.key.as_str().into()), &entry.value))
                }
            };
            let Some((segment, child)) = inner else {
                return Some((Route::from(segments), Part::Value));
            };
            segments.push(segment);
            node = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Limits, parse};

    /// What stands at each `|` of a text, which is read without them.
    fn at(marked: &str) -> Vec<String> {
        let pieces: Vec<&str> = marked.split('|').collect();
        let (document, _) = parse(&pieces.concat(), Limits::default());
        let document = document.unwrap();
        let mut offset = 0;
        let mut found = Vec::new();
        for piece in &pieces[..pieces.len() - 1] {
            offset += piece.len();
            found.push(match document.at(offset) {
                Some((route, Part::Key)) => format!("key {route}"),
                Some((route, Part::Value)) => format!("value {route}"),
                None => "nothing".to_owned(),
            });
        }
        found
    }

    #[test]
    fn keys_and_values_are_found_from_their_first_byte_to_behind_their_last() {
        assert_eq!(
            at("|rés: |1|5s|\nb: { c: [|x, 'y|'] }|\n"),
            [
                "key rés",
                "value rés",
                "value rés",
                "value rés",
                "value b.c[0]",
                "value b.c[1]",
                "value b"
            ]
        );
    }

    #[test]
    fn blocks_are_searched_by_what_is_in_them() {
        assert_eq!(
            at("# |head\r\na:\r\n  - b: 1\r\n    c|: 2\r\n  - |d\r\ne|:\r\n"),
            ["nothing", "key a[0].c", "value a[1]", "key e"]
        );
    }

    #[test]
    fn what_an_alias_repeats_stands_at_its_anchor() {
        assert_eq!(at("a: &x { t: |1 }\nb: *|x\n"), ["value a.t", "value b"]);
        assert_eq!(at("|"), ["value "]);
    }
}
