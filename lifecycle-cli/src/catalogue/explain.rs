//! `lifecycle explain`: a rule's page on the terminal.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Result, bail};
use lifecycle_manifest::lints::{Selector, SelectorError};
use lifecycle_manifest::rules;
use lifecycle_manifest::rules::page::{Block, EXAMPLE};
use unicode_width::UnicodeWidthStr as _;

use super::{Entry, markdown, table};
use crate::Outcome;
use crate::cli::ExplainArgs;

const BOLD: anstyle::Style = anstyle::Style::new().bold();
const DIM: anstyle::Style = anstyle::Style::new().dimmed();
const CODE: anstyle::Style = anstyle::AnsiColor::Cyan.on_default();

/// Lines longer than this are hard to read, however wide the terminal is.
const WIDEST: usize = 100;

/// The width where there is no terminal.
const USUAL: usize = 80;

pub(crate) fn run(args: &ExplainArgs) -> Result<Outcome> {
    let Some(asked) = &args.rule else {
        return table::print();
    };
    let Some(rule) = rules::find(asked.trim()) else {
        match Selector::parse(asked) {
            Err(SelectorError::Unknown(Some(near))) => {
                bail!("there is no rule `{asked}`; did you mean `{near}`?")
            }
            _ => bail!("there is no rule `{asked}`; `lifecycle rules` lists them all"),
        }
    };
    let width = terminal_size::terminal_size()
        .map_or(USUAL, |(width, _)| usize::from(width.0))
        .clamp(40, WIDEST);
    let mut out = crate::out::text();
    write!(out, "{}", page(&Entry::of(rule), width))?;
    Ok(Outcome::Clean)
}

/// A rule's page without colours, by its code or its name.
pub(crate) fn plain(rule: &str) -> Option<String> {
    let page = page(&Entry::of(rules::find(rule)?), USUAL);
    Some(anstream::adapter::strip_str(&page).to_string())
}

fn page(entry: &Entry, width: usize) -> String {
    let rule = entry.rule;
    let mut text = format!("{BOLD}{} {}{BOLD:#}\n\n", rule.code, rule.name);
    wrap(&mut text, &entry.page.summary, "", "", width);
    text.push('\n');
    for (name, value) in entry.facts().into_iter().skip(1) {
        let _ = writeln!(text, "  {DIM}{name:<10}{DIM:#}  {}", coloured(&value));
    }
    for section in &entry.page.sections {
        let _ = writeln!(text, "\n{BOLD}{}{BOLD:#}", section.title);
        for (at, block) in section.blocks.iter().enumerate() {
            if at > 0 {
                text.push('\n');
            }
            push(&mut text, block, width);
        }
        if section.title == EXAMPLE {
            text.push_str("\n  `lifecycle check` says of it:\n\n");
            indent(&mut text, &markdown::trimmed(&entry.output));
        }
    }
    let _ = writeln!(text, "\n{DIM}{}{DIM:#}", rule.url());
    text
}

fn push(text: &mut String, block: &Block, width: usize) {
    match block {
        // Sentences stand one a line in the source; a paragraph is read here.
        Block::Prose(lines) => wrap(text, &lines.join(" "), "  ", "  ", width),
        Block::Points(points) => {
            for point in points {
                wrap(text, point, "  - ", "    ", width);
            }
        }
        Block::Code {
            deployed,
            text: code,
            ..
        } => {
            if *deployed {
                text.push_str("  deployed:\n\n");
            }
            indent(text, code);
        }
    }
}

fn indent(text: &mut String, code: &str) {
    for line in code.lines() {
        let _ = match line.is_empty() {
            true => writeln!(text),
            false => writeln!(text, "    {line}"),
        };
    }
}

/// Words, as many as fit a line.
fn wrap(text: &mut String, prose: &str, first: &str, rest: &str, width: usize) {
    let prose = without_links(prose);
    let mut line = first.to_owned();
    let mut lines = Vec::new();
    let mut has_words = false;
    for word in prose.split_whitespace() {
        if has_words && line.width() + 1 + word.width() > width {
            lines.push(std::mem::replace(&mut line, rest.to_owned()));
            has_words = false;
        }
        if has_words {
            line.push(' ');
        }
        line.push_str(word);
        has_words = true;
    }
    lines.push(line);
    // A quoted text may go over the end of a line, so colours come last.
    text.push_str(&coloured(&lines.join("\n")));
    text.push('\n');
}

/// `<https://…>` and `[words](https://…)` as they are read without Markdown.
fn without_links(prose: &str) -> String {
    let mut text = String::new();
    let mut rest = prose;
    while let Some(at) = rest.find("](") {
        let (before, after) = rest.split_at(at);
        let Some((open, close)) = before.rfind('[').zip(after.find(')')) else {
            break;
        };
        let _ = write!(
            text,
            "{}{} ({})",
            &before[..open],
            &before[open + 1..],
            &after[2..close]
        );
        rest = &after[close + 1..];
    }
    text.push_str(rest);
    bare(&text)
}

/// `<https://…>` without its brackets.
fn bare(text: &str) -> String {
    let mut bare = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("<http") {
        bare.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(end) = rest.find('>') {
            bare.push_str(&rest[..end]);
            rest = &rest[end + 1..];
        }
    }
    bare.push_str(rest);
    bare
}

/// What stands between backticks, in a colour; the backticks stay, for where there are no colours.
fn coloured(text: &str) -> String {
    let mut coloured = String::new();
    let parts: Vec<&str> = text.split('`').collect();
    let odd = parts.len().is_multiple_of(2);
    for (at, part) in parts.iter().enumerate() {
        let is_code = at % 2 == 1 && !(odd && at + 1 == parts.len());
        let _ = match is_code {
            true => write!(coloured, "{CODE}`{part}`{CODE:#}"),
            false => write!(coloured, "{part}"),
        };
    }
    coloured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_and_links_are_read() {
        let mut text = String::new();
        wrap(
            &mut text,
            "See [the docs](https://x.example/a) and <https://y.example>.",
            "- ",
            "  ",
            20,
        );
        assert_eq!(
            text,
            "- See the docs\n  (https://x.example/a)\n  and\n  https://y.example.\n"
        );
    }
}
