//! Several runs: one line each, then what they have in common and how far they lie apart.

use std::fmt::Write as _;

use lifecycle_drill::Measured;
use lifecycle_drill::measured::Severity;
use lifecycle_drill::record::Runs;
use lifecycle_drill::summary::{Found, Spread, Summary};
use lifecycle_drill::words::{count, grouped, moment, span};

use super::super::scenarios;
use super::run::heading;
use super::text::{BAD, FAINT, GOOD, HEADING, WARN, clean, line, padded, styled, wrapped_after};

/// A repeated drill as text.
pub(in crate::drill) fn several(several: &Runs) -> String {
    let mut text = String::new();
    if let Some(first) = several.runs.first() {
        heading(&mut text, first);
    }
    if several.runs.iter().any(|run| run.scenario.is_some()) {
        line(&mut text, "");
        return text + &scenarios::table(&several.runs, &several.not_played);
    }
    runs(&mut text, &several.runs);
    spreads(&mut text, &several.summary);
    findings(&mut text, &several.summary);
    text
}

fn runs(text: &mut String, runs: &[Measured]) {
    line(text, "");
    let head = format!(
        "{:<15}{:>11}{:>10}{:>10}  ",
        "RUNS", "exit", "lost", "refused"
    );
    line(text, &styled(HEADING, &(head + "findings")));
    for (at, run) in runs.iter().enumerate() {
        let (style, verdict) = match run.passed {
            true => (GOOD, "passed"),
            false => (BAD, "FAILED"),
        };
        let exit = run.process.exit_ms;
        let exit = exit.map_or_else(|| "no signal".to_owned(), moment);
        let all = run
            .requests
            .as_ref()
            .map(lifecycle_drill::traffic::tally::Requests::all);
        let counted = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), grouped);
        let lost = counted(all.map(|all| all.lost));
        let refused = counted(all.map(|all| all.refused + all.refused_at_connect));
        let names: Vec<&str> = run.findings.iter().map(|it| &*it.name).collect();
        let row = format!(
            "  {:>4}  {} {exit:>11}{lost:>10}{refused:>10}  ",
            at + 1,
            styled(style, verdict)
        );
        // What does not fit is below, with its words.
        let names = padded(&clean(&names.join(", ")), 31);
        line(text, format!("{row}{names}").trim_end());
    }
}

fn spreads(text: &mut String, summary: &Summary) {
    let rows = [
        ("exit".to_owned(), String::new(), summary.exit),
        (
            "readiness down".to_owned(),
            String::new(),
            summary.readiness,
        ),
        (
            "latency before, p50".to_owned(),
            String::new(),
            summary.latency_before,
        ),
        (
            "latency after, p50".to_owned(),
            String::new(),
            summary.latency_after,
        ),
        (
            "latency after, max".to_owned(),
            String::new(),
            summary.slowest_after,
        ),
    ];
    let steps = summary.steps.iter().map(|step| {
        let planned = step.planned.map(|plan| span(plan.timeout_ms));
        (
            format!("step {}", clean(&step.name)),
            planned.unwrap_or_else(|| "not planned".to_owned()),
            step.took,
        )
    });
    line(text, "");
    let head = format!("{:<24}{:>12}", "SPREAD", "planned");
    let head = head + &format!("{:>11}{:>11}{:>11}  runs", "min", "median", "max");
    line(text, &styled(HEADING, &head));
    for (what, planned, spread) in rows.into_iter().chain(steps) {
        let Some(spread) = spread else { continue };
        let Spread {
            min_ms,
            median_ms,
            max_ms,
            ..
        } = spread;
        let times = [min_ms, median_ms, max_ms].map(signed);
        let [min, median, max] = times;
        line(
            text,
            &format!(
                "  {}{planned:>12}{min:>11}{median:>11}{max:>11}  {}",
                padded(&what, 22),
                spread.runs
            ),
        );
    }
}

/// A length of time, which may be negative where it counts from the signal.
fn signed(ms: f64) -> String {
    match ms < 0.0 {
        true => moment(ms),
        false => span(ms),
    }
}

fn findings(text: &mut String, summary: &Summary) {
    line(text, "");
    for found in &summary.findings {
        let times = match found.runs == summary.runs {
            true => format!("in all {}", count(found.runs as u64, "run")),
            false => format!(
                "in {} of {} runs, first in run {}",
                found.runs, summary.runs, found.first_run
            ),
        };
        say(text, found, &times);
    }
    if !summary.findings.is_empty() {
        line(text, "");
    }
    let verdict = match summary.passed == summary.runs {
        true => styled(GOOD, "passed"),
        false => styled(BAD, "FAILED"),
    };
    let mut rest = format!(": {} of {} runs passed", summary.passed, summary.runs);
    if summary.sent > 0 {
        let _infallible = write!(
            rest,
            "; {} of {} lost",
            grouped(summary.lost),
            count(summary.sent, "request")
        );
    }
    line(text, &format!("{verdict}{rest}"));
}

/// A finding with how often it was found.
pub(super) fn say(text: &mut String, found: &Found, times: &str) {
    let (style, word) = match found.severity {
        Severity::Failure => (BAD, "failure"),
        Severity::Warning => (WARN, "warning"),
    };
    let times = match times {
        "" => String::new(),
        times => format!(" {times}"),
    };
    let label = format!("{word} {}{times}: ", clean(&found.name));
    wrapped_after(text, style, &label, "  ", &found.message);
    wrapped_after(text, FAINT, "  usual cause: ", "  ", &found.cause);
}
