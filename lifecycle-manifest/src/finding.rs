//! What a rule has found: a fact, the places that make it one, and the way out.

use std::fmt;

use crate::rules::Rule;
use crate::text::{Document, Route, Span};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It works, with no room or with waste.
    Warning,
    /// Work will be cut off or requests will fail as written; or the file cannot be read.
    Error,
}

impl Severity {
    /// The word in every format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A place in the manifest, by its route: rules never count columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The key a route ends in.
    Key(Route),
    /// The value at a route.
    Value(Route),
    /// Bytes, for what has no route: broken syntax, a key that stands twice.
    Bytes(Span),
}

impl Place {
    /// The bytes of this place.
    pub fn span(&self, document: &Document) -> Span {
        let span = match self {
            Self::Key(route) => document.key_span(route),
            Self::Value(route) => document.value_span(route),
            Self::Bytes(span) => *span,
        };
        document.source.clamp_span(span)
    }
}

/// A place and what to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What is to be said; may be empty.
    pub text: String,
}

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// In words.
    pub text: String,
    /// The same as an edit, where it is one.
    pub edit: Option<Edit>,
}

/// A replacement of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty to insert.
    pub place: Place,
    /// What comes in its stead.
    pub replacement: String,
}

/// One fact about a manifest that somebody should know.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule that found it.
    pub rule: &'static Rule,
    /// How bad it is.
    pub severity: Severity,
    /// The fact in one line, with its numbers.
    pub message: String,
    /// The platform it holds for, by its key; `None`: for all.
    pub platform: Option<&'static str>,
    /// The line to change.
    pub primary: Label,
    /// What it conflicts with.
    pub related: Vec<Label>,
    /// The sum, the circle, the facts with their origins.
    pub notes: Vec<String>,
    /// Ways out, the likeliest first.
    pub help: Vec<Help>,
}

impl Finding {
    /// A finding of a rule, with the rule's own severity.
    pub fn new(rule: &'static Rule, message: impl Into<String>, place: Place) -> Self {
        Self {
            rule,
            severity: rule.severity,
            message: message.into(),
            platform: None,
            primary: Label {
                place,
                text: String::new(),
            },
            related: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Says it of one platform.
    #[must_use]
    pub fn on(mut self, platform: &'static str) -> Self {
        self.platform = Some(platform);
        self
    }

    /// Says something at the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn related(mut self, place: Place, text: impl Into<String>) -> Self {
        self.related.push(Label {
            place,
            text: text.into(),
        });
        self
    }

    /// Adds a note.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a way out in words.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(Help {
            text: text.into(),
            edit: None,
        });
        self
    }

    /// Adds a way out that is also an edit.
    #[must_use]
    pub fn fix(
        mut self,
        text: impl Into<String>,
        place: Place,
        replacement: impl Into<String>,
    ) -> Self {
        let edit = Edit {
            place,
            replacement: replacement.into(),
        };
        self.help.push(Help {
            text: text.into(),
            edit: Some(edit),
        });
        self
    }
}
