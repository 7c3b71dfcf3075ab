//! What became of the requests of one run.

use std::fmt::Write as _;

use anstyle::Style;

use lifecycle_drill::Measured;
use lifecycle_drill::traffic::tally::{Counts, Latency, Requests};
use lifecycle_drill::words::{grouped, span};

use super::text::{BAD, HEADING, WARN, clean, line, padded, styled};

/// What became of the requests, by the phase in which each was sent.
pub(super) fn by_phase(text: &mut String, measured: &Measured, seen: &Requests) {
    let outlived = seen.gone != Counts::default();
    let mut columns = vec![
        ("before stop".to_owned(), seen.before),
        ("settling".to_owned(), seen.settling),
        (format!("after {}", clean(&measured.signal)), seen.stopping),
    ];
    if outlived {
        columns.push(("after exit".to_owned(), seen.gone));
    }
    line(text, "");
    let mut head = format!("{:<24}", "REQUESTS by when sent");
    for (label, _) in &columns {
        let _infallible = write!(head, "{label:>14}");
    }
    line(text, &styled(HEADING, &head));
    let mut outcome = |label: &str, of: fn(&Counts) -> u64, always: bool, style: Style| {
        if !always && of(&seen.all()) == 0 {
            return;
        }
        let mut row = format!("  {label:<22}");
        for (_, counts) in &columns {
            let cell = format!("{:>14}", grouped(of(counts)));
            row += &if of(counts) > 0 {
                styled(style, &cell)
            } else {
                cell
            };
        }
        line(text, &row);
    };
    outcome("served", |counts| counts.served, true, Style::new());
    outcome("  of those 4xx", |counts| counts.client_error, false, WARN);
    outcome(
        "  of those let go",
        |counts| counts.let_go,
        false,
        Style::new(),
    );
    outcome("refused with 503", |counts| counts.refused, false, WARN);
    outcome(
        "refused at connection",
        |counts| counts.refused_at_connect,
        false,
        WARN,
    );
    outcome("server error", |counts| counts.server_error, false, BAD);
    outcome("lost", |counts| counts.lost, true, BAD);
    outcome(
        "  to an idle close",
        |counts| counts.lost_to_idle_close,
        false,
        BAD,
    );
    outcome(
        "  never answered",
        |counts| counts.lost_unanswered,
        false,
        BAD,
    );
    outcome("not sent", |counts| counts.not_sent, false, WARN);
    for (label, latency) in [
        ("latency before stop", seen.latency_before),
        ("latency after", seen.latency_after),
    ] {
        if let Some(latency) = latency {
            line(text, &format!("  {label:<22}  {}", figures(latency)));
        }
    }
}

/// `p50 0.42ms  p90 1.10ms  p99 …`.
pub(super) fn figures(latency: Latency) -> String {
    let figures = latency.figures();
    let figures = figures.map(|(name, ms)| format!("{name} {}", short(ms)));
    figures.join("  ")
}

/// What became of each kind of request, where there are several; of the whole run.
pub(super) fn by_kind(text: &mut String, seen: &Requests) {
    if seen.kinds.len() < 2 {
        return;
    }
    let row = |name: &str, cells: [&str; 6]| {
        let mut row = padded(name, 27);
        for (cell, width) in cells.iter().zip([10, 9, 8, 8, 9, 9]) {
            let _infallible = write!(row, "{cell:>width$}");
        }
        row
    };
    line(text, "");
    let head = [
        "served", "refused", "failed", "lost", "p99 bef.", "p99 aft.",
    ];
    line(text, &styled(HEADING, &row("BY KIND", head)));
    for kind in &seen.kinds {
        let all = kind.all();
        let p99 = |latency: Option<Latency>| {
            latency.map_or_else(|| "-".to_owned(), |it| short(it.p99_ms))
        };
        let cells = [
            grouped(all.served),
            grouped(all.refused + all.refused_at_connect),
            grouped(all.server_error),
            grouped(all.lost),
            p99(kind.latency_before),
            p99(kind.latency_after),
        ];
        let cells = cells.each_ref().map(String::as_str);
        let style = match all.lost + all.server_error {
            0 => Style::new(),
            _ => BAD,
        };
        let name = format!("  {}", clean(&kind.request));
        line(text, &styled(style, &row(&name, cells)));
    }
}

/// A latency, with one digit after the point where it is short.
fn short(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.2}ms")
    } else {
        span(ms)
    }
}
