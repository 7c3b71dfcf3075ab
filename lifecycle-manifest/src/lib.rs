//! `lifecycle.yaml` as values.
//!
//! Data flows one way: text → [`Manifest`] → [`Plan`] → [`Timeline`] → whoever reads it. The command
//! line and the macro call the same [`Analysis::of`], so CI and the compiler cannot disagree.
//!
//! This crate knows nothing of files, terminals or async: text in, values out.
//!
//! ```
//! use lifecycle_manifest::Analysis;
//!
//! let analysis = Analysis::of(
//!     "lifecycle: 1\n\
//!      service: shop\n\
//!      resources:\n  \
//!        http: { kind: http-server, port: 8080, timeout: 30s }\n\
//!      platforms:\n  \
//!        kubernetes: {}\n",
//! );
//! let finding = &analysis.findings[0];
//! assert_eq!(finding.rule.name, "grace-too-short");
//! assert_eq!(finding.message, "shutdown needs 40.25s, and Kubernetes allows 30s");
//! ```

mod analysis;
pub mod contract;
#[cfg(feature = "deployed")]
pub mod deployed;
pub mod digest;
pub mod duration;
mod figure;
mod finding;
mod kind;
pub mod lints;
mod manifest;
pub mod plan;
pub mod platform;
mod read;
pub mod render;
mod rollout;
pub mod rules;
#[cfg(feature = "schema")]
pub mod schema;
pub mod text;
mod timeline;
mod what_if;

pub use analysis::{Analysis, Options, Resolved};
pub use figure::{Figure, Origin};
pub use finding::{
    Confidence, Edit, Finding, Fix, Help, Label, Patch, Place, Safety, Severity, Side,
};
pub use kind::{Kind, Phase};
pub use manifest::{
    Budget, Drift, Drill, DrillBody, DrillConnections, DrillExpect, DrillProtocol, DrillRequest,
    Generate, Health, Jobs, Manifest, OnFailure, Resource, Traffic, Written,
};
pub use plan::Plan;
pub use platform::{Facts, Platform, Platforms, Terms};
pub use read::{is_label, nearest};
pub use rollout::Rollout;
pub use timeline::{DEFAULT_RESERVE, Timeline, Window, unmanaged};
pub use what_if::{Course, Ending, Exit, Happened, KILLED, WhatIf};

pub use lints::{Allowed, Level, Levels};
