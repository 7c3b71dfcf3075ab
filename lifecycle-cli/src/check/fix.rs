//! `--fix`, `--unsafe-fixes`, `--diff`: the fixes that findings offer, made.
//!
//! Edits are bytes; everything they do not speak of stays as it is. What comes out is checked again,
//! and a fix that would make anything worse is left out.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context as _, Result};
use lifecycle_manifest::{Analysis, Finding, Fix, Options, Patch, Safety, Severity};
use similar::TextDiff;

use crate::input::{BYTE_ORDER_MARK, Input};
use crate::whole;

/// A fix may uncover what another fix mends; after so many rounds the rest is for people.
const ROUNDS: usize = 10;

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
pub(super) fn fixable(analysis: &Analysis, at_most: Safety) -> usize {
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
    candidates
        .iter()
        .find_map(|(_, patches)| attempt(analysis, patches, 1, options))
}

/// Patches of as many candidates as do not touch the same bytes, in the order of the file.
fn apart(candidates: &[(&Finding, Vec<Patch>)]) -> (Vec<Patch>, usize) {
    let mut taken: Vec<Patch> = Vec::new();
    let mut count = 0;
    for (_, patches) in candidates {
        let touches = |patch: &Patch, other: &Patch| {
            patch.span.start <= other.span.end && other.span.start <= patch.span.end
        };
        // The same patch for another platform's finding mends both.
        let known = patches.iter().all(|patch| taken.contains(patch));
        let free = patches
            .iter()
            .all(|patch| taken.iter().all(|other| !touches(patch, other)));
        if known {
            count += 1;
        } else if free {
            taken.extend(patches.iter().cloned());
            count += 1;
        }
    }
    taken.sort_by_key(|patch| patch.span);
    (taken, count)
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
    let mut text = text.to_owned();
    for patch in patches.iter().rev() {
        text.replace_range(patch.span.range(), &patch.text);
    }
    text
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

/// What a fix changes, for reading.
pub(super) fn diff(input: &Input, fixed: &Fixed) -> String {
    let fixed_name = format!("{} (fixed)", input.name);
    TextDiff::from_lines(input.analysis.source.text(), &fixed.text)
        .unified_diff()
        .header(&input.name, &fixed_name)
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
            .with_context(|| format!("could not write {}", path.display()))?,
        None => std::io::stdout().lock().write_all(text.as_bytes())?,
    }
    input.analysis = fixed.analysis;
    Ok(())
}
