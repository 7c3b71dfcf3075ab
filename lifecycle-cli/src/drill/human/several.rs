//! Several runs: one line each, then what they have in common and how far they lie apart.

use std::fmt::Write as _;

use lifecycle_drill::Measured;
use lifecycle_drill::measured::Severity;
use lifecycle_drill::record::{NotPlayed, Runs};
use lifecycle_drill::summary::{Found, Spread, Summary};
use lifecycle_drill::words::{count, grouped, moment, span};

use super::run::{finding, heading};
use super::text::{BAD, FAINT, GOOD, HEADING, WARN, clean, line, padded, styled, wrapped_after};
use unicode_width::UnicodeWidthStr as _;

/// A scenario's name, with what was named after `=`, takes no more columns than this.
const WIDEST_NAME: usize = 40;

/// A repeated drill as text.
pub(in crate::drill) fn several(several: &Runs) -> String {
    let mut text = String::new();
    if let Some(first) = several.runs.first() {
        heading(&mut text, first, None);
    }
    if several.runs.iter().any(|run| run.scenario.is_some()) {
        line(&mut text, "");
        scenarios(&mut text, &several.runs, &several.not_played);
        return text;
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

/// A row for each scenario; under those that failed what was found, when, and why it usually is.
fn scenarios(text: &mut String, played: &[Measured], not_played: &[NotPlayed]) {
    let names = played.iter().filter_map(|it| it.scenario.as_deref());
    let names = names.chain(not_played.iter().map(|it| &*it.scenario));
    let width = names.map(|name| clean(name).width()).max();
    let width = width.unwrap_or_default().min(WIDEST_NAME);
    for measured in played {
        let name = padded(
            &clean(measured.scenario.as_deref().unwrap_or_default()),
            width,
        );
        let (style, word) = match measured.passed {
            true => (GOOD, "passed"),
            false => (BAD, "FAILED"),
        };
        line(text, &format!("{name}  {}", styled(style, word)));
        for excused in measured.excused.iter().filter(|_| measured.passed) {
            wrapped_after(text, FAINT, "  ", "  ", excused);
        }
        for finding in &measured.findings {
            if finding.severity == Severity::Failure {
                self::finding(text, finding, "  ");
            }
        }
    }
    for NotPlayed { scenario, why } in not_played {
        let name = padded(&clean(scenario), width);
        line(
            text,
            &format!("{name}  {}", styled(FAINT, "not applicable")),
        );
        wrapped_after(text, FAINT, "  ", "  ", why);
    }
    let passed = played.iter().filter(|it| it.passed).count();
    line(text, "");
    line(
        text,
        &format!(
            "{passed} passed, {} failed, {} not applicable",
            played.len() - passed,
            not_played.len()
        ),
    );
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
