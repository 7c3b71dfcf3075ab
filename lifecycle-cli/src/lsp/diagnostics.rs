//! Findings as an editor shows them.

use lifecycle_manifest::rules::shape;
use lifecycle_manifest::{Finding, Severity};
use lsp_types::{
    CodeDescription, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag,
    Location, NumberOrString, PublishDiagnosticsParams, Uri,
};

use super::documents::Open;
use super::server::Client;

/// The name that an editor shows beside a finding.
pub(super) const SOURCE: &str = "lifecycle";

/// So many are told; nobody reads further.
const MOST_TOLD: usize = 200;

/// All that is wrong with a text as it stands.
pub(super) fn of(open: &Open, client: &Client) -> PublishDiagnosticsParams {
    PublishDiagnosticsParams {
        uri: open.uri.clone(),
        diagnostics: told(open)
            .map(|finding| diagnostic(open, finding, client))
            .collect(),
        version: Some(open.version),
    }
}

/// The findings that an editor is told.
pub(super) fn told(open: &Open) -> impl Iterator<Item = &Finding> {
    open.analysis().findings.iter().take(MOST_TOLD)
}

/// Nothing is wrong with a text any more.
pub(super) fn none(uri: Uri) -> PublishDiagnosticsParams {
    PublishDiagnosticsParams {
        uri,
        diagnostics: Vec::new(),
        version: None,
    }
}

/// One finding.
pub(super) fn diagnostic(open: &Open, finding: &Finding, client: &Client) -> Diagnostic {
    let analysis = open.analysis();
    let rule = finding.rule;
    let related = finding.related.iter().map(|label| {
        let range = open.text.range(analysis.span(&label.place));
        (range, label.text.as_str())
    });
    let mut lines = vec![finding.message.clone()];
    if !finding.primary.text.is_empty() {
        lines.push(finding.primary.text.clone());
    }
    if !client.related {
        // Without a place of its own, each is told with its line.
        let told = |(range, text): (lsp_types::Range, &str)| {
            format!("line {}: {text}", range.start.line + 1)
        };
        lines.extend(related.clone().map(told));
    }
    lines.extend(finding.notes.iter().cloned());
    lines.extend(
        finding
            .help
            .iter()
            .map(|help| format!("help: {}", help.text)),
    );
    Diagnostic {
        range: open.text.range(analysis.span(&finding.primary.place)),
        severity: Some(match finding.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(rule.code.to_owned())),
        code_description: rule.url().parse().ok().map(|href| CodeDescription { href }),
        source: Some(SOURCE.to_owned()),
        message: lines.join("\n"),
        related_information: client.related.then(|| {
            related
                .map(|(range, text)| DiagnosticRelatedInformation {
                    location: Location::new(open.uri.clone(), range),
                    message: text.to_owned(),
                })
                .collect()
        }),
        // Editors fade what has no effect.
        tags: [&shape::KEY_NOT_FOR_KIND, &shape::UNUSED_ALLOWANCE]
            .contains(&rule)
            .then(|| vec![DiagnosticTag::UNNECESSARY]),
        data: None,
    }
}
