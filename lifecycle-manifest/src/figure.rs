//! A number with its origin: what every sum and every message is made of.

use std::fmt;
use std::time::Duration;

use crate::duration::{human, show};
use crate::text::Route;

/// A duration, what it is, and where it came from.
///
/// ```
/// use lifecycle_manifest::{Analysis, Origin};
/// use lifecycle_manifest::text::Route;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// ");
/// let plan = analysis.resolved.unwrap().plan;
/// let timeout = &plan.steps[0].timeout;
/// assert_eq!(timeout.term(), "15s http");
/// assert_eq!(timeout.origin, Origin::Written(Route::keys(["resources", "http", "timeout"])));
/// assert_eq!(plan.unwind.origin, Origin::FormatDefault);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// How long.
    pub value: Duration,
    /// What it is, as a term of a sum: `preStop sleep`, `http`, `reserve`.
    pub label: String,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a number came from.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let origin = |platform: &str| {
///     let analysis = Analysis::of(&format!("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: {{ kind: http-server, port: 8080, timeout: 15s }}
/// platforms:
///   kubernetes: {platform}
/// "));
///     analysis.resolved.unwrap().timelines[0].grace().origin.clone()
/// };
/// assert_eq!(origin("{}").to_string(), "the Kubernetes default");
/// assert_eq!(origin("{ grace_period: 30s500ms }").to_string(), "rounded up from 30s500ms");
/// assert!(origin("{ grace_period: 45s }").is_written());
/// assert_eq!(origin("{}").route(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It stands in the manifest.
    Written(Route),
    /// It stands in the manifest and was rounded up to the platform's unit.
    Rounded {
        /// Where it stands.
        route: Route,
        /// What stands there.
        from: Duration,
    },
    /// It stands in the manifest, and the platform takes it for nothing: its default holds.
    Unset {
        /// Where it stands.
        route: Route,
        /// What stands there.
        from: Duration,
        /// Whose default holds.
        whose: &'static str,
    },
    /// It stands in the manifest, and the platform takes it for no limit at all.
    Endless {
        /// Where it stands.
        route: Route,
        /// What stands there.
        from: Duration,
        /// Who takes it so.
        whose: &'static str,
    },
    /// The default of the format.
    FormatDefault,
    /// The default of the platform with this name.
    PlatformDefault(&'static str),
    /// Computed from other numbers; from which, in words.
    Derived(&'static str),
}

impl Figure {
    /// A figure.
    pub fn new(value: Duration, label: impl Into<String>, origin: Origin) -> Self {
        Self {
            value,
            label: label.into(),
            origin,
        }
    }

    /// The figure as a term of a sum: `15s http`.
    pub fn term(&self) -> String {
        format!("{} {}", human(self.value), self.label)
    }
}

impl Origin {
    /// Where it stands in the file, if it does.
    pub fn route(&self) -> Option<&Route> {
        match self {
            Self::Written(route)
            | Self::Rounded { route, .. }
            | Self::Unset { route, .. }
            | Self::Endless { route, .. } => Some(route),
            _ => None,
        }
    }

    /// It stands in the file and holds.
    pub fn is_written(&self) -> bool {
        matches!(self, Self::Written(_) | Self::Rounded { .. })
    }

    /// What stands in the file, where the platform holds more.
    pub(crate) fn rounded_from(&self) -> Option<Duration> {
        match self {
            Self::Rounded { from, .. } => Some(*from),
            _ => None,
        }
    }
}

impl fmt::Display for Origin {
    /// `written`, `the Kubernetes default`, `the default of the format`, `rounded up from 30s500ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(_) => f.write_str("written"),
            Self::Rounded { from, .. } => {
                write!(f, "rounded up from {}", show(*from))
            }
            Self::Unset { from, whose, .. } => {
                write!(f, "the {whose} default: it takes {} for none", show(*from))
            }
            Self::Endless { from, whose, .. } => {
                write!(f, "no limit: {whose} takes {} for none", show(*from))
            }
            Self::FormatDefault => f.write_str("the default of the format"),
            Self::PlatformDefault(name) => write!(f, "the {name} default"),
            Self::Derived(from) => f.write_str(from),
        }
    }
}
