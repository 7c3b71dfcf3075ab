//! `lifecycle`: check, generate, draw and drill how a service stops.
//!
//! This crate reads files, prints and exits. What a manifest means is known to `lifecycle-manifest`.
//! It is a library for the sake of its fuzz targets; the program is [`main`].

mod catalogue;
mod check;
mod cli;
mod drill;
mod formats;
#[cfg(any(fuzzing, clippy))]
pub mod fuzz;
mod generate;
mod init;
mod input;
mod junit;
mod levels;
mod lsp;
mod out;
#[cfg(test)]
mod pages;
mod picture;
#[cfg(test)]
mod platforms_table;
mod progress;
mod rollout;
mod schema;
mod serve;
mod shell;
mod talk;
mod template;
mod whole;

use std::process::ExitCode;

use clap::Parser as _;

use crate::talk::tell;

/// How a command ended, where it could run at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Nothing to object to.
    Clean,
    /// Findings, stale files, a drill that lost something, or an editor that left without a word.
    Findings,
    /// Some of what was asked for could not be read; the rest has been reported.
    Incomplete,
}

/// The whole program.
pub fn main() -> ExitCode {
    lifecycle_drill::guard::serve_if_asked();
    let cli = cli::Cli::parse();
    cli.color.apply();
    if cli.quiet > 0 {
        talk::hush();
    }
    let result = match &cli.command {
        cli::Command::Check(args) => check::run(args, cli.quiet),
        cli::Command::Init(args) => init::run(args),
        cli::Command::Gen(args) => generate::run(args),
        cli::Command::Plan(args) => picture::run(args),
        cli::Command::Drill(args) => drill::run(args),
        cli::Command::Replay(args) => drill::replay(args),
        cli::Command::Serve(args) => serve::run(args),
        cli::Command::Schema(args) => schema::run(args),
        cli::Command::Rules(args) => catalogue::rules(args),
        cli::Command::Explain(args) => catalogue::explain(args),
        cli::Command::Lsp(_) => lsp::run(),
        cli::Command::Completions(args) => shell::completions(args),
        cli::Command::Man(args) => shell::man(args),
    };
    match result {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Findings) => ExitCode::from(1),
        Ok(Outcome::Incomplete) => ExitCode::from(2),
        Err(error) if is_unread(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

/// Says what went wrong, with its causes.
fn complain(error: &anyhow::Error) {
    let style = anstyle::Style::new()
        .bold()
        .fg_color(Some(anstyle::AnsiColor::Red.into()));
    let words = format!("{error:#}");
    // What a program or a file says is in it: lines stay lines, and nothing else moves the cursor.
    let lines: Vec<String> = words.lines().map(talk::clean).collect();
    tell!("{style}error{style:#}: {}", lines.join("\n"));
}

/// The same, where nobody reads on is as good as printed.
fn unless_unread(printed: anyhow::Result<()>) -> anyhow::Result<()> {
    match printed {
        Err(error) if is_unread(&error) => Ok(()),
        printed => printed,
    }
}

/// Whoever read our output has seen enough; that is no failure of ours, as any other closed pipe is.
fn is_unread(error: &anyhow::Error) -> bool {
    let is_broken_pipe = error
        .chain()
        .filter_map(|cause| {
            let io = cause
                .downcast_ref::<std::io::Error>()
                .map(std::io::Error::kind);
            let json = || cause.downcast_ref::<serde_json::Error>()?.io_error_kind();
            io.or_else(json)
        })
        .any(|kind| kind == std::io::ErrorKind::BrokenPipe);
    is_broken_pipe && out::has_reader_left()
}
