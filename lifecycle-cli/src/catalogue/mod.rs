//! The rules as documentation: `lifecycle rules` and `lifecycle explain`.
//!
//! All of it comes from the rules' own pages. What stands beside a page (its rule's data, what the
//! example makes `check` say) is put together here once, and every form is made of that.

mod explain;
mod files;
mod json;
mod markdown;
mod table;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use lifecycle_manifest::Safety;
use lifecycle_manifest::rules::page::Page;
use lifecycle_manifest::rules::{self, Rule};

use crate::Outcome;

pub(crate) use explain::{plain as explained, run as explain};

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 printed, written or fresh, 1 a page is stale (with --check), 2 could not run."
)]
pub(crate) struct RulesArgs {
    /// How to print them.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: RulesFormat,
    /// Write the pages into this directory, with an index.
    #[arg(short, long, value_name = "DIR", required_if_eq("format", "markdown"))]
    pub(crate) output: Option<PathBuf>,
    /// Compare with what is in the directory, name what is stale, and write nothing.
    #[arg(long, requires = "output")]
    pub(crate) check: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RulesFormat {
    /// A table for people.
    Human,
    /// One JSON document, version 1, with every page in it.
    Json,
    /// A page a rule and an index, as files.
    Markdown,
}

/// A rule with its page and with what it says of its own example.
struct Entry {
    rule: &'static Rule,
    page: Page,
    /// The findings of the example, as they are printed.
    output: String,
    /// The likeliest way out of the example that is edits.
    fix: Option<Safety>,
}

impl Entry {
    fn of(rule: &'static Rule) -> Self {
        let page = Page::of(rule);
        let shown = page.example().shown(rule);
        let (output, fix) = shown.map_or_else(Default::default, |it| (it.output, it.fix));
        Self {
            rule,
            page,
            output,
            fix,
        }
    }

    fn all() -> Vec<Self> {
        rules::ALL.iter().map(|rule| Self::of(rule)).collect()
    }

    /// In one word, for a table.
    fn fix_word(&self) -> &'static str {
        self.fix.map_or("-", Safety::as_str)
    }

    /// What the page says beside its sections: names and values.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let fix = match self.fix {
            Some(Safety::Safe) => "safe: `check --fix` makes it",
            Some(Safety::Unsafe) => "unsafe: `check --fix --unsafe-fixes` makes it",
            None => "none",
        };
        let level = match self.rule.can_be_allowed() {
            true => "can be set, and findings can be allowed",
            false => "always an error",
        };
        vec![
            ("code", self.rule.code.to_owned()),
            ("severity", self.rule.severity.to_string()),
            ("confidence", self.rule.confidence.to_string()),
            ("level", level.to_owned()),
            ("fix", fix.to_owned()),
            ("since", self.rule.since.to_owned()),
        ]
    }
}

pub(crate) fn rules(args: &RulesArgs) -> Result<Outcome> {
    match (args.format, &args.output) {
        (RulesFormat::Markdown, Some(directory)) => files::run(directory, args.check),
        (RulesFormat::Markdown, None) => {
            bail!("these are many pages: name their directory with `-o DIR`")
        }
        (_, Some(_)) => bail!("only `--format markdown` writes a directory"),
        (RulesFormat::Human, None) => table::print(),
        (RulesFormat::Json, None) => json::print(),
    }
}
