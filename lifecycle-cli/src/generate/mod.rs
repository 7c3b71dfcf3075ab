//! `lifecycle gen`: a platform's manifests from the plan.
//!
//! Rendering is one path with three endings: print, write, or compare. A platform gives one
//! serialisable value a template; templates print and decide nothing.

mod ecs;
mod files;
mod kubernetes;

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use lifecycle_manifest::deployed::planned;
use lifecycle_manifest::{Platform, Resolved, Timeline, contract};
use serde::Serialize;

use crate::Outcome;
use crate::cli::{GenArgs, Target};
use crate::input;

/// A file to be.
struct File {
    /// Its name in the output directory.
    name: &'static str,
    text: String,
}

/// What every platform's templates have in common.
#[derive(Serialize)]
struct Common<'a> {
    header: String,
    service: &'a str,
    digest: &'a str,
    image: &'a str,
    environment: Vec<Variable>,
}

#[derive(Serialize)]
struct Variable {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Port {
    name: String,
    number: u16,
}

pub(crate) fn run(args: &GenArgs) -> Result<Outcome> {
    let input = input::one(args.manifest.as_deref())?;
    if input.analysis.has_errors() {
        anstream::eprint!("{}", crate::check::findings(&input));
        anstream::eprintln!("nothing is generated from a manifest with errors");
        return Ok(Outcome::Findings);
    }
    let Some(resolved) = &input.analysis.resolved else {
        anyhow::bail!("{} could not be resolved", input.name);
    };
    let files = match args.target {
        Target::K8s => kubernetes::files(resolved, args.image.as_deref())?,
        Target::Ecs => ecs::files(resolved, args.image.as_deref())?,
    };
    let Some(directory) = &args.output else {
        print(&files)?;
        return Ok(Outcome::Clean);
    };
    let all = match args.target {
        Target::K8s => kubernetes::NAMES,
        Target::Ecs => ecs::NAMES,
    };
    if args.check {
        return files::compare(directory, &files, all);
    }
    files::write(directory, &files, all, args.force)?;
    Ok(Outcome::Clean)
}

/// YAML documents are told apart by `---`; JSON documents stand after one another as a stream.
fn print(files: &[File]) -> Result<()> {
    let mut out = anstream::stdout().lock();
    for file in files {
        if Path::new(file.name)
            .extension()
            .is_some_and(|ending| ending == "yaml")
        {
            writeln!(out, "---")?;
        }
        write!(out, "{}", file.text)?;
    }
    Ok(())
}

/// A platform's entry and timeline, or what to write so that there is one.
fn platform<'a>(resolved: &'a Resolved, key: &str) -> Result<(&'a Platform, &'a Timeline)> {
    let platform = resolved.manifest.platforms.get(key);
    let line = resolved
        .timelines
        .iter()
        .find(|line| line.platform() == key);
    match (platform, line) {
        (Some(platform), Some(line)) => Ok((platform, line)),
        _ => anyhow::bail!(
            "the manifest names no `{key}`; add `{key}: {{}}` under `platforms` for its defaults"
        ),
    }
}

/// The image to run: asked for, the platform's own, or the one that the manifest names elsewhere.
fn image<'a>(asked: Option<&'a str>, resolved: &'a Resolved, key: &str) -> Result<&'a str> {
    let platforms = &resolved.manifest.platforms;
    let own = || platforms.get(key).and_then(Platform::image);
    let elsewhere = || platforms.iter().find_map(Platform::image);
    asked.or_else(own).or_else(elsewhere).ok_or_else(|| {
        anyhow::anyhow!(
            "which image? write `image:` under `platforms.{key}` in the manifest, or give `--image`"
        )
    })
}

/// What the runtime reads from its environment.
fn environment(resolved: &Resolved, line: &Timeline, report: Option<&str>) -> Vec<Variable> {
    let report = report.map(|path| (contract::REPORT, path.to_owned()));
    contract::environment(resolved, line)
        .into_iter()
        .chain(report)
        .map(|(name, value)| Variable { name, value })
        .collect()
}

/// The ports that are open, health's own among them where that is asked for.
fn ports(resolved: &Resolved, with_health: bool) -> Vec<Port> {
    planned::ports(resolved)
        .into_iter()
        .filter(|port| port.takes_requests || with_health)
        .map(|port| Port {
            name: port.name,
            number: port.number,
        })
        .collect()
}
