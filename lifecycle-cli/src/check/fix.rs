//! `--fix`, `--unsafe-fixes`, `--diff`: the fixes that findings offer, made.
//!
//! Edits are bytes; everything they do not speak of stays as it is. What comes out is checked again,
//! and a fix that would make anything worse is left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context as _, Result};
use lifecycle_manifest::render::one_line;
use lifecycle_manifest::text::Span;
use lifecycle_manifest::{Analysis, Finding, Fix, Options, Patch, Safety, Severity};
use similar::TextDiff;

use crate::input::{BYTE_ORDER_MARK, Input};
use crate::talk::legible;
use crate::whole;

/// A fix may uncover what another fix mends; after so many rounds the rest is for people.
const ROUNDS: usize = 10;

/// Fixes that cannot all be made at once are tried one by one, until so many bytes have been read
/// again: all of them in any manifest that somebody wrote, some in one that a program wrote.
const TRIED_BYTES: usize = 8 << 20;

/// What was made of a manifest.
pub(crate) struct Fixed {
    /// The new text, without a byte order mark.
    pub(crate) text: String,
    /// How many findings were mended.
    pub(super) count: usize,
    analysis: Analysis,
}

/// Makes all fixes of a manifest that are at most as unsafe as asked for. `None` where there is
/// nothing to make.
pub(crate) fn fix(analysis: &Analysis, at_most: Safety, options: &Options) -> Option<Fixed> {
    let mut fixed: Option<Fixed> = None;
    for _ in 0..ROUNDS {
        let now = fixed.as_ref().map_or(analysis, |fixed| &fixed.analysis);
        let Some(round) = round(now, at_most, options) else {
            break;
        };
        let before = fixed.as_ref().map_or(0, |fixed| fixed.count);
        fixed = Some(Fixed {
            count: before + round.count,
            ..round
        });
    }
    fixed
}

/// How many findings `--fix`, and how many `--unsafe-fixes`, would take up.
pub(crate) fn fixable(analysis: &Analysis, at_most: Safety) -> usize {
    candidates(analysis, at_most).len()
}

fn candidates(analysis: &Analysis, at_most: Safety) -> Vec<(&Finding, Vec<Patch>)> {
    let Some(document) = &analysis.document else {
        return Vec::new();
    };
    let patches = |fix: &Fix| fix.patches(document);
    let findings = analysis.findings.iter();
    findings
        .filter_map(|finding| Some((finding, finding.first_fix(at_most).and_then(patches)?)))
        .collect()
}

/// All at once where that is no worse than before; else one after another.
fn round(analysis: &Analysis, at_most: Safety, options: &Options) -> Option<Fixed> {
    let candidates = candidates(analysis, at_most);
    if candidates.is_empty() {
        return None;
    }
    let (all, count) = apart(&candidates);
    if let Some(fixed) = attempt(analysis, &all, count, options) {
        return Some(fixed);
    }
    let tries = TRIED_BYTES / analysis.source.text().len().max(1);
    candidates
        .iter()
        .take(tries.max(1))
        .find_map(|(_, patches)| attempt(analysis, patches, 1, options))
}

/// Patches of as many candidates as do not touch the same bytes, in the order of the file.
fn apart(candidates: &[(&Finding, Vec<Patch>)]) -> (Vec<Patch>, usize) {
    let mut taken: BTreeMap<Span, &Patch> = BTreeMap::new();
    let mut count = 0;
    for (_, patches) in candidates {
        // The same patch for another platform's finding mends both.
        let known = |patch: &Patch| taken.get(&patch.span).is_some_and(|it| *it == patch);
        // What is taken lies apart, so that of all before a place only the last can reach it.
        let free = |patch: &Patch| {
            let before = ..=Span::new(patch.span.end, usize::MAX);
            let last = taken.range(before).next_back();
            last.is_none_or(|(other, _)| other.end < patch.span.start)
        };
        if patches.iter().all(known) {
            count += 1;
        } else if patches.iter().all(free) {
            taken.extend(patches.iter().map(|patch| (patch.span, patch)));
            count += 1;
        }
    }
    (taken.into_values().cloned().collect(), count)
}

fn attempt(before: &Analysis, patches: &[Patch], count: usize, options: &Options) -> Option<Fixed> {
    let text = apply(before.source.text(), patches);
    if text == before.source.text() {
        return None;
    }
    let analysis = Analysis::with(&text, options);
    is_no_worse(before, &analysis).then_some(Fixed {
        text,
        count,
        analysis,
    })
}

fn apply(text: &str, patches: &[Patch]) -> String {
    let mut applied = String::with_capacity(text.len());
    let mut done = 0;
    for patch in patches {
        applied.push_str(&text[done..patch.span.start]);
        applied.push_str(&patch.text);
        done = patch.span.end;
    }
    applied.push_str(&text[done..]);
    applied
}

/// It can still be read, and no error has come that was not there. A value under a misspelt key is
/// looked at only when the key is known: what it uncovers was wrong before.
fn is_no_worse(before: &Analysis, after: &Analysis) -> bool {
    let Some(_) = &after.document else {
        return false;
    };
    if before.resolved.is_none() {
        return after.findings.len() < before.findings.len() + before.allowed.len()
            || after.resolved.is_some();
    }
    let errors = |analysis: &Analysis| {
        let is_error = |finding: &&Finding| finding.severity == Severity::Error;
        analysis.findings.iter().filter(is_error).count()
    };
    after.resolved.is_some()
        && errors(after) <= errors(before)
        && (errors(after) < errors(before) || after.findings.len() < before.findings.len())
}

/// What a fix changes, as `patch` reads it.
pub(super) fn diff(input: &Input, fixed: &Fixed) -> String {
    let name = one_line(&input.name);
    TextDiff::from_lines(input.analysis.source.text(), &fixed.text)
        .unified_diff()
        .header(&name, &name)
        .to_string()
}

/// Puts the new text where the old one came from; to standard output where that was standard input.
pub(super) fn write(input: &mut Input, fixed: Fixed) -> Result<()> {
    let mut text = String::new();
    if input.has_mark {
        text.push_str(BYTE_ORDER_MARK);
    }
    let _ = write!(text, "{}", fixed.text);
    match &input.path {
        Some(path) => whole::write(path, text.as_bytes())
            .with_context(|| format!("could not write {}", legible(path)))?,
        None => crate::out::bytes().write_all(text.as_bytes())?,
    }
    input.analysis = fixed.analysis;
    Ok(())
}
