//! `lifecycle drill`: fills in what the engine is told, from the manifest and the command line.

pub(crate) mod human;
mod invented;
mod load;
mod proto;
mod rolling;
pub(crate) mod scenarios;
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
use lifecycle_drill::rolling::Rolling;
use lifecycle_drill::{Event, Load, Progress, Script, Target};
use scenarios::Rounds;

pub(crate) fn run(args: &DrillArgs) -> Result<Outcome> {
    let Some(asked) = scenarios::asked(&args.scenarios) else {
        write!(anstream::stdout(), "{}", scenarios::list())?;
        return Ok(Outcome::Clean);
    };
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
            target::build(
                directory.unwrap_or(Path::new(".")),
                &args.profile,
                scenarios::need_faults(&asked),
            )?
            .display()
            .to_string(),
        ],
    };
    let told = told(args, resolved, line, command, invented)?;
    let progress = progress(args.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("could not start the async runtime")?;
    if let Some(rolling) = &told.rolling {
        let measured = runtime.block_on(lifecycle_drill::rolling::run(
            &told.target,
            &told.script,
            &told.load,
            rolling,
            &progress,
        ))?;
        if human {
            write!(anstream::stdout(), "\n{}", human::rolling(&measured))?;
        } else {
            writeln!(
                anstream::stdout(),
                "{}",
                serde_json::to_string_pretty(&measured)?
            )?;
        }
        return Ok(match measured.passed {
            true => Outcome::Clean,
            false => Outcome::Findings,
        });
    }
    if !asked.is_empty() {
        let rounds = runtime.block_on(scenarios::play(&asked, &told, &progress))?;
        return report(human, &rounds);
    }
    let measured = runtime.block_on(lifecycle_drill::run(
        &told.target,
        &told.script,
        &told.load,
        &progress,
    ))?;
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

/// Shows what was played. A single scenario that says nothing about the program could not be run.
fn report(human: bool, rounds: &Rounds) -> Result<Outcome> {
    if let ([], [(name, why)]) = (&*rounds.played, &*rounds.not_applicable) {
        bail!("scenario {name} is not applicable: {why}");
    }
    match (human, &*rounds.played) {
        (false, played) => {
            writeln!(
                anstream::stdout(),
                "{}",
                serde_json::to_string_pretty(played)?
            )?;
        }
        (true, [one]) if rounds.not_applicable.is_empty() => {
            write!(anstream::stdout(), "\n{}", human::human(one))?;
        }
        (true, _) => write!(anstream::stdout(), "\n{}", scenarios::table(rounds))?,
    }
    Ok(match rounds.played.iter().all(|it| it.passed) {
        true => Outcome::Clean,
        false => Outcome::Findings,
    })
}

/// All that the engine is told.
pub(crate) struct Told {
    pub(crate) target: Target,
    pub(crate) script: Script,
    pub(crate) load: Load,
    /// Several instances, replaced one after the other.
    pub(crate) rolling: Option<Rolling>,
}

/// From the command line and the manifest to what the engine is told. An `invented` manifest is
/// nobody's plan.
pub(crate) fn told(
    args: &DrillArgs,
    resolved: &Resolved,
    line: &Timeline,
    command: Vec<String>,
    invented: bool,
) -> Result<Told> {
    let mut target = target::target(args, resolved, line.platform(), command)?;
    let mut script = script::script(resolved, line);
    if invented {
        // Its timeouts are nobody's plan; what is measured is shown beside the platform alone.
        script.steps.clear();
        script.deadline = None;
    }
    if let Some(lag) = args.routing_lag {
        script.routing_lag = lag;
    }
    if let Some(delay) = args.deregistration_delay {
        script.deregistration = Some(delay);
    }
    if let Some(grace) = args.grace {
        scenarios::shorten(&mut script, grace);
    }
    let load = load::load(args, resolved)?;
    let rolling = match args.rolling {
        true => Some(rolling::rolling(args, resolved, line, script.routing_lag)?),
        false => {
            lifecycle_drill::rolling::alone(&mut target);
            None
        }
    };
    Ok(Told {
        target,
        script,
        load,
        rolling,
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

pub(crate) fn timeline<'a>(resolved: &'a Resolved, asked: Option<&str>) -> Result<&'a Timeline> {
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
        // What became of the requests is told at the end.
        Event::Output(_) | Event::Traffic(_) => {}
        event => say!("· {event}"),
    })
}
