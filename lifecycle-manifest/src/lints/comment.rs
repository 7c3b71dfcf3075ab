//! Allowances as comments: `# lifecycle: allow(unused-grace) timeouts grow soon`.

use std::collections::HashMap;

use super::reach::Reach;
use super::{Selector, unknown};
use crate::finding::{Finding, Place};
use crate::rules::{Rule, shape};
use crate::text::{Comment, Document, Span};

/// The allowances of a file, in its order.
pub(super) struct Allowances {
    pub(super) all: Vec<Allowance>,
    /// By a rule's code: those that name it, each with the furthest that it or one before reaches.
    by_rule: HashMap<&'static str, Vec<(usize, usize)>>,
}

impl Allowances {
    /// Those of a document, and what is wrong with others.
    pub(super) fn read(document: &Document) -> (Self, Vec<Finding>) {
        let mut reach = Reach::new(document);
        let mut all = Vec::new();
        let mut findings = Vec::new();
        for comment in &document.comments {
            match Allowance::read(document, comment, &mut reach) {
                Some(Ok(allowance)) => all.push(allowance),
                Some(Err(finding)) => findings.push(*finding),
                None => {}
            }
        }
        let mut by_rule: HashMap<&'static str, Vec<(usize, usize)>> = HashMap::new();
        for (at, allowance) in all.iter().enumerate() {
            for name in &allowance.names {
                let list = by_rule.entry(name.rule.code).or_default();
                let before = list.last().map_or(0, |&(furthest, _)| furthest);
                list.push((allowance.covers.end.max(before), at));
            }
        }
        (Self { all, by_rule }, findings)
    }

    /// The first that allows a rule at a place.
    pub(super) fn first(&self, rule: &Rule, start: usize) -> Option<usize> {
        let list = self.by_rule.get(rule.code)?;
        // What stands later begins no earlier, so it is the first that reaches so far or none.
        let first = list.partition_point(|&(furthest, _)| furthest <= start);
        let &(_, at) = list.get(first)?;
        (self.all[at].covers.start <= start).then_some(at)
    }
}

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
    fn read(
        document: &Document,
        comment: &Comment,
        reach: &mut Reach<'_>,
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
        Some(Self::parse(document, comment, reach, verb, call))
    }

    fn parse(
        document: &Document,
        comment: &Comment,
        reach: &mut Reach<'_>,
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
            let message = format!("`{}` is allowed without a reason", inner.trim());
            return Err(Box::new(
                bad(message, comment.span).help(format!(
                    "write `# lifecycle: allow({}) why it is fine here`: who reads this next will want it",
                    inner.trim()
                )),
            ));
        }
        Ok(Self {
            comment: comment.span,
            names,
            reason: reason.to_owned(),
            covers: reach.of(comment),
        })
    }

    /// The bytes that must go for this name to be allowed no longer: the name with its comma, or all
    /// of the comment with its line, or with the space before it.
    pub(super) fn without(&self, document: &Document, number: usize) -> Span {
        let span = self.names[number].span;
        if let Some(next) = self.names.get(number + 1) {
            return Span::new(span.start, next.span.start);
        }
        if let Some(before) = number.checked_sub(1) {
            return Span::new(self.names[before].span.end, span.end);
        }
        let text = document.source.text();
        let before = text[..self.comment.start].trim_end_matches([' ', '\t']);
        match before.is_empty() || before.ends_with('\n') {
            true => {
                let rest = &text[self.comment.end..];
                let newline = rest.find('\n').map_or(rest.len(), |at| at + 1);
                Span::new(before.len(), self.comment.end + newline)
            }
            false => Span::new(before.len(), self.comment.end),
        }
    }
}
