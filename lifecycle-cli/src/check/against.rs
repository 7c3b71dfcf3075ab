//! `--against`: what is deployed or rendered, read once for all manifests.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use lifecycle_manifest::deployed::Deployed;
use lifecycle_manifest::{Analysis, Options};

use crate::input::{self, Input};

/// Reads the files, the directories' files, and standard input where it is asked for.
pub(crate) fn read(against: &[PathBuf], manifests: &[PathBuf]) -> Result<Arc<[Deployed]>> {
    let is_stdin = |path: &&PathBuf| path.as_path() == Path::new("-");
    let count = against.iter().chain(manifests).filter(is_stdin).count();
    if count > 1 {
        bail!("standard input can be read once: `-` stands here {count} times");
    }
    let mut deployed = Vec::new();
    for path in against {
        if path.as_path() == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .context("could not read standard input")?;
            deployed.push(one(input::STANDARD_INPUT, &bytes));
            continue;
        }
        let files = match path.is_dir() {
            true => in_directory(path)?,
            false => vec![path.clone()],
        };
        for file in files {
            let bytes = std::fs::read(&file)
                .with_context(|| format!("could not read {}", file.display()))?;
            let name = file.strip_prefix("./").unwrap_or(&file);
            deployed.push(one(&name.display().to_string(), &bytes));
        }
    }
    Ok(deployed.into())
}

fn one(name: &str, bytes: &[u8]) -> Deployed {
    Deployed::named(name, &String::from_utf8_lossy(bytes))
}

/// The YAML and JSON files of a directory and below, in the order of their paths.
fn in_directory(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in ignore::WalkBuilder::new(directory)
        .require_git(false)
        .build()
    {
        let entry = entry.with_context(|| format!("could not walk {}", directory.display()))?;
        let path = entry.path();
        let ending = path.extension().and_then(std::ffi::OsStr::to_str);
        let is_manifest = entry.file_name().to_str().is_some_and(input::is_manifest);
        if matches!(ending, Some("yaml" | "yml" | "json")) && !is_manifest && path.is_file() {
            found.push(entry.into_path());
        }
    }
    if found.is_empty() {
        bail!(
            "there is no YAML or JSON file in {} or below",
            directory.display()
        );
    }
    found.sort();
    Ok(found)
}

/// Whether several manifests are asked for: a workload of another name may then be another's.
pub(super) fn is_several(manifests: &[PathBuf]) -> bool {
    manifests.len() > 1
        || manifests
            .iter()
            .any(|path| path.is_dir() && input::walk(path, &mut Vec::new()).len() > 1)
}

/// What the deployed files show by themselves: everything where there is no manifest, what could not
/// be read of them where there is.
pub(super) fn alone(options: &Options, has_manifest: bool) -> Option<Input> {
    let analysis = match has_manifest {
        true => Analysis::of_unreadable(options),
        false => Analysis::of_deployed(options),
    };
    (!has_manifest || !analysis.findings.is_empty() || !analysis.allowed.is_empty())
        .then(|| Input::without_manifest(analysis, options))
}
