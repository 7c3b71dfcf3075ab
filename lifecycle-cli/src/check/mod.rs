//! `lifecycle check`.

mod against;
mod fix;
mod human;
mod json;
mod located;

use std::io::Write as _;

use anyhow::{Result, bail};
use lifecycle_manifest::{Options, Safety, Severity};

use crate::Outcome;
use crate::cli::{CheckArgs, Format};
use crate::input::{self, Input};

pub(crate) use against::read as read_deployed;
pub(crate) use fix::fix;
pub(crate) use human::{findings, summary};
pub(crate) use located::Located;

pub(crate) fn run(args: &CheckArgs) -> Result<Outcome> {
    let options = Options {
        levels: args.levels.0.clone(),
        deployed: against::read(&args.against, &args.paths)?,
        by_name_only: !args.against.is_empty() && against::is_several(&args.paths),
    };
    let mut inputs = input::many(&args.paths, &options)?;
    let at_most = match args.unsafe_fixes {
        true => Safety::Unsafe,
        false => Safety::Safe,
    };
    if args.diff {
        return show_fixes(&inputs, at_most, &options);
    }
    if args.fix {
        make_fixes(&mut inputs, at_most, &options)?;
    }
    if !args.against.is_empty() {
        let alone = against::alone(&options, !inputs.is_empty());
        inputs.extend(alone);
    }
    // The fixed text itself has gone to standard output.
    let is_output_taken = args.fix
        && inputs
            .iter()
            .any(|input| input.path.is_none() && !input.is_deployed_alone);
    match args.format {
        _ if is_output_taken => {
            for input in &inputs {
                anstream::eprint!("{}", findings(input));
            }
        }
        Format::Human => human::print(&inputs)?,
        Format::Json => json::print(&inputs)?,
    }
    let worst = inputs
        .iter()
        .flat_map(|i| &i.analysis.findings)
        .map(|f| f.severity)
        .max();
    Ok(match worst {
        Some(Severity::Error) => Outcome::Findings,
        _ => Outcome::Clean,
    })
}

/// Prints what the fixes would change; findings where there is anything.
fn show_fixes(inputs: &[Input], at_most: Safety, options: &Options) -> Result<Outcome> {
    let mut out = anstream::stdout().lock();
    let mut outcome = Outcome::Clean;
    for input in inputs {
        if let Some(fixed) = fix::fix(&input.analysis, at_most, options) {
            write!(out, "{}", fix::diff(input, &fixed))?;
            let things = findings_in_words(fixed.count);
            anstream::eprintln!("would fix {things} in {}", input.name);
            outcome = Outcome::Findings;
        }
    }
    Ok(outcome)
}

fn make_fixes(inputs: &mut [Input], at_most: Safety, options: &Options) -> Result<()> {
    if inputs.len() > 1 && inputs.iter().any(|input| input.path.is_none()) {
        bail!("standard input is fixed alone: its text goes to standard output");
    }
    for input in inputs {
        match fix::fix(&input.analysis, at_most, options) {
            Some(fixed) => {
                let count = fixed.count;
                fix::write(input, fixed)?;
                let things = findings_in_words(count);
                anstream::eprintln!("fixed {things} in {}", input.name);
            }
            None if input.path.is_none() => {
                std::io::stdout()
                    .lock()
                    .write_all(input.analysis.source.text().as_bytes())?;
            }
            None => {}
        }
    }
    Ok(())
}

fn findings_in_words(count: usize) -> String {
    match count {
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    }
}
