//! `lifecycle replay`: a recorded drill drawn again, or two of them compared.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use lifecycle_drill::compare::Change;
use lifecycle_drill::{Comparison, Record};

use super::formats::{self, Shown};
use crate::Outcome;
use crate::cli::ReplayArgs;
use crate::talk::legible;

pub(crate) fn run(args: &ReplayArgs) -> Result<Outcome> {
    if args.other.as_deref() == Some(args.record.as_path()) && args.record == Path::new("-") {
        bail!("standard input holds one record; name a file for the other");
    }
    let read = [Some(args.record.as_path()), args.other.as_deref()];
    args.formats.spare(read.into_iter().flatten())?;
    args.formats.ensure_places()?;
    let before = record(&args.record)?;
    let Some(other) = &args.other else {
        formats::write(&args.formats, Shown::Drill(&before))?;
        return Ok(match before.passed() {
            true => Outcome::Clean,
            false => Outcome::Findings,
        });
    };
    let after = record(other)?;
    let comparison = Comparison::of(&before, &after);
    let shown = Shown::Compared {
        comparison: &comparison,
        before: &before,
        after: &after,
    };
    formats::write(&args.formats, shown)?;
    Ok(match comparison.verdict {
        Change::Worse => Outcome::Findings,
        Change::Better | Change::Same | Change::Unknown => Outcome::Clean,
    })
}

fn record(path: &Path) -> Result<Record> {
    let (name, text) = match path == Path::new("-") {
        true => {
            let mut text = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut text);
            ("standard input".to_owned(), read.map(|_| text))
        }
        false => (legible(path), std::fs::read(path)),
    };
    let text = text.with_context(|| format!("could not read {name}"))?;
    Record::read(&text).with_context(|| format!("{name} is no recorded drill"))
}
