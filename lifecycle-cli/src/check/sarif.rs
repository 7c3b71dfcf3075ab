//! SARIF 2.1.0, in the part of it that GitHub code scanning reads: one real place a result,
//! stable rule ids, paths from the root of the repository.

mod model;
mod rules;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write;

use anyhow::Result;
use lifecycle_manifest::Place;

use self::model::{
    ArtifactChange, ArtifactContent, ArtifactLocation, BaseIds, Driver, Fix, Invocation, Log,
    Message, Notification, PartialFingerprints, PhysicalLocation, Region, RelatedLocation,
    Replacement, ResultProperties, Run, SarifResult, Suppression, Tool,
};
use super::located::{LocatedAllowed, LocatedFix};
use super::report::Report;
use super::roots::{Location, Roots};
use super::{Located, Spot};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What paths from the root of the repository are relative to.
const ROOT: &str = "%SRCROOT%";

/// GitHub code scanning takes no more places of a result than this; a circle may have thousands.
const MOST_RELATED: usize = 100;

pub(super) fn write(report: &Report<'_>, mut out: &mut dyn Write) -> Result<()> {
    let mut rules = rules::Used::default();
    let mut results = Vec::new();
    let mut fingerprints = Fingerprints::default();
    for input in report.inputs {
        for located in input.located() {
            let fingerprint = fingerprints.of(&located);
            results.push(result(&report.roots, &mut rules, &located, fingerprint));
        }
        // A code host that knows nothing of suppressions would show them as open.
        let allowed = if report.show_allowed {
            input.allowed()
        } else {
            Vec::new()
        };
        for allowed in allowed {
            let fingerprint = fingerprints.of(&allowed.located);
            let mut result = result(&report.roots, &mut rules, &allowed.located, fingerprint);
            result.suppressions = Some(vec![suppression(&report.roots, &allowed)]);
            results.push(result);
        }
    }
    let notifications = report.failures.iter().map(|failure| Notification {
        level: "error",
        message: Message::new(&format!("{:#}", failure.error)),
    });
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "lifecycle",
                    version: env!("CARGO_PKG_VERSION"),
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    information_uri: env!("CARGO_PKG_REPOSITORY"),
                    rules: rules.into_descriptors(),
                },
            },
            invocations: [Invocation {
                execution_successful: report.failures.is_empty(),
                tool_execution_notifications: notifications.collect(),
            }],
            original_uri_base_ids: BaseIds::new("the root of the repository"),
            column_kind: "unicodeCodePoints",
            results,
        }],
    };
    serde_json::to_writer_pretty(&mut out, &log)?;
    writeln!(out)?;
    Ok(())
}

fn result(
    roots: &Roots,
    rules: &mut rules::Used,
    located: &Located<'_>,
    fingerprint: String,
) -> SarifResult {
    let finding = located.finding;
    SarifResult {
        rule_id: finding.rule.code,
        rule_index: rules.index(finding.rule),
        level: finding.severity.as_str(),
        message: Message::new(&message(located)),
        locations: [model::Location {
            physical_location: physical(roots, &located.primary),
            message: label(&located.primary),
        }],
        related_locations: located
            .related
            .iter()
            .take(MOST_RELATED)
            .enumerate()
            .map(|(at, spot)| RelatedLocation {
                id: at + 1,
                physical_location: physical(roots, spot),
                message: label(spot),
            })
            .collect(),
        partial_fingerprints: PartialFingerprints { route: fingerprint },
        fixes: located.fixes.iter().map(|it| fix(roots, it)).collect(),
        suppressions: None,
        properties: ResultProperties {
            confidence: finding.confidence.as_str(),
            platform: finding.platform,
        },
    }
}

/// The fact, the sum and the ways out; second places as links to the related locations.
fn message(located: &Located<'_>) -> String {
    let mut message = unlinked(&located.words());
    let related = located.related.iter().take(MOST_RELATED).enumerate();
    for (at, spot) in related.filter(|(_, spot)| !spot.label.is_empty()) {
        let text = spot
            .label
            .replace('\\', "\\\\")
            .replace('[', "\\[")
            .replace(']', "\\]");
        let _ = write!(message, "\nsee also: [{text}]({})", at + 1);
    }
    message
}

/// Text in which nothing looks like a link.
fn unlinked(text: &str) -> String {
    if text.contains("](") {
        text.replace('\\', "\\\\")
            .replace('[', "\\[")
            .replace(']', "\\]")
    } else {
        text.to_owned()
    }
}

fn label(spot: &Spot<'_>) -> Option<Message> {
    (!spot.label.is_empty()).then(|| Message::new(&unlinked(spot.label)))
}

fn physical(roots: &Roots, spot: &Spot<'_>) -> PhysicalLocation {
    PhysicalLocation {
        artifact_location: artifact(roots, spot.file),
        region: region(spot),
    }
}

fn artifact(roots: &Roots, file: &str) -> ArtifactLocation {
    let location = roots.locate(file);
    ArtifactLocation {
        uri: location.uri(),
        uri_base_id: matches!(location, Location::InRoot(_)).then_some(ROOT),
    }
}

fn region(spot: &Spot<'_>) -> Region {
    Region {
        start_line: spot.start.line,
        start_column: spot.start.column,
        end_line: spot.end.line,
        end_column: spot.end.column,
        byte_offset: spot.mark + spot.bytes.start,
        byte_length: spot.bytes.end - spot.bytes.start,
    }
}

fn fix(roots: &Roots, fix: &LocatedFix<'_>) -> Fix {
    let replacements = fix.edits.iter().map(|edit| Replacement {
        deleted_region: region(&edit.at),
        inserted_content: ArtifactContent {
            text: edit.with.clone(),
        },
    });
    let file = fix.edits.first().map_or("", |edit| edit.at.file);
    Fix {
        description: Message::new(&unlinked(fix.text)),
        artifact_changes: [ArtifactChange {
            artifact_location: artifact(roots, file),
            replacements: replacements.collect(),
        }],
    }
}

fn suppression(roots: &Roots, allowed: &LocatedAllowed<'_>) -> Suppression {
    Suppression {
        kind: if allowed.by.is_some() {
            "inSource"
        } else {
            "external"
        },
        status: "accepted",
        justification: allowed.reason.map(str::to_owned),
        location: allowed.by.as_ref().map(|by| model::Location {
            physical_location: physical(roots, by),
            message: None,
        }),
    }
}

/// What stays the same while lines come and go: the rule, the platform, the place's route; and a
/// number for those of a file that share all three.
#[derive(Default)]
struct Fingerprints(HashMap<(String, String), usize>);

impl Fingerprints {
    fn of(&mut self, located: &Located<'_>) -> String {
        let finding = located.finding;
        let route = match &finding.primary.place {
            Place::Key(route) | Place::Value(route) => route.to_string(),
            Place::Bytes(_) => String::new(),
        };
        let platform = finding.platform.unwrap_or_default();
        let name = format!("{}/{platform}/{route}", finding.rule.code);
        let key = (located.primary.file.to_owned(), name.clone());
        let count = self.0.entry(key).or_default();
        *count += 1;
        format!("{name}/{count}")
    }
}
