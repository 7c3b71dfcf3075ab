//! Levels: who decides how bad a finding is.
//!
//! Rules know nothing of this. A finding's severity is its rule's, unless the manifest's `lints:`
//! says otherwise, or the command line does; and a comment beside the place may allow it, with a
//! reason. The later in that list, the stronger.

mod comment;
mod reach;
mod sieve;

use std::fmt;

use crate::finding::{Finding, Place, Severity};
use crate::manifest::Written;
use crate::read::{list, nearest};
use crate::rules::{self, Rule, shape};

pub(crate) use sieve::sift;

/// What becomes of a rule's findings.
///
/// ```
/// use lifecycle_manifest::{Analysis, Level};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// lints: { unused-grace: deny }
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { grace_period: 10m }
/// ");
/// assert!(analysis.has_errors());
/// let lint = &analysis.resolved.unwrap().manifest.lints[0];
/// assert_eq!(lint.level.value, Level::Deny);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum Level {
    /// They are not shown; a reason must be given.
    Allow,
    /// They are warnings.
    Warn,
    /// They are errors.
    Deny,
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Warn, Self::Deny];

    /// The word in the manifest.
    ///
    /// ```
    /// use lifecycle_manifest::Level;
    /// assert_eq!(Level::ALL.map(Level::as_str), ["allow", "warn", "deny"]);
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }

    const fn severity(self) -> Option<Severity> {
        match self {
            Self::Allow => None,
            Self::Warn => Some(Severity::Warning),
            Self::Deny => Some(Severity::Error),
        }
    }
}

/// Which rules a level is for.
///
/// ```
/// use lifecycle_manifest::lints::Selector;
/// use lifecycle_manifest::rules;
/// let rule = rules::find("unused-grace").unwrap();
/// assert_eq!(Selector::parse("LC105"), Ok(Selector::Rule(rule)));
/// assert_eq!(Selector::parse("all"), Ok(Selector::All));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Selector {
    /// All whose level can be set.
    All,
    /// One.
    Rule(&'static Rule),
}

/// A name that selects nothing.
///
/// ```
/// use lifecycle_manifest::lints::{Selector, SelectorError};
/// let error = |name| Selector::parse(name).unwrap_err();
/// assert_eq!(error("unusd-grace"), SelectorError::Unknown(Some("unused-grace")));
/// assert_eq!(error("syntax"), SelectorError::Fixed);
/// assert_eq!(error("unusd-grace").to_string(), "no rule is called so; `unused-grace` is");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectorError {
    /// No rule has this code or name; the nearest that one has.
    Unknown(Option<&'static str>),
    /// What is wrong with a file's shape has no level: there is nothing to go on with.
    Fixed,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(Some(near)) => write!(f, "no rule is called so; `{near}` is"),
            Self::Unknown(None) => f.write_str("no rule is called so"),
            Self::Fixed => f.write_str("what is wrong with a file's shape has no level"),
        }
    }
}

impl std::error::Error for SelectorError {}

impl Selector {
    /// The rule with this code or name, or all.
    ///
    /// ```
    /// use lifecycle_manifest::lints::Selector;
    /// assert_eq!(Selector::parse("LC105"), Selector::parse("unused-grace"));
    /// assert_ne!(Selector::parse("LC105"), Selector::parse("LC101"));
    /// assert!(Selector::parse("unusd-grace").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        if text.eq_ignore_ascii_case("all") {
            return Ok(Self::All);
        }
        match rules::find(text) {
            Some(rule) if rule.can_be_allowed() => Ok(Self::Rule(rule)),
            Some(_) => Err(SelectorError::Fixed),
            None => Err(SelectorError::Unknown(nearest(
                text,
                rules::ALL.iter().map(|rule| rule.name),
            ))),
        }
    }

    fn takes(self, rule: &Rule) -> bool {
        match self {
            Self::All => rule.can_be_allowed(),
            Self::Rule(own) => own == rule,
        }
    }
}

/// Levels from the command line; of two for one rule the later holds.
///
/// ```
/// use lifecycle_manifest::lints::Selector;
/// use lifecycle_manifest::{Analysis, Level, Levels, Options};
///
/// let unused = Selector::parse("unused-grace").unwrap();
/// let levels = Levels(vec![(Selector::All, Level::Allow), (unused, Level::Deny)]);
/// let analysis = Analysis::with("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { grace_period: 10m }
/// ", &Options { levels, ..Options::default() });
/// assert_eq!(analysis.findings[0].rule.name, "unused-grace");
/// assert!(analysis.has_errors());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Levels(pub Vec<(Selector, Level)>);

impl Levels {
    fn of(&self, rule: &Rule) -> Option<Level> {
        let mut levels = self.0.iter().rev();
        levels
            .find(|(selector, _)| selector.takes(rule))
            .map(|(_, level)| *level)
    }
}

/// One entry of the manifest's `lints:`.
///
/// ```
/// use lifecycle_manifest::lints::Selector;
/// use lifecycle_manifest::{Analysis, Level};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// lints:
///   unused-grace: { level: allow, reason: timeouts are about to grow }
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// ");
/// let lint = &analysis.resolved.unwrap().manifest.lints[0];
/// assert_eq!(Ok(lint.selector), Selector::parse("unused-grace"));
/// assert_eq!(lint.level.value, Level::Allow);
/// assert_eq!(lint.reason.as_deref(), Some("timeouts are about to grow"));
/// ```
#[derive(Debug, Clone)]
pub struct Lint {
    /// Which rules.
    pub selector: Selector,
    /// What becomes of their findings.
    pub level: Written<Level>,
    /// Why.
    pub reason: Option<String>,
}

/// A finding that is allowed.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { grace_period: 10m } # lifecycle: allow(unused-grace) timeouts grow soon
/// ");
/// assert!(analysis.findings.is_empty());
/// let allowed = &analysis.allowed[0];
/// assert_eq!(allowed.finding.rule.name, "unused-grace");
/// assert_eq!(allowed.reason.as_deref(), Some("timeouts grow soon"));
/// ```
#[derive(Debug, Clone)]
pub struct Allowed {
    /// The finding, as it would be.
    pub finding: Finding,
    /// Why it is allowed; nothing where the command line says so.
    pub reason: Option<String>,
    /// Where in the manifest that stands; `None`: on the command line.
    pub by: Option<Place>,
}

/// The finding for a name that selects nothing.
pub(crate) fn unknown(name: &str, place: Place, error: &SelectorError) -> Finding {
    let shown: String = name.chars().take(60).collect();
    match error {
        SelectorError::Unknown(near) => {
            let message = format!("there is no rule `{shown}`");
            let finding = Finding::new(&shape::UNKNOWN_RULE, message, place.clone());
            match near {
                Some(near) => finding.fix(format!("did you mean `{near}`?"), place, *near),
                None => finding.help("`lifecycle rules` lists them all"),
            }
        }
        SelectorError::Fixed => {
            let message = format!("`{shown}` is always an error: behind it nothing can be judged");
            Finding::new(&shape::BAD_ALLOWANCE, message, place)
                .help("take this away, and mend what it finds")
        }
    }
}

/// The words of the levels, for a message.
pub(crate) fn words() -> String {
    list(Level::ALL.iter().map(|level| level.as_str()), "or")
}
