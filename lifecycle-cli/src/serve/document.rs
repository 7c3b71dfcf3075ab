//! The manifest's file: read for the page, and written when the page asks for it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::input::BYTE_ORDER_MARK;
use crate::talk::legible;
use crate::whole;

/// A longer file is no manifest that somebody edits in a page.
pub(super) const LONGEST: usize = 1 << 20;

/// The file as it was last seen by this program.
#[derive(Debug)]
pub(super) struct Document {
    path: PathBuf,
    /// As it was asked for.
    name: String,
    /// `None`: it was not there.
    bytes: Option<Vec<u8>>,
    /// How it was written when it was last there.
    style: Style,
    /// Counts what has been seen; whoever saves says which of them was edited.
    revision: u64,
}

/// What a page does not know of a text.
#[derive(Debug, Clone, Copy)]
struct Style {
    ends: Ends,
    has_mark: bool,
}

impl Style {
    fn of(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        Self {
            ends: ends(text),
            has_mark: text.starts_with(BYTE_ORDER_MARK),
        }
    }
}

/// How the lines of a file end. A page knows `\n` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ends {
    Lf,
    CrLf,
    /// Several kinds, which become one when it is saved.
    Mixed,
}

/// What the page is given.
#[derive(Debug, Serialize)]
pub(super) struct Opened {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) revision: u64,
    pub(super) ends: Ends,
}

/// Why nothing was written.
#[derive(Debug)]
pub(super) enum Unsaved {
    /// The file is another than the one that was edited; its revision.
    Changed(u64),
    /// It could not be written, or is too long.
    Failed(anyhow::Error),
}

impl Document {
    /// Errors: a file that cannot be read, is too long, or is not UTF-8.
    pub(super) fn open(path: PathBuf, name: String) -> Result<Self> {
        let Some(bytes) = read(&path)? else {
            bail!("there is no {}", legible(&path));
        };
        Ok(Self {
            path,
            name,
            style: Style::of(&bytes),
            bytes: Some(bytes),
            revision: 1,
        })
    }

    /// As it was asked for.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Looks at the file again, and gives what is in it.
    pub(super) fn look(&mut self) -> Result<Opened> {
        self.see()?;
        let Some(bytes) = &self.bytes else {
            bail!("{} is not there any more", self.name);
        };
        let text = decoded(bytes, &self.path)?;
        Ok(Opened {
            name: self.name.clone(),
            text: one_kind_of_end(text.trim_start_matches(BYTE_ORDER_MARK)),
            revision: self.revision,
            ends: ends(text),
        })
    }

    /// Counts what is there now, where it is something else.
    fn see(&mut self) -> Result<()> {
        let there = read(&self.path)?;
        if there != self.bytes {
            if let Some(bytes) = &there {
                self.style = Style::of(bytes);
            }
            self.bytes = there;
            self.revision += 1;
        }
        Ok(())
    }

    /// Writes the whole file with the ends of line and the byte order mark that it had, unless it is no
    /// longer the one that was edited. Gives the new revision. Who insists names the revision that has
    /// been seen to be there instead, and one that came after it is not written over either.
    ///
    /// Between the last look and the write there is a moment in which somebody else's change would be
    /// written over; no lock that editors respect would close it.
    pub(super) fn save(&mut self, text: &str, seen: u64, insists: bool) -> Result<u64, Unsaved> {
        self.see().map_err(Unsaved::Failed)?;
        if seen != self.revision || (self.bytes.is_none() && !insists) {
            return Err(Unsaved::Changed(self.revision));
        }
        let bytes = self.as_it_was_written(text);
        if bytes.len() > LONGEST {
            return Err(Unsaved::Failed(too_long(&self.path)));
        }
        whole::write(&self.path, &bytes)
            .with_context(|| format!("could not write {}", self.name))
            .map_err(Unsaved::Failed)?;
        self.bytes = Some(bytes);
        self.revision += 1;
        Ok(self.revision)
    }

    fn as_it_was_written(&self, text: &str) -> Vec<u8> {
        let text = one_kind_of_end(text);
        let text = match self.style.ends {
            Ends::CrLf => text.replace('\n', "\r\n"),
            Ends::Lf | Ends::Mixed => text,
        };
        let mark = match self.style.has_mark {
            true => BYTE_ORDER_MARK,
            false => "",
        };
        [mark.as_bytes(), text.as_bytes()].concat()
    }
}

/// `None` where there is nothing.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let failed = || format!("could not read {}", legible(path));
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(failed),
        Ok(there) if !there.is_file() => bail!("{} is no file", legible(path)),
        Ok(there) if there.len() > LONGEST as u64 => return Err(too_long(path)),
        Ok(_) => {}
    }
    let bytes = std::fs::read(path).with_context(failed)?;
    decoded(&bytes, path)?;
    Ok(Some(bytes))
}

fn decoded<'a>(bytes: &'a [u8], path: &Path) -> Result<&'a str> {
    std::str::from_utf8(bytes)
        .with_context(|| format!("{} is not UTF-8, and cannot be edited", legible(path)))
}

fn too_long(path: &Path) -> anyhow::Error {
    anyhow::anyhow!(
        "{} is longer than {} KiB, and cannot be edited in a page",
        legible(path),
        LONGEST >> 10
    )
}

fn ends(text: &str) -> Ends {
    let pairs = text.matches("\r\n").count();
    let (returns, feeds) = (text.matches('\r').count(), text.matches('\n').count());
    match (pairs, returns, feeds) {
        (_, 0, _) => Ends::Lf,
        (pairs, returns, feeds) if pairs == returns && pairs == feeds => Ends::CrLf,
        _ => Ends::Mixed,
    }
}

/// As a page's text field has it.
fn one_kind_of_end(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lifecycle.yaml");
        std::fs::write(&path, bytes).unwrap();
        (directory, path)
    }

    fn open(path: &Path) -> Document {
        Document::open(path.to_owned(), "lifecycle.yaml".to_owned()).unwrap()
    }

    #[test]
    fn what_was_only_looked_at_is_written_back_byte_for_byte() {
        for bytes in [
            "a: 1\nb: 2\n",
            "a: 1\r\nb: 2\r\n",
            "\u{feff}a: é\r\nb: 2",
            "\u{feff}a: 1\n",
            "a: 1",
        ] {
            let (_directory, path) = there(bytes.as_bytes());
            let mut document = open(&path);
            let opened = document.look().unwrap();
            assert!(!opened.text.contains(['\r', '\u{feff}']), "{opened:?}");
            document.save(&opened.text, opened.revision, false).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes.as_bytes());
        }
    }

    #[test]
    fn mixed_ends_are_said_to_be() {
        assert_eq!(ends("a\r\nb\n"), Ends::Mixed);
        assert_eq!(ends("a\rb\r"), Ends::Mixed);
        assert_eq!(ends("a\r\nb\r\n"), Ends::CrLf);
        assert_eq!(ends("a\nb"), Ends::Lf);
        assert_eq!(ends(""), Ends::Lf);
    }

    #[test]
    fn what_somebody_else_wrote_is_not_written_over() {
        let (_directory, path) = there(b"a: 1\n");
        let mut document = open(&path);
        let opened = document.look().unwrap();
        std::fs::write(&path, "a: 2\n").unwrap();
        let refused = document.save("a: 3\n", opened.revision, false);
        assert!(matches!(refused, Err(Unsaved::Changed(2))), "{refused:?}");
        assert_eq!(std::fs::read(&path).unwrap(), b"a: 2\n");
        // Nor after somebody looked, in another tab for instance.
        document.look().unwrap();
        let refused = document.save("a: 3\n", opened.revision, false);
        assert!(matches!(refused, Err(Unsaved::Changed(2))), "{refused:?}");
        assert_eq!(std::fs::read(&path).unwrap(), b"a: 2\n");
        // Nor by somebody who insists and has not seen what came meanwhile.
        std::fs::write(&path, "a: 4\n").unwrap();
        let refused = document.save("a: 3\n", 2, true);
        assert!(matches!(refused, Err(Unsaved::Changed(3))), "{refused:?}");
        assert_eq!(std::fs::read(&path).unwrap(), b"a: 4\n");

        let revision = document.save("a: 3\n", 3, true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"a: 3\n");
        assert!(revision > opened.revision);
    }

    #[test]
    fn a_file_that_has_gone_is_made_again_only_on_insistence() {
        let (_directory, path) = there(b"a: 1\r\n");
        let mut document = open(&path);
        std::fs::remove_file(&path).unwrap();
        for revision in [1, 2] {
            let refused = document.save("a: 3\n", revision, false);
            assert!(matches!(refused, Err(Unsaved::Changed(2))), "{refused:?}");
        }
        assert!(!path.exists());
        document.save("a: 3\n", 2, true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"a: 3\r\n");
    }

    #[test]
    fn what_no_page_can_hold_is_not_opened() {
        let (_directory, path) = there(&[b'a', 0xff]);
        let error = Document::open(path, String::new()).unwrap_err();
        assert!(error.to_string().contains("not UTF-8"), "{error}");
        let (_directory, path) = there(&vec![b'#'; LONGEST + 1]);
        let error = Document::open(path, String::new()).unwrap_err();
        assert!(error.to_string().contains("longer than"), "{error}");
    }
}
