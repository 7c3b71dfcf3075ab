//! Workflow commands of GitHub Actions: a line each, and an annotation beside the line of the file.

use std::io::Write;

use anyhow::Result;

use super::report::Report;
use super::roots::{Location, Roots};
use super::{Located, Spot};

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<()> {
    for input in report.inputs {
        for located in input.located() {
            writeln!(out, "{}", command(&report.roots, &located))?;
        }
    }
    for failure in report.failures {
        let words = format!("{:#}", failure.error);
        writeln!(out, "::error title=lifecycle check::{}", data(&words))?;
    }
    Ok(())
}

fn command(roots: &Roots, located: &Located<'_>) -> String {
    let finding = located.finding;
    let title = format!("{} {}", finding.rule.code, finding.rule.name);
    format!(
        "::{} {},title={}::{}",
        finding.severity,
        place(roots, &located.primary),
        property(&title),
        data(&words(located)),
    )
}

fn words(located: &Located<'_>) -> String {
    let mut words = located.words();
    let rule = located.finding.rule;
    words.push_str("\nsee: ");
    words.push_str(&rule.url());
    words
}

/// Columns are only taken for a place within one line; both ends count.
fn place(roots: &Roots, spot: &Spot<'_>) -> String {
    let file = match roots.locate(spot.file) {
        Location::InRoot(path) => path,
        Location::Elsewhere(_) | Location::Nowhere(_) => spot.file.to_owned(),
    };
    let file = property(&file);
    let (start, end) = (spot.start, spot.end);
    if start.line == end.line {
        let last = end.column.saturating_sub(1).max(start.column);
        format!(
            "file={file},line={},endLine={},col={},endColumn={last}",
            start.line, end.line, start.column
        )
    } else {
        format!("file={file},line={},endLine={}", start.line, end.line)
    }
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
