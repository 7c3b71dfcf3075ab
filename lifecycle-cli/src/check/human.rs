//! Findings and sums for people.

use std::fmt::Write as _;
use std::io::Write;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use lifecycle_manifest::Timeline;
use lifecycle_manifest::duration::human;
use lifecycle_manifest::render::{self, Style as Rendering, one_line};
use rayon::prelude::*;

use super::report::{Counts, Detail, Report};
use crate::input::Input;

const BOLD: Style = Style::new().bold();
const GOOD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const BAD: Style = Style::new()
    .bold()
    .fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
const DIM: Style = Style::new().dimmed();

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<()> {
    if report.detail == Detail::Silent {
        return Ok(());
    }
    // Drawing takes longer than finding.
    let texts: Vec<String> = report
        .inputs
        .par_iter()
        .map(|input| text(report, input))
        .collect();
    for text in texts {
        out.write_all(text.as_bytes())?;
    }
    if report.detail > Detail::Findings && !report.inputs.is_empty() {
        let counts = report.counts();
        writeln!(out, "{}", verdict_of_all(report, &counts))?;
        out.write_all(mendable(&counts).as_bytes())?;
    }
    Ok(())
}

/// What is shown of one manifest.
fn text(report: &Report<'_>, input: &Input) -> String {
    let mut text = findings(input);
    if report.show_allowed {
        text.push_str(&allowed(input));
    }
    let shows_sums = match report.detail {
        Detail::Silent | Detail::Findings => false,
        // Of hundreds, those are looked for that are to be mended.
        Detail::Normal => report.manifests() == 1 || !input.analysis.findings.is_empty(),
        Detail::Sums => true,
    };
    if shows_sums {
        text.push_str(&summary(input));
    }
    text
}

/// What is allowed, a few lines each.
fn allowed(input: &Input) -> String {
    let mut text = String::new();
    for allowed in input.allowed() {
        let (finding, spot) = (allowed.located.finding, &allowed.located.primary);
        let reason = allowed.reason.unwrap_or("the command line says so");
        let _ = writeln!(
            text,
            "{BOLD}allowed[{}]{BOLD:#}: {}\n {DIM}-->{DIM:#} {}:{}:{}\n  {DIM}={DIM:#} reason: {reason}\n",
            finding.rule.code, finding.message, spot.file, spot.start.line, spot.start.column,
        );
    }
    text
}

/// The last line: one for all manifests.
fn verdict_of_all(report: &Report<'_>, counts: &Counts) -> String {
    let all = match (report.manifests(), report.inputs.first()) {
        (0, Some(alone)) => plural(alone.deployed.len(), "deployed file"),
        (manifests, _) => plural(manifests, "manifest"),
    };
    let mut rest = match counts.allowed {
        0 => String::new(),
        allowed => format!("; {} allowed", plural(allowed, "finding")),
    };
    if !report.failures.is_empty() {
        let _ = write!(rest, "; {} could not be read", report.failures.len());
    }
    if (counts.errors, counts.warnings) == (0, 0) {
        let style = if report.failures.is_empty() {
            GOOD
        } else {
            BOLD
        };
        return format!("{style}ok{style:#}: {all}, nothing to object to{rest}");
    }
    let style = if counts.errors > 0 { BAD } else { BOLD };
    let (errors, warnings) = (
        plural(counts.errors, "error"),
        plural(counts.warnings, "warning"),
    );
    let files = match report.manifests() {
        0 | 1 => all,
        _ => format!("{} of {all}", counts.with_findings),
    };
    format!("{style}found{style:#}: {errors}, {warnings} in {files}{rest}")
}

/// What `--fix` would take up.
fn mendable(counts: &Counts) -> String {
    match (counts.fixable, counts.fixable_unsafe) {
        (0, 0) => String::new(),
        (0, more) => format!("mend: {more} with `--fix --unsafe-fixes`\n"),
        (safe, 0) => format!("mend: {safe} with `--fix`\n"),
        (safe, more) => format!("mend: {safe} with `--fix`, {more} more with `--unsafe-fixes`\n"),
    }
}

/// So many findings of a file are shown; nobody reads further, and drawing takes its time.
pub(super) const MOST_SHOWN: usize = 200;

/// The findings of a manifest, each with its place.
pub(crate) fn findings(input: &Input) -> String {
    let mut text = String::new();
    let texts = input.texts();
    for finding in input.analysis.findings.iter().take(MOST_SHOWN) {
        text.push_str(&render::finding(&texts, finding, Rendering::Colour));
        text.push('\n');
    }
    let left = input.analysis.findings.len().saturating_sub(MOST_SHOWN);
    if left > 0 {
        let more = format!(
            "… and {left} findings more in {}\n\n",
            one_line(&input.name)
        );
        text.push_str(&more);
    }
    text
}

/// One block a service: each platform's verdict with its sum.
pub(crate) fn summary(input: &Input) -> String {
    let Some(resolved) = &input.analysis.resolved else {
        return String::new();
    };
    let mut text = format!(
        "{BOLD}{}{BOLD:#} {DIM}({}, plan {}){DIM:#}\n",
        resolved.plan.service,
        one_line(&input.name),
        resolved.digest
    );
    let width = resolved
        .timelines
        .iter()
        .map(|line| line.platform().len())
        .max()
        .unwrap_or(0);
    for line in &resolved.timelines {
        text.push_str(&verdict(line, width));
        for compared in &input.analysis.compared {
            if compared.platform == line.platform() {
                let file = input.deployed.get(compared.file);
                let _ = writeln!(
                    text,
                    "  {:width$}  compared with {} in {}",
                    "",
                    compared.workload,
                    one_line(file.map_or("", |file| file.name.as_str()))
                );
            }
        }
    }
    for platform in resolved.manifest.platforms.iter() {
        let judged = |line: &Timeline| line.platform() == platform.key();
        if !resolved.timelines.iter().any(judged) {
            let _ = writeln!(
                text,
                "  {:width$}  no verdict: see what is said above",
                platform.key()
            );
        }
    }
    if resolved.manifest.platforms.iter().next().is_none() {
        // One that is misspelt is named all the same, and has a finding of its own.
        text.push_str(match input.analysis.has_errors() {
            true => "  no platform to compare with\n",
            false => "  no platform is named: nothing to compare with\n",
        });
    }
    text.push('\n');
    text
}

fn verdict(line: &Timeline, width: usize) -> String {
    let cap = line.terms.cap.as_ref();
    let (mark, words) = match line.spare() {
        _ if cap.is_some_and(|cap| line.grace().value > cap.limit) => (
            format!("{BAD}refused{BAD:#}"),
            "more than the platform takes".to_owned(),
        ),
        Some(spare) => (
            format!("{GOOD}fits{GOOD:#}"),
            format!("{} to spare", human(spare)),
        ),
        None => (
            format!("{BAD}too long{BAD:#}"),
            format!("{} missing", human(line.missing())),
        ),
    };
    let outside = match &line.terms.outside {
        Some(outside) => {
            format!(
                "  {:width$}  before the signal, outside: {} ({})\n",
                "",
                outside.term(),
                outside.origin
            )
        }
        None => String::new(),
    };
    format!(
        "  {:width$}  {mark}: needs {} of {} ({}), {words}\n  {:width$}  {DIM}{}{DIM:#}\n{outside}",
        line.platform(),
        human(line.needed()),
        human(line.grace().value),
        line.grace().origin,
        "",
        line.sum(),
    )
}

fn plural(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}
