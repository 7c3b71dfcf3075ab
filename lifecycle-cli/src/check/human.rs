//! Findings and sums for people.

use std::fmt::Write as _;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use lifecycle_manifest::duration::human;
use lifecycle_manifest::render::{self, Style as Rendering};
use lifecycle_manifest::{Safety, Severity, Timeline};

use super::fix;
use crate::input::Input;

const BOLD: Style = Style::new().bold();
const GOOD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const BAD: Style = Style::new()
    .bold()
    .fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
const DIM: Style = Style::new().dimmed();

pub(super) fn print(inputs: &[Input]) -> Result<()> {
    let mut out = anstream::stdout().lock();
    for input in inputs {
        write!(out, "{}", findings(input))?;
        write!(out, "{}", summary(input))?;
    }
    let all = || inputs.iter().flat_map(|input| &input.analysis.findings);
    let count = |severity| all().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let manifests = inputs.iter().filter(|input| !input.is_deployed_alone);
    let files = match (manifests.count(), inputs.first()) {
        (0, Some(alone)) => plural(alone.deployed.len(), "deployed file"),
        (manifests, _) => plural(manifests, "manifest"),
    };
    let allowed: usize = inputs
        .iter()
        .map(|input| input.analysis.allowed.len())
        .sum();
    let allowed = match allowed {
        0 => String::new(),
        allowed => format!("; {} allowed", plural(allowed, "finding")),
    };
    match (errors, warnings) {
        (0, 0) => writeln!(
            out,
            "{GOOD}ok{GOOD:#}: {files}, nothing to object to{allowed}"
        )?,
        _ => {
            let style = if errors > 0 { BAD } else { BOLD };
            let (errors, warnings) = (plural(errors, "error"), plural(warnings, "warning"));
            writeln!(
                out,
                "{style}found{style:#}: {errors}, {warnings} in {files}{allowed}"
            )?;
        }
    }
    write!(out, "{}", mendable(inputs))?;
    Ok(())
}

/// What `--fix` would take up.
fn mendable(inputs: &[Input]) -> String {
    let count = |at_most| -> usize {
        let inputs = inputs.iter();
        inputs
            .map(|input| fix::fixable(&input.analysis, at_most))
            .sum()
    };
    let (safe, all) = (count(Safety::Safe), count(Safety::Unsafe));
    match (safe, all - safe) {
        (0, 0) => String::new(),
        (0, more) => format!("mend: {more} with `--fix --unsafe-fixes`\n"),
        (safe, 0) => format!("mend: {safe} with `--fix`\n"),
        (safe, more) => format!("mend: {safe} with `--fix`, {more} more with `--unsafe-fixes`\n"),
    }
}

/// So many findings of a file are shown; nobody reads further, and drawing takes its time.
const MOST_SHOWN: usize = 200;

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
        let more = format!("… and {left} findings more in {}\n\n", input.name);
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
        resolved.plan.service, input.name, resolved.digest
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
                    file.map_or("", |file| file.name.as_str())
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
        text.push_str("  no platform is named: nothing to compare with\n");
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
