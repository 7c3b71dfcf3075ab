//! Runs as they are kept: one document, to be drawn again and compared later.

use anyhow::{Context as _, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::measured::{Measured, version};
use crate::rolling::measured::RollingMeasured;
use crate::summary::Summary;

/// Nothing that a drill counts or times itself is larger; a sum of such numbers is one still.
const LARGEST: f64 = 1e12;
/// Of a document that is a record otherwise.
const UNKNOWN: &str = "a field is not what a drill writes";

/// A drill as it is kept: the run itself where there was one, otherwise all of them.
///
/// ```
/// use lifecycle_drill::Record;
///
/// # let repeated = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/runs.json");
/// let twice = Record::read(&std::fs::read(repeated)?)?;
/// assert!(matches!(twice, Record::Several(_)));
/// assert_eq!(serde_json::to_value(&twice)?["runs"][1]["course"], "played");
///
/// # let single = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let once = Record::read(&std::fs::read(single)?)?;
/// assert!(matches!(once, Record::One(_)));
/// assert_eq!(serde_json::to_value(&once)?["course"], "played");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one of these in a whole program"
)]
pub enum Record {
    /// A drill of one run.
    One(Box<Measured>),
    /// A drill that was repeated.
    Several(Runs),
}

/// What `drill --record` keeps.
///
/// ```
/// use lifecycle_drill::Kept;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/rolling.json");
/// let sentence = match Kept::read(&std::fs::read(file)?)? {
///     Kept::Drill(record) => format!("{} runs", record.runs().len()),
///     Kept::Rolling(rolling) => rolling.sentence,
/// };
/// assert_eq!(sentence, "a rolling deploy of 2 replicas lost 0 of 164 requests");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one of these in a whole program"
)]
pub enum Kept {
    /// Of one process, once or several times.
    Drill(Record),
    /// A rolling deploy.
    Rolling(Box<RollingMeasured>),
}

impl Kept {
    /// Reads what was kept.
    ///
    /// Fields that are not known are passed over, and fields that came later may be missing.
    /// Errors: no JSON, another document, one of another version, or one with numbers that no drill
    /// counts; each says which.
    ///
    /// ```
    /// use lifecycle_drill::Kept;
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
    /// assert!(matches!(Kept::read(&std::fs::read(file)?)?, Kept::Drill(_)));
    ///
    /// let error = Kept::read(br#"{ "version": 1, "service": "shop" }"#).unwrap_err();
    /// assert!(error.to_string().starts_with("it is not a drill"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(text: &[u8]) -> anyhow::Result<Self> {
        let mut document: Value = serde_json::from_slice(text).context("it is not JSON")?;
        if document["kind"] != "rolling" {
            return Record::of_document(document).map(Self::Drill);
        }
        ensure_version(&document)?;
        // Any number may be the seed, and nobody counts with it.
        let seed = document.get_mut("seed").map(Value::take);
        if !is_countable(&document) {
            bail!("it holds a number that is larger than any that a drill counts");
        }
        document["seed"] = seed.unwrap_or_default();
        let rolling = serde_json::from_value(document).context(UNKNOWN)?;
        Ok(Self::Rolling(Box::new(rolling)))
    }
}

/// The runs of a drill that was repeated.
///
/// ```
/// use lifecycle_drill::Record;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/runs.json");
/// let Record::Several(several) = Record::read(&std::fs::read(file)?)? else {
///     panic!("it was repeated");
/// };
/// assert!(several.passed && several.not_played.is_empty());
/// let exits: Vec<_> = several.runs.iter().filter_map(|run| run.process.exit_ms).collect();
/// assert_eq!(exits, [419.7, 423.9]);
/// assert_eq!(several.summary.exit.unwrap().median_ms, 421.8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Runs {
    /// 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// Every run passed.
    pub passed: bool,
    /// The runs in a few numbers.
    pub summary: Summary,
    /// What was asked for and not played, and why.
    #[serde(default)]
    pub not_played: Vec<NotPlayed>,
    /// The runs, in the order in which they were made.
    pub runs: Vec<Measured>,
}

/// A scenario that does not apply to what was drilled.
///
/// ```
/// use lifecycle_drill::record::{NotPlayed, Record};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// # let run = Record::read(&std::fs::read(file)?)?.first().clone();
/// let not_played = NotPlayed {
///     scenario: "full-disk".to_owned(),
///     why: "the program leaves no report of the lifecycle runtime".to_owned(),
/// };
/// // With it, a single run is kept as one of several.
/// let record = Record::of(vec![run], vec![not_played.clone()]);
/// let Some(Record::Several(several)) = record else { panic!("one run, and more was asked for") };
/// assert_eq!((several.runs.len(), several.not_played), (1, vec![not_played]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotPlayed {
    /// Its name.
    pub scenario: String,
    /// Why not, in a sentence.
    pub why: String,
}

impl Record {
    /// Of these runs, and of what was not played; `None` where there is no run.
    ///
    /// ```
    /// use lifecycle_drill::Record;
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
    /// # let run = Record::read(&std::fs::read(file)?)?.first().clone();
    /// assert_eq!(Record::of(Vec::new(), Vec::new()), None);
    ///
    /// let once = Record::of(vec![run.clone()], Vec::new());
    /// assert!(matches!(once, Some(Record::One(_))));
    /// let twice = Record::of(vec![run.clone(), run], Vec::new());
    /// assert!(matches!(twice, Some(Record::Several(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(mut runs: Vec<Measured>, not_played: Vec<NotPlayed>) -> Option<Self> {
        match runs.len() {
            0 => None,
            1 if not_played.is_empty() => Some(Self::One(Box::new(runs.remove(0)))),
            _ => Some(Self::Several(Runs {
                version: version(),
                passed: runs.iter().all(|run| run.passed),
                summary: Summary::of(&runs),
                not_played,
                runs,
            })),
        }
    }

    /// Reads what was kept of a drill of one process.
    ///
    /// Errors: those of [`Kept::read`]; it is a rolling deploy.
    ///
    /// ```
    /// use lifecycle_drill::Record;
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
    /// let record = Record::read(&std::fs::read(file)?)?;
    /// assert_eq!(record.first().service, "peer");
    ///
    /// # let deploy = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/rolling.json");
    /// let error = Record::read(&std::fs::read(deploy)?).unwrap_err();
    /// assert!(error.to_string().starts_with("it is a rolling deploy"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(text: &[u8]) -> anyhow::Result<Self> {
        match Kept::read(text)? {
            Kept::Drill(record) => Ok(record),
            Kept::Rolling(_) => bail!(
                "it is a rolling deploy; one is drawn again, and only drills of one process are compared"
            ),
        }
    }

    fn of_document(document: Value) -> anyhow::Result<Self> {
        let is_known = document.get("runs").is_some() || document.get("course").is_some();
        if !is_known {
            bail!(
                "it is not a drill: `lifecycle drill --record FILE` writes one, and so does `--format json`"
            );
        }
        ensure_version(&document)?;
        let runs = document.get("runs").and_then(Value::as_array);
        for run in runs.map_or(std::slice::from_ref(&document), Vec::as_slice) {
            for part in ["requests", "series"] {
                if !run.get(part).is_none_or(is_countable) {
                    bail!("`{part}` holds a number that is larger than any that a drill counts");
                }
            }
        }
        if document.get("runs").is_some() {
            let kept: Runs = serde_json::from_value(document).context(UNKNOWN)?;
            // What is derived is derived anew, so that an edited document cannot contradict itself.
            return Self::of(kept.runs, kept.not_played).context("it holds no run");
        }
        let run = serde_json::from_value(document).context(UNKNOWN)?;
        Ok(Self::One(Box::new(run)))
    }

    /// Its runs, in their order.
    ///
    /// ```
    /// use lifecycle_drill::Record;
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/runs.json");
    /// let record = Record::read(&std::fs::read(file)?)?;
    /// let exits: Vec<_> = record.runs().iter().map(|run| run.process.exit_ms).collect();
    /// assert_eq!(exits, [Some(419.7), Some(423.9)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn runs(&self) -> &[Measured] {
        match self {
            Self::One(run) => std::slice::from_ref(&**run),
            Self::Several(several) => &several.runs,
        }
    }

    /// The first run: what was drilled, and on what.
    ///
    /// ```
    /// use lifecycle_drill::Record;
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/runs.json");
    /// let record = Record::read(&std::fs::read(file)?)?;
    /// assert_eq!(record.first().command, ["python3", "app.py"]);
    /// assert_eq!(record.first(), &record.runs()[0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn first(&self) -> &Measured {
        match self {
            Self::One(run) => run,
            // There is one at least.
            Self::Several(several) => &several.runs[0],
        }
    }

    /// Every run passed.
    ///
    /// ```
    /// use lifecycle_drill::Record;
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
    /// let record = Record::read(&std::fs::read(file)?)?;
    /// assert!(record.passed());
    ///
    /// let (good, mut bad) = (record.first().clone(), record.first().clone());
    /// bad.passed = false;
    /// let mixed = Record::of(vec![good, bad], Vec::new()).unwrap();
    /// assert!(!mixed.passed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn passed(&self) -> bool {
        self.runs().iter().all(|run| run.passed)
    }

    /// The runs in a few numbers, even where there is but one.
    ///
    /// ```
    /// use lifecycle_drill::Record;
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
    /// let summary = Record::read(&std::fs::read(file)?)?.summary();
    /// assert_eq!((summary.runs, summary.sent, summary.lost), (1, 31, 0));
    /// let exit = summary.exit.unwrap();
    /// assert_eq!((exit.min_ms, exit.max_ms), (1_206.6, 1_206.6));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn summary(&self) -> Summary {
        match self {
            Self::One(run) => Summary::of(std::slice::from_ref(&**run)),
            Self::Several(several) => several.summary.clone(),
        }
    }
}

fn ensure_version(document: &Value) -> anyhow::Result<()> {
    match document["version"].as_u64() {
        Some(known) if known == u64::from(version()) => Ok(()),
        Some(other) => bail!(
            "it has version {other}, and this program reads version {}",
            version()
        ),
        None => bail!("it names no version"),
    }
}

/// The numbers in it can be added up and drawn.
fn is_countable(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|it| it.abs() <= LARGEST),
        Value::Array(items) => items.iter().all(is_countable),
        Value::Object(fields) => fields.values().all(is_countable),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        format!("{:#}", Record::read(text.as_bytes()).unwrap_err())
    }

    #[test]
    fn what_is_no_record_is_said_to_be_none() {
        assert!(refused("").starts_with("it is not JSON"));
        assert!(refused("[1]").starts_with("it is not a drill"));
        assert!(refused(r#"{"version": 1, "findings": []}"#).starts_with("it is not a drill"));
        let newer = refused(r#"{"version": 2, "course": "played"}"#);
        assert_eq!(newer, "it has version 2, and this program reads version 1");
        assert_eq!(refused(r#"{"course": "played"}"#), "it names no version");
        let half = refused(r#"{"version": 1, "course": "played"}"#);
        assert!(half.contains("missing field"), "{half}");
        let empty = r#"{"version": 1, "passed": true, "runs": [], "summary": {"runs": 0, "passed": 0,
            "sent": 0, "lost": 0, "refused": 0, "server_errors": 0, "killed": 0, "steps": [],
            "findings": []}}"#;
        assert_eq!(refused(empty), "it holds no run");
    }

    #[test]
    fn numbers_that_cannot_be_added_up_or_drawn_are_refused() {
        let larger = |part: &str| {
            format!("`{part}` holds a number that is larger than any that a drill counts")
        };
        let many = r#"{"version": 1, "course": "played", "requests":
            {"before": {"served": 18446744073709551615}}}"#;
        assert_eq!(refused(many), larger("requests"));
        let slow =
            r#"{"version": 1, "runs": [{}, {"series": {"slices": [{"slowest_ms": 1e300}]}}]}"#;
        assert_eq!(refused(slow), larger("series"));
        let deploy =
            r#"{"version": 1, "kind": "rolling", "seed": 18446744073709551615, "took_ms": 1e300}"#;
        assert_eq!(
            refused(deploy),
            "it holds a number that is larger than any that a drill counts"
        );
        let seeded =
            r#"{"version": 1, "course": "played", "seed": 18446744073709551615, "series": null}"#;
        assert!(refused(seeded).contains("missing field"));
    }
}
