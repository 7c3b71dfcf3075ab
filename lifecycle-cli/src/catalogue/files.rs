//! The pages on disk: written, or compared with what is there.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{Entry, markdown};
use crate::talk::{legible, say};
use crate::{Outcome, whole};

/// The first line of every page that is written here, and of no other.
const MARK: &str =
    "<!-- Written by `lifecycle rules --format markdown` out of the rules themselves. -->";

/// Writes every page and the index, and takes away pages of rules that are no more; or tells which
/// are stale.
pub(super) fn run(directory: &Path, check: bool) -> Result<Outcome> {
    let entries = Entry::all();
    let mut pages = vec![("README.md".to_owned(), markdown::index(&entries))];
    pages.extend(
        entries
            .iter()
            .map(|entry| (format!("{}.md", entry.rule.name), markdown::page(entry))),
    );
    if !check {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("could not make {}", legible(directory)))?;
    }
    let mut out = crate::out::text();
    let mut stale = 0;
    for (name, text) in &pages {
        let path = directory.join(name);
        let text = format!("{MARK}\n\n{text}");
        // A checkout with another line ending is not a stale file.
        let there = read(&path)?.map(|there| there.replace("\r\n", "\n"));
        if there.as_ref() == Some(&text) {
            continue;
        }
        stale += 1;
        if check {
            let what = if there.is_some() { "stale" } else { "missing" };
            writeln!(out, "{what}: {}", legible(&path))?;
        } else {
            whole::write(&path, text.as_bytes())
                .with_context(|| format!("could not write {}", legible(&path)))?;
            say!("wrote {}", legible(&path));
        }
    }
    for path in left_over(directory, &pages)? {
        stale += 1;
        if check {
            writeln!(out, "left over: {}", legible(&path))?;
        } else {
            std::fs::remove_file(&path)
                .with_context(|| format!("could not remove {}", legible(&path)))?;
            say!("removed {}: there is no such rule", legible(&path));
        }
    }
    if !check {
        return Ok(Outcome::Clean);
    }
    if stale == 0 {
        writeln!(
            out,
            "fresh: {} pages in {}",
            pages.len(),
            legible(directory)
        )?;
        return Ok(Outcome::Clean);
    }
    writeln!(out, "run the same command without --check")?;
    Ok(Outcome::Findings)
}

/// Pages that were written here once, and are none of these.
fn left_over(directory: &Path, pages: &[(String, String)]) -> Result<Vec<PathBuf>> {
    let mut left = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Ok(left);
    };
    for entry in entries {
        let path = entry
            .with_context(|| format!("could not list {}", legible(directory)))?
            .path();
        let is_page = pages
            .iter()
            .any(|(name, _)| path.file_name().is_some_and(|own| own == name.as_str()));
        let is_markdown = path.extension().is_some_and(|ending| ending == "md");
        if is_markdown && !is_page && read(&path)?.is_some_and(|text| text.starts_with(MARK)) {
            left.push(path);
        }
    }
    left.sort();
    Ok(left)
}

fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("could not read {}", legible(path))),
    }
}
