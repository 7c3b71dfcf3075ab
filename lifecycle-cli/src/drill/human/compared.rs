//! Two drills beside one another.

use std::fmt::Write as _;

use lifecycle_drill::Comparison;
use lifecycle_drill::compare::{Change, Row, Side, Unit};
use lifecycle_drill::summary::Found;
use lifecycle_drill::words::{grouped, moment, span};

use super::several::say;
use super::text::{BAD, FAINT, GOOD, HEADING, WARN, clean, line, padded, styled, wrapped};

/// A comparison as text.
pub(in crate::drill) fn compared(comparison: &Comparison) -> String {
    let mut text = String::new();
    let title = format!(
        "{} on {}",
        clean(&comparison.after.service),
        clean(&comparison.after.platform_label)
    );
    line(&mut text, &styled(HEADING, &title));
    for (name, side) in [("before", &comparison.before), ("after", &comparison.after)] {
        line(&mut text, &format!("  {name:<8}{}", verdict(side)));
    }
    for remark in &comparison.remarks {
        wrapped(&mut text, WARN, "  note: ", remark);
    }
    line(&mut text, "");
    let head = format!("{:<34}{:>14}{:>14}", "COMPARED", "before", "after");
    line(&mut text, &styled(HEADING, &head));
    for row in &comparison.rows {
        rows(&mut text, row);
    }
    findings(&mut text, comparison);
    let (style, word) = match comparison.verdict {
        Change::Better => (GOOD, "better"),
        Change::Worse => (BAD, "WORSE"),
        Change::Same | Change::Unknown => (FAINT, "the same verdict"),
    };
    line(&mut text, "");
    line(&mut text, &styled(style, word));
    text
}

fn verdict(side: &Side) -> String {
    match (side.runs, side.passed) {
        (1, 1) => "passed".to_owned(),
        (1, _) => "failed".to_owned(),
        (runs, passed) => format!("{passed} of {runs} runs passed"),
    }
}

fn rows(text: &mut String, row: &Row) {
    let shown = |number: Option<f64>| match (number, row.unit) {
        (None, _) => "-".to_owned(),
        (Some(number), Unit::Count) => grouped(whole(number)),
        (Some(ms), Unit::Ms) if ms < 0.0 => moment(ms),
        (Some(ms), Unit::Ms) => span(ms),
    };
    let (style, word) = match row.change {
        Change::Better => (GOOD, "better"),
        Change::Worse => (BAD, "worse"),
        Change::Same => (FAINT, ""),
        Change::Unknown => (WARN, "not in both"),
    };
    let what = padded(&clean(&row.what), 32);
    let (before, after) = (shown(row.before), shown(row.after));
    let mut said = format!("  {what}{before:>14}{after:>14}");
    if !word.is_empty() {
        let _infallible = write!(said, "  {}", styled(style, word));
    }
    line(text, &said);
}

fn findings(text: &mut String, comparison: &Comparison) {
    let groups: [(&str, &[Found]); 3] = [
        ("NEW", &comparison.new),
        ("GONE", &comparison.gone),
        ("STILL THERE", &comparison.kept),
    ];
    for (head, found) in groups {
        if found.is_empty() {
            continue;
        }
        line(text, "");
        line(text, &styled(HEADING, head));
        for found in found {
            say(text, found, "");
        }
    }
}

/// Counts are whole; what is none in an edited document is cut.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cut on purpose"
)]
pub(in crate::drill) fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}
