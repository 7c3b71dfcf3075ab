//! The texts that the editor holds open, each read at most once a version.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use lifecycle_manifest::Analysis;
use lsp_types::{TextDocumentContentChangeEvent, TextDocumentItem, Uri};

use super::position::{Encoding, Text};
use crate::input;

/// A manifest that is open.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) uri: Uri,
    /// The editor's number for this state of the text.
    pub(super) version: i32,
    pub(super) text: Text,
    analysis: OnceCell<Analysis>,
    /// Its findings have not been told since it changed.
    untold: bool,
}

impl Open {
    /// Everything that can be said of the text as it stands.
    pub(super) fn analysis(&self) -> &Analysis {
        self.analysis
            .get_or_init(|| Analysis::of(self.text.as_str()))
    }
}

/// The manifests that are open, by their address.
#[derive(Debug, Default)]
pub(super) struct Documents(BTreeMap<String, Open>);

impl Documents {
    /// Takes a text that was opened, unless it is something else than a manifest.
    pub(super) fn open(&mut self, item: TextDocumentItem, encoding: Encoding) {
        if !is_manifest(&item.uri, &item.language_id) {
            return;
        }
        let open = Open {
            version: item.version,
            text: Text::new(item.text, encoding),
            analysis: OnceCell::new(),
            untold: true,
            uri: item.uri,
        };
        self.0.insert(open.uri.as_str().to_owned(), open);
    }

    /// Takes edits, in their order.
    pub(super) fn change(
        &mut self,
        uri: &Uri,
        version: i32,
        changes: &[TextDocumentContentChangeEvent],
    ) {
        if let Some(open) = self.0.get_mut(uri.as_str()) {
            for change in changes {
                open.text.change(change);
            }
            open.version = version;
            open.analysis = OnceCell::new();
            open.untold = true;
        }
    }

    /// Lets go of a text; whether it was one of ours.
    pub(super) fn close(&mut self, uri: &Uri) -> bool {
        self.0.remove(uri.as_str()).is_some()
    }

    pub(super) fn get(&self, uri: &Uri) -> Option<&Open> {
        self.0.get(uri.as_str())
    }

    /// Some text's findings have not been told.
    pub(super) fn any_untold(&self) -> bool {
        self.0.values().any(|open| open.untold)
    }

    /// A text whose findings have not been told, which counts as done from now on.
    pub(super) fn next_untold(&mut self) -> Option<&Open> {
        let open = self.0.values_mut().find(|open| open.untold)?;
        open.untold = false;
        Some(open)
    }
}

/// A manifest is known by its name; a template of one by its language.
fn is_manifest(uri: &Uri, language: &str) -> bool {
    let name = uri.path().as_str().rsplit('/').next().unwrap_or_default();
    let named = input::is_manifest(std::path::Path::new(name)) || name.ends_with(".lifecycle.yaml");
    let language = language.to_ascii_lowercase();
    named && (language == "yaml" || language.starts_with("yaml."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_told_by_name_and_language() {
        for (uri, language, manifest) in [
            ("file:///a/lifecycle.yaml", "yaml", true),
            ("file:///a/lifecycle.yml", "yaml", true),
            ("file:///a%20b/checkout.lifecycle.yaml", "YAML", true),
            ("file:///a/lifecycle.yaml", "helm", false),
            ("file:///a/lifecycle.yaml.bak", "yaml", false),
            ("file:///a/my-lifecycle.yaml", "yaml", false),
            ("file:///lifecycle.yaml/values.yaml", "yaml", false),
            ("untitled:Untitled-1", "yaml", false),
        ] {
            assert_eq!(
                is_manifest(&uri.parse().unwrap(), language),
                manifest,
                "{uri} {language}"
            );
        }
    }
}
