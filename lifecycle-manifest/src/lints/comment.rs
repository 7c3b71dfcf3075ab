//! Allowances as comments: `# lifecycle: allow(unused-grace) timeouts grow soon`.

use super::{Selector, unknown};
use crate::finding::{Finding, Place, Side};
use crate::rules::{Rule, shape};
use crate::text::{Comment, Document, Node, Span, Value};

/// A comment that allows rules at its place.
pub(super) struct Allowance {
    pub(super) comment: Span,
    pub(super) names: Vec<Named>,
    pub(super) reason: String,
    /// What it speaks for.
    covers: Span,
}

/// A rule that a comment names, and where.
pub(super) struct Named {
    pub(super) rule: &'static Rule,
    pub(super) span: Span,
}

impl Allowance {
    /// `None` for a comment that only looks like one: `# lifecycle: the file of …`.
    pub(super) fn read(
        document: &Document,
        comment: &Comment,
    ) -> Option<Result<Self, Box<Finding>>> {
        let verb_end = comment
            .text
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
            .unwrap_or(comment.text.len());
        let (verb, rest) = comment.text.split_at(verb_end);
        let call = rest.trim_start().strip_prefix('(');
        if verb != "allow" && (call.is_none() || verb.is_empty()) {
            return None;
        }
        Some(Self::parse(document, comment, verb, call))
    }

    fn parse(
        document: &Document,
        comment: &Comment,
        verb: &str,
        call: Option<&str>,
    ) -> Result<Self, Box<Finding>> {
        let bad = |message: String, span| {
            Finding::new(&shape::BAD_ALLOWANCE, message, Place::Bytes(span))
        };
        let form = "write `# lifecycle: allow(RULE) why it is fine here`";
        if verb != "allow" {
            let shown: String = verb.chars().take(40).collect();
            let message = format!("a comment can `allow`, and not `{shown}`");
            return Err(Box::new(bad(message, comment.span).help(form)));
        }
        let Some((inner, reason)) = call.and_then(|call| call.split_once(')')) else {
            let message = "this allowance names no rule".to_owned();
            return Err(Box::new(bad(message, comment.span).help(form)));
        };
        let reason = reason.trim_start_matches([':', '-', '–', '—', ' ']).trim();
        // Spans within the comment: its text is a slice of the source, trimmed.
        let source = document.source.slice(comment.span);
        let open = comment.span.start + source.find('(').map_or(0, |at| at + 1);
        let mut names = Vec::new();
        let mut at = open;
        for part in inner.split(',') {
            let name = part.trim();
            let start = at + part.len() - part.trim_start().len();
            let span = document
                .source
                .clamp_span(Span::new(start, start + name.len()));
            at += part.len() + 1;
            match Selector::parse(name) {
                Ok(Selector::Rule(rule)) => names.push(Named { rule, span }),
                Ok(Selector::All) => {
                    let message = "a comment allows rules by name, not all of them".to_owned();
                    return Err(Box::new(bad(message, span).help(form)));
                }
                Err(error) => {
                    return Err(Box::new(unknown(name, Place::Bytes(span), &error)));
                }
            }
        }
        if reason.is_empty() {
            let message = format!("why is `{}` fine here?", inner.trim());
            return Err(Box::new(
                bad(message, comment.span)
                    .label("no reason is given")
                    .help("write the reason behind it: who reads this next will want it"),
            ));
        }
        Ok(Self {
            comment: comment.span,
            names,
            reason: reason.to_owned(),
            covers: covered(document, comment),
        })
    }

    /// The finding's place in the manifest begins within what this speaks for.
    pub(super) fn covers(&self, document: &Document, finding: &Finding) -> bool {
        if self.names.iter().all(|name| name.rule != finding.rule) {
            return false;
        }
        let labels = std::iter::once(&finding.primary).chain(&finding.related);
        let own = labels
            .into_iter()
            .find(|label| label.side == Side::Manifest);
        own.is_some_and(|label| {
            let start = label.place.span(document).start;
            self.covers.start <= start && start < self.covers.end
        })
    }
}

/// A comment behind something speaks for its line, and for all of what begins there; one on a line
/// of its own for what begins below it.
fn covered(document: &Document, comment: &Comment) -> Span {
    let text = document.source.text();
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |at| at + 1);
    let mut start = line_start(comment.span.start);
    if comment.own_line {
        start = comment.span.end;
        // Past blank lines and further comments.
        loop {
            let rest = &text[start..];
            let Some(newline) = rest.find('\n') else {
                return Span::new(text.len(), text.len());
            };
            start += newline + 1;
            let line = text[start..].lines().next().unwrap_or_default().trim();
            if !line.is_empty() && !line.starts_with('#') {
                break;
            }
        }
    }
    let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    Span::new(start, furthest(&document.root, start, end))
}

/// The furthest end of anything whose key, or whose first byte, lies between `start` and `end`.
fn furthest(node: &Node, start: usize, end: usize) -> usize {
    let mut furthest_end = end;
    let mut nodes = vec![node];
    while let Some(node) = nodes.pop() {
        match &node.value {
            Value::Scalar { .. } => {}
            Value::Sequence(items) => {
                for item in items {
                    if (start..end).contains(&item.span.start) {
                        furthest_end = furthest_end.max(item.span.end);
                    }
                    nodes.push(item);
                }
            }
            Value::Mapping(entries) => {
                for entry in entries {
                    if (start..end).contains(&entry.key_span.start) {
                        furthest_end = furthest_end.max(entry.value.span.end);
                    }
                    nodes.push(&entry.value);
                }
            }
        }
    }
    furthest_end
}
