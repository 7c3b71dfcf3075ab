//! Inlay hints: when each step runs, and what each platform has to spare.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use lifecycle_manifest::duration::human;
use lifecycle_manifest::text::Span;
use lifecycle_manifest::{Analysis, Place, Resolved, Timeline, unmanaged};
use lsp_types::{InlayHint, InlayHintLabel, InlayHintTooltip, Range};

use super::documents::Open;

/// The hints of a range.
pub(super) fn within(open: &Open, range: Range) -> Vec<InlayHint> {
    let analysis = open.analysis();
    let Some(resolved) = &analysis.resolved else {
        return Vec::new();
    };
    let lines = lines(resolved);
    let mut hints = windows(open, analysis, &lines);
    hints.extend(spare_times(open, analysis, resolved));
    hints.retain(|hint| range.start <= hint.position && hint.position <= range.end);
    hints
}

/// The timelines to speak of: the platforms', or the program's own where none is named.
pub(super) fn lines(resolved: &Resolved) -> Cow<'_, [Timeline]> {
    match resolved.manifest.platforms.iter().next() {
        Some(_) => Cow::Borrowed(&resolved.timelines),
        None => Cow::Owned(vec![unmanaged(&resolved.manifest, &resolved.plan)]),
    }
}

/// `4.75s to spare`, or what is wrong; `None` where nothing is to be compared with.
pub(super) fn spare(line: &Timeline) -> Option<String> {
    if line.grace().value.is_zero() && line.facts.default_grace.is_zero() {
        return None;
    }
    let cap = line.terms.cap.as_ref();
    Some(match line.spare() {
        _ if cap.is_some_and(|cap| line.grace().value > cap.limit) => {
            "more than the platform takes".to_owned()
        }
        Some(spare) => format!("{} to spare", human(spare)),
        None => format!("{} missing", human(line.missing())),
    })
}

/// From when to when, and on which platform.
type Window = (Duration, Duration, &'static str);

/// At each written timeout: when the step runs, counted from the platform's stop.
fn windows(open: &Open, analysis: &Analysis, lines: &[Timeline]) -> Vec<InlayHint> {
    let mut written: BTreeMap<Span, Vec<Window>> = BTreeMap::new();
    for line in lines {
        for window in &line.windows {
            let Some(route) = window.timeout.origin.route() else {
                continue;
            };
            let span = analysis.span(&Place::Value(route.clone()));
            let (start, end) = line.since_stop(window);
            let window = (start, end, line.platform());
            written.entry(span).or_default().push(window);
        }
    }
    written
        .into_iter()
        .map(|(span, windows)| {
            let tooltip = windows
                .iter()
                .map(|(start, end, platform)| {
                    format!(
                        "{platform}: from {} to {} after the stop, its time to let go included",
                        human(*start),
                        human(*end)
                    )
                })
                .collect::<Vec<_>>();
            hint(open, span.end, label(&windows), tooltip.join("\n"))
        })
        .collect()
}

/// `5s → 20.25s`, by platform where they differ; two of them, and a sign that there are more.
fn label(windows: &[Window]) -> String {
    let mut groups: Vec<(Duration, Duration, Vec<&str>)> = Vec::new();
    for (start, end, platform) in windows {
        match groups.iter_mut().find(|g| (g.0, g.1) == (*start, *end)) {
            Some(group) => group.2.push(platform),
            None => groups.push((*start, *end, vec![platform])),
        }
    }
    let arrow = |start, end| format!("{} → {}", human(start), human(end));
    if let [(start, end, _)] = groups.as_slice() {
        return arrow(*start, *end);
    }
    let mut shown: Vec<String> = groups
        .iter()
        .take(2)
        .map(|(start, end, platforms)| format!("{} {}", platforms.join(", "), arrow(*start, *end)))
        .collect();
    if groups.len() > 2 {
        shown.push("…".to_owned());
    }
    shown.join(" · ")
}

/// Beside each platform: what is left of its grace period.
fn spare_times(open: &Open, analysis: &Analysis, resolved: &Resolved) -> Vec<InlayHint> {
    let source = analysis.source.text();
    let lines = resolved.timelines.iter();
    lines
        .filter_map(|line| {
            let platform = resolved.manifest.platforms.get(line.platform())?;
            let key = analysis.span(&Place::Key(platform.common().route.clone()));
            let behind = source.get(key.end..).unwrap_or_default();
            let colon = behind.find(|c: char| c != ' ' && c != '\t');
            let at = match colon.filter(|&at| behind[at..].starts_with(':')) {
                Some(colon) => key.end + colon + 1,
                None => key.end,
            };
            Some(hint(open, at, spare(line)?, line.sum()))
        })
        .collect()
}

fn hint(open: &Open, at: usize, label: String, tooltip: String) -> InlayHint {
    InlayHint {
        position: open.text.position(at),
        label: InlayHintLabel::String(label),
        kind: None,
        text_edits: None,
        tooltip: Some(InlayHintTooltip::String(tooltip)),
        padding_left: Some(true),
        padding_right: None,
        data: None,
    }
}
