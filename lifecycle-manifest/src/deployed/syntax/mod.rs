//! Deployed files in languages other than YAML and JSON, read into the same tree, each value with its
//! place.

use crate::text::{Document, Limits, SyntaxError, parse_stream};

/// A language: how its files' names end, and its reader. The root of what it reads is the sequence of
/// the documents.
struct Syntax {
    endings: &'static [&'static str],
    read: fn(&str) -> (Document, Vec<SyntaxError>),
}

/// Every language but YAML and JSON, which hold for any other name.
static ALL: &[Syntax] = &[];

/// The endings of names by which files are known to be in one of these languages.
pub(super) fn endings() -> impl Iterator<Item = &'static str> {
    ALL.iter().flat_map(|syntax| syntax.endings.iter().copied())
}

/// A file's tree.
pub(super) fn document(name: &str, text: &str) -> (Document, Vec<SyntaxError>) {
    let has = |syntax: &&Syntax| syntax.endings.iter().any(|ending| name.ends_with(ending));
    match ALL.iter().find(has) {
        Some(syntax) => (syntax.read)(text),
        None => parse_stream(text, Limits::of_a_stream()),
    }
}
