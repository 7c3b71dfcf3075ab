//! Deployed files in languages other than YAML and JSON, read into the same tree, each value with its
//! place.

use crate::text::{Document, Limits, Source, Span, SyntaxError, SyntaxErrorKind, parse_stream};

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
static ALL: &[Syntax] = &[];

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
        None => parse_stream(text, Limits::of_a_stream()),
    }
}
