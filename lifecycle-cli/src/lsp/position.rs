//! A text as an editor counts it: lines from zero, columns in UTF-16 units or in bytes.

use lifecycle_manifest::text::Span;
use lsp_types::{Position, Range, TextDocumentContentChangeEvent};

/// What a column counts, agreed upon when the session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 units, which every client knows.
    Utf16,
}

/// A text as the editor holds it, a byte order mark included.
#[derive(Debug)]
pub(crate) struct Text {
    content: String,
    line_starts: Vec<usize>,
    encoding: Encoding,
}

impl Text {
    pub(crate) fn new(text: String, encoding: Encoding) -> Self {
        let line_starts = line_starts(&text);
        Self {
            content: text,
            line_starts,
            encoding,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.content
    }

    /// The bytes before the first that an analysis counts.
    fn mark(&self) -> usize {
        match self.content.starts_with('\u{feff}') {
            true => '\u{feff}'.len_utf8(),
            false => 0,
        }
    }

    /// Where an analysis's byte offset is.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let offset = self.clamp(offset.saturating_add(self.mark()));
        let line = self.line_starts.partition_point(|&start| start <= offset) - 1;
        let before = &self.content[self.line_starts[line]..offset];
        let column = match self.encoding {
            Encoding::Utf8 => before.len(),
            Encoding::Utf16 => utf16_len(before),
        };
        Position::new(count(line), count(column))
    }

    /// The range of an analysis's span.
    pub(crate) fn range(&self, span: Span) -> Range {
        Range::new(self.position(span.start), self.position(span.end))
    }

    /// The byte that an analysis counts for a position: the end of the line for a column behind it,
    /// the end of the text for a line behind it, the begin of a character for a place inside it.
    pub(crate) fn offset(&self, position: Position) -> usize {
        self.raw_offset(position).saturating_sub(self.mark())
    }

    fn raw_offset(&self, position: Position) -> usize {
        let line = usize::try_from(position.line).unwrap_or(usize::MAX);
        let Some(&start) = self.line_starts.get(line) else {
            return self.content.len();
        };
        let next = self.line_starts.get(line.saturating_add(1));
        let line = &self.content[start..next.copied().unwrap_or(self.content.len())];
        let line = line.trim_end_matches(['\r', '\n']);
        let wanted = usize::try_from(position.character).unwrap_or(usize::MAX);
        let mut column = 0;
        for (at, character) in line.char_indices() {
            column += match self.encoding {
                Encoding::Utf8 => character.len_utf8(),
                Encoding::Utf16 => character.len_utf16(),
            };
            if column > wanted {
                return start + at;
            }
        }
        start + line.len()
    }

    /// Takes an edit: of a range, or of everything.
    pub(crate) fn change(&mut self, change: &TextDocumentContentChangeEvent) {
        match change.range {
            None => self.content.clone_from(&change.text),
            Some(range) => {
                let start = self.raw_offset(range.start);
                let end = self.raw_offset(range.end).max(start);
                self.content.replace_range(start..end, &change.text);
            }
        }
        self.line_starts = line_starts(&self.content);
    }

    fn clamp(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.content.len());
        while !self.content.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

/// How many UTF-16 units a text has. Counted byte by byte, which is quick even where a whole file is
/// one line: each character's first byte, and that of a character outside the basic plane twice.
fn utf16_len(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let units = |byte: u8| usize::from(byte & 0xc0 != 0x80) + usize::from(byte >= 0xf0);
    text.bytes().map(units).sum()
}

/// Lines end with `\n`, `\r\n` or `\r`.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = bytes.iter().enumerate().filter(|&(at, &byte)| {
        byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
    });
    std::iter::once(0)
        .chain(ends.map(|(at, _)| at + 1))
        .collect()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn change(range: Option<Range>, text: &str) -> TextDocumentContentChangeEvent {
        TextDocumentContentChangeEvent {
            range,
            range_length: None,
            text: text.to_owned(),
        }
    }

    fn range(start: (u32, u32), end: (u32, u32)) -> Range {
        Range::new(Position::new(start.0, start.1), Position::new(end.0, end.1))
    }

    #[test]
    fn columns_count_what_was_agreed_upon() {
        let source = "é: \u{1f980}\r\nb: 2\rc: 3\n";
        let utf16 = Text::new(source.to_owned(), Encoding::Utf16);
        let utf8 = Text::new(source.to_owned(), Encoding::Utf8);
        let after_crab = source.find('\r').unwrap();
        assert_eq!(utf16.position(after_crab), Position::new(0, 5));
        assert_eq!(utf8.position(after_crab), Position::new(0, 8));
        assert_eq!(utf16.offset(Position::new(0, 5)), after_crab);
        assert_eq!(utf8.offset(Position::new(0, 8)), after_crab);
        let c = source.find('c').unwrap();
        assert_eq!(utf16.position(c), Position::new(2, 0));
        assert_eq!(utf16.offset(Position::new(2, 0)), c);
    }

    #[test]
    fn a_position_inside_a_character_or_behind_a_line_is_moved_to_an_edge() {
        let text = Text::new("a: \u{1f980}\r\nb".to_owned(), Encoding::Utf16);
        assert_eq!(text.offset(Position::new(0, 4)), 3);
        assert_eq!(text.offset(Position::new(0, 99)), 7);
        assert_eq!(text.offset(Position::new(0, u32::MAX)), 7);
        assert_eq!(text.offset(Position::new(u32::MAX, 0)), 10);
    }

    #[test]
    fn a_byte_order_mark_is_the_editors_and_not_the_analysiss() {
        let text = Text::new("\u{feff}a: 1".to_owned(), Encoding::Utf16);
        assert_eq!(text.position(0), Position::new(0, 1));
        assert_eq!(text.offset(Position::new(0, 4)), 3);
        assert_eq!(text.offset(Position::new(0, 0)), 0);
    }

    #[test]
    fn edits_are_taken_one_after_another() {
        let mut text = Text::new("a: \u{1f980}x\nb: 2\n".to_owned(), Encoding::Utf16);
        text.change(&change(Some(range((0, 3), (0, 5))), "é"));
        assert_eq!(text.as_str(), "a: éx\nb: 2\n");
        text.change(&change(Some(range((0, 5), (1, 3))), "\n\nc: "));
        assert_eq!(text.as_str(), "a: éx\n\nc: 2\n");
        text.change(&change(Some(range((2, 4), (2, 0))), "3"));
        assert_eq!(
            text.as_str(),
            "a: éx\n\nc: 23\n",
            "a range that runs backwards inserts"
        );
        text.change(&change(None, "d: 4"));
        assert_eq!(text.as_str(), "d: 4");
    }

    proptest! {
        #[test]
        fn units_are_those_of_the_standard_library(text in "\\PC{0,40}") {
            prop_assert_eq!(utf16_len(&text), text.encode_utf16().count());
        }

        #[test]
        fn there_and_back_is_the_same_place(source in "[aé\u{1f980}\r\n ]{0,40}", utf8: bool) {
            let encoding = if utf8 { Encoding::Utf8 } else { Encoding::Utf16 };
            let text = Text::new(source.clone(), encoding);
            for (offset, character) in source.char_indices() {
                let position = text.position(offset);
                // Between the two characters of a line's end there is no place.
                if character != '\n' {
                    prop_assert_eq!(text.offset(position), offset);
                }
            }
        }

        #[test]
        fn no_edit_panics(
            source in "\u{feff}?[aé\u{1f980}\r\n]{0,20}",
            edits in proptest::collection::vec(((0_u32..6, 0_u32..9), (0_u32..6, 0_u32..9), "[b\u{1f980}\n]{0,3}"), 0..6),
        ) {
            let mut text = Text::new(source, Encoding::Utf16);
            for (start, end, with) in edits {
                text.change(&change(Some(range(start, end)), &with));
                prop_assert_eq!(&text.line_starts, &line_starts(text.as_str()));
            }
        }
    }
}
