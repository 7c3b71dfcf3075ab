//! The runs of a drill, one after the other, and what is kept and printed of them.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use lifecycle_drill::{Event, Measured, Progress, Record};

use super::Told;
use super::formats::{self, Shown};
use crate::cli::DrillArgs;
use crate::talk::say;
use crate::{Outcome, whole};

pub(super) fn run(args: &DrillArgs, told: &Told) -> Result<Outcome> {
    if let Some(path) = &args.record {
        whole::ensure_place(path)?;
        let mut reports = args.formats.paths();
        if reports.any(|report| report == path) {
            bail!(
                "the record and a report would both go into {}",
                path.display()
            );
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("could not start the async runtime")?;
    let progress = progress(args.verbose);
    let mut runs: Vec<Measured> = Vec::new();
    let mut broken = None;
    for at in 0..args.runs {
        if args.runs > 1 {
            say!("· run {} of {}", at + 1, args.runs);
        }
        let mut load = told.load.clone();
        load.seed = load.seed.wrapping_add(u64::from(at));
        match runtime.block_on(lifecycle_drill::run(
            &told.target,
            &told.script,
            &load,
            &progress,
        )) {
            Ok(measured) => runs.push(measured),
            Err(error) => {
                broken = Some(error);
                break;
            }
        }
    }
    let made = runs.len();
    let Some(record) = Record::of(runs, Vec::new()) else {
        return Err(broken.unwrap_or_else(|| anyhow::anyhow!("there was nothing to run")));
    };
    if let Some(path) = &args.record {
        keep(&record, path)?;
    }
    formats::write(&args.formats, Shown::Drill(&record))?;
    if let Some(error) = broken {
        // What was measured until then has been printed and kept all the same.
        crate::complain(&error.context(format!("only {made} of {} runs could be made", args.runs)));
        return Ok(Outcome::Incomplete);
    }
    Ok(match record.passed() {
        true => Outcome::Clean,
        false => Outcome::Findings,
    })
}

fn keep(record: &Record, path: &Path) -> Result<()> {
    let mut text = serde_json::to_vec(record)?;
    text.push(b'\n');
    whole::write(path, &text).with_context(|| format!("could not write {}", path.display()))
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
