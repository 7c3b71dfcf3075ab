//! How far a comment reaches: every line is looked at once, however many comments stand above it.

use std::collections::HashMap;

use crate::text::{Comment, Document, Node, Span, Value};

/// What comments speak for. Asked in the order of the file.
pub(super) struct Reach<'d> {
    document: &'d Document,
    /// Where every entry and every item begins and ends, in the order of their beginnings.
    things: Vec<(usize, usize)>,
    /// Where that ends which begins on a line, by the line's beginning.
    ends: HashMap<usize, usize>,
    /// Between these two there is nothing but blank lines and comments.
    gap: (usize, usize),
}

impl<'d> Reach<'d> {
    pub(super) fn new(document: &'d Document) -> Self {
        let mut things = Vec::new();
        if !document.comments.is_empty() {
            things = everything(&document.root);
            things.sort_unstable();
        }
        Self {
            document,
            things,
            ends: HashMap::new(),
            gap: (1, 0),
        }
    }

    /// A comment behind something speaks for its line, and for all of what begins there; one on a
    /// line of its own for what begins below it.
    pub(super) fn of(&mut self, comment: &Comment) -> Span {
        let start = match comment.own_line {
            true => self.below(comment.span.end),
            false => {
                let before = &self.document.source.text()[..comment.span.start];
                before.rfind('\n').map_or(0, |at| at + 1)
            }
        };
        if let Some(&end) = self.ends.get(&start) {
            return Span::new(start, end);
        }
        let text = self.document.source.text();
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let first = self.things.partition_point(|&(begin, _)| begin < start);
        let last = self.things.partition_point(|&(begin, _)| begin < line_end);
        let ends = self.things[first..last.max(first)].iter();
        let end = ends.map(|&(_, end)| end).fold(line_end, usize::max);
        self.ends.insert(start, end);
        Span::new(start, end)
    }

    /// The beginning of the next line that holds something; the text's end where none does.
    fn below(&mut self, from: usize) -> usize {
        if self.gap.0 <= from && from < self.gap.1 {
            return self.gap.1;
        }
        let text = self.document.source.text();
        let mut start = from;
        loop {
            let Some(newline) = text[start..].find('\n') else {
                start = text.len();
                break;
            };
            start += newline + 1;
            let line = text[start..].lines().next().unwrap_or_default().trim();
            if !line.is_empty() && !line.starts_with('#') {
                break;
            }
        }
        self.gap = (from, start);
        start
    }
}

fn everything(root: &Node) -> Vec<(usize, usize)> {
    let mut things = Vec::new();
    let mut nodes = vec![root];
    while let Some(node) = nodes.pop() {
        match &node.value {
            Value::Scalar { .. } => {}
            Value::Sequence(items) => {
                things.extend(items.iter().map(|item| (item.span.start, item.span.end)));
                nodes.extend(items);
            }
            Value::Mapping(entries) => {
                let ends = |entry: &crate::text::Entry| entry.value.span.end;
                things.extend(entries.iter().map(|it| (it.key_span.start, ends(it))));
                nodes.extend(entries.iter().map(|entry| &entry.value));
            }
        }
    }
    things
}
