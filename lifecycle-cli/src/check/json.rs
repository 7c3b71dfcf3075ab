//! Findings for programs: one document, version 1. Fields are added, never changed or taken away,
//! within a version. The doc comments of these types are its documentation, and its JSON Schema.

#![allow(clippy::struct_field_names, reason = "the names are the format's")]

use std::io::Write;

use anyhow::Result;
use lifecycle_manifest::duration::millis;
use lifecycle_manifest::{Help, Resolved, Timeline};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use super::located::LocatedFix;
use super::report::Report;
use super::{Located, Spot};
use crate::input::Input;

/// What `lifecycle check --format json` prints. Fields may be added within a version; none is
/// changed or taken away.
#[derive(Serialize, JsonSchema)]
struct Document<'a> {
    /// The version of this document.
    #[schemars(range(min = 1, max = 1))]
    version: u32,
    /// What wrote it.
    tool: Tool,
    /// What was counted over all manifests.
    summary: Summary,
    /// What is wrong, manifest by manifest, each in the order of its file.
    findings: Vec<JsonFinding<'a>>,
    /// What would be, were it not allowed.
    allowed: Vec<JsonAllowed<'a>>,
    /// The manifests that could be judged, with their sums.
    services: Vec<Service<'a>>,
    /// What could not be read. The exit code is 2 where there is any.
    unreadable: Vec<Unreadable<'a>>,
}

/// What wrote the document.
#[derive(Serialize, JsonSchema)]
struct Tool {
    /// Its name: `lifecycle`.
    name: &'static str,
    /// Its version.
    version: &'static str,
}

/// What was counted over all manifests.
#[derive(Serialize, JsonSchema)]
struct Summary {
    /// Manifests that were read.
    manifests: usize,
    /// Files of `--against`.
    deployed_files: usize,
    /// Manifests with findings.
    manifests_with_findings: usize,
    /// Findings that are errors. The exit code is 1 where there is any.
    errors: usize,
    /// Findings that are warnings.
    warnings: usize,
    /// Findings that are allowed.
    allowed: usize,
    /// Findings that `--fix` would take up.
    fixable: usize,
    /// Findings that `--fix --unsafe-fixes` would take up beyond those.
    fixable_unsafe: usize,
}

/// A finding: a fact, where it stands, and the ways out.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
struct JsonFinding<'a> {
    /// The rule's stable code.
    #[schemars(regex(pattern = "^LC[0-9]{3}$"))]
    code: &'a str,
    /// The rule's name.
    name: &'a str,
    /// The rule's page.
    url: String,
    /// How bad it is.
    #[schemars(extend("enum" = ["error", "warning"]))]
    severity: &'a str,
    /// How sure it is: `high` follows from what is written and what the platform documents, `medium` rests on defaults or on what is usual, `low` is a guess.
    #[schemars(extend("enum" = ["high", "medium", "low"]))]
    confidence: &'a str,
    /// The fact in one line, with its numbers.
    message: &'a str,
    /// The platform it holds for, by its key in the manifest; `null`: for all.
    platform: Option<&'a str>,
    /// What it is about: the line to change.
    #[serde(flatten)]
    place: Place<'a>,
    /// What it conflicts with.
    related: Vec<Place<'a>>,
    /// The sum, the circle, facts with their origins.
    notes: &'a [String],
    /// Ways out, the likeliest first.
    help: Vec<JsonHelp<'a>>,
}

/// A place in a file. Lines and columns count from 1, columns count characters.
#[derive(Serialize, JsonSchema)]
struct Place<'a> {
    /// The file, as it was asked for; `<stdin>` for standard input.
    file: &'a str,
    /// The first line.
    #[schemars(range(min = 1))]
    line: usize,
    /// The first character's column.
    #[schemars(range(min = 1))]
    column: usize,
    /// The last line.
    #[schemars(range(min = 1))]
    end_line: usize,
    /// The column past the last character.
    #[schemars(range(min = 1))]
    end_column: usize,
    /// What is said of this place; may be empty.
    label: &'a str,
}

/// A way out.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Help")]
struct JsonHelp<'a> {
    /// In words.
    text: &'a str,
    /// The same as edits of the manifest, where it is that.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<JsonFix>,
}

/// Edits that belong together, in the order of the file.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Fix")]
struct JsonFix {
    /// `safe`: it means the same, or only gives more time. `unsafe`: somebody must agree first.
    #[schemars(extend("enum" = ["safe", "unsafe"]))]
    safety: &'static str,
    /// All of them or none.
    edits: Vec<JsonEdit>,
}

/// A replacement in the manifest.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Edit")]
struct JsonEdit {
    /// The first byte to replace, a byte order mark not counted.
    start: usize,
    /// One past the last byte; `start` to insert.
    end: usize,
    /// The first line.
    #[schemars(range(min = 1))]
    line: usize,
    /// The first character's column.
    #[schemars(range(min = 1))]
    column: usize,
    /// The last line.
    #[schemars(range(min = 1))]
    end_line: usize,
    /// The column past the last character.
    #[schemars(range(min = 1))]
    end_column: usize,
    /// What comes in its stead.
    replacement: String,
}

/// A finding that is allowed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Allowed")]
struct JsonAllowed<'a> {
    /// The finding, as it would be.
    finding: JsonFinding<'a>,
    /// Why it is allowed; `null` where the command line says so.
    reason: Option<&'a str>,
    /// Where in the manifest that stands; `null`: on the command line.
    by: Option<Place<'a>>,
}

/// A manifest that could be judged.
#[derive(Serialize, JsonSchema)]
struct Service<'a> {
    /// The service's name.
    service: &'a str,
    /// The manifest, as it was asked for.
    file: &'a str,
    /// Equal for manifests whose shutdown is the same.
    #[schemars(regex(pattern = "^[0-9a-f]{16}$"))]
    digest: &'a str,
    /// The sums, a platform each, in the order of the manifest.
    platforms: Vec<Platform<'a>>,
}

/// A shutdown's sum on one platform.
#[derive(Serialize, JsonSchema)]
struct Platform<'a> {
    /// The platform's key in the manifest.
    platform: &'a str,
    /// The time from the platform's stop to SIGKILL, in milliseconds.
    grace_ms: u64,
    /// Where that number comes from, such as `the Kubernetes default`.
    grace_origin: String,
    /// All that must fit inside the grace period, the reserve included, in milliseconds.
    needed_ms: u64,
    /// `grace_ms - needed_ms`; negative where it does not fit.
    spare_ms: i64,
    /// The smallest grace period that would do; `null` where the platform cannot give that much.
    smallest_grace_ms: Option<u64>,
    /// The resources whose steps take longest one after another.
    longest_path: Vec<&'a str>,
    /// The terms of `needed_ms`, in the order of time.
    sum: Vec<Term>,
    /// Paid before the grace period begins, such as a deregistration delay, in milliseconds.
    outside_ms: u64,
    /// The deployed workloads that it was compared with.
    compared: Vec<JsonCompared<'a>>,
}

/// A deployed workload.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Compared")]
struct JsonCompared<'a> {
    /// Its kind and its name.
    workload: &'a str,
    /// The file that it stands in.
    file: &'a str,
}

/// A term of a sum.
#[derive(Serialize, JsonSchema)]
struct Term {
    /// What it is for.
    label: String,
    /// In milliseconds.
    ms: u64,
    /// Where the number comes from.
    origin: String,
}

/// A file that could not be read.
#[derive(Serialize, JsonSchema)]
struct Unreadable<'a> {
    /// The file or the directory, as it was asked for.
    file: &'a str,
    /// Why.
    message: String,
}

/// The JSON Schema of the document.
pub(crate) fn schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<Document<'static>>();
    schema.insert("title".into(), "lifecycle check --format json".into());
    schema
}

pub(super) fn write(report: &Report<'_>, mut out: &mut dyn Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut out, &document(report))?;
    writeln!(out)?;
    Ok(())
}

fn document<'a>(report: &'a Report<'a>) -> Document<'a> {
    let counts = report.counts();
    let inputs = || report.inputs.iter();
    Document {
        version: 1,
        tool: Tool {
            name: "lifecycle",
            version: env!("CARGO_PKG_VERSION"),
        },
        summary: Summary {
            manifests: report.manifests(),
            deployed_files: inputs().map(|it| it.deployed.len()).max().unwrap_or(0),
            manifests_with_findings: counts.with_findings,
            errors: counts.errors,
            warnings: counts.warnings,
            allowed: counts.allowed,
            fixable: counts.fixable,
            fixable_unsafe: counts.fixable_unsafe,
        },
        findings: inputs()
            .flat_map(|input| input.located().iter().map(finding).collect::<Vec<_>>())
            .collect(),
        allowed: inputs()
            .flat_map(Input::allowed)
            .map(|allowed| JsonAllowed {
                finding: finding(&allowed.located),
                reason: allowed.reason,
                by: allowed.by.as_ref().map(place),
            })
            .collect(),
        services: inputs()
            .filter_map(|input| Some(service(input, input.analysis.resolved.as_ref()?)))
            .collect(),
        unreadable: report
            .failures
            .iter()
            .map(|failure| Unreadable {
                file: &failure.name,
                message: format!("{:#}", failure.error),
            })
            .collect(),
    }
}

fn finding<'a>(located: &Located<'a>) -> JsonFinding<'a> {
    let finding = located.finding;
    let help = |(at, help): (usize, &'a Help)| JsonHelp {
        text: &help.text,
        fix: located.fixes.iter().find(|fix| fix.help == at).map(fix),
    };
    JsonFinding {
        code: finding.rule.code,
        name: finding.rule.name,
        url: finding.rule.url(),
        severity: finding.severity.as_str(),
        confidence: finding.confidence.as_str(),
        message: &finding.message,
        platform: finding.platform,
        place: place(&located.primary),
        related: located.related.iter().map(place).collect(),
        notes: &finding.notes,
        help: finding.help.iter().enumerate().map(help).collect(),
    }
}

fn place<'a>(spot: &Spot<'a>) -> Place<'a> {
    Place {
        file: spot.file,
        line: spot.start.line,
        column: spot.start.column,
        end_line: spot.end.line,
        end_column: spot.end.column,
        label: spot.label,
    }
}

fn fix(fix: &LocatedFix<'_>) -> JsonFix {
    let edits = fix.edits.iter().map(|edit| JsonEdit {
        start: edit.at.bytes.start,
        end: edit.at.bytes.end,
        line: edit.at.start.line,
        column: edit.at.start.column,
        end_line: edit.at.end.line,
        end_column: edit.at.end.column,
        replacement: edit.with.clone(),
    });
    JsonFix {
        safety: fix.safety.as_str(),
        edits: edits.collect(),
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
            .map(|line| platform(input, resolved, line))
            .collect(),
    }
}

fn platform<'a>(input: &'a Input, resolved: &'a Resolved, line: &'a Timeline) -> Platform<'a> {
    let compared = input.analysis.compared.iter();
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
        compared: compared
            .filter(|compared| compared.platform == line.platform())
            .map(|compared| JsonCompared {
                workload: &compared.workload,
                file: input.deployed.get(compared.file).map_or("", |it| &it.name),
            })
            .collect(),
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
