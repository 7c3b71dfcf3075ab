//! Deployed files in languages other than YAML and JSON, read into the same tree, each value with its
//! place.

pub(super) mod hcl;
pub(super) mod procfile;
mod toml;
pub(super) mod unit;

use std::ops::Range;

use crate::text::{
    Document, Limits, Node, Source, Span, SyntaxError, SyntaxErrorKind, Value, parse_stream,
};

/// A language: how its files' names end, and its reader. The root of what it reads is the sequence of
/// the documents.
struct Syntax {
    endings: &'static [&'static str],
    read: fn(&str) -> (Document, Vec<SyntaxError>),
}

/// Languages that are not read, and what to give in their stead. A directory may be full of them, for
/// other purposes: they are known only where they are asked for by name.
struct Refused {
    endings: &'static [&'static str],
    what: &'static str,
    help: &'static str,
}

static REFUSED: &[Refused] = &[Refused {
    endings: &[".js", ".cjs", ".mjs", ".ts"],
    what: "JavaScript, which would have to be run,",
    help: "give what PM2 has made of it, `pm2 jlist | lifecycle check --against -`, or the same apps as JSON or YAML",
}];

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
    Syntax {
        endings: &[".hcl", ".nomad"],
        read: hcl::read,
    },
    Syntax {
        endings: &[".toml"],
        read: toml::read,
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
    if let Some(refused) = REFUSED
        .iter()
        .find(|it| it.endings.iter().any(|ending| name.ends_with(ending)))
    {
        let error = SyntaxError {
            span: Span::default(),
            kind: SyntaxErrorKind::Unsupported(refused.what, refused.help),
        };
        let document = Document {
            source: Source::new(text),
            ..super::empty()
        };
        return (document, vec![error]);
    }
    match ALL.iter().find(has) {
        Some(syntax) => (syntax.read)(text),
        // Standard input has no name: what `systemctl cat` and `systemctl show` print.
        None if !YAML.iter().any(|ending| name.ends_with(ending)) && unit::is_of_units(text) => {
            unit::read(text)
        }
        None => parse_stream(text, Limits::of_a_stream()),
    }
}

/// A document of one value, or of none.
fn document_of(source: Source, root: Option<Node>) -> Document {
    let span = Span::new(0, source.text().len());
    Document {
        source,
        root: Node {
            span,
            value: Value::Sequence(root.into_iter().collect()),
        },
        comments: Vec::new(),
    }
}

fn at(range: Range<usize>) -> Span {
    Span::new(range.start, range.end)
}

/// A value's bytes: its own, and those of what is within it.
fn around(own: Span, within: impl Iterator<Item = Span>) -> Span {
    let own = (own.end > 0).then_some(own);
    let both = |a: Span, b: Span| Span::new(a.start.min(b.start), a.end.max(b.end));
    own.into_iter()
        .chain(within)
        .reduce(both)
        .unwrap_or_default()
}

fn not(language: &'static str, words: &str, span: Span) -> SyntaxError {
    let kind = SyntaxErrorKind::NotIn(language, words.to_owned());
    SyntaxError { span, kind }
}

/// Nobody writes a deployment of megabytes by hand.
fn small_enough(text: &str) -> Result<(), SyntaxError> {
    let most = Limits::default().bytes;
    if text.len() <= most {
        return Ok(());
    }
    let size = text.len();
    Err(SyntaxError {
        span: Span::new(0, 0),
        kind: SyntaxErrorKind::TooLarge(
            format!("the file has {size} bytes, and at most {most} are read"),
            "this is some other file, or one that a program wrote",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_place_of_its_own_is_where_its_parts_are() {
        let parts = || [Span::new(5, 7), Span::new(3, 4)].into_iter();
        assert_eq!(around(Span::default(), parts()), Span::new(3, 7));
        assert_eq!(around(Span::new(1, 6), parts()), Span::new(1, 7));
        assert_eq!(around(Span::default(), [].into_iter()), Span::default());
    }

    #[test]
    fn a_file_of_megabytes_is_not_read() {
        let most = Limits::default().bytes;
        assert!(small_enough(&" ".repeat(most)).is_ok());
        assert!(small_enough(&" ".repeat(most + 1)).is_err());
    }
}
