//! Files are written whole or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// Into a file beside it, then into its place: whoever looks sees the old file or the new one. A link
/// stays a link, and what it points to is replaced; the mode stays what it was. What is there and is
/// no file, such as a pipe or `/dev/stdout`, is written into.
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
    file: tempfile::NamedTempFile,
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
        path.display(),
        match is_directory {
            true => "it is a directory",
            false => "there is no such directory",
        }
    );
    Ok(())
}

fn directory_of(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The text in a file of its own in the same directory, with the mode of the file whose place it takes.
fn beside(target: &Path, text: &[u8]) -> Result<tempfile::NamedTempFile> {
    let directory = directory_of(target);
    // A directory that is missing is said to be, and not a file in it that nobody asked for.
    std::fs::metadata(directory)?;
    let mut file = tempfile::Builder::new()
        .prefix(".lifecycle-")
        .tempfile_in(directory)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(target).map_or(0o644, |there| there.permissions().mode());
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    Ok(file)
}
