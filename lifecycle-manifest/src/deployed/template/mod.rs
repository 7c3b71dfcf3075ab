//! Templates that hold a platform's objects in words of their own, put into the words in which the
//! objects are sent: their readers then have one shape to know. Every value keeps its place in the text.
//!
//! What a template computes when it is deployed (a parameter, a variable) stays a mapping of the one
//! key [`COMPUTED`] or of the function's name: no text and no number is read from it.

mod cloudformation;
mod nested;
mod terraform;

use std::collections::HashSet;

use crate::text::{Document, Entry, Node, Route, Span, Value};

/// The key of a value that a template computes.
const COMPUTED: &str = "Fn::Expression";

/// The document with its templates in the words in which their objects are sent.
pub(super) fn as_sent(mut document: Document) -> Document {
    let Value::Sequence(documents) = &mut document.root.value else {
        return document;
    };
    for node in documents {
        let objects = cloudformation::objects(node)
            .or_else(|| terraform::objects(node, document.source.text()));
        if let Some(objects) = objects {
            node.value = Value::Sequence(objects);
        }
    }
    document
}

/// What stands at a route is computed when the template is deployed.
pub(crate) fn is_computed(document: &Document, route: &Route) -> bool {
    document.get(route).is_some_and(is_function)
}

/// `{ Ref: … }`, `{ Fn::Sub: … }` and what is lowered to it.
fn is_function(node: &Node) -> bool {
    match &node.value {
        Value::Mapping(entries) => match entries.first() {
            Some(only) if entries.len() == 1 => only.key == "Ref" || only.key.starts_with("Fn::"),
            _ => false,
        },
        _ => false,
    }
}

/// The same tree under other keys.
fn renamed(node: &Node, rename: fn(&str) -> String) -> Node {
    let value = match &node.value {
        Value::Scalar { .. } => node.value.clone(),
        Value::Sequence(items) => {
            Value::Sequence(items.iter().map(|item| renamed(item, rename)).collect())
        }
        Value::Mapping(_) if is_function(node) => node.value.clone(),
        Value::Mapping(entries) => mapping(entries.iter().map(|entry| Entry {
            key: rename(&entry.key),
            key_span: entry.key_span,
            value: renamed(&entry.value, rename),
        })),
    };
    Node {
        span: node.span,
        value,
    }
}

/// A mapping; of a key that comes twice the first counts.
fn mapping(entries: impl IntoIterator<Item = Entry>) -> Value {
    let mut kept: Vec<Entry> = entries.into_iter().collect();
    let mut known = HashSet::new();
    let is_first: Vec<bool> = kept.iter().map(|it| known.insert(it.key.clone())).collect();
    let mut is_first = is_first.into_iter();
    kept.retain(|_| is_first.next() == Some(true));
    Value::Mapping(kept.into())
}

/// An entry of a mapping.
fn entry(key: &str, key_span: Span, value: Node) -> Entry {
    Entry {
        key: key.to_owned(),
        key_span,
        value,
    }
}

/// Text that stands for something at a place.
fn text(text: &str, span: Span) -> Node {
    Node {
        span,
        value: Value::Scalar {
            text: text.to_owned(),
            plain: false,
        },
    }
}

fn scalar(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

fn get<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    Some(&node.entry(key)?.value)
}

fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Mapping(entries) => entries,
        _ => &[],
    }
}

/// A mapping whose entries may be changed.
fn into_entries(node: Node) -> Vec<Entry> {
    match node.value {
        Value::Mapping(entries) => entries.into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Adds what a reader looks for and a template may leave out.
fn or_else(entries: &mut Vec<Entry>, key: &str, key_span: Span, value: Node) {
    if entries.iter().all(|entry| entry.key != key) {
        entries.push(entry(key, key_span, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_alone_in_its_mapping() {
        let node = |keys: &[&str]| {
            let span = Span::default();
            let entries = keys.iter().map(|key| entry(key, span, text("x", span)));
            Node {
                span,
                value: mapping(entries),
            }
        };
        assert!(is_function(&node(&["Ref"])));
        assert!(is_function(&node(&["Fn::Sub"])));
        assert!(!is_function(&node(&["Ref", "Team"])));
        assert!(!is_function(&node(&["Team"])));
        assert!(!is_function(&node(&[])));
    }
}
