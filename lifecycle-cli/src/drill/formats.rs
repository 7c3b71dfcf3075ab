//! The formats of a drill, of its record, and of two compared.

use std::io::Write;

use anyhow::Result;
use clap::ValueEnum;
use lifecycle_drill::rolling::measured::RollingMeasured;
use lifecycle_drill::{Comparison, Record};
use serde::Serialize;

use super::{human, junit, page};
use crate::formats::{self, Formats};

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: the plan beside what was measured, and what was found.
    Human,
    /// For programs: one JSON document, version 1; `lifecycle schema drill` prints its JSON Schema.
    #[value(alias = "json-v1")]
    Json,
    /// For test reports: JUnit XML, a suite a run and a case for each thing that is looked at.
    Junit,
    /// For people and for keeps: one HTML file with the timeline drawn, which needs nothing beside it.
    Html,
}

/// What there is to print.
#[derive(Clone, Copy)]
pub(crate) enum Shown<'a> {
    /// A drill, of one run or of several.
    Drill(&'a Record),
    /// A rolling deploy.
    Rolling(&'a RollingMeasured),
    /// Two drills beside one another.
    Compared {
        comparison: &'a Comparison,
        before: &'a Record,
        after: &'a Record,
    },
}

impl formats::Format for Format {
    const HELP: &'static str = "How to print the result; with `=PATH` into a file, and then several times, such as `--format html=drill.html`";
    const LONG_HELP: &'static str = "How to print the result; with `=PATH` into a file, written whole. May be given several times: at most one goes to standard output, which gets `human` where all go into files.";
    const EXAMPLE: &'static str = "html=drill.html";
}

/// Prints it everywhere it was asked for.
pub(super) fn write(formats: &Formats<Format>, shown: Shown<'_>) -> Result<()> {
    formats.write(&[Format::Human], |format, out| format.write(shown, out))
}

impl Format {
    pub(super) fn write(self, shown: Shown<'_>, out: &mut dyn Write) -> Result<()> {
        match (self, shown) {
            (Self::Human, shown) => out.write_all(human(shown).as_bytes())?,
            (Self::Json, Shown::Drill(record)) => json(record, out)?,
            (Self::Json, Shown::Compared { comparison, .. }) => json(comparison, out)?,
            (Self::Json, Shown::Rolling(measured)) => json(measured, out)?,
            (Self::Junit, Shown::Rolling(measured)) => junit::rolling(measured, out)?,
            (Self::Junit, Shown::Drill(record)) => junit::record(record, out)?,
            (Self::Junit, Shown::Compared { comparison, .. }) => junit::compared(comparison, out)?,
            (Self::Html, shown) => out.write_all(page::html(shown)?.as_bytes())?,
        }
        Ok(())
    }
}

fn human(shown: Shown<'_>) -> String {
    match shown {
        Shown::Drill(Record::One(run)) => human::run(run),
        Shown::Drill(Record::Several(several)) => human::several(several),
        Shown::Rolling(measured) => human::rolling(measured),
        Shown::Compared { comparison, .. } => human::compared(comparison),
    }
}

fn json(document: &impl Serialize, out: &mut dyn Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    writeln!(out)?;
    Ok(())
}
