//! What a rule has found: a fact, the places that make it one, and the way out.

use std::fmt;

use crate::rules::Rule;
use crate::text::{Document, Route, Span};

mod edit;

pub use edit::{Edit, Fix, Patch, Safety};

/// How bad a finding is.
///
/// ```
/// use lifecycle_manifest::{Severity, rules};
///
/// assert_eq!(rules::find("grace-too-short").unwrap().severity, Severity::Error);
/// assert_eq!(rules::find("unused-grace").unwrap().severity, Severity::Warning);
/// assert_eq!(Severity::Warning.max(Severity::Error).as_str(), "error");
/// ```
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

/// How sure a rule is of what it says.
///
/// ```
/// use lifecycle_manifest::{Confidence, rules};
///
/// assert_eq!(rules::find("grace-too-short").unwrap().confidence, Confidence::High);
/// assert!(Confidence::Low < Confidence::High);
/// assert_eq!(Confidence::Medium.to_string(), "medium");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// A guess by a name or by a habit.
    Low,
    /// It rests on a default or on what is usual.
    Medium,
    /// It follows from what is written and from what the platform documents.
    High,
}

impl Confidence {
    /// The word in every format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which text a place lies in.
///
/// ```
/// use lifecycle_manifest::text::Route;
/// use lifecycle_manifest::{Finding, Place, Side, rules};
///
/// let rule = rules::find("unused-grace").unwrap();
/// let deployed = Place::Value(Route::keys(["spec", "terminationGracePeriodSeconds"]));
/// let written = Place::Value(Route::keys(["platforms", "kubernetes", "grace_period"]));
/// let finding = Finding::new(rule, "600s are deployed, and 30s would do", deployed)
///     .in_deployed(1)
///     .related(written, "30s");
/// assert_eq!(finding.primary.side, Side::Deployed(1));
/// assert_eq!(finding.related[0].side, Side::Manifest);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Side {
    /// The manifest.
    #[default]
    Manifest,
    /// The deployed file with this number, in the order they were given.
    Deployed(usize),
}

/// A place in a text, by its route: rules never count columns.
///
/// ```
/// use lifecycle_manifest::Place;
/// use lifecycle_manifest::text::{Limits, Route, Span, parse};
///
/// let (document, _) = parse("budget: { reserve: 5s }\n", Limits::default());
/// let document = document.unwrap();
/// let at = |place: Place| document.source.slice(place.span(&document));
/// let reserve = Route::keys(["budget", "reserve"]);
/// assert_eq!(at(Place::Key(reserve.clone())), "reserve");
/// assert_eq!(at(Place::Value(reserve)), "5s");
/// assert_eq!(at(Place::Bytes(Span::new(0, 6))), "budget");
/// ```
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
///
/// ```
/// use lifecycle_manifest::text::Route;
/// use lifecycle_manifest::{Finding, Label, Place, Side, rules};
///
/// let rule = rules::find("unused-grace").unwrap();
/// let place = Place::Value(Route::keys(["platforms", "kubernetes", "grace_period"]));
/// let finding = Finding::new(rule, "9m of the grace period are never used", place.clone())
///     .label("10m");
/// assert_eq!(finding.primary, Label { side: Side::Manifest, place, text: "10m".to_owned() });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// In which text.
    pub side: Side,
    /// Where.
    pub place: Place,
    /// What is to be said; may be empty.
    pub text: String,
}

/// What to do about a finding.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: Shop
/// resources: { db: { kind: database, timeout: 5s } }
/// ");
/// let finding = &analysis.findings[0];
/// assert_eq!(finding.message, "`Shop` cannot be a name");
/// let help = &finding.help[0];
/// assert_eq!(help.text, "write `shop`");
/// assert!(help.fix.is_some());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// In words.
    pub text: String,
    /// The same as edits of the manifest, where it is that.
    pub fix: Option<Fix>,
}

/// One fact about a manifest that somebody should know.
///
/// ```
/// use lifecycle_manifest::{Analysis, Safety};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 30s }
/// platforms:
///   kubernetes: { grace_period: 30s }
/// ");
/// let finding = &analysis.findings[0];
/// assert_eq!((finding.rule.code, finding.platform), ("LC101", Some("kubernetes")));
/// assert_eq!(finding.message, "shutdown needs 40.25s, and Kubernetes allows 30s");
/// assert!(finding.first_fix(Safety::Unsafe).is_some());
/// ```
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule that found it.
    pub rule: &'static Rule,
    /// How bad it is.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
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
    /// A finding of a rule, with the rule's own severity and confidence.
    pub fn new(rule: &'static Rule, message: impl Into<String>, place: Place) -> Self {
        Self {
            rule,
            severity: rule.severity,
            confidence: rule.confidence,
            message: message.into(),
            platform: None,
            primary: Label {
                side: Side::Manifest,
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

    /// The primary place lies in the deployed file with this number.
    #[must_use]
    pub fn in_deployed(mut self, file: usize) -> Self {
        self.primary.side = Side::Deployed(file);
        self
    }

    /// Adds a second place in the manifest.
    #[must_use]
    pub fn related(self, place: Place, text: impl Into<String>) -> Self {
        self.related_in(Side::Manifest, place, text)
    }

    /// Adds a second place in one of the texts.
    #[must_use]
    pub fn related_in(mut self, side: Side, place: Place, text: impl Into<String>) -> Self {
        self.related.push(Label {
            side,
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
            fix: None,
        });
        self
    }

    /// Adds a way out in words, behind an "or" where there is one already.
    #[must_use]
    pub(crate) fn or_help(self, text: &str) -> Self {
        let or = if self.help.is_empty() { "" } else { "or " };
        self.help(format!("{or}{text}"))
    }

    /// Adds a way out that is a replacement which somebody must agree to.
    #[must_use]
    pub fn fix(self, text: impl Into<String>, place: Place, with: impl Into<String>) -> Self {
        self.fix_with(text, Fix::new(Safety::Unsafe, [Edit::replace(place, with)]))
    }

    /// Adds a way out that is a replacement which means the same, or only gives more time.
    #[must_use]
    pub fn safe_fix(self, text: impl Into<String>, place: Place, with: impl Into<String>) -> Self {
        self.fix_with(text, Fix::new(Safety::Safe, [Edit::replace(place, with)]))
    }

    /// Adds a way out that is edits.
    #[must_use]
    pub fn fix_with(mut self, text: impl Into<String>, fix: Fix) -> Self {
        self.help.push(Help {
            text: text.into(),
            fix: Some(fix),
        });
        self
    }

    /// The first way out that is edits, and at most as unsafe as asked for.
    pub fn first_fix(&self, at_most: Safety) -> Option<&Fix> {
        self.help
            .iter()
            .filter_map(|help| help.fix.as_ref())
            .find(|fix| fix.safety <= at_most)
    }
}
