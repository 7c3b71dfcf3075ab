//! `lifecycle explain`.

use std::io::Write as _;

use anyhow::{Result, bail};
use lifecycle_manifest::rules;

use crate::Outcome;
use crate::cli::ExplainArgs;

pub(crate) fn run(args: &ExplainArgs) -> Result<Outcome> {
    let mut out = anstream::stdout().lock();
    match &args.rule {
        None => {
            for rule in rules::ALL {
                writeln!(
                    out,
                    "{} {:<7} {:<32} {}",
                    rule.code,
                    rule.severity,
                    rule.name,
                    rule.summary()
                )?;
            }
        }
        Some(asked) => {
            let Some(rule) = rules::find(asked) else {
                bail!("there is no rule `{asked}`; `lifecycle explain` lists them all");
            };
            writeln!(out, "# {} ({}, {})\n", rule.name, rule.code, rule.severity)?;
            for line in rule.page.lines() {
                writeln!(out, "{}", line.strip_prefix(' ').unwrap_or(line))?;
            }
        }
    }
    Ok(Outcome::Clean)
}
