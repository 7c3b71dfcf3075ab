//! `lifecycle drill`: fills in what the engine is told, from the manifest and the command line.

mod human;
mod invented;
mod load;
mod script;
mod target;
#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use lifecycle_manifest::{Resolved, Timeline};

use crate::cli::{DrillArgs, DrillFormat};
use crate::input::{self, Input};
use crate::talk::say;
use crate::{Outcome, check, picture};
use lifecycle_drill::{Event, Progress};

pub(crate) fn run(args: &DrillArgs) -> Result<Outcome> {
    let input = manifest(args)?;
    if input.analysis.has_errors() {
        anstream::eprint!("{}", check::findings(&input));
        anstream::eprintln!(
            "a manifest with errors is not drilled: the platform would cut it off as written"
        );
        return Ok(Outcome::Findings);
    }
    let Some(resolved) = &input.analysis.resolved else {
        bail!("{} could not be resolved", input.name);
    };
    let line = timeline(resolved, target::platform(args, resolved))?;
    let human = args.format == DrillFormat::Human;
    let invented = input.name == invented::NAME;
    if human && !invented {
        write!(
            anstream::stdout(),
            "{}\n{}",
            check::summary(&input),
            picture::draw(resolved, &[line], 80)
        )?;
    }
    let directory = args.directory.as_deref();
    let command = match target::is_named(args) {
        true => args.command.clone(),
        false => vec![
            target::build(directory.unwrap_or(Path::new(".")), &args.profile)?
                .display()
                .to_string(),
        ],
    };
    let target = target::target(args, resolved, line.platform(), command)?;
    let mut script = script::script(resolved, line);
    if invented {
        // Its timeouts are nobody's plan; what is measured is shown beside the platform alone.
        script.steps.clear();
        script.deadline = None;
    }
    if let Some(lag) = args.routing_lag {
        script.routing_lag = lag;
    }
    let load = load::load(args, resolved)?;
    let progress = progress(args.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("could not start the async runtime")?;
    let measured = runtime.block_on(lifecycle_drill::run(&target, &script, &load, &progress))?;
    if human {
        write!(anstream::stdout(), "\n{}", human::human(&measured))?;
    } else {
        writeln!(
            anstream::stdout(),
            "{}",
            serde_json::to_string_pretty(&measured)?
        )?;
    }
    Ok(if measured.passed {
        Outcome::Clean
    } else {
        Outcome::Findings
    })
}

/// The manifest of the directory; for what is named on the command line without one, an invented one.
fn manifest(args: &DrillArgs) -> Result<Input> {
    if !target::is_named(args) || args.directory.is_some() {
        return input::one(args.directory.as_deref());
    }
    if let Ok(input) = input::one(None) {
        return Ok(input);
    }
    invented::manifest(args)
}

fn timeline<'a>(resolved: &'a Resolved, asked: Option<&str>) -> Result<&'a Timeline> {
    let named: Vec<&str> = resolved.timelines.iter().map(Timeline::platform).collect();
    match asked {
        Some(key) => resolved
            .timelines
            .iter()
            .find(|line| line.platform() == key)
            .with_context(|| {
                format!(
                    "the manifest names no platform `{key}`; it names {}",
                    named.join(", ")
                )
            }),
        None => resolved
            .timelines
            .first()
            .context("the manifest names no platform; add one under `platforms`"),
    }
}

/// What happens goes to standard error: standard output is for the result.
fn progress(verbose: bool) -> Progress {
    Arc::new(move |event| match event {
        Event::Output(line) if verbose => anstream::eprintln!("  | {line}"),
        Event::Output(_) => {}
        event => say!("· {event}"),
    })
}
