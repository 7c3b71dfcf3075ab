//! Finding and reading manifests.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Error, Result, anyhow};
use lifecycle_manifest::deployed::Deployed;
use lifecycle_manifest::render::Texts;
use lifecycle_manifest::{Analysis, Options};

use rayon::prelude::*;

use crate::check::{Located, LocatedAllowed};
use crate::progress::Progress;
use crate::talk::legible;

/// The name a manifest goes by.
pub(crate) const FILE_NAME: &str = "lifecycle.yaml";

/// What standard input is called.
pub(crate) const STANDARD_INPUT: &str = "<stdin>";

/// What some editors begin a file with.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The other spelling of the ending.
const OTHER_NAME: &str = "lifecycle.yml";

/// A file of this name is a manifest.
pub(crate) fn is_manifest(path: &Path) -> bool {
    let name = path.file_name();
    [FILE_NAME, OTHER_NAME]
        .iter()
        .any(|it| name == Some(it.as_ref()))
}

/// A file that was read, and everything that can be said of it.
#[derive(Debug)]
pub(crate) struct Input {
    /// As it was asked for, for messages.
    pub(crate) name: String,
    /// Where it can be written back; `None` for standard input.
    pub(crate) path: Option<PathBuf>,
    /// The file begins with a byte order mark, which the text does not.
    pub(crate) has_mark: bool,
    pub(crate) analysis: Analysis,
    /// What it was compared with.
    pub(crate) deployed: Arc<[Deployed]>,
    /// There is no manifest: the deployed files were looked at alone.
    pub(crate) is_deployed_alone: bool,
}

impl Input {
    pub(crate) fn new(
        name: String,
        path: Option<PathBuf>,
        bytes: &[u8],
        options: &Options,
    ) -> Self {
        Self {
            name,
            path,
            has_mark: bytes.starts_with(BYTE_ORDER_MARK.as_bytes()),
            analysis: Analysis::with_bytes(bytes, options),
            deployed: Arc::clone(&options.deployed),
            is_deployed_alone: false,
        }
    }

    /// Deployed files that were looked at without a manifest.
    pub(crate) fn without_manifest(analysis: Analysis, options: &Options) -> Self {
        let names: Vec<&str> = options.deployed.iter().map(|it| it.name.as_str()).collect();
        Self {
            name: names.join(", "),
            path: None,
            has_mark: false,
            analysis,
            deployed: Arc::clone(&options.deployed),
            is_deployed_alone: true,
        }
    }

    /// The texts that its findings speak of.
    pub(crate) fn texts(&self) -> Texts<'_> {
        let mut texts = Texts::of(&self.analysis, &self.name);
        if self.is_deployed_alone {
            texts.manifest = None;
        }
        texts.deployed = self.deployed.iter().map(Deployed::text).collect();
        texts
    }

    /// Its findings with their lines and columns.
    pub(crate) fn located(&self) -> Vec<Located<'_>> {
        let texts = self.texts();
        let findings = self.analysis.findings.iter();
        findings
            .filter_map(|finding| Located::new(&texts, finding))
            .collect()
    }

    /// What would be found, were it not allowed.
    pub(crate) fn allowed(&self) -> Vec<LocatedAllowed<'_>> {
        let texts = self.texts();
        let allowed = self.analysis.allowed.iter();
        allowed
            .filter_map(|allowed| LocatedAllowed::new(&texts, allowed))
            .collect()
    }
}

/// Reads one manifest: a file, a directory that holds one, `-`, or the nearest above.
pub(crate) fn one(path: Option<&Path>) -> Result<Input> {
    one_with(path, &Options::default())
}

fn one_with(path: Option<&Path>, options: &Options) -> Result<Input> {
    match path {
        None => read(&nearest()?, options),
        Some(path) if path == Path::new("-") => standard_input(options),
        Some(path) if path.is_dir() => {
            let file = in_directory(path)
                .with_context(|| format!("there is no {FILE_NAME} in {}", legible(path)))?;
            read(&file, options)
        }
        Some(path) => read(path, options),
    }
}

/// The directory that a manifest's own paths count from, by the way in which [`one`] finds it.
pub(crate) fn directory_of(path: Option<&Path>) -> PathBuf {
    let file = match path {
        Some(path) if path.is_dir() => return path.to_owned(),
        Some(path) => path.to_owned(),
        None => nearest().unwrap_or_default(),
    };
    file.parent().map(Path::to_owned).unwrap_or_default()
}

/// What was read of many paths, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) inputs: Vec<Input>,
    pub(crate) failures: Vec<Failure>,
}

/// A path that could not be read.
#[derive(Debug)]
pub(crate) struct Failure {
    /// As it was asked for.
    pub(crate) name: String,
    pub(crate) error: Error,
}

impl Failure {
    pub(crate) fn new(path: &Path, error: Error) -> Self {
        Self {
            name: path.display().to_string(),
            error,
        }
    }
}

/// Reads all manifests of these paths, side by side: files as they are, directories walked. In the
/// order given, each directory's in the order of their paths, each once. What cannot be read keeps
/// nothing else from being read.
pub(crate) fn many(paths: &[PathBuf], options: &Options) -> Result<Read> {
    if paths.is_empty() {
        let inputs = match nearest() {
            Ok(path) => vec![read(&path, options)?],
            // What is deployed can be looked at without a manifest.
            Err(_) if !options.deployed.is_empty() => Vec::new(),
            Err(error) => return Err(error),
        };
        return Ok(Read {
            inputs,
            failures: Vec::new(),
        });
    }
    let (files, mut failures) = files_of(paths);
    let progress = Progress::over(files.len());
    let read = |file: &PathBuf| {
        let input = one_with(Some(file), options).map_err(|error| Failure::new(file, error));
        progress.step();
        input
    };
    let read: Vec<Result<Input, Failure>> = match files.as_slice() {
        // Threads are not worth their start.
        [file] => vec![read(file)],
        files => files.par_iter().map(read).collect(),
    };
    progress.end();
    let mut inputs = Vec::with_capacity(read.len());
    for read in read {
        match read {
            Ok(input) => inputs.push(input),
            Err(failure) => failures.push(failure),
        }
    }
    Ok(Read { inputs, failures })
}

/// The files of these paths.
fn files_of(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<Failure>) {
    let (mut files, mut failures) = (Vec::new(), Vec::new());
    let mut known = HashSet::new();
    for path in paths {
        let found = if path.is_dir() {
            let before = failures.len();
            let found = walk(path, &mut failures, is_manifest);
            if found.is_empty() && failures.len() == before {
                let error = anyhow!("there is no {FILE_NAME} in {} or below", legible(path));
                failures.push(Failure::new(path, error));
            }
            found
        } else {
            vec![path.clone()]
        };
        for file in found {
            let plain = file.strip_prefix("./").unwrap_or(&file);
            if known.insert(plain.to_owned()) {
                files.push(file);
            }
        }
    }
    (files, failures)
}

fn standard_input(options: &Options) -> Result<Input> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .context("could not read standard input")?;
    Ok(Input::new(STANDARD_INPUT.to_owned(), None, &bytes, options))
}

fn read(path: &Path, options: &Options) -> Result<Input> {
    let bytes = std::fs::read(path).with_context(|| format!("could not read {}", legible(path)))?;
    let name = path.strip_prefix("./").unwrap_or(path);
    Ok(Input::new(
        name.display().to_string(),
        Some(path.to_owned()),
        &bytes,
        options,
    ))
}

fn in_directory(directory: &Path) -> Option<PathBuf> {
    [FILE_NAME, OTHER_NAME]
        .map(|name| directory.join(name))
        .into_iter()
        .find(|path| path.is_file())
}

/// The nearest manifest, here or above, where there is one.
pub(crate) fn nearest_if_any() -> Result<Option<Input>> {
    let path = find_nearest()?;
    path.map(|path| read(&path, &Options::default()))
        .transpose()
}

fn nearest() -> Result<PathBuf> {
    let none = || {
        format!(
            "there is no {FILE_NAME} here or above; name a file, a directory, or `-`, or write a \
             first one with `lifecycle init`"
        )
    };
    find_nearest()?.with_context(none)
}

fn find_nearest() -> Result<Option<PathBuf>> {
    let here = std::env::current_dir().context("could not find the current directory")?;
    for directory in here.ancestors() {
        if let Some(path) = in_directory(directory) {
            let path = path.strip_prefix(&here).unwrap_or(&path).to_owned();
            return Ok(Some(path));
        }
        // A repository is the end of what a manifest in it can be about.
        if directory.join(".git").exists() {
            break;
        }
    }
    Ok(None)
}

/// The files of a directory and below that are wanted, in the order of their paths; ignore files are
/// respected.
pub(crate) fn walk(
    directory: &Path,
    failures: &mut Vec<Failure>,
    is_wanted: impl Fn(&Path) -> bool,
) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in ignore::WalkBuilder::new(directory)
        .require_git(false)
        .build()
    {
        match entry {
            Ok(entry) if is_wanted(entry.path()) && entry.path().is_file() => {
                found.push(entry.into_path());
            }
            Ok(_) => {}
            Err(error) => {
                let words = format!("could not walk {}", legible(directory));
                failures.push(Failure::new(directory, Error::new(error).context(words)));
            }
        }
    }
    found.sort();
    found
}
