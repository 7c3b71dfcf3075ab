//! `lifecycle gen`: a platform's files from the plan.
//!
//! A target is one module and one line in [`TARGETS`]: it answers with sheets, each a template with
//! its data. Rendering is one path with three endings: print, write, or compare. Templates print and
//! decide nothing.

mod ecs;
mod files;
mod kubernetes;
mod sheet;

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use lifecycle_manifest::deployed::planned;
use lifecycle_manifest::{Platform, Resolved, Timeline, contract};
use serde::Serialize;

use crate::Outcome;
use crate::cli::GenArgs;
use crate::input;
use files::File;
pub(crate) use sheet::{Sheet, Template, template};

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

/// Makes sheets of what is asked for.
type Make = fn(&Ask<'_>) -> Result<Vec<Sheet>>;

/// Every target, in the order in which they are offered.
pub(crate) static TARGETS: &[&Target] = &[
    &kubernetes::TARGET,
    &kubernetes::policy::TARGET,
    &kubernetes::patch::HELM,
    &ecs::TARGET,
];

/// The target with this name.
pub(crate) fn target(name: &str) -> Option<&'static Target> {
    let is = |target: &&&Target| target.name == name || target.aliases.contains(&name);
    TARGETS.iter().find(is).copied()
}

/// The targets of a platform.
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
    let input = input::one(args.manifest.as_deref())?;
    if input.analysis.has_errors() {
        anstream::eprint!("{}", crate::check::findings(&input));
        anstream::eprintln!("nothing is generated from a manifest with errors");
        return Ok(Outcome::Findings);
    }
    let Some(resolved) = &input.analysis.resolved else {
        anyhow::bail!("{} could not be resolved", input.name);
    };
    let target = args.target;
    let ask = Ask {
        resolved,
        image: args.image.as_deref(),
    };
    let (sheets, all) = match (args.patch, target.patch) {
        (false, _) => (
            (target.files)(&ask)?,
            (target.names)(&resolved.plan.service),
        ),
        (true, Some(patch)) => (patch(&ask)?, Vec::new()),
        (true, None) => anyhow::bail!(
            "there is no patch for {}: `lifecycle gen {}` writes whole files",
            target.name,
            target.name
        ),
    };
    let files: Vec<File> = sheets.iter().map(Sheet::render).collect::<Result<_>>()?;
    let Some(directory) = &args.output else {
        print(&files)?;
        return Ok(Outcome::Clean);
    };
    if args.check {
        return files::compare(directory, &files, &all);
    }
    files::write(directory, &files, &all, args.force)?;
    Ok(Outcome::Clean)
}

/// YAML documents are told apart by `---`; JSON documents stand after one another as a stream; other
/// files, where there are several, have their names above them.
fn print(files: &[File]) -> Result<()> {
    let mut out = anstream::stdout().lock();
    for file in files {
        let ending = Path::new(&file.path).extension();
        match ending.and_then(std::ffi::OsStr::to_str) {
            Some("yaml" | "yml") => writeln!(out, "---")?,
            Some("json") => {}
            _ if files.len() == 1 => {}
            _ => writeln!(out, "# {}", file.path)?,
        }
        write!(out, "{}", file.text)?;
    }
    Ok(())
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
