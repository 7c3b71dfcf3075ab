//! Where the report goes: the log, and the file that the environment names.

use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Outcome, Report, StepOutcome};

/// Logs the report and writes it to `path`, if there is one.
///
/// May block for as long as a log subscriber or a file system does: callers bound it.
pub(crate) fn deliver(report: &Report, path: Option<&Path>) {
    // The file first: it is what the platform shows, and a log subscriber may be what hangs.
    if let Some(path) = path {
        write(report, path);
    }
    log(report);
    complain(report);
}

/// Writes the report to `path`; a failure is logged.
pub(crate) fn write(report: &Report, path: &Path) {
    if let Err(error) = write_whole(path, report.to_json().as_bytes()) {
        tracing::error!(path = %path.display(), %error, "the report could not be written");
    }
}

/// One event with the facts of the report, target `lifecycle::report`.
pub(crate) fn log(report: &Report) {
    let millis =
        |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    macro_rules! event {
        ($level:ident, $message:literal) => {
            tracing::event!(
                target: "lifecycle::report",
                tracing::Level::$level,
                service = report.service.as_str(),
                digest = report.digest.as_str(),
                platform = report.platform.as_deref(),
                instance = report.instance.as_deref(),
                signal = report.signal.map(crate::Signal::as_str),
                cause = report.cause.as_deref(),
                outcome = report.outcome.as_str(),
                exit_code = report.exit_code(),
                total_ms = millis(report.total),
                settle_ms = millis(report.settle),
                rejected = report.rejected,
                uptime_ms = millis(report.uptime),
                report = report.to_json().as_str(),
                $message
            )
        };
    }
    match report.outcome {
        Outcome::Clean => event!(INFO, "stopped cleanly"),
        Outcome::CleanupFailed => event!(WARN, "stopped; not everything could be closed"),
        Outcome::Abandoned => event!(ERROR, "stopped; work was abandoned"),
        Outcome::Forced => event!(ERROR, "ended by force; steps were cut off"),
        Outcome::StartFailed => event!(ERROR, "did not start"),
    }
}

/// Says on standard error what went wrong, if nobody listens to the log: an exit code alone explains
/// nothing.
pub(crate) fn complain(report: &Report) {
    if report.outcome != Outcome::Clean {
        unless_logged(format_args!("{}", complaint(report)));
    }
}

/// The same of what must not pass unseen, such as a deployment of another plan.
pub(crate) fn unless_logged(words: fmt::Arguments<'_>) {
    if !tracing::dispatcher::has_been_set() {
        let _ = writeln!(io::stderr(), "{words}");
    }
}

/// `shop: abandoned, exit code 80: work timed out after 15s (3 in flight); db failed: reset`.
fn complaint(report: &Report) -> String {
    let mut text = format!(
        "{}: {}, exit code {}",
        report.service,
        report.outcome.as_str(),
        report.exit_code()
    );
    let bad = report
        .steps
        .iter()
        .filter(|step| step.outcome != StepOutcome::Done);
    for (index, step) in bad.enumerate() {
        text.push_str(if index == 0 { ": " } else { "; " });
        // Writing to a String cannot fail.
        let _ = write!(text, "{} {}", step.name, step.outcome.as_str());
        if step.outcome == StepOutcome::TimedOut {
            let _ = write!(text, " after {:?}", step.timeout);
        }
        if step.active > 0 {
            let _ = write!(text, " ({} in flight)", step.active);
        }
        if let Some(error) = &step.error {
            let _ = write!(text, ": {error}");
        }
    }
    text
}

/// Puts `content` into `path` so that a reader sees all of it or none of it, where that is possible.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    // Only an ordinary file may be replaced: a rename onto /dev/stdout or a named pipe would take its
    // place. Kubernetes mounts /dev/termination-log as a file, onto which nothing can be renamed.
    let replaceable = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.is_file(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if replaceable && replace(path, content).is_ok() {
        return Ok(());
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    file.write_all(content)
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = beside(path)?;
    let written = File::create_new(&temporary)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// A name in the same directory that nobody else has. A process id is none: in containers that share a
/// volume each program may be process 1, and one that was killed while it wrote leaves its file behind.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    // The hasher's keys are random, and others each time.
    temporary.push(format!(".{:016x}", RandomState::new().hash_one(())));
    Ok(path.with_file_name(temporary))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_several_write_is_whole_at_every_moment() {
        const LENGTH: usize = 256 * 1_024;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        write_whole(&path, &vec![b'a'; LENGTH]).unwrap();
        std::thread::scope(|threads| {
            let path = &path;
            let writers: Vec<_> = [b'b', b'c', b'd']
                .into_iter()
                .map(|byte| {
                    threads.spawn(move || {
                        for _ in 0..50 {
                            write_whole(path, &vec![byte; LENGTH]).unwrap();
                        }
                    })
                })
                .collect();
            while !writers
                .iter()
                .all(std::thread::ScopedJoinHandle::is_finished)
            {
                let read = fs::read(path).unwrap();
                assert_eq!(read.len(), LENGTH);
                assert!(read.iter().all(|byte| *byte == read[0]));
            }
        });
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "only the report itself");
    }
}
