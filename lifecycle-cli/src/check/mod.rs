//! `lifecycle check`.

mod human;
mod json;

use anyhow::Result;
use lifecycle_manifest::Severity;

use crate::Outcome;
use crate::cli::{CheckArgs, Deny, Format};
use crate::input;

pub(crate) use human::{findings, summary};

pub(crate) fn run(args: &CheckArgs) -> Result<Outcome> {
    let inputs = input::many(&args.paths)?;
    match args.format {
        Format::Human => human::print(&inputs)?,
        Format::Json => json::print(&inputs)?,
    }
    let worst = inputs
        .iter()
        .flat_map(|i| &i.analysis.findings)
        .map(|f| f.severity)
        .max();
    Ok(match (worst, args.deny) {
        (Some(Severity::Error), _) | (Some(Severity::Warning), Some(Deny::Warnings)) => {
            Outcome::Findings
        }
        _ => Outcome::Clean,
    })
}
