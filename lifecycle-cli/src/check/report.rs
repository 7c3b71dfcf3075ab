//! All that was found in one run: what every format prints.

use lifecycle_manifest::{Finding, Safety, Severity};

use super::fix;
use super::roots::Roots;
use crate::input::{Failure, Input};

/// How much is shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// Nothing: the exit code says it.
    Silent,
    /// Findings, without sums and without the last line.
    Findings,
    /// Of one manifest all; of several the sums only where something was found.
    Normal,
    /// Every manifest's sums.
    Sums,
}

/// The manifests of a run, and how to speak of them.
pub(crate) struct Report<'a> {
    pub(crate) inputs: &'a [Input],
    /// What could not be read.
    pub(crate) failures: &'a [Failure],
    pub(crate) detail: Detail,
    /// Allowed findings are shown too, where a format can.
    pub(crate) show_allowed: bool,
    pub(crate) roots: Roots,
}

/// What was counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) allowed: usize,
    /// Findings that `--fix` would take up.
    pub(crate) fixable: usize,
    /// Findings that only `--unsafe-fixes` would take up.
    pub(crate) fixable_unsafe: usize,
    /// Manifests with findings.
    pub(crate) with_findings: usize,
}

impl Report<'_> {
    /// How many manifests there are; deployed files that are looked at alone are none.
    pub(crate) fn manifests(&self) -> usize {
        let manifests = self.inputs.iter().filter(|input| !input.is_deployed_alone);
        manifests.count()
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for input in self.inputs {
            let analysis = &input.analysis;
            let (errors, warnings) = by_severity(&analysis.findings);
            counts.errors += errors;
            counts.warnings += warnings;
            counts.allowed += analysis.allowed.len();
            let is_found = errors + warnings > 0 && !input.is_deployed_alone;
            counts.with_findings += usize::from(is_found);
            let safe = fix::fixable(analysis, Safety::Safe);
            counts.fixable += safe;
            counts.fixable_unsafe += fix::fixable(analysis, Safety::Unsafe) - safe;
        }
        counts
    }
}

/// Errors and warnings.
pub(crate) fn by_severity<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> (usize, usize) {
    findings
        .into_iter()
        .fold((0, 0), |(errors, warnings), finding| {
            match finding.severity {
                Severity::Error => (errors + 1, warnings),
                Severity::Warning => (errors, warnings + 1),
            }
        })
}
