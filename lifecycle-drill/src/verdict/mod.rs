//! What was measured, read as findings: each a name, what happened and when, and what causes it.
//!
//! One detection is one file in `detections/` and one line in [`ALL`]. A detection names a cause
//! only where something that was measured points to it; where two are possible it names both.

mod detections;
mod evidence;
pub(crate) mod exits;
mod expect;

use std::borrow::Cow;
use std::time::Duration;

use super::measured::{Finding, Measured, Severity};
use evidence::Evidence;

pub use detections::ALL;
pub(crate) use detections::{behind, ended_early, held_back, is_alike, off_target, slow};
pub use expect::Expectations;

/// One thing that can go wrong, and how it is known.
///
/// ```
/// use lifecycle_drill::verdict::ALL;
///
/// let lost = ALL.iter().find(|detection| detection.name == "request-lost").unwrap();
/// assert_eq!(lost.what, "Requests were accepted, and neither answered nor refused.");
/// assert!(lost.remedy.starts_with("From the signal on, take no new work"));
/// ```
#[derive(Debug)]
pub struct Detection {
    /// The stable name of its findings: `request-lost`.
    pub name: &'static str,
    /// What has happened when it is found, in a sentence.
    pub what: &'static str,
    /// What usually causes it, in a sentence or two.
    pub cause: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    look: fn(&Evidence<'_>) -> Option<Finding>,
}

impl Detection {
    #[allow(
        clippy::unnecessary_wraps,
        reason = "it is what every detection answers"
    )]
    fn finding(
        &'static self,
        severity: Severity,
        at_ms: Option<f64>,
        message: String,
        cause: Cow<'static, str>,
    ) -> Option<Finding> {
        Some(Finding {
            name: self.name.into(),
            severity,
            at_ms,
            message,
            cause,
        })
    }

    /// A finding that fails the drill. `at_ms` is when it happened on the timeline.
    fn failure(
        &'static self,
        at_ms: Option<f64>,
        message: String,
        cause: impl Into<Cow<'static, str>>,
    ) -> Option<Finding> {
        self.finding(Severity::Failure, at_ms, message, cause.into())
    }

    /// A finding that is worth knowing.
    fn warning(
        &'static self,
        at_ms: Option<f64>,
        message: String,
        cause: impl Into<Cow<'static, str>>,
    ) -> Option<Finding> {
        self.finding(Severity::Warning, at_ms, message, cause.into())
    }
}

/// Whether a drill with these findings passes.
///
/// ```
/// use lifecycle_drill::measured::{Finding, Severity};
/// use lifecycle_drill::verdict::passes;
///
/// let refused = |severity| Finding {
///     name: "request-refused".into(),
///     severity,
///     message: "3 of 31 requests were refused".to_owned(),
///     at_ms: None,
///     cause: "they were routed to a process that was stopping".into(),
/// };
/// assert!(passes(&[refused(Severity::Warning)]));
/// assert!(!passes(&[refused(Severity::Warning), refused(Severity::Failure)]));
/// ```
pub fn passes(findings: &[Finding]) -> bool {
    findings
        .iter()
        .all(|finding| finding.severity != Severity::Failure)
}

/// All findings, failures first, each kind once. `start_timeout` is how long the process had to
/// become ready.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::{target::process::Status, verdict, Measured, Record};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/runs.json");
/// let record = Record::read(&std::fs::read(file)?)?;
/// let mut measured = record.first().clone();
/// let findings = |measured: &Measured| verdict::findings(measured, Duration::from_secs(10));
/// assert_eq!(findings(&measured), []);
///
/// measured.process.status = Some(Status::Code(1));
/// let [finding] = &findings(&measured)[..] else { panic!("the exit code alone") };
/// assert_eq!(finding.name, "exit-not-zero");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn findings(measured: &Measured, start_timeout: Duration) -> Vec<Finding> {
    let evidence = Evidence {
        measured,
        start_timeout,
    };
    let mut findings: Vec<_> = ALL
        .iter()
        .filter_map(|detection| (detection.look)(&evidence))
        .collect();
    findings.sort_by_key(|finding| finding.severity);
    findings
}
