//! Several runs of one drill in a few numbers.

#![allow(
    clippy::struct_field_names,
    reason = "in JSON a number carries its unit in its name"
)]

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measured::{Finding, Measured, Severity, StepPlan};
use crate::probe::Flip;
use crate::traffic::tally::{Latency, Requests};

/// What several runs of one drill have in common, and how far they lie apart.
///
/// ```
/// use lifecycle_drill::Record;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/runs.json");
/// let summary = Record::read(&std::fs::read(file)?)?.summary();
/// assert_eq!((summary.runs, summary.passed), (2, 2));
/// assert_eq!((summary.sent, summary.lost, summary.killed), (26, 0, 0));
/// assert_eq!(summary.readiness, None); // it was not probed
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// How often the drill was run.
    pub runs: usize,
    /// How many of the runs passed.
    pub passed: usize,
    /// Requests that were sent in all runs.
    pub sent: u64,
    /// Of those: accepted, and neither answered nor refused.
    pub lost: u64,
    /// Of those: refused with 503 and a word of when to come back, or at the connection.
    pub refused: u64,
    /// Of those: answered with a server error.
    pub server_errors: u64,
    /// Runs in which SIGKILL was needed.
    pub killed: usize,
    /// From the signal to the end of the process.
    pub exit: Option<Spread>,
    /// From the signal until readiness went down; negative where it was down before.
    pub readiness: Option<Spread>,
    /// The median latency of the requests sent before the stop was asked.
    pub latency_before: Option<Spread>,
    /// The median latency of those sent after it.
    pub latency_after: Option<Spread>,
    /// The slowest of those.
    pub slowest_after: Option<Spread>,
    /// Each step's own time.
    pub steps: Vec<StepSpread>,
    /// What was found, failures first, then what was found most often.
    pub findings: Vec<Found>,
}

/// Some numbers in three, in milliseconds.
///
/// ```
/// use lifecycle_drill::Record;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/runs.json");
/// let exit = Record::read(&std::fs::read(file)?)?.summary().exit.unwrap();
/// assert_eq!(exit.runs, 2);
/// assert_eq!((exit.min_ms, exit.median_ms, exit.max_ms), (419.7, 421.8, 423.9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// How many there are: the runs in which it was measured.
    pub runs: usize,
    /// The smallest.
    pub min_ms: f64,
    /// The middle one; of an even number, the mean of the two in the middle.
    pub median_ms: f64,
    /// The largest.
    pub max_ms: f64,
}

/// One step over all runs.
///
/// ```
/// use lifecycle_drill::Record;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let summary = Record::read(&std::fs::read(file)?)?.summary();
/// let database = summary.steps.iter().find(|step| step.name == "orders-db").unwrap();
/// assert_eq!(database.took.unwrap().max_ms, 1_102.0);
/// assert_eq!(database.done, 0); // it timed out
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepSpread {
    /// The resource's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// As planned; null when the plan knows no such step.
    pub planned: Option<StepPlan>,
    /// From its beginning to its end; null where no run measured it.
    pub took: Option<Spread>,
    /// Runs in which it was done.
    pub done: usize,
}

/// A finding, and how often it was found.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::{summary::Summary, verdict, Measured};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let good: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let mut killed = good.clone();
/// killed.process.sigkill_needed = true;
/// killed.findings = verdict::findings(&killed, Duration::from_secs(10));
///
/// let summary = Summary::of(&[good, killed.clone(), killed]);
/// let found = summary.findings.iter().find(|it| it.name == "sigkill-needed").unwrap();
/// assert_eq!((found.runs, found.first_run), (2, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// Its stable name: `request-lost`.
    pub name: Cow<'static, str>,
    /// The gravest that it was.
    pub severity: Severity,
    /// Runs in which it was found.
    pub runs: usize,
    /// The first of those runs, counted from 1.
    pub first_run: usize,
    /// What it said there.
    pub message: String,
    /// What usually causes it.
    pub cause: Cow<'static, str>,
}

impl Spread {
    /// Of these numbers; `None` where there are none.
    ///
    /// ```
    /// use lifecycle_drill::summary::Spread;
    ///
    /// let spread = Spread::of([424.0, 420.0, 1_206.6]).unwrap();
    /// assert_eq!((spread.min_ms, spread.median_ms, spread.max_ms), (420.0, 424.0, 1_206.6));
    /// assert_eq!(Spread::of([420.0, 424.0]).unwrap().median_ms, 422.0);
    /// assert_eq!(Spread::of([]), None);
    /// ```
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let (min_ms, max_ms) = (*numbers.first()?, *numbers.last()?);
        let (low, high) = (numbers[(numbers.len() - 1) / 2], numbers[numbers.len() / 2]);
        Some(Self {
            runs: numbers.len(),
            min_ms,
            median_ms: ((low + high) * 50.0).round() / 100.0,
            max_ms,
        })
    }
}

impl Summary {
    /// Of these runs, in their order.
    ///
    /// ```
    /// use lifecycle_drill::{summary::Summary, Measured};
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
    /// let good: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
    /// let mut killed = good.clone();
    /// killed.passed = false;
    /// killed.process.sigkill_needed = true;
    ///
    /// let summary = Summary::of(&[good, killed]);
    /// assert_eq!((summary.runs, summary.passed, summary.killed), (2, 1, 1));
    /// assert_eq!(summary.sent, 62);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(runs: &[Measured]) -> Self {
        let requests = || runs.iter().filter_map(|run| run.requests.as_ref());
        let sum = |of: fn(&Requests) -> u64| requests().map(of).sum();
        let spread = |of: fn(&Measured) -> Option<f64>| Spread::of(runs.iter().filter_map(of));
        let latency = |of: fn(&Requests) -> Option<Latency>, ms: fn(Latency) -> f64| {
            Spread::of(requests().filter_map(of).map(ms))
        };
        Self {
            runs: runs.len(),
            passed: runs.iter().filter(|run| run.passed).count(),
            sent: sum(|it| it.all().sent()),
            lost: sum(|it| it.all().lost),
            refused: sum(|it| it.all().refused + it.all().refused_at_connect),
            server_errors: sum(|it| it.all().server_error),
            killed: runs.iter().filter(|it| it.process.sigkill_needed).count(),
            exit: spread(|run| run.process.exit_ms),
            readiness: spread(|run| match run.readiness.as_ref()?.flip {
                Flip::Flipped { at_ms } => Some(at_ms),
                Flip::AlreadyDown | Flip::Never | Flip::NotSeen => None,
            }),
            latency_before: latency(|it| it.latency_before, |it| it.p50_ms),
            latency_after: latency(|it| it.latency_after, |it| it.p50_ms),
            slowest_after: latency(|it| it.latency_after, |it| it.max_ms),
            steps: steps(runs),
            findings: findings(runs),
        }
    }
}

/// Every step that a run knows, in the order in which they are first met.
fn steps(runs: &[Measured]) -> Vec<StepSpread> {
    let mut steps: Vec<StepSpread> = Vec::new();
    for step in runs.iter().flat_map(|run| &run.steps) {
        if steps.iter().all(|known| known.name != step.name) {
            let measured = || {
                let all = runs.iter().flat_map(|run| &run.steps);
                all.filter(|other| other.name == step.name)
                    .filter_map(|step| step.measured.as_ref())
            };
            steps.push(StepSpread {
                name: step.name.clone(),
                kind: step.kind.clone(),
                planned: step.planned,
                took: Spread::of(measured().filter_map(|own| Some(own.end_ms? - own.start_ms?))),
                done: measured().filter(|own| own.outcome == "done").count(),
            });
        }
    }
    steps
}

fn findings(runs: &[Measured]) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        for finding in &run.findings {
            // One run may find the same thing twice; it is counted once.
            if run.findings.iter().find(|it| it.name == finding.name) != Some(finding) {
                continue;
            }
            match all.iter_mut().find(|found| found.name == finding.name) {
                Some(found) => {
                    found.runs += 1;
                    found.severity = found.severity.min(finding.severity);
                }
                None => all.push(Found::first(finding, at + 1)),
            }
        }
    }
    all.sort_by_key(|found| (found.severity, std::cmp::Reverse(found.runs)));
    all
}

impl Found {
    fn first(finding: &Finding, run: usize) -> Self {
        Self {
            name: finding.name.clone(),
            severity: finding.severity,
            runs: 1,
            first_run: run,
            message: finding.message.clone(),
            cause: finding.cause.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_is_between_two() {
        let spread = |numbers: &[f64]| {
            let it = Spread::of(numbers.iter().copied()).unwrap();
            [it.min_ms, it.median_ms, it.max_ms].map(|ms| ms.to_string())
        };
        assert_eq!(spread(&[3.0, 1.0, 2.0]), ["1", "2", "3"]);
        assert_eq!(spread(&[4.0, 1.0, 2.5, 3.0]), ["1", "2.75", "4"]);
        assert_eq!(spread(&[-7.0]), ["-7", "-7", "-7"]);
        assert_eq!(Spread::of([]), None);
    }
}
