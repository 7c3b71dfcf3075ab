//! Two drills beside one another: what got better, and what got worse.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measured::Severity;
use crate::record::Record;
use crate::summary::{Found, Spread, Summary};

/// Times that lie less than this apart, in milliseconds, are the same.
const TIME_FLOOR_MS: f64 = 20.0;
/// The same for latencies, which are short.
const LATENCY_FLOOR_MS: f64 = 2.0;
/// Whatever lies less than this share apart is the same.
const SHARE: f64 = 0.1;

/// How the second of two compares with the first.
///
/// Less is better, and what lies no more than a tenth apart is the same:
///
/// ```
/// use lifecycle_drill::compare::{Change, Comparison};
/// use lifecycle_drill::Record;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let before = Record::read(&std::fs::read(file)?)?;
/// let exit = |ms| {
///     let mut run = before.first().clone(); // it left after 1.21s
///     run.process.exit_ms = ms;
///     let after = Record::of(vec![run], Vec::new())?;
///     let rows = Comparison::of(&before, &after).rows;
///     rows.iter().find(|row| row.what == "exit").map(|row| row.change)
/// };
/// assert_eq!(exit(Some(450.0)), Some(Change::Better));
/// assert_eq!(exit(Some(1_100.0)), Some(Change::Same));
/// assert_eq!(exit(Some(2_000.0)), Some(Change::Worse));
/// assert_eq!(exit(None), Some(Change::Unknown));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Better.
    Better,
    /// Worse.
    Worse,
    /// Not to be told apart.
    Same,
    /// Only one of the two was measured.
    Unknown,
}

/// What a number counts.
///
/// ```
/// use lifecycle_drill::compare::{Comparison, Unit};
/// use lifecycle_drill::Record;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let record = Record::read(&std::fs::read(file)?)?;
/// let rows = Comparison::of(&record, &record).rows;
/// let unit = |what| rows.iter().find(|row| row.what == what).map(|row| row.unit);
/// assert_eq!(unit("requests lost"), Some(Unit::Count));
/// assert_eq!(unit("step orders-db"), Some(Unit::Ms));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// How many of something; over all runs.
    Count,
    /// Milliseconds; the median over all runs.
    Ms,
}

/// Two drills beside one another. `before` is the first of them, `after` the second.
///
/// ```
/// use lifecycle_drill::compare::{Change, Comparison};
/// use lifecycle_drill::Record;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let before = Record::read(&std::fs::read(file)?)?;
/// let mut run = before.first().clone();
/// run.process.exit_ms = Some(450.0);
/// let after = Record::of(vec![run], Vec::new()).unwrap();
///
/// let compared = Comparison::of(&before, &after);
/// assert_eq!(compared.verdict, Change::Same); // both passed
/// let exit = compared.rows.iter().find(|row| row.what == "exit").unwrap();
/// assert_eq!((exit.before, exit.after), (Some(1_206.6), Some(450.0)));
/// assert_eq!(exit.change, Change::Better);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The version of this document.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// How the verdict changed. It is worse where less of the runs passed, or where something failed
    /// that had not failed before.
    pub verdict: Change,
    /// The first drill.
    pub before: Side,
    /// The second.
    pub after: Side,
    /// What makes the two hard to compare, in sentences: another platform, another load.
    pub remarks: Vec<String>,
    /// Numbers beside one another.
    pub rows: Vec<Row>,
    /// Findings of the second that the first had not.
    pub new: Vec<Found>,
    /// Findings of the first that the second has no more.
    pub gone: Vec<Found>,
    /// Findings of both, as the second has them.
    pub kept: Vec<Found>,
}

/// One of the two.
///
/// One drill beside another that was run twice:
///
/// ```
/// use lifecycle_drill::{Comparison, Record};
///
/// # let first = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// # let second = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/runs.json");
/// let once = Record::read(&std::fs::read(first)?)?;
/// let twice = Record::read(&std::fs::read(second)?)?;
///
/// let compared = Comparison::of(&once, &twice);
/// assert_eq!((compared.before.runs, compared.before.passed), (1, 1));
/// assert_eq!((compared.after.runs, compared.after.passed), (2, 2));
/// assert_eq!(compared.after.platform_label, "Kubernetes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    /// The service's name.
    pub service: String,
    /// The platform's name for people.
    pub platform_label: String,
    /// How often it was run.
    pub runs: usize,
    /// How many of the runs passed.
    pub passed: usize,
}

/// A number of the one beside the same of the other.
///
/// ```
/// use lifecycle_drill::compare::{Change, Comparison};
/// use lifecycle_drill::Record;
///
/// # let first = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// # let second = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/runs.json");
/// let before = Record::read(&std::fs::read(first)?)?;
/// let after = Record::read(&std::fs::read(second)?)?;
///
/// let rows = Comparison::of(&before, &after).rows;
/// let closing = rows.iter().find(|row| row.what == "step orders-db").unwrap();
/// assert_eq!(closing.before, Some(1_102.0));
/// // The second drill is of a plan without that step.
/// assert_eq!((closing.after, closing.change), (None, Change::Unknown));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// What was measured, in words.
    pub what: Cow<'static, str>,
    /// What it counts.
    pub unit: Unit,
    /// The first's; null where it was not measured.
    pub before: Option<f64>,
    /// The second's; null where it was not measured.
    pub after: Option<f64>,
    /// How the second compares.
    pub change: Change,
}

impl Comparison {
    /// The second beside the first.
    ///
    /// ```
    /// use lifecycle_drill::compare::{Change, Comparison};
    /// use lifecycle_drill::measured::{Finding, Severity};
    /// use lifecycle_drill::Record;
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
    /// let before = Record::read(&std::fs::read(file)?)?;
    /// let mut run = before.first().clone();
    /// run.passed = false;
    /// run.findings.push(Finding {
    ///     name: "request-lost".into(),
    ///     severity: Severity::Failure,
    ///     message: "2 of 31 requests were lost".to_owned(),
    ///     at_ms: Some(1_206.6),
    ///     cause: "they were under way when the process left: it did not wait for them".into(),
    /// });
    /// let after = Record::of(vec![run], Vec::new()).unwrap();
    ///
    /// let compared = Comparison::of(&before, &after);
    /// assert_eq!(compared.verdict, Change::Worse);
    /// assert_eq!(compared.new[0].name, "request-lost");
    /// let back = Comparison::of(&after, &before);
    /// assert_eq!(back.verdict, Change::Better);
    /// assert_eq!(back.gone, compared.new);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(before: &Record, after: &Record) -> Self {
        let (first, second) = (before.summary(), after.summary());
        let is_new = |found: &&Found, known: &Summary| {
            known.findings.iter().all(|other| other.name != found.name)
        };
        let only = |of: &Summary, not: &Summary| -> Vec<Found> {
            let found = of.findings.iter().filter(|found| is_new(found, not));
            found.cloned().collect()
        };
        let kept = second.findings.iter().filter(|it| !is_new(it, &first));
        Self {
            version: 1,
            verdict: verdict(&first, &second),
            before: Side::of(before, &first),
            after: Side::of(after, &second),
            remarks: remarks(before, after),
            rows: rows(&first, &second),
            new: only(&second, &first),
            gone: only(&first, &second),
            kept: kept.cloned().collect(),
        }
    }
}

impl Side {
    fn of(record: &Record, summary: &Summary) -> Self {
        let run = record.first();
        Self {
            service: run.service.clone(),
            platform_label: run.platform_label.clone(),
            runs: summary.runs,
            passed: summary.passed,
        }
    }
}

fn verdict(first: &Summary, second: &Summary) -> Change {
    // Shares without a division: 19 of 20 against 1 of 1.
    let (before, after) = (first.passed * second.runs, second.passed * first.runs);
    let fails_anew = |one: &Summary, other: &Summary| {
        let failed = |summary: &Summary, name: &str| {
            let mut failures = summary.findings.iter();
            failures.any(|it| it.severity == Severity::Failure && it.name == name)
        };
        let mut failures = one.findings.iter();
        failures.any(|it| failed(one, &it.name) && !failed(other, &it.name))
    };
    if after < before || fails_anew(second, first) {
        Change::Worse
    } else if after > before || fails_anew(first, second) {
        Change::Better
    } else {
        Change::Same
    }
}

fn remarks(before: &Record, after: &Record) -> Vec<String> {
    let (one, other) = (before.first(), after.first());
    let mut remarks = Vec::new();
    let mut differ = |what: &str, one: &str, other: &str| {
        if one != other {
            remarks.push(format!("{what}: {one} before, {other} after"));
        }
    };
    differ("the services differ", &one.service, &other.service);
    differ(
        "the platforms differ",
        &one.platform_label,
        &other.platform_label,
    );
    let none = "none";
    differ(
        "the scenarios differ",
        one.scenario.as_deref().unwrap_or(none),
        other.scenario.as_deref().unwrap_or(none),
    );
    if one.planned != other.planned {
        remarks.push("the two were played from different plans or timelines".to_owned());
    }
    if one.load != other.load {
        remarks.push("the two were under different loads".to_owned());
    }
    remarks
}

fn rows(first: &Summary, second: &Summary) -> Vec<Row> {
    let mut rows = vec![Row {
        what: "requests sent".into(),
        unit: Unit::Count,
        before: Some(number(first.sent)),
        after: Some(number(second.sent)),
        change: Change::Same,
    }];
    for (what, of) in [
        ("requests lost", (|it| it.lost) as fn(&Summary) -> u64),
        ("requests refused", |it| it.refused),
        ("server errors", |it| it.server_errors),
        ("runs killed", |it| it.killed as u64),
    ] {
        let (before, after) = (of(first), of(second));
        // Fewer requests lose fewer, so shares are compared; without a division, as there may be none.
        let of_all = match what {
            "runs killed" => (first.runs as u64, second.runs as u64),
            _ => (first.sent, second.sent),
        };
        let (one, other) = (
            number(before) * number(of_all.1),
            number(after) * number(of_all.0),
        );
        rows.push(Row {
            what: what.into(),
            unit: Unit::Count,
            before: Some(number(before)),
            after: Some(number(after)),
            change: change(one, other, 0.0),
        });
    }
    let times = [
        ("exit", first.exit, second.exit, TIME_FLOOR_MS),
        (
            "readiness down",
            first.readiness,
            second.readiness,
            TIME_FLOOR_MS,
        ),
        (
            "latency before, median",
            first.latency_before,
            second.latency_before,
            LATENCY_FLOOR_MS,
        ),
        (
            "latency after, median",
            first.latency_after,
            second.latency_after,
            LATENCY_FLOOR_MS,
        ),
        (
            "latency after, slowest",
            first.slowest_after,
            second.slowest_after,
            TIME_FLOOR_MS,
        ),
    ];
    for (what, before, after, floor) in times {
        if before.is_some() || after.is_some() {
            rows.push(time(what.into(), before, after, floor));
        }
    }
    let known = first.steps.iter().map(|step| &step.name);
    let more = second.steps.iter().map(|step| &step.name);
    let more = more.filter(|name| first.steps.iter().all(|step| step.name != **name));
    for name in known.chain(more) {
        let took = |summary: &Summary| {
            let step = summary.steps.iter().find(|step| step.name == *name);
            step.and_then(|step| step.took)
        };
        let (before, after) = (took(first), took(second));
        if before.is_some() || after.is_some() {
            rows.push(time(
                format!("step {name}").into(),
                before,
                after,
                TIME_FLOOR_MS,
            ));
        }
    }
    rows
}

fn time(what: Cow<'static, str>, before: Option<Spread>, after: Option<Spread>, floor: f64) -> Row {
    let change = match (before, after) {
        (Some(before), Some(after)) if before.reaches(&after) => Change::Same,
        (Some(before), Some(after)) => change(before.median_ms, after.median_ms, floor),
        _ => Change::Unknown,
    };
    Row {
        what,
        unit: Unit::Ms,
        before: before.map(|it| it.median_ms),
        after: after.map(|it| it.median_ms),
        change,
    }
}

impl Spread {
    /// Both hold the other's middle: what lies between them is what lies between runs anyway.
    fn reaches(&self, other: &Self) -> bool {
        let holds = |one: &Self, ms: f64| one.runs > 1 && (one.min_ms..=one.max_ms).contains(&ms);
        holds(self, other.median_ms) && holds(other, self.median_ms)
    }
}

/// Less is better.
fn change(before: f64, after: f64, floor: f64) -> Change {
    let apart = (after - before).abs();
    if apart <= floor || apart <= before.abs().max(after.abs()) * SHARE {
        Change::Same
    } else if after < before {
        Change::Better
    } else {
        Change::Worse
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::verdicts::clean;

    #[test]
    fn a_scenario_beside_another_is_remarked() {
        let record = |scenario: Option<&str>| {
            let mut run = clean();
            run.scenario = scenario.map(str::to_owned);
            Record::of(vec![run], Vec::new()).unwrap()
        };
        let (plain, second) = (record(None), record(Some("second-signal")));
        let remarks = Comparison::of(&second, &plain).remarks;
        assert_eq!(
            remarks,
            ["the scenarios differ: second-signal before, none after"]
        );
        assert_eq!(Comparison::of(&second, &second).remarks, [""; 0]);
    }
}
