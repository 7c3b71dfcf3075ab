//! `--format`: what is printed where, for every command that has several ways to say its result.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use anstream::StripStream;
use anyhow::{Context as _, Result, bail};
use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueEnum};

use crate::talk::legible;
use crate::whole;

const NAME: &str = "format";

/// The formats of a command.
pub(crate) trait Format: ValueEnum + Copy + PartialEq + Send + Sync + 'static {
    /// What `-h` says of `--format`.
    const HELP: &'static str;
    /// What `--help` says.
    const LONG_HELP: &'static str;
    /// Flags that leave no room for a format.
    const CONFLICTS: &'static [&'static str] = &[];
    /// A file to name where an example is needed, such as `sarif=lifecycle.sarif`.
    const EXAMPLE: &'static str;
}

/// One `--format`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Output<F> {
    format: F,
    /// `None`: standard output.
    path: Option<PathBuf>,
}

/// Every `--format` that was given.
#[derive(Debug, Clone)]
pub(crate) struct Formats<F>(Vec<Output<F>>);

impl<F> Default for Formats<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F: Format> Formats<F> {
    /// None was asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes a result everywhere it was asked for; to standard output, where nothing was asked for it,
    /// in the formats `by_default`.
    pub(crate) fn write(
        &self,
        by_default: &[F],
        mut write: impl FnMut(F, &mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        // A reader that has seen enough changes neither the exit code nor the files.
        crate::unless_unread(self.print(by_default, &mut write))?;
        self.write_files(write)
    }

    /// The same for the files alone.
    pub(crate) fn write_files(
        &self,
        mut write: impl FnMut(F, &mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        for output in &self.0 {
            if let Some(path) = &output.path {
                let mut text = StripStream::new(Vec::new());
                write(output.format, &mut text)?;
                whole::write(path, &text.into_inner())
                    .with_context(|| format!("could not write {}", legible(path)))?;
            }
        }
        Ok(())
    }

    /// An error where a result would take the place of one of the files that it is made from.
    pub(crate) fn spare<'p>(&self, mut read: impl Iterator<Item = &'p Path>) -> Result<()> {
        let written: Vec<_> = self.paths().map(whole::place).collect();
        let taken = read.find(|path| written.contains(&whole::place(path)));
        match taken {
            Some(path) => bail!(
                "{} is read, and would be overwritten by the result; give `--format` another file",
                legible(path)
            ),
            None => Ok(()),
        }
    }

    /// The files that will be written.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter_map(|output| output.path.as_deref())
    }

    /// An error where a file has no directory to be written into: for commands that take long, so
    /// that nobody waits for a result that then has no place.
    pub(crate) fn ensure_places(&self) -> Result<()> {
        self.paths().try_for_each(whole::ensure_place)
    }

    /// Whether standard output will get this format, which is the only one by default.
    pub(crate) fn prints(&self, by_default: F) -> bool {
        let asked = self.0.iter().find(|output| output.path.is_none());
        asked.is_none_or(|output| output.format == by_default)
    }

    fn print(
        &self,
        by_default: &[F],
        write: &mut impl FnMut(F, &mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        let asked = self.0.iter().find(|output| output.path.is_none());
        let formats: Vec<F> = match asked {
            Some(output) => vec![output.format],
            None => by_default.to_vec(),
        };
        for format in formats {
            let mut out = crate::out::text();
            write(format, &mut out)?;
            out.flush()?;
        }
        Ok(())
    }
}

/// Reads `FORMAT` and `FORMAT=PATH`.
#[derive(Clone)]
struct OutputParser<F>(std::marker::PhantomData<F>);

impl<F: Format> TypedValueParser for OutputParser<F> {
    type Value = Output<F>;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Output<F>, clap::Error> {
        let text = value
            .to_str()
            .ok_or_else(|| clap::Error::new(ErrorKind::InvalidUtf8).with_cmd(command))?;
        let (format, path) = match text.split_once('=') {
            Some((format, path)) => (format, Some(path)),
            None => (text, None),
        };
        let names = EnumValueParser::<F>::new();
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
        let values: Vec<_> = F::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value)
            .collect();
        Some(Box::new(values.into_iter()))
    }
}

impl<F: Format> Args for Formats<F> {
    fn augment_args(command: Command) -> Command {
        command.arg(
            Arg::new(NAME)
                .long(NAME)
                .value_name("FORMAT[=PATH]")
                .value_parser(OutputParser::<F>(std::marker::PhantomData))
                .action(ArgAction::Append)
                .conflicts_with_all(F::CONFLICTS)
                .help(F::HELP)
                .long_help(F::LONG_HELP),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<F: Format> FromArgMatches for Formats<F> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let outputs: Vec<Output<F>> = matches
            .get_many::<Output<F>>(NAME)
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        for (at, output) in outputs.iter().enumerate() {
            let place = |output: &Output<F>| output.path.as_deref().map(whole::place);
            let place_taken = |other: &Output<F>| place(other) == place(output);
            if outputs[..at].iter().any(place_taken) {
                let words = match &output.path {
                    None => format!(
                        "only one `--format` can go to standard output; write the others into files, such as `--format {}`",
                        F::EXAMPLE
                    ),
                    Some(path) => format!("two formats would go into {}", legible(path)),
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
