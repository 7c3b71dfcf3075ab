//! Quick fixes: the edits that findings offer.

use std::collections::HashMap;

use lifecycle_manifest::text::Span;
use lifecycle_manifest::{Finding, Options, Patch, Safety};
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, DocumentChanges, OneOf,
    OptionalVersionedTextDocumentIdentifier, Range, TextDocumentEdit, TextEdit, WorkspaceEdit,
};

use super::diagnostics::{diagnostic, told};
use super::documents::Open;
use super::server::Client;
use crate::check;

/// The fixes of all findings that touch a range.
pub(super) fn within(
    open: &Open,
    params: &CodeActionParams,
    client: &Client,
) -> Vec<CodeActionOrCommand> {
    let only = params.context.only.as_deref();
    let asked =
        |kind: &CodeActionKind| only.unwrap_or_default().iter().any(|it| includes(it, kind));
    let mut actions = Vec::new();
    if only.is_none() || asked(&CodeActionKind::QUICKFIX) {
        for finding in told(open) {
            let range = open
                .text
                .range(open.analysis().span(&finding.primary.place));
            if touch(range, params.range) {
                actions.extend(quick_fixes(open, finding, client));
            }
        }
    }
    // To make them all takes several readings of the file: not at every move of the cursor.
    if asked(&CodeActionKind::SOURCE_FIX_ALL) {
        actions.extend(fix_all(open, client));
    }
    actions.into_iter().map(CodeActionOrCommand::from).collect()
}

/// The ways out of a finding that are edits. The first that is safe is the one to take unseen.
fn quick_fixes(open: &Open, finding: &Finding, client: &Client) -> Vec<CodeAction> {
    let Some(document) = &open.analysis().document else {
        return Vec::new();
    };
    let preferred = finding.first_fix(Safety::Safe);
    let diagnostic = diagnostic(open, finding, client);
    let fixes = finding.help.iter().filter_map(|help| {
        let fix = help.fix.as_ref()?;
        let edits = edits(open, &fix.patches(document)?);
        Some(CodeAction {
            title: help.text.clone(),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![diagnostic.clone()]),
            edit: Some(workspace_edit(open, edits, client)),
            is_preferred: preferred
                .is_some_and(|preferred| std::ptr::eq(preferred, fix))
                .then_some(true),
            ..CodeAction::default()
        })
    });
    fixes.collect()
}

/// What `lifecycle check --fix` would make of the text, as one edit of the bytes that differ.
fn fix_all(open: &Open, client: &Client) -> Option<CodeAction> {
    let analysis = open.analysis();
    let fixed = check::fix(analysis, Safety::Safe, &Options::default())?;
    let patch = difference(analysis.source.text(), &fixed.text);
    Some(CodeAction {
        title: "make all safe fixes of lifecycle".to_owned(),
        kind: Some(CodeActionKind::SOURCE_FIX_ALL),
        edit: Some(workspace_edit(open, edits(open, &[patch]), client)),
        ..CodeAction::default()
    })
}

/// One replacement that makes the second text of the first.
fn difference(before: &str, after: &str) -> Patch {
    let same = |(a, b): &(char, char)| a == b;
    let pairs = before.chars().zip(after.chars());
    let start: usize = pairs.take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let pairs = before[start..]
        .chars()
        .rev()
        .zip(after[start..].chars().rev());
    let end: usize = pairs.take_while(same).map(|(c, _)| c.len_utf8()).sum();
    Patch {
        span: Span::new(start, before.len() - end),
        text: after[start..after.len() - end].to_owned(),
    }
}

fn edits(open: &Open, patches: &[Patch]) -> Vec<TextEdit> {
    patches
        .iter()
        .map(|patch| TextEdit::new(open.text.range(patch.span), patch.text.clone()))
        .collect()
}

/// A kind includes those that it is a prefix of: `source` includes `source.fixAll`.
fn includes(asked: &CodeActionKind, kind: &CodeActionKind) -> bool {
    let rest = kind.as_str().strip_prefix(asked.as_str());
    rest.is_some_and(|rest| asked.as_str().is_empty() || rest.is_empty() || rest.starts_with('.'))
}

/// They share a place, if only an edge.
fn touch(a: Range, b: Range) -> bool {
    a.start <= b.end && b.start <= a.end
}

#[allow(
    clippy::mutable_key_type,
    reason = "the protocol's type; its hash is its text's"
)]
fn workspace_edit(open: &Open, edits: Vec<TextEdit>, client: &Client) -> WorkspaceEdit {
    if client.versioned_edits {
        let document = OptionalVersionedTextDocumentIdentifier {
            uri: open.uri.clone(),
            version: Some(open.version),
        };
        return WorkspaceEdit {
            document_changes: Some(DocumentChanges::Edits(vec![TextDocumentEdit {
                text_document: document,
                edits: edits.into_iter().map(OneOf::Left).collect(),
            }])),
            ..WorkspaceEdit::default()
        };
    }
    WorkspaceEdit {
        changes: Some(HashMap::from([(open.uri.clone(), edits)])),
        ..WorkspaceEdit::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_difference_makes_one_text_of_the_other(before in "[aé\u{1f980}\n]{0,9}", after in "[aé\u{1f980}\n]{0,9}") {
            let patch = difference(&before, &after);
            let mut text = before;
            text.replace_range(patch.span.range(), &patch.text);
            prop_assert_eq!(text, after);
        }
    }

    #[test]
    fn a_kind_includes_what_it_begins() {
        let all = CodeActionKind::SOURCE_FIX_ALL;
        for (asked, answer) in [
            ("", true),
            ("source", true),
            ("source.fixAll", true),
            ("sour", false),
            ("quickfix", false),
        ] {
            assert_eq!(
                includes(&CodeActionKind::new(asked), &all),
                answer,
                "{asked}"
            );
        }
    }
}
