//! Deployed files in languages other than YAML and JSON, read into the same tree, each value with its
//! place.

pub(super) mod procfile;
pub(super) mod unit;

use crate::text::{Document, Limits, SyntaxError, parse_stream};

/// A language: how its files' names end, and its reader. The root of what it reads is the sequence of
/// the documents.
struct Syntax {
    endings: &'static [&'static str],
    read: fn(&str) -> (Document, Vec<SyntaxError>),
}

/// Every language but YAML and JSON, which hold for any other name.
static ALL: &[Syntax] = &[
    Syntax {
        endings: unit::ENDINGS,
        read: unit::read,
    },
    Syntax {
        endings: procfile::ENDINGS,
        read: procfile::read,
    },
];

/// The endings of names of files that are YAML or JSON, whatever is in them.
const YAML: [&str; 3] = [".yaml", ".yml", ".json"];

/// The endings of names by which files are known to be in one of these languages.
pub(super) fn endings() -> impl Iterator<Item = &'static str> {
    ALL.iter().flat_map(|syntax| syntax.endings.iter().copied())
}

/// A file's tree.
pub(super) fn document(name: &str, text: &str) -> (Document, Vec<SyntaxError>) {
    let has = |syntax: &&Syntax| syntax.endings.iter().any(|ending| name.ends_with(ending));
    match ALL.iter().find(has) {
        Some(syntax) => (syntax.read)(text),
        // Standard input has no name: what `systemctl cat` and `systemctl show` print.
        None if !YAML.iter().any(|ending| name.ends_with(ending)) && unit::is_of_units(text) => {
            unit::read(text)
        }
        None => parse_stream(text, Limits::of_a_stream()),
    }
}
