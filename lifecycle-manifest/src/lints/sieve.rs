//! Every finding gets its level, and every allowance shows whether it was needed.

use std::collections::HashSet;

use super::comment::Allowances;
use super::{Allowed, Level, Levels, Lint, Selector};
use crate::finding::{Edit, Finding, Fix, Place, Safety, Side};
use crate::rules::{Rule, shape};
use crate::text::{Document, Route};

/// Findings as their levels leave them.
#[derive(Debug, Default)]
pub(crate) struct Sifted {
    pub(crate) findings: Vec<Finding>,
    pub(crate) allowed: Vec<Allowed>,
}

/// Gives every finding its level. `ran` tells which rules had a chance to find anything: an allowance
/// for one that had none is not called unused.
pub(crate) fn sift(
    document: &Document,
    lints: &[Lint],
    levels: &Levels,
    found: Vec<Finding>,
    ran: impl Fn(&Rule) -> bool,
) -> Sifted {
    let (allowances, findings) = Allowances::read(document);
    let mut sieve = Sieve {
        document,
        lints,
        levels,
        allowances,
        used_comments: HashSet::new(),
        used_lints: HashSet::new(),
        sifted: Sifted {
            findings,
            allowed: Vec::new(),
        },
    };
    for finding in found {
        sieve.take(finding);
    }
    for finding in sieve.unused(ran) {
        sieve.take(finding);
    }
    sieve.sifted
}

struct Sieve<'a> {
    document: &'a Document,
    lints: &'a [Lint],
    levels: &'a Levels,
    allowances: Allowances,
    /// Allowances by number, with the code of the rule that they were needed for.
    used_comments: HashSet<(usize, &'static str)>,
    used_lints: HashSet<usize>,
    sifted: Sifted,
}

impl Sieve<'_> {
    fn take(&mut self, finding: Finding) {
        if !finding.rule.can_be_allowed() {
            self.sifted.findings.push(finding);
        } else if let Some(finding) = self.past_comments(finding) {
            self.past_levels(finding);
        }
    }

    /// The finding, unless a comment allows it.
    fn past_comments(&mut self, finding: Finding) -> Option<Finding> {
        let mut labels = std::iter::once(&finding.primary).chain(&finding.related);
        let own = labels.find(|label| label.side == Side::Manifest);
        let allowed = own.and_then(|label| {
            let start = label.place.span(self.document).start;
            self.allowances.first(finding.rule, start)
        });
        let Some(at) = allowed else {
            return Some(finding);
        };
        let allowance = &self.allowances.all[at];
        self.used_comments.insert((at, finding.rule.code));
        self.sifted.allowed.push(Allowed {
            reason: Some(allowance.reason.clone()),
            by: Some(Place::Bytes(allowance.comment)),
            finding,
        });
        None
    }

    /// The command line's word, else the manifest's, else the rule's own.
    fn past_levels(&mut self, mut finding: Finding) {
        let rule = finding.rule;
        let lint = self
            .lints
            .iter()
            .rposition(|lint| lint.selector.takes(rule));
        self.used_lints.extend(lint);
        let lint = lint.map(|at| &self.lints[at]);
        let level = match self.levels.of(rule) {
            Some(level) => Some((level, None)),
            None => lint.map(|lint| (lint.level.value, Some(lint))),
        };
        match level.map(|(level, lint)| (level.severity(), lint)) {
            None => self.sifted.findings.push(finding),
            Some((Some(severity), _)) => {
                finding.severity = severity;
                self.sifted.findings.push(finding);
            }
            Some((None, lint)) => self.sifted.allowed.push(Allowed {
                finding,
                reason: lint.and_then(|lint| lint.reason.clone()),
                by: lint.map(|lint| Place::Value(lint.level.route.clone())),
            }),
        }
    }

    fn unused(&self, ran: impl Fn(&Rule) -> bool) -> Vec<Finding> {
        let finding = |rule: &Rule, place, edit| {
            let message = format!("there is no `{}` here to allow", rule.name);
            Finding::new(&shape::UNUSED_ALLOWANCE, message, place)
                .fix_with("take the allowance away", Fix::new(Safety::Safe, [edit]))
        };
        let document = self.document;
        let comments = self.allowances.all.iter().enumerate().flat_map(|(at, it)| {
            let names = it.names.iter().enumerate();
            names
                .filter(|(_, name)| ran(name.rule))
                .filter(move |(_, name)| !self.used_comments.contains(&(at, name.rule.code)))
                .map(move |(number, name)| {
                    let span = it.without(document, number);
                    let edit = Edit::replace(Place::Bytes(span), "");
                    finding(name.rule, Place::Bytes(name.span), edit)
                })
        });
        let lints = self.lints.iter().enumerate().filter_map(|(at, lint)| {
            let Selector::Rule(rule) = lint.selector else {
                return None;
            };
            let unused =
                lint.level.value == Level::Allow && ran(rule) && !self.used_lints.contains(&at);
            let entry = entry_of(lint);
            let edit = Edit::Remove {
                entry: entry.clone(),
            };
            unused.then(|| finding(rule, Place::Key(entry), edit))
        });
        comments.chain(lints).collect()
    }
}

/// `lints.NAME`, whether the level stands there or one further in.
fn entry_of(lint: &Lint) -> Route {
    let mut route = lint.level.route.clone();
    while route.segments().len() > 2 {
        match route.parent() {
            Some(parent) => route = parent,
            None => break,
        }
    }
    route
}
