//! The rules as a table, for people.

use std::io::Write as _;

use anyhow::Result;
use lifecycle_manifest::Severity;
use lifecycle_manifest::rules::FAMILIES;

use super::Entry;
use crate::Outcome;

const BOLD: anstyle::Style = anstyle::Style::new().bold();
const DIM: anstyle::Style = anstyle::Style::new().dimmed();

pub(super) fn print() -> Result<Outcome> {
    let mut out = crate::out::text();
    let entries = Entry::all();
    let names = entries.iter().map(|entry| entry.rule.name.len());
    let name = names.max().unwrap_or(0);
    // What does not fit a terminal's line is cut there; elsewhere nothing is.
    let most = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let before = "LC000  ".len() + name + "  warning  medium  unsafe  ".len();
    for family in FAMILIES {
        let mut own = entries
            .iter()
            .filter(|entry| entry.rule.family() == family)
            .peekable();
        if own.peek().is_none() {
            continue;
        }
        writeln!(out, "{BOLD}{}{BOLD:#}", family.title)?;
        for entry in own {
            let rule = entry.rule;
            let style = match rule.severity {
                Severity::Error => anstyle::AnsiColor::Red.on_default(),
                Severity::Warning => anstyle::AnsiColor::Yellow.on_default(),
            };
            writeln!(
                out,
                "{}  {:name$}  {style}{:<7}{style:#}  {:<6}  {:<6}  {DIM}{}{DIM:#}",
                rule.code,
                rule.name,
                rule.severity,
                rule.confidence,
                entry.fix_word(),
                cut(
                    &entry.page.summary,
                    most.map(|most| most.saturating_sub(before))
                ),
            )?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "Columns: code, name, severity, confidence, fix. `lifecycle explain RULE` has the page of each."
    )?;
    Ok(Outcome::Clean)
}

fn cut(text: &str, most: Option<usize>) -> String {
    match most {
        Some(most) if text.chars().count() > most && most > 20 => {
            let kept: String = text.chars().take(most - 1).collect();
            format!("{}…", kept.trim_end())
        }
        _ => text.to_owned(),
    }
}
