//! `-A`, `-W` and `-D`: levels from the command line, in the order they were written.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use lifecycle_manifest::lints::{Level, Levels, Selector, SelectorError};

/// Levels in the order of the command line: of two for one rule the later holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct LevelArgs(pub(crate) Levels);

const FLAGS: [(&str, char, Level, &str); 3] = [
    (
        "allow",
        'A',
        Level::Allow,
        "Do not show findings of this rule; `all` for every rule whose level can be set",
    ),
    (
        "warn",
        'W',
        Level::Warn,
        "Count findings of this rule as warnings",
    ),
    (
        "deny",
        'D',
        Level::Deny,
        "Count findings of this rule as errors; `warnings` for all that are warnings",
    ),
];

fn selector(text: &str) -> Result<Selector, String> {
    // Every finding whose level can be set is a warning or an error already.
    let text = if text == "warnings" { "all" } else { text };
    Selector::parse(text).map_err(|error| match error {
        SelectorError::Unknown(Some(near)) => {
            format!("there is no such rule; did you mean `{near}`?")
        }
        SelectorError::Unknown(None) => {
            "there is no such rule; `lifecycle rules` lists them all".to_owned()
        }
        SelectorError::Fixed => {
            "this rule has no level: a file that it finds something in cannot be judged".to_owned()
        }
    })
}

impl Args for LevelArgs {
    fn augment_args(command: Command) -> Command {
        FLAGS
            .into_iter()
            .fold(command, |command, (long, short, _, help)| {
                command.arg(
                    Arg::new(long)
                        .long(long)
                        .short(short)
                        .value_name("RULE")
                        .value_parser(selector)
                        .action(ArgAction::Append)
                        .help_heading("Levels")
                        .help(help),
                )
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for LevelArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut levels = Vec::new();
        for (long, _, level, _) in FLAGS {
            let places = matches.indices_of(long).into_iter().flatten();
            let selectors = matches.get_many::<Selector>(long).into_iter().flatten();
            levels.extend(
                places
                    .zip(selectors)
                    .map(|(at, selector)| (at, *selector, level)),
            );
        }
        levels.sort_by_key(|(at, ..)| *at);
        let levels = levels
            .into_iter()
            .map(|(_, selector, level)| (selector, level));
        Ok(Self(Levels(levels.collect())))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
