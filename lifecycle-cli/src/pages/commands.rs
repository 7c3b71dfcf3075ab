//! `docs/reference/commands.md`: every command with its arguments, from the definitions that `--help`
//! is made of.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, ArgAction, Command, CommandFactory as _};

use super::{docs, hold_part};
use crate::cli::Cli;

/// Options of one command, below the heading that `--help` has for them.
type Group<'a> = (String, Vec<&'a Arg>);

/// An option as it is typed: `-o, --output <DIR>`.
fn typed(arg: &Arg) -> String {
    let values = arg.get_value_names().unwrap_or_default();
    let values: Vec<String> = values.iter().map(|name| format!("<{name}>")).collect();
    let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let value = match takes && !values.is_empty() {
        true => format!(" {}", values.join(" ")),
        false => String::new(),
    };
    if arg.is_positional() {
        return value.trim_start().to_owned();
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    format!("{}{value}", names.join(", "))
}

/// Its help, its default and the words it takes.
fn told(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help());
    let mut text = help.map(ToString::to_string).unwrap_or_default();
    let ends = |text: &str| text.ends_with(['.', '?', '!']);
    if !text.is_empty() && !ends(&text) {
        text.push('.');
    }
    let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let defaults = arg.get_default_values();
    if takes && !defaults.is_empty() && !arg.is_hide_default_value_set() {
        let defaults: Vec<_> = defaults.iter().map(|it| it.to_string_lossy()).collect();
        let _ = write!(text, " Default: `{}`.", defaults.join("`, `"));
    }
    if !takes {
        return text;
    }
    let words = arg.get_possible_values();
    let words: Vec<_> = words.iter().filter(|word| !word.is_hide_set()).collect();
    if words.is_empty() {
        return text;
    }
    if words.iter().all(|word| word.get_help().is_none()) {
        let names: Vec<&str> = words.iter().map(|word| word.get_name()).collect();
        let _ = write!(text, " One of `{}`.", names.join("`, `"));
        return text;
    }
    for word in words {
        let help = word.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = write!(text, "\n  - `{}`: {help}", word.get_name());
    }
    text
}

/// The options in the order and below the headings of `--help`.
fn groups(command: &Command) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    // Said once, at the top of the page.
    let own = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !arg.is_global_set() && arg.get_id() != "help");
    for arg in own {
        let usual = match arg.is_positional() {
            true => "Arguments",
            false => "Options",
        };
        let heading = arg.get_help_heading().unwrap_or(usual).to_owned();
        match groups.iter_mut().find(|(name, _)| *name == heading) {
            Some((_, args)) => args.push(arg),
            None => groups.push((heading, vec![arg])),
        }
    }
    groups
}

fn section(command: &Command) -> String {
    let mut text = format!("## lifecycle {}\n\n", command.get_name());
    let about = command.get_long_about().or(command.get_about());
    if let Some(about) = about {
        let _ = writeln!(text, "{about}.\n");
    }
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let _ = writeln!(text, "```text\n{usage}\n```");
    for (heading, args) in groups(command) {
        let _ = writeln!(text, "\n**{heading}**\n");
        for arg in args {
            let _ = writeln!(text, "- `{}`: {}", typed(arg), told(arg));
        }
    }
    let after = command.get_after_long_help().or(command.get_after_help());
    if let Some(after) = after {
        let after = after.to_string();
        match after.split_once("Examples:\n") {
            Some((words, examples)) => {
                let _ = write!(text, "\n{}\n", words.trim_end());
                text.push_str("\n```console\n");
                for example in examples.lines().map(str::trim) {
                    let _ = writeln!(text, "$ {example}");
                }
                text.push_str("```\n");
            }
            None => {
                let _ = writeln!(text, "\n{after}");
            }
        }
    }
    text
}

fn page() -> String {
    let mut command = Cli::command();
    command.build();
    let mut text = String::from("## Of every command\n\n");
    for arg in command.get_arguments().filter(|arg| arg.is_global_set()) {
        let _ = writeln!(text, "- `{}`: {}", typed(arg), told(arg));
    }
    text.push_str("- `-h`, `--help`: what is said here, in the terminal.\n");
    for command in command.get_subcommands() {
        if command.get_name() != "help" {
            text.push('\n');
            text.push_str(&section(command));
        }
    }
    text
}

#[test]
fn the_reference_of_the_commands_is_fresh() {
    hold_part("reference/commands.md", "commands", page().trim_end());
}

/// The lines of a page's fences that call `lifecycle`, without prompts and comments.
fn shown(text: &str) -> Vec<String> {
    let mut inside = None;
    let mut lines = Vec::new();
    for line in text.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            inside = match inside {
                Some(_) => None,
                None => Some(fence.to_owned()),
            };
        } else if inside.as_deref().is_some_and(|it| {
            it.starts_with("text") || it.starts_with("console") || it.starts_with("sh")
        }) {
            let line = line.strip_prefix("$ ").unwrap_or(line);
            if line.starts_with("lifecycle ") {
                lines.push(line.to_owned());
            }
        }
    }
    lines
}

/// The words of the first command of a line, as a shell would hand them over.
fn words(line: &str) -> Option<Vec<String>> {
    let line = line.split("  #").next().unwrap_or_default();
    let line = line.split("   ").next().unwrap_or_default();
    let mut words = Vec::new();
    for word in shell_words::split(line).ok()? {
        if ["|", ">", "&&", "||", "&"].contains(&word.as_str()) {
            break;
        }
        if let Some(last) = word.strip_suffix(';') {
            words.push(last.to_owned());
            break;
        }
        // The process that the shell has started last.
        words.push(word.replace("$!", "1"));
    }
    Some(words)
}

#[test]
fn every_command_that_a_page_shows_is_one_that_the_program_takes() {
    let mut pages = vec![docs().join("../README.md")];
    let mut directories = vec![docs()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory of docs") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                pages.push(path);
            }
        }
    }
    let is_generated = |path: &Path| path.ends_with("reference/commands.md");
    let mut seen = 0;
    let mut refused = Vec::new();
    for path in pages.iter().filter(|path| !is_generated(path)) {
        let text = std::fs::read_to_string(path).expect("a page");
        for line in shown(&text) {
            seen += 1;
            let words = words(&line).unwrap_or_default();
            if let Err(error) = Cli::command().try_get_matches_from(words)
                && error.use_stderr()
            {
                let why = error.to_string();
                let why = why.lines().next().unwrap_or_default().to_owned();
                refused.push(format!("{}: `{line}`: {why}", path.display()));
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(seen >= 40, "only {seen} commands were found");
}
