//! A JSON text within a JSON string, with the places of its values in the text around it.

use crate::text::{Limits, Node, Span, Value, parse_stream};

/// A decoded string and where each of its bytes stands.
pub(super) struct Decoded {
    pub(super) text: String,
    /// For every byte its place, and behind the last the place of the end.
    places: Vec<usize>,
}

/// The string at a place of a text; `None` where it is not in JSON's quotes.
pub(super) fn decode(source: &str, span: Span) -> Option<Decoded> {
    let written = source.get(span.range())?;
    let inner = written.strip_prefix('"')?.strip_suffix('"')?;
    let start = span.start + 1;
    let mut decoded = Decoded {
        text: String::with_capacity(inner.len()),
        places: Vec::with_capacity(inner.len() + 1),
    };
    let mut rest = inner;
    while let Some(first) = rest.chars().next() {
        let at = start + inner.len() - rest.len();
        let (c, length) = match first {
            '\\' => escape(rest)?,
            c => (c, c.len_utf8()),
        };
        decoded.text.push(c);
        decoded.places.resize(decoded.text.len(), at);
        rest = rest.get(length..)?;
    }
    decoded.places.push(start + inner.len());
    Some(decoded)
}

/// The character that an escape stands for, and the bytes of the escape.
fn escape(text: &str) -> Option<(char, usize)> {
    let c = match text.as_bytes().get(1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => return unicode(text),
        c @ (b'"' | b'\\' | b'/') => char::from(*c),
        _ => return None,
    };
    Some((c, 2))
}

/// `\u00e9`, or the two halves of what does not fit in one.
fn unicode(text: &str) -> Option<(char, usize)> {
    let half = |at: usize| u16::from_str_radix(text.get(at..at + 4)?, 16).ok();
    let first = half(2)?;
    let (units, length) = match text.get(6..8) {
        Some("\\u") if (0xd800..0xdc00).contains(&first) => (vec![first, half(8)?], 12),
        _ => (vec![first], 6),
    };
    let c = char::decode_utf16(units).next()?.ok()?;
    Some((c, length))
}

impl Decoded {
    /// The value that a part of this text holds.
    pub(super) fn parse(&self, part: std::ops::Range<usize>) -> Option<Node> {
        // JSON repeats nothing.
        let limits = Limits {
            repeated: 0,
            ..Limits::of_a_stream()
        };
        let (document, errors) = parse_stream(self.text.get(part.clone())?, limits);
        let Value::Sequence(mut documents) = document.root.value else {
            return None;
        };
        let mut node = documents.pop()?;
        if !errors.is_empty() || !documents.is_empty() {
            return None;
        }
        self.place(&mut node, part.start);
        Some(node)
    }

    fn place(&self, node: &mut Node, offset: usize) {
        node.span = self.span(node.span, offset);
        match &mut node.value {
            Value::Scalar { .. } => {}
            Value::Sequence(items) => items.iter_mut().for_each(|item| self.place(item, offset)),
            Value::Mapping(entries) => {
                let moved = std::mem::take(entries).into_iter().map(|mut entry| {
                    entry.key_span = self.span(entry.key_span, offset);
                    self.place(&mut entry.value, offset);
                    entry
                });
                *entries = moved.collect::<Vec<_>>().into();
            }
        }
    }

    fn span(&self, span: Span, offset: usize) -> Span {
        let place = |at: usize| {
            let last = self.places.last().copied().unwrap_or_default();
            self.places.get(offset + at).copied().unwrap_or(last)
        };
        Span::new(place(span.start), place(span.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_where_it_stands_in_the_text_around_it() {
        let text = r#"{"c": "[{\"n\\u00e9\": \"a\\\"b\", \"t\": 45, \"é\": \"\ud83d\ude00\"}]"}"#;
        let start = text.find("\"[").unwrap();
        let decoded = decode(text, Span::new(start, text.len() - 1)).unwrap();
        let node = decoded.parse(0..decoded.text.len()).unwrap();
        let Value::Sequence(items) = &node.value else {
            panic!("{node:?}");
        };
        let shown = |key: &str| {
            let entry = items[0].entry(key).unwrap();
            (
                &text[entry.key_span.range()],
                &text[entry.value.span.range()],
            )
        };
        assert_eq!(shown("né"), (r#"\"n\\u00e9\""#, r#"\"a\\\"b\""#));
        assert_eq!(shown("t"), (r#"\"t\""#, "45"));
        assert_eq!(shown("é"), (r#"\"é\""#, r#"\"\ud83d\ude00\""#));
    }

    #[test]
    fn escapes_are_what_json_makes_of_them() {
        let text = r#""a\n\t\r\b\f\/\u0041\u0042\u00e9""#;
        let decoded = decode(text, Span::new(0, text.len())).unwrap();
        assert_eq!(decoded.text, "a\n\t\r\u{8}\u{c}/ABé");
    }

    #[test]
    fn the_last_value_ends_with_the_text() {
        let decoded = decode(r#"    "45""#, Span::new(4, 8)).unwrap();
        assert_eq!(decoded.parse(0..2).unwrap().span, Span::new(5, 7));
    }

    #[test]
    fn what_is_no_string_of_json_is_nothing() {
        for text in [
            "",
            "\"",
            "'a'",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\",
        ] {
            assert!(decode(text, Span::new(0, text.len())).is_none(), "{text}");
        }
        let decoded = decode("\"[&a 1, *a]\"", Span::new(0, 12)).unwrap();
        assert!(decoded.parse(0..decoded.text.len()).is_none());
        // Two values are none.
        let decoded = decode("\"{} {}\"", Span::new(0, 7)).unwrap();
        assert!(decoded.parse(0..5).is_none());
    }
}
