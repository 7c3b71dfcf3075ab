//! Files are written whole or not at all, whenever the program is stopped.
//!
//! A file is written beside its place, under a name that no tool takes for anything, and then moved
//! there. Who is killed in between leaves it behind; the next who writes in that directory takes it
//! away. Those that are still being written are locked, which ends with their writer.

use std::ffi::OsStr;
use std::fs::{File, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tempfile::NamedTempFile;

use crate::talk::legible;

/// What a file is called until it is in its place: this, so many letters and digits, and that.
const BEGIN: &str = ".lifecycle-";
const RANDOM: usize = 10;
const END: &str = ".tmp";

/// How often a file is made anew because somebody took it for left over.
const ATTEMPTS: usize = 100;

/// Into a file beside it, then into its place: whoever looks sees the old file or the new one. A link
/// to a file stays a link, and what it points to is replaced; one that leads nowhere is replaced
/// itself. The mode stays what it was. What is there and is no file, such as a pipe or `/dev/stdout`,
/// is written into.
pub(crate) fn write(path: &Path, text: &[u8]) -> Result<()> {
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        std::fs::OpenOptions::new()
            .write(true)
            .open(path)?
            .write_all(text)?;
        return Ok(());
    }
    stage(path, text)?.take_place()
}

/// A file that is ready to take its place, which it does last of all: nothing is seen of it before.
#[derive(Debug)]
pub(crate) struct Staged {
    file: NamedTempFile,
    target: PathBuf,
}

/// The first half of [`write()`]: everything that may fail for want of room or of rights.
pub(crate) fn stage(path: &Path, text: &[u8]) -> Result<Staged> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let file = beside(&target, text)?;
    Ok(Staged { file, target })
}

impl Staged {
    /// The second half.
    pub(crate) fn take_place(self) -> Result<()> {
        self.file.persist(&self.target)?;
        Ok(())
    }
}

/// As [`write()`], and an error where there is a file already, even one that came this moment.
pub(crate) fn write_new(path: &Path, text: &[u8]) -> Result<()> {
    let file = beside(path, text)?;
    file.persist_noclobber(path)?;
    Ok(())
}

/// One name for each file, however it was written, where it is there and where it is not yet.
pub(crate) fn place(path: &Path) -> PathBuf {
    let place = std::fs::canonicalize(path);
    let to_be = || {
        let directory = std::fs::canonicalize(directory_of(path)).ok()?;
        Some(directory.join(path.file_name()?))
    };
    place.ok().or_else(to_be).unwrap_or_else(|| path.to_owned())
}

/// An error where there is no directory to write this file into.
pub(crate) fn ensure_place(path: &Path) -> Result<()> {
    let about = std::fs::metadata(directory_of(path));
    let is_directory = about.is_ok_and(|about| about.is_dir());
    anyhow::ensure!(
        is_directory && !path.is_dir(),
        "could not write {}: {}",
        legible(path),
        match is_directory {
            true => "it is a directory",
            false => "there is no such directory",
        }
    );
    Ok(())
}

/// A file that has not come to its place yet, or never will.
pub(crate) fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str);
    let name = name.and_then(|name| name.strip_prefix(BEGIN)?.strip_suffix(END));
    name.is_some_and(|name| name.len() == RANDOM && name.bytes().all(|c| c.is_ascii_alphanumeric()))
}

/// Takes away what killed writers left in the directory of this file. What cannot be taken away stays:
/// it is in nobody's way.
pub(crate) fn clear_beside(path: &Path) {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    clear(directory_of(&target));
}

fn clear(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        // Only a file: to open anything else could take for ever.
        if !is_unfinished(&path) || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        // Locked until it is away, so that its writer, if it lives, makes another.
        if let Ok(file) = File::open(&path)
            && file.try_lock().is_ok()
        {
            let _stays = std::fs::remove_file(&path);
        }
    }
}

fn directory_of(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The text in a file of its own in the same directory, with the mode of the file whose place it takes.
fn beside(target: &Path, text: &[u8]) -> Result<NamedTempFile> {
    let directory = directory_of(target);
    // A directory that is missing is said to be, and not a file in it that nobody asked for.
    std::fs::metadata(directory)?;
    clear(directory);
    let there = std::fs::metadata(target).ok();
    let mut file = locked(directory, there.is_none())?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    if let Some(there) = there {
        file.as_file().set_permissions(there.permissions())?;
    }
    Ok(file)
}

/// An empty file that nobody takes for left over; `fresh`: with the mode that a new file has here, and
/// not for its owner alone.
fn locked(directory: &Path, fresh: bool) -> Result<NamedTempFile> {
    for _ in 0..ATTEMPTS {
        let mut builder = tempfile::Builder::new();
        builder.prefix(BEGIN).rand_bytes(RANDOM).suffix(END);
        if fresh {
            // Less what the umask takes.
            builder.permissions(Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(directory).map_err(without_its_path)?;
        match file.as_file().try_lock() {
            Ok(()) if file.as_file().metadata()?.nlink() > 0 => return Ok(file),
            // Somebody was quicker, and has taken it away or is about to.
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            // Where there are no locks, nobody takes anything away.
            Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
    bail!(
        "somebody takes new files out of {} as soon as they are there",
        legible(directory)
    )
}

/// Nobody has asked for the file beside, and nobody need know its name.
fn without_its_path(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|it| it.source());
    let code = cause.and_then(|it| it.downcast_ref::<io::Error>()?.raw_os_error());
    code.map_or(error, io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_writer_left_is_taken_away_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let left = ".lifecycle-0123456789.tmp";
        let others = [
            ".lifecycle-012345678.tmp",
            ".lifecycle-0123456789",
            ".lifecycle-01234567-9.tmp",
            "lifecycle-0123456789.tmp",
            ".lifecycle.yaml",
        ];
        for name in others.iter().chain([&left]) {
            std::fs::write(directory.path().join(name), "a").unwrap();
        }
        // No files, whatever they are called.
        std::fs::create_dir(directory.path().join(".lifecycle-abcdefghij.tmp")).unwrap();
        let elsewhere = directory.path().join(others[0]);
        let link = directory.path().join(".lifecycle-ABCDEFGHIJ.tmp");
        std::os::unix::fs::symlink(elsewhere, link).unwrap();
        let before = names(directory.path());
        write(&directory.path().join("new"), b"text").unwrap();
        let mut expected: Vec<String> = before.into_iter().filter(|name| name != left).collect();
        expected.push("new".to_owned());
        assert_eq!(names(directory.path()), expected);
    }

    #[test]
    fn what_is_still_being_written_stays_and_takes_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let staged = stage(&path, b"first").unwrap();
        write(&directory.path().join("b"), b"second").unwrap();
        clear_beside(&path);
        staged.take_place().unwrap();
        assert_eq!(names(directory.path()), ["a", "b"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn a_new_file_has_the_mode_of_any_new_file_here() {
        let directory = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            let there = std::fs::metadata(directory.path().join(name)).unwrap();
            there.permissions().mode()
        };
        std::fs::write(directory.path().join("usual"), "").unwrap();
        write(&directory.path().join("new"), b"").unwrap();
        write_new(&directory.path().join("newer"), b"").unwrap();
        assert_eq!(mode("new"), mode("usual"));
        assert_eq!(mode("newer"), mode("usual"));
    }

    #[test]
    fn a_link_that_leads_nowhere_or_round_in_a_circle_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        for to in ["nowhere", "link"] {
            let link = directory.path().join("link");
            let _gone = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(to, &link).unwrap();
            write(&link, b"text").unwrap();
            assert!(std::fs::symlink_metadata(&link).unwrap().is_file());
            assert_eq!(names(directory.path()), ["link"]);
        }
    }
}
