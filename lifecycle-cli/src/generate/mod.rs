//! `lifecycle gen`: a platform's files from the plan.
//!
//! A target is one module and one line in [`TARGETS`]: it answers with sheets, each a template with
//! its data. Rendering is one path with three endings: print, write, or compare. Templates print and
//! decide nothing, and may be somebody's own.

mod azure_container_apps;
mod cloud_run;
mod compose;
mod docker;
mod ecs;
mod files;
mod fly;
mod heroku;
mod kubernetes;
mod nomad;
mod overrides;
mod own;
mod pm2;
mod sheet;
mod systemd;
mod work;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use lifecycle_manifest::deployed::planned;
use lifecycle_manifest::{Platform, Resolved, Timeline, contract};
use serde::Serialize;

use crate::Outcome;
use crate::cli::GenArgs;
use crate::input::{self, Input};
use crate::talk::{self, tell};
pub(crate) use compose::bounded_hook;
use overrides::Overrides;
use own::Own;
pub(crate) use sheet::{Sheet, Template, template};
use work::Work;

/// What files can be generated for.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Other names for it there.
    pub(crate) aliases: &'static [&'static str],
    /// The platform's key in the manifest.
    pub(crate) key: &'static str,
    /// What it writes, in a line.
    pub(crate) about: &'static str,
    /// The whole files.
    files: Make,
    /// Only what concerns termination, to lay over files that somebody owns already.
    patch: Option<Make>,
    /// Every file that [`files`](Self::files) may write for a service of this name: of these, what the
    /// manifest no longer makes is left over.
    names: fn(service: &str) -> Vec<String>,
}

/// How long an instance may take to start before it is started again.
const STARTUP: Duration = Duration::from_secs(120);

impl Target {
    /// It can write what concerns termination alone.
    #[cfg(test)]
    pub(crate) fn has_patch(&self) -> bool {
        self.patch.is_some()
    }
}

/// Makes sheets of what is asked for.
type Make = fn(&Ask<'_>) -> Result<Vec<Sheet>>;

/// Every target, in the order in which they are offered.
pub(crate) static TARGETS: &[&Target] = &[
    &kubernetes::TARGET,
    &kubernetes::policy::TARGET,
    &kubernetes::patch::HELM,
    &ecs::TARGET,
    &cloud_run::TARGET,
    &azure_container_apps::TARGET,
    &docker::TARGET,
    &compose::TARGET,
    &systemd::TARGET,
    &nomad::TARGET,
    &pm2::TARGET,
    &fly::TARGET,
    &heroku::TARGET,
];

/// The target with this name.
pub(crate) fn target(name: &str) -> Option<&'static Target> {
    let is = |target: &&&Target| target.name == name || target.aliases.contains(&name);
    TARGETS.iter().find(is).copied()
}

/// The targets of a platform: its own files, and behind them what is asked for by name alone.
pub(crate) fn targets_of(key: &str) -> impl Iterator<Item = &'static Target> {
    TARGETS
        .iter()
        .copied()
        .filter(move |target| target.key == key)
}

/// What a target is asked for.
pub(crate) struct Ask<'a> {
    resolved: &'a Resolved,
    /// The image of the command line.
    image: Option<&'a str>,
}

/// What every platform's templates have in common.
#[derive(Serialize)]
struct Common<'a> {
    service: &'a str,
    digest: &'a str,
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
    let (target, manifest) = args.asked()?;
    let input = input::one(manifest)?;
    if input.analysis.has_errors() {
        talk::put(&crate::check::findings(&input));
        tell!("nothing is generated from a manifest with errors");
        return Ok(Outcome::Findings);
    }
    let Some(resolved) = &input.analysis.resolved else {
        anyhow::bail!("{} could not be resolved", input.name);
    };
    let own = Own::read(&input, resolved)?;
    let overrides = overrides(args, &input, resolved)?;
    let ask = Ask {
        resolved,
        image: args.image.as_deref(),
    };
    let directory = directory(args, &input, resolved, target)?;
    let mut work = match target {
        Some(target) => Work::of(target, &ask, args.patch)?,
        None => Work::of_all(&ask, &own, args.patch)?,
    };
    if args.print_data {
        return work.print_data();
    }
    let Some(directory) = directory else {
        work::print(&work.render(&overrides)?)?;
        return Ok(Outcome::Clean);
    };
    work = work.without(&own)?;
    let tree = files::Tree {
        directory: &directory,
        files: &work.render(&overrides)?,
        names: work.names(&resolved.plan.service, &own),
        folders: work.folders(),
        own: &own,
    };
    if args.check {
        return tree.compare();
    }
    tree.write(args.force)?;
    Ok(Outcome::Clean)
}

/// What replaces the built-in templates.
fn overrides(args: &GenArgs, input: &Input, resolved: &Resolved) -> Result<Overrides> {
    let written = resolved.manifest.generate.templates.as_ref();
    match (&args.templates, written) {
        (Some(directory), _) => Overrides::read(directory),
        (None, Some(written)) => Overrides::read(&beside(input, &written.value)),
        (None, None) => Ok(Overrides::default()),
    }
}

/// Where the files go; nowhere where they are printed.
fn directory(
    args: &GenArgs,
    input: &Input,
    resolved: &Resolved,
    target: Option<&Target>,
) -> Result<Option<PathBuf>> {
    if let Some(directory) = &args.output {
        return Ok(Some(directory.clone()));
    }
    let written = resolved.manifest.generate.output.as_ref();
    let tree = written.map(|written| beside(input, &written.value));
    match (target, tree) {
        (None, Some(tree)) => Ok(Some(tree)),
        // One target without a directory is printed, unless it is plain that files are meant.
        (Some(target), Some(tree)) if args.check || args.force => Ok(Some(tree.join(target.name))),
        (Some(_), _) if !args.check && !args.force => Ok(None),
        (None, None) if args.print_data => Ok(None),
        _ => anyhow::bail!(
            "which directory? `-o deploy` writes there, and `generate: {{ output: deploy }}` in the manifest \
             says so once and for all{}",
            match target {
                Some(_) => "",
                None => "; with a target and without a directory, its files are printed",
            }
        ),
    }
}

/// A path of the manifest, from where the manifest stands.
fn beside(input: &Input, path: &str) -> PathBuf {
    let directory = input.path.as_deref().and_then(Path::parent);
    directory.unwrap_or_else(|| Path::new("")).join(path)
}

/// What a target makes, each file's path with its text; `None` where something is missing for it.
#[cfg(any(fuzzing, clippy))]
pub(crate) fn rendered(
    target: &'static Target,
    resolved: &Resolved,
) -> Option<Vec<(String, String)>> {
    let ask = Ask {
        resolved,
        image: Some("registry.example.com/shop:1"),
    };
    let work = Work::of(target, &ask, false).ok()?;
    let files = work.render(&Overrides::default());
    let files = files.expect("a template of ours renders");
    Some(files.into_iter().map(|it| (it.path, it.text)).collect())
}

impl<'a> Ask<'a> {
    /// A platform's entry and timeline, or what to write so that there is one.
    fn platform<T>(
        &self,
        key: &str,
        of: fn(&Platform) -> Option<&T>,
    ) -> Result<(&'a T, &'a Timeline)> {
        let entry = self.resolved.manifest.platforms.get(key).and_then(of);
        let mut lines = self.resolved.timelines.iter();
        match (entry, lines.find(|line| line.platform() == key)) {
            (Some(entry), Some(line)) => Ok((entry, line)),
            _ => anyhow::bail!(
                "the manifest names no `{key}`; add `{key}: {{}}` under `platforms` for its defaults"
            ),
        }
    }

    /// The image to run: asked for, the platform's own, or the one that the manifest names elsewhere.
    fn image(&self, key: &str) -> Result<&'a str> {
        let platforms = &self.resolved.manifest.platforms;
        let own = || platforms.get(key).and_then(Platform::image);
        let elsewhere = || platforms.iter().find_map(Platform::image);
        self.image.or_else(own).or_else(elsewhere).ok_or_else(|| {
            anyhow::anyhow!(
                "which image? write `image:` under `platforms.{key}` in the manifest, or give `--image`"
            )
        })
    }

    /// What every platform's templates have in common; `report` is where the report goes.
    fn common(&self, line: &Timeline, report: Option<&str>) -> Common<'a> {
        let report = report.map(|path| (contract::REPORT, path.to_owned()));
        let variable = |(name, value)| Variable { name, value };
        Common {
            service: &self.resolved.plan.service,
            digest: &self.resolved.digest,
            environment: contract::environment(self.resolved, line)
                .into_iter()
                .chain(report)
                .map(variable)
                .collect(),
        }
    }

    /// The ports that are open, health's own among them where that is asked for.
    fn ports(&self, with_health: bool) -> Vec<Port> {
        planned::ports(self.resolved)
            .into_iter()
            .filter(|port| port.takes_requests || with_health)
            .map(|port| Port {
                name: port.name,
                number: port.number,
            })
            .collect()
    }
}
