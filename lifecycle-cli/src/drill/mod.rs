//! `lifecycle drill`: fills in what the engine is told, from the manifest and the command line.

mod formats;
mod human;
mod invented;
mod junit;
mod load;
mod page;
mod proto;
mod replay;
mod rolling;
mod runs;
pub(crate) mod scenarios;
mod schema;
mod script;
mod target;
#[cfg(test)]
mod tests;

use std::io::Write as _;

use anyhow::{Context as _, Result, bail};
use lifecycle_manifest::{Platform, Resolved, Timeline};

use crate::cli::DrillArgs;
use crate::input::{self, Input};
use crate::talk::{self, say};
use crate::{Outcome, check, picture};
use lifecycle_drill::rolling::Rolling;
use lifecycle_drill::{Load, Measured, Record, Script, Subject, Target};

pub(crate) use formats::Format;
pub(crate) use replay::run as replay;
pub(crate) use schema::schema;

pub(crate) fn run(args: &DrillArgs) -> Result<Outcome> {
    let Some(asked) = scenarios::asked(&args.scenarios) else {
        write!(crate::out::text(), "{}", scenarios::list())?;
        return Ok(Outcome::Clean);
    };
    let input = manifest(args)?;
    let read = [input.path.as_deref(), args.compose.as_deref()];
    runs::ensure_places(args, &read.into_iter().flatten().collect::<Vec<_>>())?;
    if input.analysis.has_errors() {
        talk::put(&check::findings(&input));
        bail!("a manifest with errors is not drilled: the platform would cut it off as written");
    }
    let Some(resolved) = &input.analysis.resolved else {
        bail!("{} could not be resolved", input.name);
    };
    let line = timeline(resolved, target::platform(args, resolved))?;
    let invented = input.name == invented::NAME;
    if args.formats.prints(Format::Human) && !invented {
        let (sum, plan) = (check::summary(&input), picture::draw(resolved, &[line], 80));
        // A reader that has seen enough does not keep the drill from being played.
        crate::unless_unread(write!(crate::out::text(), "{sum}\n{plan}").map_err(Into::into))?;
    }
    let command = match target::is_named(args) {
        true => args.command.clone(),
        false => vec![
            target::build(
                &target::crate_directory(args),
                &args.profile,
                scenarios::need_faults(&asked),
            )?
            .display()
            .to_string(),
        ],
    };
    let told = told(args, resolved, line, command, invented)?;
    runs::run(args, &told, &asked)
}

/// A record of these bytes, drawn in every format, and compared with itself.
#[cfg(any(fuzzing, clippy))]
pub(crate) fn drawn(bytes: &[u8]) {
    let every = [Format::Human, Format::Json, Format::Junit, Format::Html];
    let record = match lifecycle_drill::Kept::read(bytes) {
        Ok(lifecycle_drill::Kept::Drill(record)) => record,
        Ok(lifecycle_drill::Kept::Rolling(measured)) => {
            for format in every {
                let drawn = format.write(formats::Shown::Rolling(&measured), &mut Vec::new());
                drawn.expect("what can be read can be drawn");
            }
            return;
        }
        Err(_) => return,
    };
    let comparison = lifecycle_drill::Comparison::of(&record, &record);
    let compared = formats::Shown::Compared {
        comparison: &comparison,
        before: &record,
        after: &record,
    };
    for shown in [formats::Shown::Drill(&record), compared] {
        for format in every {
            let drawn = format.write(shown, &mut Vec::new());
            drawn.expect("what can be read can be drawn");
        }
    }
}

/// One run as the page that `--format html` writes, and as what `--format human` prints, without colours.
pub(crate) fn page_and_text(run: Measured) -> Result<(String, String)> {
    let text = anstream::adapter::strip_str(&human::run(&run)).to_string();
    let record = Record::One(Box::new(run));
    Ok((page::html(formats::Shown::Drill(&record))?, text))
}

/// All that the engine is told.
#[derive(Clone)]
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
    script::ensure_signalled(args, resolved, line)?;
    let mut target = target::target(args, resolved, line.platform(), command)?;
    let mut script = script::script(resolved, line);
    if invented {
        // Its timeouts are nobody's plan; what is measured is shown beside the platform alone.
        script.steps.clear();
        script.deadline = None;
    }
    let platform = resolved.manifest.platforms.get(line.platform());
    if let Subject::Image(image) = &target.subject
        && platform.is_some_and(Platform::signal_is_the_images)
        && let Some(signal) = invented::of_image(image)?
    {
        say!(
            "note: the image asks to be stopped with {}, and {} does so",
            signal.name(),
            line.facts.name
        );
        script.signal = signal;
    }
    if let Some(lag) = args.routing_lag {
        script.routing_lag = lag;
    }
    target::ensure_played_here(args, line)?;
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
    if args.directory.is_some() {
        return input::one(args.directory.as_deref());
    }
    match input::nearest_if_any()? {
        Some(input) => Ok(input),
        None if target::is_named(args) => invented::manifest(args),
        None => bail!(
            "there is no lifecycle.yaml here or above, and nothing is named to be drilled without \
             one; write `lifecycle drill -- COMMAND`, or a manifest with `lifecycle init`"
        ),
    }
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
