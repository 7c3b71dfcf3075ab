//! Files on disk, written whole or not at all.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;

/// Into a file beside it, then into its place: whoever looks sees the old file or the new one.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<()> {
    let file = beside(path, text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).map_or(0o644, |there| there.permissions().mode());
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    file.persist(path)?;
    Ok(())
}

/// As [`write_whole`], and an error where there is a file already, even one that came this moment.
pub(crate) fn write_new(path: &Path, text: &str) -> Result<()> {
    let file = beside(path, text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.persist_noclobber(path)?;
    Ok(())
}

fn beside(path: &Path, text: &str) -> Result<tempfile::NamedTempFile> {
    // A bare name has an empty parent, which no system opens.
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".lifecycle-")
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}
