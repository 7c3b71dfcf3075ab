//! One session: what is agreed upon at its begin, who answers which request, and how it ends.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lsp_server::{ErrorCode, Message, Notification, Request, Response};
use lsp_types::notification::{self, Notification as _};
use lsp_types::request::{self, Request as _};
use lsp_types::{
    ClientCapabilities, CodeActionKind, CodeActionOptions, CodeActionProviderCapability,
    CompletionOptions, CompletionResponse, HoverProviderCapability, InitializeParams,
    InitializeResult, MarkupKind, OneOf, PositionEncodingKind, ServerCapabilities, ServerInfo,
    TextDocumentSyncCapability, TextDocumentSyncKind,
};

use super::documents::Documents;
use super::position::Encoding;
use super::{actions, completion, definition, diagnostics, hints, hover};
use crate::Outcome;

/// What comes of a message.
#[derive(Debug)]
pub(super) enum Told {
    /// These messages, or none.
    Say(Vec<Message>),
    /// The end of the session.
    Exit(Outcome),
}

/// Where in its life a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// Nothing is agreed upon yet.
    #[default]
    New,
    Running,
    /// The client has asked to end; only `exit` is left.
    ShutDown,
}

/// What the client can show.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) encoding: Encoding,
    /// Places beside a diagnostic.
    pub(super) related: bool,
    /// Edits that name the version they were made for.
    pub(super) versioned_edits: bool,
    /// A tree of symbols rather than a list.
    pub(super) symbol_tree: bool,
    /// How the words of a hover are read.
    pub(super) hover: MarkupKind,
}

impl Default for Client {
    fn default() -> Self {
        Self::from(&ClientCapabilities::default())
    }
}

impl From<&ClientCapabilities> for Client {
    fn from(capabilities: &ClientCapabilities) -> Self {
        let encodings = capabilities
            .general
            .as_ref()
            .and_then(|general| general.position_encodings.as_deref())
            .unwrap_or_default();
        let text = capabilities.text_document.as_ref();
        let diagnostics = text.and_then(|text| text.publish_diagnostics.as_ref());
        let symbols = text.and_then(|text| text.document_symbol.as_ref());
        let formats = text
            .and_then(|text| text.hover.as_ref()?.content_format.as_deref())
            .unwrap_or_default();
        let edits = capabilities
            .workspace
            .as_ref()
            .and_then(|workspace| workspace.workspace_edit.as_ref());
        Self {
            encoding: match encodings.contains(&PositionEncodingKind::UTF8) {
                true => Encoding::Utf8,
                false => Encoding::Utf16,
            },
            related: diagnostics.and_then(|d| d.related_information) == Some(true),
            versioned_edits: edits.and_then(|edits| edits.document_changes) == Some(true),
            symbol_tree: symbols.and_then(|s| s.hierarchical_document_symbol_support) == Some(true),
            hover: match formats.is_empty() || formats.contains(&MarkupKind::Markdown) {
                true => MarkupKind::Markdown,
                false => MarkupKind::PlainText,
            },
        }
    }
}

/// The state of a session.
#[derive(Debug, Default)]
pub(super) struct Server {
    stage: Stage,
    client: Client,
    documents: Documents,
}

impl Server {
    /// Some text's findings have not been told.
    pub(super) fn has_untold(&self) -> bool {
        self.stage == Stage::Running && self.documents.any_untold()
    }

    /// The findings of one text that has changed.
    pub(super) fn tell_findings(&mut self) -> Vec<Message> {
        let client = &self.client;
        let Some(open) = self.documents.next_untold() else {
            return Vec::new();
        };
        let params = guarded(|| diagnostics::of(open, client));
        params.map(|p| vec![publish(p)]).unwrap_or_default()
    }

    /// Takes one message.
    pub(super) fn take(&mut self, message: Message) -> Told {
        match message {
            Message::Request(request) => Told::Say(vec![self.answer(request).into()]),
            Message::Notification(notification) => {
                if notification.method == notification::Exit::METHOD {
                    return Told::Exit(match self.stage {
                        Stage::ShutDown => Outcome::Clean,
                        Stage::New | Stage::Running => Outcome::Findings,
                    });
                }
                Told::Say(match self.stage {
                    Stage::Running => self.hear(notification).into_iter().collect(),
                    Stage::New | Stage::ShutDown => Vec::new(),
                })
            }
            // Nothing is ever asked of the client.
            Message::Response(_) => Told::Say(Vec::new()),
        }
    }

    fn answer(&mut self, request: Request) -> Response {
        let refuse = |request: Request, code: ErrorCode, words: &str| {
            Response::new_err(request.id, code as i32, words.to_owned())
        };
        let begins = request.method == request::Initialize::METHOD;
        match self.stage {
            Stage::New if begins => {
                answer::<request::Initialize>(request, |params| self.begin(&params))
            }
            Stage::New => refuse(
                request,
                ErrorCode::ServerNotInitialized,
                "`initialize` comes first",
            ),
            Stage::Running if begins => refuse(
                request,
                ErrorCode::InvalidRequest,
                "`initialize` comes once",
            ),
            Stage::Running if request.method == request::Shutdown::METHOD => {
                self.stage = Stage::ShutDown;
                Response::new_ok(request.id, ())
            }
            Stage::Running => self.answer_running(request),
            Stage::ShutDown => refuse(
                request,
                ErrorCode::InvalidRequest,
                "the session has been shut down",
            ),
        }
    }

    fn answer_running(&self, request: Request) -> Response {
        let client = &self.client;
        match request.method.as_str() {
            request::HoverRequest::METHOD => answer::<request::HoverRequest>(request, |params| {
                let at = params.text_document_position_params;
                let open = self.documents.get(&at.text_document.uri)?;
                hover::at(open, open.text.offset(at.position), client)
            }),
            request::InlayHintRequest::METHOD => {
                answer::<request::InlayHintRequest>(request, |params| {
                    let open = self.documents.get(&params.text_document.uri)?;
                    Some(hints::within(open, params.range))
                })
            }
            request::GotoDefinition::METHOD => {
                answer::<request::GotoDefinition>(request, |params| {
                    let at = params.text_document_position_params;
                    let open = self.documents.get(&at.text_document.uri)?;
                    definition::at(open, open.text.offset(at.position))
                })
            }
            request::References::METHOD => answer::<request::References>(request, |params| {
                let at = params.text_document_position;
                let open = self.documents.get(&at.text_document.uri)?;
                let declared = params.context.include_declaration;
                definition::references(open, open.text.offset(at.position), declared)
            }),
            request::Completion::METHOD => answer::<request::Completion>(request, |params| {
                let at = params.text_document_position;
                let open = self.documents.get(&at.text_document.uri)?;
                let items = completion::at(open, open.text.offset(at.position))?;
                Some(CompletionResponse::Array(items))
            }),
            request::DocumentSymbolRequest::METHOD => {
                answer::<request::DocumentSymbolRequest>(request, |params| {
                    let open = self.documents.get(&params.text_document.uri)?;
                    definition::symbols(open, client)
                })
            }
            request::CodeActionRequest::METHOD => {
                answer::<request::CodeActionRequest>(request, |params| {
                    let open = self.documents.get(&params.text_document.uri)?;
                    Some(actions::within(open, &params, client))
                })
            }
            _ => {
                let words = format!("`{}` is not known here", request.method);
                Response::new_err(request.id, ErrorCode::MethodNotFound as i32, words)
            }
        }
    }

    /// Takes what the client can, and says what this server can.
    fn begin(&mut self, params: &InitializeParams) -> InitializeResult {
        self.client = Client::from(&params.capabilities);
        self.stage = Stage::Running;
        InitializeResult {
            capabilities: capabilities(self.client.encoding),
            server_info: Some(ServerInfo {
                name: "lifecycle".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
        }
    }

    /// Takes news that needs no answer. What cannot be read, or is about a text that is not ours, has
    /// no effect.
    fn hear(&mut self, notification: Notification) -> Option<Message> {
        match notification.method.as_str() {
            notification::DidOpenTextDocument::METHOD => {
                let params = params::<notification::DidOpenTextDocument>(notification)?;
                self.documents
                    .open(params.text_document, self.client.encoding);
                None
            }
            notification::DidChangeTextDocument::METHOD => {
                let params = params::<notification::DidChangeTextDocument>(notification)?;
                let document = params.text_document;
                self.documents
                    .change(&document.uri, document.version, &params.content_changes);
                None
            }
            notification::DidCloseTextDocument::METHOD => {
                let params = params::<notification::DidCloseTextDocument>(notification)?;
                let uri = params.text_document.uri;
                // A text that nobody looks at has nothing to be said of.
                let closed = self.documents.close(&uri);
                closed.then(|| publish(diagnostics::none(uri)))
            }
            _ => None,
        }
    }
}

fn capabilities(encoding: Encoding) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(match encoding {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
        }),
        text_document_sync: Some(TextDocumentSyncCapability::Kind(
            TextDocumentSyncKind::INCREMENTAL,
        )),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        inlay_hint_provider: Some(OneOf::Left(true)),
        definition_provider: Some(OneOf::Left(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(["[", ",", " "].map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        references_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![
                CodeActionKind::QUICKFIX,
                CodeActionKind::SOURCE_FIX_ALL,
            ]),
            ..CodeActionOptions::default()
        })),
        ..ServerCapabilities::default()
    }
}

/// Answers a request. A fault of this server is an answer too, and not the end of the session.
fn answer<R: request::Request>(
    request: Request,
    handle: impl FnOnce(R::Params) -> R::Result,
) -> Response {
    let Request { id, params, .. } = request;
    let params = match serde_json::from_value(params) {
        Ok(params) => params,
        Err(error) => {
            return Response::new_err(id, ErrorCode::InvalidParams as i32, error.to_string());
        }
    };
    match guarded(|| handle(params)) {
        Some(result) => Response::new_ok(id, result),
        None => {
            let words = "this is a fault of `lifecycle lsp`; standard error says which";
            Response::new_err(id, ErrorCode::InternalError as i32, words.to_owned())
        }
    }
}

fn params<N: notification::Notification>(notification: Notification) -> Option<N::Params> {
    serde_json::from_value(notification.params).ok()
}

/// What a function returns; `None` where it panicked, which the panic's own words on standard error
/// tell about.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

fn publish(params: lsp_types::PublishDiagnosticsParams) -> Message {
    let method = notification::PublishDiagnostics::METHOD.to_owned();
    Notification::new(method, params).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_the_servers_own_is_an_answer_and_not_the_end() {
        let request = || {
            let params = serde_json::json!({
                "textDocument": { "uri": "file:///a" },
                "position": { "line": 0, "character": 0 },
            });
            Request::new(1.into(), "textDocument/hover".to_owned(), params)
        };
        let faulty = answer::<request::HoverRequest>(request(), |_| unreachable!());
        let code = faulty.response_result.map_err(|error| error.code);
        assert_eq!(code, Err(ErrorCode::InternalError as i32));
        let sound = answer::<request::HoverRequest>(request(), |_| None);
        assert!(sound.response_result.is_ok());
    }
}
