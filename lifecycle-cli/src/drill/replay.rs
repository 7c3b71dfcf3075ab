//! `lifecycle replay`: a recorded drill drawn again, or two of them compared.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use lifecycle_drill::compare::Change;
use lifecycle_drill::{Comparison, Kept, Record};

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
    let Some(other) = &args.other else {
        return again(args);
    };
    let (before, after) = (
        read_of(&args.record, Record::read)?,
        read_of(other, Record::read)?,
    );
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

/// One record, with the verdict that it had.
fn again(args: &ReplayArgs) -> Result<Outcome> {
    let kept = read_of(&args.record, Kept::read)?;
    let (shown, passed) = match &kept {
        Kept::Drill(record) => (Shown::Drill(record), record.passed()),
        Kept::Rolling(measured) => (Shown::Rolling(measured), measured.passed),
    };
    formats::write(&args.formats, shown)?;
    Ok(match passed {
        true => Outcome::Clean,
        false => Outcome::Findings,
    })
}

fn read_of<T>(path: &Path, read: fn(&[u8]) -> Result<T>) -> Result<T> {
    let (name, text) = match path == Path::new("-") {
        true => {
            let mut text = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut text);
            ("standard input".to_owned(), read.map(|_| text))
        }
        false => (legible(path), std::fs::read(path)),
    };
    let text = text.with_context(|| format!("could not read {name}"))?;
    read(&text).with_context(|| format!("{name} is no recorded drill"))
}
