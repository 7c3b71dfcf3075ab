//! A file's text, and the way from a byte offset to a line and a column.

use std::ops::Range;

/// A half-open range of bytes in a [`Source`].
///
/// ```
/// use lifecycle_manifest::text::{Source, Span};
/// let span = Span::new(9, 13);
/// assert_eq!(span.range(), 9..13);
/// assert_eq!(Source::new("service: shop\n").slice(span), "shop");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// A span from `start` up to, not including, `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The same as a range.
    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A place for people: both numbers count from one, columns count characters.
///
/// ```
/// use lifecycle_manifest::text::{Position, Source};
/// let source = Source::new("service: shop\nbudget: {}\n");
/// assert_eq!(source.position(0), Position { line: 1, column: 1 });
/// assert_eq!(source.position(22), Position { line: 2, column: 9 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// The text of a manifest, without a byte order mark.
///
/// ```
/// use lifecycle_manifest::text::{Source, Span};
/// let source = Source::new("\u{feff}service: shop\n");
/// assert_eq!(source.text(), "service: shop\n");
/// assert_eq!(source.mark(), 3);
/// assert_eq!(source.slice(Span::new(0, 7)), "service");
/// assert_eq!(source.slice(Span::new(9, 99)), "");
/// ```
#[derive(Debug, Clone)]
pub struct Source {
    text: String,
    line_starts: Vec<usize>,
    mark: usize,
    /// How many characters begin before each block of [`BLOCK`] bytes: the columns of a line of
    /// megabytes are not counted from its beginning, finding by finding.
    characters: Vec<usize>,
}

impl Source {
    /// Takes a file's text; a leading byte order mark is dropped, so that offsets count what is seen.
    pub fn new(text: &str) -> Self {
        let whole = text.len();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let mut characters = vec![0];
        for block in text.as_bytes().chunks(BLOCK) {
            characters.push(characters[characters.len() - 1] + beginnings(block));
        }
        Self {
            mark: whole - text.len(),
            text,
            line_starts,
            characters,
        }
    }

    /// How many bytes of the file stand before the text: those of a byte order mark.
    pub fn mark(&self) -> usize {
        self.mark
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a span; empty when the span does not lie in this source.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// The line and column of a byte offset. An offset past the end is the end.
    ///
    /// ```
    /// use lifecycle_manifest::text::{Position, Source};
    /// let source = Source::new("a: 1\nü: 2\n");
    /// assert_eq!(source.position(8), Position { line: 2, column: 3 });
    /// ```
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.clamp(offset);
        let line = self
            .line_starts
            .partition_point(|&start| start <= offset)
            .max(1);
        let start = self.line_starts[line - 1];
        Position {
            line,
            column: self.characters_before(offset) - self.characters_before(start) + 1,
        }
    }

    fn characters_before(&self, offset: usize) -> usize {
        let block = offset / BLOCK;
        self.characters[block] + beginnings(&self.text.as_bytes()[block * BLOCK..offset])
    }

    /// The number of the line that a span begins on, and the bytes from there to the end of its
    /// last line.
    pub(crate) fn lines_of(&self, span: Span) -> (usize, Span) {
        let line_of = |offset| self.line_starts.partition_point(|&start| start <= offset);
        let first = line_of(span.start).max(1);
        let end = self.line_starts.get(line_of(span.end));
        let lines = Span::new(
            self.line_starts[first - 1],
            end.copied().unwrap_or(self.text.len()),
        );
        (first, lines)
    }

    /// A span that surely lies in the text and splits no character.
    pub(crate) fn clamp_span(&self, span: Span) -> Span {
        let start = self.clamp(span.start);
        Span::new(start, self.clamp(span.end).max(start))
    }

    fn clamp(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

const BLOCK: usize = 1_024;

/// The bytes that begin a character: all but UTF-8's continuations.
fn beginnings(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_crlf_bom_and_offsets_out_of_range() {
        let source = Source::new("\u{feff}a: 1\r\nb: 2");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(6), Position { line: 2, column: 1 });
        assert_eq!(source.position(10_000), Position { line: 2, column: 5 });
        assert_eq!((source.mark(), Source::new("a").mark()), (3, 0));
        assert_eq!(Source::new("").position(3), Position { line: 1, column: 1 });
    }

    #[test]
    fn columns_of_a_long_line_count_characters() {
        let text = format!("short\n{}", "aé🛒".repeat(2_000));
        let source = Source::new(&text);
        let line = &text[6..];
        for (at, (offset, _)) in line.char_indices().enumerate() {
            let column = source.position(6 + offset).column;
            assert_eq!(column, at + 1);
        }
        let end = Position {
            line: 2,
            column: 6_001,
        };
        assert_eq!(source.position(text.len()), end);
    }

    #[test]
    fn a_span_inside_a_character_is_moved_to_its_edge() {
        let source = Source::new("é");
        assert_eq!(source.clamp_span(Span::new(1, 9)), Span::new(0, 2));
    }
}
