//! Findings for programs: one document, version 1. Fields are added, never changed or taken away,
//! within a version.

#![allow(clippy::struct_field_names, reason = "the names are the format's")]

use std::io::Write as _;

use anyhow::Result;
use lifecycle_manifest::duration::millis;
use lifecycle_manifest::{Help, Resolved, Timeline};
use serde::Serialize;

use super::Located;
use crate::input::Input;

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    findings: Vec<JsonFinding<'a>>,
    services: Vec<Service<'a>>,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    code: &'a str,
    name: &'a str,
    severity: &'a str,
    confidence: &'a str,
    message: &'a str,
    platform: Option<&'a str>,
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    label: &'a str,
    related: Vec<Related<'a>>,
    notes: &'a [String],
    help: Vec<JsonHelp<'a>>,
}

#[derive(Serialize)]
struct Related<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    label: &'a str,
}

#[derive(Serialize)]
struct JsonHelp<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<JsonFix>,
}

/// Edits that belong together, in the order of the file.
#[derive(Serialize)]
struct JsonFix {
    safety: &'static str,
    edits: Vec<JsonEdit>,
}

/// Bytes of the file to replace, a byte order mark not counted.
#[derive(Serialize)]
struct JsonEdit {
    start: usize,
    end: usize,
    replacement: String,
}

#[derive(Serialize)]
struct Service<'a> {
    service: &'a str,
    file: &'a str,
    digest: &'a str,
    platforms: Vec<Platform<'a>>,
}

#[derive(Serialize)]
struct Platform<'a> {
    platform: &'a str,
    grace_ms: u64,
    grace_origin: String,
    /// All that must fit inside the grace period, the reserve included.
    needed_ms: u64,
    /// `grace_ms - needed_ms`; negative where it does not fit.
    spare_ms: i64,
    /// `null` where the platform cannot give that much.
    smallest_grace_ms: Option<u64>,
    longest_path: Vec<&'a str>,
    /// The terms of `needed_ms`, in the order of time.
    sum: Vec<Term>,
    /// Paid before the grace period begins, such as a deregistration delay.
    outside_ms: u64,
}

#[derive(Serialize)]
struct Term {
    label: String,
    ms: u64,
    origin: String,
}

pub(super) fn print(inputs: &[Input]) -> Result<()> {
    let report = Report {
        version: 1,
        findings: inputs
            .iter()
            .flat_map(|input| {
                let located = input.located();
                let located = located.iter().map(|located| finding(input, located));
                located.collect::<Vec<_>>()
            })
            .collect(),
        services: inputs
            .iter()
            .filter_map(|input| Some(service(input, input.analysis.resolved.as_ref()?)))
            .collect(),
    };
    let mut out = anstream::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &report)?;
    writeln!(out)?;
    Ok(())
}

fn finding<'a>(input: &'a Input, located: &Located<'a>) -> JsonFinding<'a> {
    let finding = located.finding;
    let document = input.analysis.document.as_ref();
    let help = |help: &'a Help| JsonHelp {
        text: &help.text,
        fix: help.fix.as_ref().zip(document).and_then(|(fix, document)| {
            let edits = fix.patches(document)?.into_iter().map(|patch| JsonEdit {
                start: patch.span.start,
                end: patch.span.end,
                replacement: patch.text,
            });
            Some(JsonFix {
                safety: fix.safety.as_str(),
                edits: edits.collect(),
            })
        }),
    };
    let primary = &located.primary;
    JsonFinding {
        code: finding.rule.code,
        name: finding.rule.name,
        severity: finding.severity.as_str(),
        confidence: finding.confidence.as_str(),
        message: &finding.message,
        platform: finding.platform,
        file: primary.file,
        line: primary.start.line,
        column: primary.start.column,
        end_line: primary.end.line,
        end_column: primary.end.column,
        label: primary.label,
        related: located
            .related
            .iter()
            .map(|spot| Related {
                file: spot.file,
                line: spot.start.line,
                column: spot.start.column,
                end_line: spot.end.line,
                end_column: spot.end.column,
                label: spot.label,
            })
            .collect(),
        notes: &finding.notes,
        help: finding.help.iter().map(help).collect(),
    }
}

fn service<'a>(input: &'a Input, resolved: &'a Resolved) -> Service<'a> {
    Service {
        service: &resolved.plan.service,
        file: &input.name,
        digest: &resolved.digest,
        platforms: resolved
            .timelines
            .iter()
            .map(|line| platform(resolved, line))
            .collect(),
    }
}

fn platform<'a>(resolved: &'a Resolved, line: &'a Timeline) -> Platform<'a> {
    let (grace, needed) = (millis(line.grace().value), millis(line.needed()));
    Platform {
        platform: line.platform(),
        grace_ms: grace,
        grace_origin: line.grace().origin.to_string(),
        needed_ms: needed,
        spare_ms: i64::try_from(grace).unwrap_or(i64::MAX)
            - i64::try_from(needed).unwrap_or(i64::MAX),
        smallest_grace_ms: line.smallest_grace().map(millis),
        longest_path: line.longest_path_names(&resolved.plan),
        sum: sum(resolved, line),
        outside_ms: line
            .terms
            .outside
            .as_ref()
            .map_or(0, |outside| millis(outside.value)),
    }
}

fn sum(resolved: &Resolved, line: &Timeline) -> Vec<Term> {
    let mut terms: Vec<Term> = line
        .terms_of_needed()
        .into_iter()
        .map(|term| Term {
            ms: millis(term.value),
            origin: term.origin.to_string(),
            label: term.label,
        })
        .collect();
    let count = u32::try_from(line.longest_path.len()).unwrap_or(u32::MAX);
    terms.push(Term {
        label: "unwind".to_owned(),
        ms: millis(line.unwind.saturating_mul(count)),
        origin: resolved.plan.unwind.origin.to_string(),
    });
    terms
}
