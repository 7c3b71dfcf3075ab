//! The verdict in one sentence.

use std::fmt::Write as _;

use lifecycle_drill::Measured;
use lifecycle_drill::compare::{Change, Comparison};
use lifecycle_drill::measured::{Course, Severity};
use lifecycle_drill::record::Runs;
use lifecycle_drill::words::{count, grouped, span};

/// What came of a run.
pub(super) fn of_run(run: &Measured) -> String {
    let verdict = if run.passed { "passed" } else { "failed" };
    let mut said = format!("{} {verdict} on {}", run.service, run.platform_label);
    let mut failures = run
        .findings
        .iter()
        .filter(|it| it.severity == Severity::Failure);
    let first = failures.next();
    let _infallible = match (run.course, first) {
        (Course::Played, None) => write!(said, ": {}, and {}", requests(run), end(run)),
        // The numbers alone may look as good as a run that passed.
        (Course::Played, Some(first)) => {
            let others = match failures.count() as u64 {
                0 => String::new(),
                others => format!(" and {}", count(others, "other failure")),
            };
            write!(
                said,
                " ({}{others}): {}, and {}",
                first.name,
                requests(run),
                end(run)
            )
        }
        // Nothing was stopped; what went wrong says it best.
        (_, Some(first)) => write!(said, ": {}", first.message),
        (_, None) => write!(said, ": the process did not live to be stopped"),
    };
    said.push('.');
    said
}

fn requests(run: &Measured) -> String {
    let Some(requests) = &run.requests else {
        return "no requests were sent".to_owned();
    };
    let all = requests.all();
    let mut said = match all.lost {
        0 => format!("none of {} was lost", count(all.sent(), "request")),
        lost => format!("{} of {} lost", grouped(lost), count(all.sent(), "request")),
    };
    let refused = all.refused + all.refused_at_connect;
    if refused > 0 {
        let _infallible = write!(said, ", {} refused", grouped(refused));
    }
    if all.server_error > 0 {
        let _infallible = write!(said, ", {} failed", grouped(all.server_error));
    }
    said
}

fn end(run: &Measured) -> String {
    let after = run
        .process
        .exit_ms
        .map(|exit| format!("{} after {}", span(exit), run.signal));
    let after = after.unwrap_or_else(|| "at a moment that was not seen".to_owned());
    match (run.process.sigkill_needed, run.process.left_ms) {
        (true, _) => format!("SIGKILL had to end the process {after}"),
        (false, Some(left)) => format!("the process ended {after}, {} before SIGKILL", span(left)),
        (false, None) => format!("the process ended {after}"),
    }
}

/// What came of several.
pub(super) fn of_several(several: &Runs) -> String {
    let summary = &several.summary;
    let about = several
        .runs
        .first()
        .map(|run| format!("{} on {}: ", run.service, run.platform_label));
    let mut said = about.unwrap_or_default();
    let _infallible = write!(said, "{} of {} runs passed", summary.passed, summary.runs);
    if summary.sent > 0 {
        let _infallible = write!(
            said,
            "; {} of {} lost",
            grouped(summary.lost),
            count(summary.sent, "request")
        );
    }
    if summary.killed > 0 {
        let _infallible = write!(
            said,
            "; SIGKILL was needed in {}",
            count(summary.killed as u64, "run")
        );
    }
    said.push('.');
    said
}

/// How the second of two compares.
pub(super) fn of_two(comparison: &Comparison) -> String {
    let verdict = match comparison.verdict {
        Change::Better => "better",
        Change::Worse => "worse",
        Change::Same | Change::Unknown => "the same verdict",
    };
    let of = |change| {
        comparison
            .rows
            .iter()
            .filter(|row| row.change == change)
            .count() as u64
    };
    let gone = comparison.gone.len() as u64;
    let new = comparison.new.len() as u64;
    let parts = [
        (
            of(Change::Better),
            format!("{} better", count(of(Change::Better), "number")),
        ),
        (
            of(Change::Worse),
            format!("{} worse", count(of(Change::Worse), "number")),
        ),
        (new, count(new, "new finding")),
        (gone, format!("{} gone", count(gone, "finding"))),
    ];
    let told: Vec<String> = parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|it| it.1)
        .collect();
    let told = match told.is_empty() {
        true => "nothing else differs".to_owned(),
        false => told.join(", "),
    };
    format!(
        "{} on {}: {verdict}; {told}.",
        comparison.after.service, comparison.after.platform_label,
    )
}
