//! What is wrong with the text before it means anything, as findings.

use crate::finding::{Finding, Place};
use crate::rules::shape;
use crate::text::{Span, SyntaxError, SyntaxErrorKind};

/// What is wrong with the text itself, as findings.
pub(crate) fn syntax(error: SyntaxError) -> Finding {
    let place = Place::Bytes(error.span);
    match error.kind {
        SyntaxErrorKind::NotYaml(words) => {
            let finding = Finding::new(&shape::SYNTAX, format!("this is not YAML: {words}"), place)
                .label("the reader gave up here");
            match likely(&words) {
                Some(help) => finding.help(help),
                None => finding,
            }
        }
        SyntaxErrorKind::NotIn(language, words) => Finding::new(
            &shape::SYNTAX,
            format!("this is not {language}: {words}"),
            place,
        ),
        SyntaxErrorKind::Unsupported(what, instead) => Finding::new(
            &shape::UNSUPPORTED_YAML,
            format!("a manifest does not use {what}"),
            place,
        )
        .help(instead),
        SyntaxErrorKind::DuplicateKey(key, first) => {
            let shown: String = key.chars().take(60).collect();
            Finding::new(
                &shape::DUPLICATE_KEY,
                format!("`{shown}` stands here a second time"),
                place,
            )
            .related(Place::Bytes(first), "it stands here first")
            .help("keep one of them")
        }
        SyntaxErrorKind::TooLarge(what, help) => Finding::new(
            &shape::UNSUPPORTED_YAML,
            format!("too large for a manifest: {what}"),
            place,
        )
        .help(help),
    }
}

/// Bytes that are no text.
pub(crate) fn not_utf8(span: Span, utf16: bool) -> Finding {
    let (message, help) = match utf16 {
        true => ("this file is UTF-16", "save it as UTF-8"),
        false => (
            "this byte is not UTF-8",
            "save the file as UTF-8, or write the character anew",
        ),
    };
    Finding::new(&shape::SYNTAX, message, Place::Bytes(span)).help(help)
}

/// What is usually behind the parser's words.
fn likely(words: &str) -> Option<&'static str> {
    let usual = [
        (
            "BOM must not",
            "a byte order mark stands here, as where two files were joined: take it away",
        ),
        (
            "tabs disallowed",
            "indent with spaces: YAML takes no tabs there",
        ),
        ("unclosed quote", "close the quote that begins here"),
        (
            "unexpected character",
            "take the character away; text in quotes can say it as `\\u….`",
        ),
        ("quoted scalar", "a quote before this is not closed"),
        (
            "flow mapping",
            "a `{` before this is not closed, or a `,` is missing",
        ),
        (
            "flow sequence",
            "a `[` before this is not closed, or a `,` is missing",
        ),
        (
            "block mapping",
            "the keys of one mapping begin in one column, each with `: ` after it",
        ),
        (
            "unknown anchor",
            "an alias `*name` repeats what an anchor `&name` before it has marked",
        ),
        (
            "document start",
            "the manifest has ended before this: take the rest away",
        ),
    ];
    usual
        .iter()
        .find(|(part, _)| words.contains(part))
        .map(|(_, help)| *help)
}
