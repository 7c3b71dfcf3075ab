//! Files by their path from the root of the repository, as code hosts know them.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::input::{Input, STANDARD_INPUT};

/// What may stand in a path of a URI as it is.
const KEPT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// Where paths begin.
pub(crate) struct Roots {
    here: Option<PathBuf>,
    /// The repository of the first manifest; the current directory where that lies in none.
    root: Option<PathBuf>,
    /// Directories without links, by their names: many files share one.
    known: Mutex<HashMap<PathBuf, Option<PathBuf>>>,
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// From the root, with `/`.
    InRoot(String),
    /// Somewhere else: the whole path.
    Elsewhere(PathBuf),
    /// No file: standard input, or one that cannot be found.
    Nowhere(String),
}

impl Roots {
    pub(crate) fn of(inputs: &[Input]) -> Self {
        let here = std::env::current_dir()
            .and_then(|here| here.canonicalize())
            .ok();
        let mut roots = Self {
            root: None,
            here,
            known: Mutex::default(),
        };
        let first = inputs.iter().find_map(|input| input.path.as_deref());
        let directory = match first {
            Some(first) => roots
                .whole(first)
                .and_then(|it| it.parent().map(Path::to_owned)),
            None => roots.here.clone(),
        };
        let mut above = directory.iter().flat_map(|directory| directory.ancestors());
        let repository = above.find(|directory| directory.join(".git").exists());
        roots.root = repository.map(Path::to_owned).or(roots.here.clone());
        roots
    }

    /// Where a file is, by its name as it was asked for.
    pub(crate) fn locate(&self, name: &str) -> Location {
        let nowhere = || Location::Nowhere(name.trim_matches(['<', '>']).to_owned());
        if name == STANDARD_INPUT {
            return nowhere();
        }
        let Some(whole) = self.whole(Path::new(name)) else {
            return nowhere();
        };
        let inside = self
            .root
            .as_ref()
            .and_then(|root| whole.strip_prefix(root).ok());
        match inside {
            Some(inside) => Location::InRoot(with_slashes(inside)),
            None => Location::Elsewhere(whole),
        }
    }

    /// The path from the root of the disk. Links on the way are followed, one at the end is not: it
    /// is the link that somebody asked about.
    fn whole(&self, path: &Path) -> Option<PathBuf> {
        let path = self.here.as_ref()?.join(path);
        let (directory, name) = (path.parent()?, path.file_name()?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = match known.get(directory) {
            Some(directory) => directory.clone(),
            None => {
                let real = directory.canonicalize().ok();
                known.insert(directory.to_owned(), real.clone());
                real
            }
        };
        Some(directory?.join(name))
    }
}

impl Location {
    /// As a URI; relative where the file lies in the root.
    pub(crate) fn uri(&self) -> String {
        let encoded = |path: &str| utf8_percent_encode(path, &KEPT).to_string();
        match self {
            Self::InRoot(path) | Self::Nowhere(path) => encoded(path),
            Self::Elsewhere(path) => {
                // A drive letter is no host: `file:///C:/…`.
                let path = with_slashes(path);
                format!("file:///{}", encoded(path.trim_start_matches('/')))
            }
        }
    }
}

fn with_slashes(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        Component::RootDir => None,
        part => Some(part.as_os_str().to_string_lossy()),
    });
    parts.collect::<Vec<_>>().join("/")
}
