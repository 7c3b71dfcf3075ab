//! `lifecycle completions` and `lifecycle man`: what a shell and a reader of manuals want to know.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::talk::{legible, say};
use crate::{Outcome, whole};

pub(crate) fn completions(args: &CompletionsArgs) -> Result<Outcome> {
    // Into memory first: the generator cannot say that its reader has gone.
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lifecycle", &mut text);
    crate::out::bytes().write_all(&text)?;
    Ok(Outcome::Clean)
}

pub(crate) fn man(args: &ManArgs) -> Result<Outcome> {
    let mut command = Cli::command();
    command.build();
    let Some(directory) = &args.output else {
        crate::out::bytes().write_all(&page(command)?)?;
        return Ok(Outcome::Clean);
    };
    std::fs::create_dir_all(directory)
        .with_context(|| format!("could not make {}", legible(directory)))?;
    // `help` has nothing to say that these pages do not.
    let subcommands: Vec<Command> = command
        .get_subcommands()
        .filter(|command| command.get_name() != "help")
        .cloned()
        .collect();
    for command in std::iter::once(command).chain(subcommands) {
        let path = directory.join(format!("{}.1", name(&command)));
        whole::write(&path, &page(command)?)
            .with_context(|| format!("could not write {}", legible(&path)))?;
        say!("wrote {}", legible(&path));
    }
    Ok(Outcome::Clean)
}

/// `lifecycle-check` for `lifecycle check`.
fn name(command: &Command) -> String {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned()
}

fn page(command: Command) -> Result<Vec<u8>> {
    let name = name(&command);
    let mut text = Vec::new();
    Man::new(command.name(name).version(env!("CARGO_PKG_VERSION"))).render(&mut text)?;
    Ok(text)
}
