//! What a drill is held to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a drill is held to, beside what no drill may show: a SIGKILL that was needed, a probe that
/// said the wrong thing, a program that never saw its signal.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::{measured::Severity, verdict, Expectations, Measured};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let mut measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let findings = |measured: &Measured| verdict::findings(measured, Duration::from_secs(10));
/// assert_eq!(findings(&measured)[0].name, "exit-not-zero"); // it left with 81 after 1.21s
///
/// measured.expected = serde_json::from_str(r#"{ "exit_code": 81 }"#)?;
/// assert_eq!(measured.expected, Expectations { exit_code: 81, ..Expectations::default() });
/// assert_eq!(findings(&measured), []);
///
/// measured.expected.exit_within_ms = Some(1_000.0);
/// let late = &findings(&measured)[0];
/// assert_eq!((&*late.name, late.severity), ("exit-late", Severity::Failure));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Expectations {
    /// How many accepted requests may be lost; 0.
    pub lost: u64,
    /// How many requests may be answered with a server error because of the stop; 0.
    pub server_errors: u64,
    /// How many requests may be refused from the stop on, while routing still sends them. Null: any
    /// number, which is a warning; whoever retries does not notice.
    pub refused: Option<u64>,
    /// How the process shall leave; 0. One that a signal ends counts as 128 and the signal's number,
    /// as platforms show it.
    pub exit_code: i32,
    /// From the signal to the end of the process, in milliseconds. Null: what the plan says, and
    /// then being late is a warning.
    pub exit_within_ms: Option<f64>,
    /// The slowest that ninety-nine in a hundred of the requests may be that are sent after the stop
    /// was asked, in milliseconds. Null: nothing is expected.
    pub p99_ms: Option<f64>,
}
