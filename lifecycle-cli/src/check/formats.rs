//! The formats of `check`.

use std::io::Write;

use anyhow::Result;
use clap::ValueEnum;

use super::{Report, github, human, json, junit, sarif};
use crate::formats::{self, Formats};

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: the place, the sum, what to write instead.
    Human,
    /// For programs: one JSON document, version 1; `lifecycle schema report` prints its JSON Schema.
    #[value(alias = "json-v1")]
    Json,
    /// For code scanning: SARIF 2.1.0.
    Sarif,
    /// For GitHub Actions: workflow commands that become annotations.
    Github,
    /// For test reports: JUnit XML, a suite a manifest and a case a platform.
    Junit,
}

impl formats::Format for Format {
    const HELP: &'static str = "How to print the result; with `=PATH` into a file, and then several times, such as `--format sarif=lifecycle.sarif`";
    const LONG_HELP: &'static str = "How to print the result; with `=PATH` into a file, written whole. May be given several times: at most one goes to standard output, which gets `human` where all go into files. Without it, inside GitHub Actions (GITHUB_ACTIONS=true), `github` follows `human` by itself.";
    const CONFLICTS: &'static [&'static str] = &["diff"];
    const EXAMPLE: &'static str = "sarif=lifecycle.sarif";
}

impl Format {
    fn write(self, report: &Report<'_>, out: &mut dyn Write) -> Result<()> {
        match self {
            Self::Human => human::write(report, out),
            Self::Json => json::write(report, out),
            Self::Sarif => sarif::write(report, out),
            Self::Github => github::write(report, out),
            Self::Junit => junit::write(report, out),
        }
    }
}

/// Prints a report everywhere it was asked for; not to standard output where something else has gone
/// there.
pub(super) fn write(
    formats: &Formats<Format>,
    report: &Report<'_>,
    is_output_taken: bool,
) -> Result<()> {
    let write = |format: Format, out: &mut dyn Write| format.write(report, out);
    if is_output_taken {
        return formats.write_files(write);
    }
    let by_default: &[Format] = match formats.is_empty() && is_github_actions() {
        true => &[Format::Human, Format::Github],
        false => &[Format::Human],
    };
    formats.write(by_default, write)
}

fn is_github_actions() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}
