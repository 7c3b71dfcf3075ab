//! `lifecycle check`.

mod against;
mod fix;
mod formats;
mod github;
mod human;
mod json;
mod junit;
mod located;
mod report;
mod roots;
mod sarif;

use std::io::Write as _;
use std::path::Path;

use anyhow::{Result, bail};
use lifecycle_manifest::render::one_line;
use lifecycle_manifest::{Options, Safety, Severity};

use crate::Outcome;
use crate::cli::CheckArgs;
use crate::input::{self, Input};
use crate::talk::{self, say};
use report::{Detail, Report};
use roots::Roots;

pub(crate) use against::read_all as read_deployed;
pub(crate) use fix::{fix, fixable};
pub(crate) use formats::Format;
pub(crate) use human::{findings, summary};
pub(crate) use json::schema as report_schema;
pub(crate) use located::{Located, LocatedAllowed, Spot};

/// Checks manifests; `quiet` is how often that was asked for.
pub(crate) fn run(args: &CheckArgs, quiet: u8) -> Result<Outcome> {
    let mut unread = Vec::new();
    let options = Options {
        levels: args.levels.0.clone(),
        deployed: against::read(&args.against, &args.paths, &mut unread)?,
        by_name_only: !args.against.is_empty() && against::is_several(&args.paths),
    };
    let mut read = match input::many(&args.paths, &options) {
        // Without a manifest the deployed files were all there was to look at.
        Err(_) if args.paths.is_empty() && !unread.is_empty() => input::Read::default(),
        read => read?,
    };
    let manifests = read.inputs.iter().filter_map(|input| input.path.as_deref());
    let deployed = options.deployed.iter().map(|file| Path::new(&file.name));
    args.formats.spare(manifests.chain(deployed))?;
    read.failures.extend(unread);
    for failure in &read.failures {
        crate::complain(&failure.error);
    }
    let at_most = match args.unsafe_fixes {
        true => Safety::Unsafe,
        false => Safety::Safe,
    };
    let outcome = if args.diff {
        show_fixes(&read.inputs, at_most, &options)?
    } else {
        if args.fix {
            make_fixes(&mut read.inputs, at_most, &options)?;
        }
        if !options.deployed.is_empty() {
            let has_manifest = !read.inputs.is_empty();
            if has_manifest {
                say_others(&against::others(&options, &read.inputs));
            }
            read.inputs.extend(against::alone(&options, has_manifest));
        }
        print(args, quiet, &read)?
    };
    Ok(match read.failures.is_empty() {
        true => outcome,
        false => Outcome::Incomplete,
    })
}

fn print(args: &CheckArgs, quiet: u8, read: &input::Read) -> Result<Outcome> {
    // The fixed text itself has gone to standard output.
    let is_output_taken = args.fix
        && read
            .inputs
            .iter()
            .any(|input| input.path.is_none() && !input.is_deployed_alone);
    if is_output_taken {
        for input in &read.inputs {
            talk::put(&findings(input));
        }
    }
    let report = Report {
        inputs: &read.inputs,
        failures: &read.failures,
        detail: match quiet {
            0 if args.verbose => Detail::Sums,
            0 => Detail::Normal,
            1 => Detail::Findings,
            _ => Detail::Silent,
        },
        show_allowed: args.show_allowed,
        roots: Roots::of(&read.inputs),
    };
    formats::write(&args.formats, &report, is_output_taken)?;
    let mut all = read.inputs.iter().flat_map(|i| &i.analysis.findings);
    Ok(match all.any(|f| f.severity == Severity::Error) {
        true => Outcome::Findings,
        false => Outcome::Clean,
    })
}

/// Prints what the fixes would change; findings where there is anything.
fn show_fixes(inputs: &[Input], at_most: Safety, options: &Options) -> Result<Outcome> {
    let mut out = crate::out::text();
    let mut outcome = Outcome::Clean;
    for input in inputs {
        if let Some(fixed) = fix::fix(&input.analysis, at_most, options) {
            let diff = fix::diff(input, &fixed);
            crate::unless_unread(write!(out, "{diff}").map_err(Into::into))?;
            let things = findings_in_words(fixed.count);
            say!("would fix {things} in {}", one_line(&input.name));
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
                say!("fixed {things} in {}", one_line(&input.name));
            }
            None if input.path.is_none() => {
                crate::out::bytes().write_all(input.analysis.source.text().as_bytes())?;
            }
            None => {
                if let Some(path) = &input.path {
                    crate::whole::clear_beside(path);
                }
            }
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

/// Who rendered a whole cluster should know how much of it was looked at.
fn say_others(others: &[String]) {
    const SHOWN: usize = 5;
    let Some((last, rest)) = others.split_last() else {
        return;
    };
    let names = match rest {
        [] => last.clone(),
        rest if rest.len() < SHOWN => format!("{} and {last}", rest.join(", ")),
        rest => format!(
            "{} and {} more",
            rest[..SHOWN].join(", "),
            others.len() - SHOWN
        ),
    };
    say!("note: no manifest here speaks for {names}: not looked at; `check --against` alone does");
}
