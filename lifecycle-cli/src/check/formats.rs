//! `--format`: what is printed where.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use anstream::StripStream;
use anyhow::{Context as _, Result, bail};
use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueEnum};

use super::{Report, github, human, json, junit, sarif};
use crate::whole;

const NAME: &str = "format";

const HELP: &str = "How to print the result; with `=PATH` into a file, and then several times, such as `--format sarif=lifecycle.sarif`";

const LONG_HELP: &str = "How to print the result; with `=PATH` into a file, written whole. May be given several times: at most one goes to standard output, which gets `human` where all go into files. Without it, inside GitHub Actions (GITHUB_ACTIONS=true), `github` follows `human` by itself.";

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

/// One `--format`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Output {
    format: Format,
    /// `None`: standard output.
    path: Option<PathBuf>,
}

/// Every `--format` that was given.
#[derive(Debug, Clone, Default)]
pub(crate) struct FormatArgs(Vec<Output>);

impl FormatArgs {
    /// Prints a report everywhere it was asked for; not to standard output where something else has
    /// gone there.
    pub(crate) fn write(&self, report: &Report<'_>, is_output_taken: bool) -> Result<()> {
        if !is_output_taken {
            // A reader that has seen enough changes neither the exit code nor the files.
            crate::unless_unread(self.print(report))?;
        }
        for output in &self.0 {
            if let Some(path) = &output.path {
                let mut text = StripStream::new(Vec::new());
                output.format.write(report, &mut text)?;
                whole::write(path, &text.into_inner())
                    .with_context(|| format!("could not write {}", path.display()))?;
            }
        }
        Ok(())
    }

    /// An error where a report would take the place of one of the files that are checked.
    pub(crate) fn spare<'p>(&self, mut checked: impl Iterator<Item = &'p Path>) -> Result<()> {
        let written: Vec<_> = self
            .0
            .iter()
            .filter_map(|output| std::fs::canonicalize(output.path.as_ref()?).ok())
            .collect();
        let taken = checked
            .find(|path| std::fs::canonicalize(path).is_ok_and(|path| written.contains(&path)));
        match taken {
            Some(path) => bail!(
                "{} is checked, and would be overwritten by the report",
                path.display()
            ),
            None => Ok(()),
        }
    }

    fn print(&self, report: &Report<'_>) -> Result<()> {
        for format in self.for_output(is_github_actions()) {
            let mut out = anstream::stdout().lock();
            format.write(report, &mut out)?;
            out.flush()?;
        }
        Ok(())
    }

    /// What goes to standard output.
    fn for_output(&self, is_github_actions: bool) -> Vec<Format> {
        let asked = self.0.iter().find(|output| output.path.is_none());
        match asked {
            Some(output) => vec![output.format],
            None if self.0.is_empty() && is_github_actions => vec![Format::Human, Format::Github],
            None => vec![Format::Human],
        }
    }
}

fn is_github_actions() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Reads `FORMAT` and `FORMAT=PATH`.
#[derive(Clone)]
struct OutputParser;

impl TypedValueParser for OutputParser {
    type Value = Output;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Output, clap::Error> {
        let text = value
            .to_str()
            .ok_or_else(|| clap::Error::new(ErrorKind::InvalidUtf8).with_cmd(command))?;
        let (format, path) = match text.split_once('=') {
            Some((format, path)) => (format, Some(path)),
            None => (text, None),
        };
        let names = EnumValueParser::<Format>::new();
        let format = names.parse_ref(command, arg, OsStr::new(format))?;
        let path = match path {
            Some("") => {
                let words = format!(
                    "`--format {text}` names no file; write one behind the `=`, or leave the `=` away\n"
                );
                return Err(clap::Error::raw(ErrorKind::InvalidValue, words).with_cmd(command));
            }
            Some("-") | None => None,
            Some(path) => Some(Path::new(path).to_owned()),
        };
        Ok(Output { format, path })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values: Vec<_> = Format::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value)
            .collect();
        Some(Box::new(values.into_iter()))
    }
}

impl Args for FormatArgs {
    fn augment_args(command: Command) -> Command {
        command.arg(
            Arg::new(NAME)
                .long(NAME)
                .value_name("FORMAT[=PATH]")
                .value_parser(OutputParser)
                .action(ArgAction::Append)
                .conflicts_with("diff")
                .help(HELP)
                .long_help(LONG_HELP),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FormatArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let outputs: Vec<Output> = matches
            .get_many::<Output>(NAME)
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        for (at, output) in outputs.iter().enumerate() {
            if outputs[..at].iter().any(|other| other.path == output.path) {
                let words = match &output.path {
                    None => {
                        "only one `--format` can go to standard output; write the others into files, such as `--format sarif=lifecycle.sarif`".to_owned()
                    }
                    Some(path) => format!("two formats would go into {}", path.display()),
                };
                return Err(clap::Error::raw(ErrorKind::ArgumentConflict, words));
            }
        }
        Ok(Self(outputs))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
