//! The report that the process itself leaves, when it links the `lifecycle` runtime.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::OFlags;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

/// No report is larger than 4 KiB; what is far beyond is not one.
const LARGEST: u64 = 64 * 1024;

/// The process's own account of its shutdown, as far as the drill uses it. Milliseconds count from
/// the moment the process saw the signal.
///
/// Fields of the report that the drill has no use for are passed over:
///
/// ```
/// use lifecycle_drill::own_report::OwnReport;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/report.json");
/// let report: OwnReport = serde_json::from_slice(&std::fs::read(file)?)?;
/// assert_eq!((report.outcome.as_str(), report.exit_code), ("abandoned", Some(80)));
/// assert_eq!(report.faults, ["orders-db=fail"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct OwnReport {
    /// The format's version; 1.
    pub version: u32,
    /// The digest of the plan in the binary.
    pub digest: Option<String>,
    /// The platform it took itself to be on.
    pub platform: Option<String>,
    /// `clean`, `abandoned`, `cleanup-failed`, `forced`, `start-failed`.
    pub outcome: String,
    /// The exit code it meant to leave with.
    pub exit_code: Option<i32>,
    /// Why it stopped without a signal, or did not start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The whole shutdown.
    pub total_ms: f64,
    /// The settle time it paid itself.
    pub settle_ms: f64,
    /// Requests it refused.
    pub rejected: u64,
    /// What went wrong in it on purpose.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Its steps.
    pub steps: Vec<OwnStep>,
}

/// One step of the process's own account.
///
/// ```
/// use lifecycle_drill::own_report::OwnReport;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/report.json");
/// let report: OwnReport = serde_json::from_slice(&std::fs::read(file)?)?;
/// let [http, database] = report.steps.as_slice() else { panic!("two steps") };
/// assert_eq!((http.outcome.as_str(), http.active), ("timed-out", Some(1)));
/// assert_eq!(http.unfinished, ["POST /orders 127.0.0.1:37402"]);
/// assert_eq!(database.error.as_deref(), Some("an injected fault"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct OwnStep {
    /// The resource's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// `done`, `timed-out`, `failed`, `panicked`, `skipped`, `running`.
    pub outcome: String,
    /// However it ended, the exit code does not tell.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub best_effort: bool,
    /// When it began.
    pub start_ms: Option<f64>,
    /// When it ended.
    pub end_ms: Option<f64>,
    /// What was still active at its end.
    pub active: Option<u64>,
    /// Ids of unfinished work.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<String>,
    /// How many more there were than the report had room for.
    #[serde(skip_serializing_if = "is_zero")]
    pub unfinished_omitted: u64,
    /// Ids of jobs that were given back to their queue.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub handed_back: Vec<String>,
    /// How many more there were than the report had room for.
    #[serde(skip_serializing_if = "is_zero")]
    pub handed_back_omitted: u64,
    /// Names of what was left running.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub abandoned: Vec<String>,
    /// How many more there were than the report had room for.
    #[serde(skip_serializing_if = "is_zero")]
    pub abandoned_omitted: u64,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A directory that nobody else on this machine can look into, whatever the surroundings allow.
pub(super) fn private() -> anyhow::Result<TempDir> {
    use std::os::unix::fs::PermissionsExt as _;
    tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .context("could not make a directory for temporary files")
}

/// Where the process is to leave its report: in a directory of its own inside `scratch`, for what is
/// shared with a container is open to all who come so far.
pub(super) fn place(scratch: &TempDir) -> anyhow::Result<PathBuf> {
    let directory = scratch.path().join("report");
    std::fs::create_dir(&directory).context("could not make a directory for the report")?;
    Ok(directory.join("report.json"))
}

/// Reads the report; the error says in words why there is none.
pub(super) fn read(path: &Path) -> Result<OwnReport, String> {
    let unreadable = |error: io::Error| format!("the report is unreadable: {error}");
    // The place is the process's: what lies there may be anything, also a pipe without a writer.
    let file = File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path);
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(
                "no report was left; the process does not link the lifecycle runtime, \
                        or ended before it could write one"
                    .to_owned(),
            );
        }
        Err(error) => return Err(unreadable(error)),
    };
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err("what was left in the report's place is no file".to_owned());
    }
    if about.len() > LARGEST {
        return Err(format!(
            "the report has {} bytes, which no report has",
            about.len()
        ));
    }
    let mut text = Vec::new();
    file.take(LARGEST)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    of(&text)
}

/// The same of what was in the file.
pub(super) fn of(text: &[u8]) -> Result<OwnReport, String> {
    let report: OwnReport = serde_json::from_slice(text)
        .map_err(|error| format!("the report is not what the runtime writes: {error}"))?;
    if report.version != 1 {
        return Err(format!(
            "the report has version {}, and only 1 is known",
            report.version
        ));
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<OwnReport, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn a_report_needs_little_to_be_read() {
        let report = parsed(
            r#"{"version":1,"outcome":"clean","total_ms":12,"steps":[{"name":"http","new":1}]}"#,
        );
        let report = report.unwrap();
        assert_eq!(report.outcome, "clean");
        assert_eq!(report.steps[0].name, "http");
        assert_eq!(report.steps[0].end_ms, None);
    }

    #[test]
    fn ids_are_read_with_how_many_more_there_are() {
        let report = parsed(
            r#"{"version": 1, "steps": [{"name": "emails", "outcome": "timed-out",
                "unfinished": ["a"], "unfinished_omitted": 9, "handed_back": ["b"],
                "handed_back_omitted": 2, "abandoned": ["c"]}]}"#,
        );
        let step = &report.unwrap().steps[0];
        assert_eq!((&step.unfinished[0][..], step.unfinished_omitted), ("a", 9));
        assert_eq!(
            (&step.handed_back[0][..], step.handed_back_omitted),
            ("b", 2)
        );
        assert_eq!((&step.abandoned[0][..], step.abandoned_omitted), ("c", 0));
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        assert!(read(&path).unwrap_err().contains("no file"));
        assert!(read(directory.path()).unwrap_err().contains("no file"));
    }

    #[test]
    fn what_is_not_a_report_is_said() {
        assert!(
            read(Path::new("/nonexistent"))
                .unwrap_err()
                .starts_with("no report was left")
        );
        assert!(
            parsed("")
                .unwrap_err()
                .contains("not what the runtime writes")
        );
        assert!(
            parsed(r#"{"version":2}"#)
                .unwrap_err()
                .contains("version 2")
        );
        assert!(
            parsed(&" ".repeat(100_000))
                .unwrap_err()
                .contains("100000 bytes")
        );
    }
}
