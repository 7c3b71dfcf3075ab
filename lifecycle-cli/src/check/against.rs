//! `--against`: what is deployed or rendered, read once for all manifests.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Error, Result, anyhow, bail};
use lifecycle_manifest::deployed::{Deployed, Workload};
use lifecycle_manifest::{Analysis, Options};

use crate::input::{self, Failure, Input};
use crate::talk::legible;

/// Reads the files, the directories' files, and standard input where it is asked for. What cannot be
/// read keeps nothing else from being read.
pub(super) fn read(
    against: &[PathBuf],
    manifests: &[PathBuf],
    failures: &mut Vec<Failure>,
) -> Result<Arc<[Deployed]>> {
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
            true => in_directory(path, failures),
            false => vec![path.clone()],
        };
        for file in files {
            let name = file.strip_prefix("./").unwrap_or(&file);
            match std::fs::read(&file) {
                Ok(bytes) => deployed.push(one(&name.display().to_string(), &bytes)),
                Err(error) => {
                    let words = format!("could not read {}", legible(&file));
                    failures.push(Failure::new(&file, Error::new(error).context(words)));
                }
            }
        }
    }
    Deployed::join(&mut deployed);
    Ok(deployed.into())
}

/// The same where all of them are needed.
pub(crate) fn read_all(paths: &[PathBuf]) -> Result<Arc<[Deployed]>> {
    let mut failures = Vec::new();
    let deployed = read(paths, &[], &mut failures)?;
    match failures.into_iter().next() {
        Some(failure) => Err(failure.error),
        None => Ok(deployed),
    }
}

fn one(name: &str, bytes: &[u8]) -> Deployed {
    Deployed::named(name, &String::from_utf8_lossy(bytes))
}

/// The YAML and JSON files of a directory and below, in the order of their paths.
fn in_directory(directory: &Path, failures: &mut Vec<Failure>) -> Vec<PathBuf> {
    let before = failures.len();
    let found = input::walk(directory, failures, |path| {
        let name = path.to_string_lossy();
        let mut endings = [".yaml", ".yml", ".json"]
            .into_iter()
            .chain(Deployed::endings());
        endings.any(|ending| name.ends_with(ending)) && !input::is_manifest(path)
    });
    if found.is_empty() && failures.len() == before {
        let error = anyhow!(
            "there is no YAML or JSON file in {} or below",
            legible(directory)
        );
        failures.push(Failure::new(directory, error));
    }
    found
}

/// Whether several manifests are asked for: a workload of another name may then be another's.
pub(super) fn is_several(manifests: &[PathBuf]) -> bool {
    manifests.len() > 1
        || manifests.iter().any(|path| {
            path.is_dir() && input::walk(path, &mut Vec::new(), input::is_manifest).len() > 1
        })
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

/// Workloads that no manifest of this run speaks for, where some do: nobody has looked at them.
pub(super) fn others(options: &Options, inputs: &[Input]) -> Vec<String> {
    let compared: HashSet<(usize, &str)> = inputs
        .iter()
        .flat_map(|input| &input.analysis.compared)
        .map(|compared| (compared.file, compared.workload.as_str()))
        .collect();
    let mut others = Vec::new();
    for (file, deployed) in options.deployed.iter().enumerate() {
        // What was made by another workload is that one's.
        let workloads = deployed.workloads.iter().filter(|it| it.owner.is_none());
        let titles = workloads.map(Workload::title);
        others.extend(titles.filter(|title| !compared.contains(&(file, title.as_str()))));
    }
    others
}
