//! Finding and reading manifests.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use lifecycle_manifest::deployed::Deployed;
use lifecycle_manifest::render::Texts;
use lifecycle_manifest::{Analysis, Options};

use crate::check::Located;

/// The name a manifest goes by.
pub(crate) const FILE_NAME: &str = "lifecycle.yaml";

/// What some editors begin a file with.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// What standard input goes by.
pub(crate) const STDIN: &str = "<stdin>";

/// The other spelling of the ending.
const OTHER_NAME: &str = "lifecycle.yml";

/// A file of this name is a manifest.
pub(crate) fn is_manifest(name: &str) -> bool {
    name == FILE_NAME || name == OTHER_NAME
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
                .with_context(|| format!("there is no {FILE_NAME} in {}", path.display()))?;
            read(&file, options)
        }
        Some(path) => read(path, options),
    }
}

/// Reads all manifests of these paths: files as they are, directories walked. In the order given,
/// each directory's in the order of their paths.
pub(crate) fn many(paths: &[PathBuf], options: &Options) -> Result<Vec<Input>> {
    if paths.is_empty() {
        // What is deployed can be looked at without a manifest.
        return match nearest() {
            Ok(path) => Ok(vec![read(&path, options)?]),
            Err(_) if !options.deployed.is_empty() => Ok(Vec::new()),
            Err(error) => Err(error),
        };
    }
    let mut inputs = Vec::new();
    for path in paths {
        if path.is_dir() {
            let found = walk(path)?;
            if found.is_empty() {
                bail!("there is no {FILE_NAME} in {} or below", path.display());
            }
            for file in found {
                inputs.push(read(&file, options)?);
            }
        } else {
            inputs.push(one_with(Some(path), options)?);
        }
    }
    Ok(inputs)
}

fn standard_input(options: &Options) -> Result<Input> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .context("could not read standard input")?;
    Ok(Input::new(STDIN.to_owned(), None, &bytes, options))
}

fn read(path: &Path, options: &Options) -> Result<Input> {
    let bytes =
        std::fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
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

fn nearest() -> Result<PathBuf> {
    let here = std::env::current_dir().context("could not find the current directory")?;
    for directory in here.ancestors() {
        if let Some(path) = in_directory(directory) {
            return Ok(path
                .strip_prefix(&here)
                .map_or(path.clone(), Path::to_owned));
        }
        // A repository is the end of what a manifest in it can be about.
        if directory.join(".git").exists() {
            break;
        }
    }
    bail!("there is no {FILE_NAME} here or above; name a file, a directory, or `-`")
}

pub(crate) fn walk(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in ignore::WalkBuilder::new(directory)
        .require_git(false)
        .build()
    {
        let entry = entry.with_context(|| format!("could not walk {}", directory.display()))?;
        let named = entry.file_name().to_str().is_some_and(is_manifest);
        if named && entry.path().is_file() {
            found.push(entry.into_path());
        }
    }
    found.sort();
    Ok(found)
}
