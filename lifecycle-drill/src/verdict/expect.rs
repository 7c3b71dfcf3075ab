//! What a drill is held to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a drill is held to, beside what no drill may show: a SIGKILL that was needed, a probe that
/// said the wrong thing, a program that never saw its signal.
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
