//! The runs of a drill, one after the other, and what is kept and printed of them.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use lifecycle_drill::rolling::Rolling;
use lifecycle_drill::scenario::Asked;
use lifecycle_drill::words::count;
use lifecycle_drill::{Event, Progress, Record};
use serde::Serialize;

use super::Told;
use super::formats::{self, Shown};
use super::scenarios::{self, Rounds};
use crate::cli::DrillArgs;
use crate::talk::{clean, legible, say, tell};
use crate::{Outcome, whole};

pub(super) fn run(args: &DrillArgs, told: &Told, asked: &[Asked]) -> Result<Outcome> {
    if told.rolling.is_some() && args.runs > 1 {
        bail!("a rolling deploy is made once; leave `--runs` away");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("could not start the async runtime")?;
    let progress = progress(args.verbose);
    if let Some(rolling) = &told.rolling {
        return runtime.block_on(roll(args, told, rolling, &progress));
    }
    let mut rounds = Rounds::default();
    let mut broken = None;
    for at in 0..args.runs {
        if args.runs > 1 {
            say!("· run {} of {}", at + 1, args.runs);
        }
        let mut told = told.clone();
        told.load.seed = told.load.seed.wrapping_add(u64::from(at));
        if let Err(error) = runtime.block_on(round(&told, asked, &progress, &mut rounds)) {
            broken = Some(error);
            break;
        }
    }
    if let ([], [none], None) = (&*rounds.played, &*rounds.not_played, &broken) {
        bail!("scenario {} is not applicable: {}", none.scenario, none.why);
    }
    let made = rounds.played.len();
    let Some(record) = Record::of(rounds.played, rounds.not_played) else {
        return Err(broken.unwrap_or_else(|| anyhow!("none of the scenarios is applicable")));
    };
    if let Some(path) = &args.record {
        keep(&record, path)?;
    }
    formats::write(&args.formats, Shown::Drill(&record))?;
    if let Some(error) = broken {
        // What was measured until then has been printed and kept all the same.
        let made = count(
            made as u64,
            if asked.is_empty() { "run" } else { "scenario" },
        );
        crate::complain(&error.context(format!("the drill broke off after {made}")));
        return Ok(Outcome::Incomplete);
    }
    Ok(match record.passed() {
        true => Outcome::Clean,
        false => Outcome::Findings,
    })
}

/// One run, or one of each scenario that was asked for.
async fn round(
    told: &Told,
    asked: &[Asked],
    progress: &Progress,
    rounds: &mut Rounds,
) -> Result<()> {
    if !asked.is_empty() {
        return scenarios::play(asked, told, progress, rounds).await;
    }
    let measured = lifecycle_drill::run(&told.target, &told.script, &told.load, progress).await?;
    rounds.played.push(measured);
    Ok(())
}

/// A rolling deploy, of which there is one.
async fn roll(
    args: &DrillArgs,
    told: &Told,
    rolling: &Rolling,
    progress: &Progress,
) -> Result<Outcome> {
    let Told {
        target,
        script,
        load,
        ..
    } = told;
    let measured = lifecycle_drill::rolling::run(target, script, load, rolling, progress).await?;
    if let Some(path) = &args.record {
        keep(&measured, path)?;
    }
    formats::write(&args.formats, Shown::Rolling(&measured))?;
    Ok(match measured.passed {
        true => Outcome::Clean,
        false => Outcome::Findings,
    })
}

/// An error where what was asked for has no place, or would take the place of what is read or of one
/// another: before anything is built or played.
pub(super) fn ensure_places(args: &DrillArgs, read: &[&Path]) -> Result<()> {
    args.formats.spare(read.iter().copied())?;
    args.formats.ensure_places()?;
    let Some(path) = &args.record else {
        return Ok(());
    };
    whole::ensure_place(path)?;
    let place = whole::place(path);
    if args.formats.paths().any(|it| whole::place(it) == place) {
        bail!(
            "the record and a report would both go into {}",
            legible(path)
        );
    }
    if read.iter().any(|it| whole::place(it) == place) {
        bail!(
            "{} is read, and would be overwritten by the record; give `--record` another file",
            legible(path)
        );
    }
    match std::fs::metadata(path) {
        Ok(there) if there.is_file() && there.len() > 0 => {}
        _ => return Ok(()),
    }
    let there = std::fs::read(path).with_context(|| format!("could not read {}", legible(path)))?;
    if !is_record(&there) {
        bail!(
            "{} is there and is no record of a drill; give `--record` another file, or remove it",
            legible(path)
        );
    }
    say!("note: the record in {} will be replaced", legible(path));
    Ok(())
}

/// Whether this is what `--record` writes, of whatever version.
fn is_record(text: &[u8]) -> bool {
    let document: Option<serde_json::Value> = serde_json::from_slice(text).ok();
    document.is_some_and(|it| {
        let is_drill = ["runs", "course"].iter().any(|key| it.get(key).is_some());
        it.get("version").is_some() && (is_drill || it["kind"] == "rolling")
    })
}

fn keep(record: &impl Serialize, path: &Path) -> Result<()> {
    let mut text = serde_json::to_vec(record)?;
    text.push(b'\n');
    whole::write(path, &text).with_context(|| format!("could not write {}", legible(path)))
}

/// What happens goes to standard error: standard output is for the result.
fn progress(verbose: bool) -> Progress {
    Arc::new(move |event| match event {
        Event::Output(line) if verbose => tell!("  | {}", clean(line)),
        // What became of the requests is told at the end.
        Event::Output(_) | Event::Traffic(_) => {}
        event => say!("· {}", clean(&event.to_string())),
    })
}
