//! Quick fixes: the edits that findings offer.

use std::collections::HashMap;

use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, DocumentChanges, OneOf,
    OptionalVersionedTextDocumentIdentifier, Range, TextDocumentEdit, TextEdit, WorkspaceEdit,
};

use super::diagnostics;
use super::documents::Open;
use super::server::Client;

/// The fixes of all findings that touch a range.
pub(super) fn within(
    open: &Open,
    params: &CodeActionParams,
    client: &Client,
) -> Vec<CodeActionOrCommand> {
    let asked = |kind: &CodeActionKind| match &params.context.only {
        None => true,
        Some(only) => only.iter().any(|only| includes(only, kind)),
    };
    let mut actions = Vec::new();
    if asked(&CodeActionKind::QUICKFIX) {
        for finding in &open.analysis().findings {
            let diagnostic = diagnostics::diagnostic(open, finding, client);
            if !touch(diagnostic.range, params.range) {
                continue;
            }
            for help in &finding.help {
                let Some(edit) = &help.edit else { continue };
                let edit = TextEdit::new(
                    open.text.range(open.analysis().span(&edit.place)),
                    edit.replacement.clone(),
                );
                actions.push(CodeAction {
                    title: help.text.clone(),
                    kind: Some(CodeActionKind::QUICKFIX),
                    diagnostics: Some(vec![diagnostic.clone()]),
                    edit: Some(workspace_edit(open, vec![edit], client)),
                    ..CodeAction::default()
                });
            }
        }
    }
    actions.into_iter().map(CodeActionOrCommand::from).collect()
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
