//! The rules' pages in Markdown, and their index.

use std::fmt::Write as _;

use lifecycle_manifest::rules::page::{Block, EXAMPLE};
use lifecycle_manifest::rules::{self, FAMILIES};

use super::Entry;

/// How levels work; the same for all rules.
const LEVELS: &str = "\
## Levels

A finding is an error or a warning, by its rule.
Errors make `lifecycle check` exit with 1; warnings do not, unless `--deny warnings` is given.

Each of these says otherwise, a later one in this list before an earlier one:

1. the rule's own severity;
2. `lints:` in the manifest, for all of it:

   ```yaml
   lints:
     unused-grace: warn
     settle-unpaid: { level: allow, reason: \"nothing routes to this service\" }
     all: deny
   ```

   Of two entries for one rule the later holds.
   `allow` needs a reason.
3. the command line, for one run: `-A`, `-W` and `-D` (`--allow`, `--warn`, `--deny`), each with a code, a name or `all`.
   Of two for one rule the later holds.
4. a comment in the manifest, for one place, with a reason:

   ```yaml
   platforms:
     kubernetes: { grace_period: 10m } # lifecycle: allow(unused-grace) timeouts are about to grow
   ```

   Behind something, it speaks for its line and for all that begins there; on a line of its own, for what begins below it.

An allowance that matches nothing is a finding itself (`unused-allowance`), and so is one without a reason (`bad-allowance`).
What is allowed is counted in the last line of the output, and listed in the JSON with its reason.

What is wrong with the file itself (LC001 to LC015) cannot be allowed, nor can steps that wait for one another in a circle: there is nothing to go on with.
";

/// The index.
pub(super) fn index(entries: &[Entry]) -> String {
    let mut text = String::from(
        "# Rules\n\n\
         What `lifecycle check` finds, a page a rule.\n\
         The same pages are in the program: `lifecycle explain RULE`; `lifecycle rules` lists them, with `--format json` for programs.\n\
         What is known of platforms and cannot be checked is listed in [not-checked.md](not-checked.md), with the reasons.\n\n\
         - **Severity**: an error cuts work off or fails requests as written, or the file cannot be read; a warning works, with no room or with waste.\n\
         - **Confidence**: high follows from what is written and from what the platform documents; medium rests on a default or on what is usual; low is a guess by a name.\n\
         - **Fix**: a safe one means the same or only gives more time, and `check --fix` makes it; an unsafe one changes what is meant, and `--unsafe-fixes` makes it too.\n\n",
    );
    for family in FAMILIES {
        let own: Vec<&Entry> = entries
            .iter()
            .filter(|entry| entry.rule.family() == family)
            .collect();
        if own.is_empty() {
            continue;
        }
        let _ = write!(
            text,
            "## {}\n\n{}\n\n| code | name | severity | confidence | fix | |\n|---|---|---|---|---|---|\n",
            family.title, family.about
        );
        for entry in own {
            let rule = entry.rule;
            let _ = writeln!(
                text,
                "| {} | [{name}]({name}.md) | {} | {} | {} | {} |",
                rule.code,
                rule.severity,
                rule.confidence,
                entry.fix_word(),
                entry.page.summary.replace('|', "\\|"),
                name = rule.name,
            );
        }
        text.push('\n');
    }
    text.push_str(LEVELS);
    text
}

/// A rule's page.
pub(super) fn page(entry: &Entry) -> String {
    let mut text = format!(
        "# {} ({})\n\n{}\n\n| | |\n|---|---|\n",
        entry.rule.name,
        entry.rule.code,
        linked(&entry.page.summary, entry)
    );
    for (name, value) in entry.facts() {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    for section in &entry.page.sections {
        let _ = write!(text, "\n## {}\n", section.title);
        for block in &section.blocks {
            text.push('\n');
            push(&mut text, block, entry);
        }
        if section.title == EXAMPLE {
            let _ = write!(
                text,
                "\n`lifecycle check` says of it:\n\n```text\n{}```\n",
                trimmed(&entry.output)
            );
        }
    }
    text
}

/// Without empty lines and spaces at the ends.
pub(super) fn trimmed(output: &str) -> String {
    let mut text = String::new();
    for line in output.trim_end().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn push(text: &mut String, block: &Block, entry: &Entry) {
    match block {
        Block::Prose(lines) => {
            for line in lines {
                let _ = writeln!(text, "{}", linked(line, entry));
            }
        }
        Block::Points(points) => {
            for point in points {
                let _ = writeln!(text, "- {}", linked(point, entry));
            }
        }
        Block::Code {
            language,
            deployed,
            text: code,
        } => {
            if *deployed {
                text.push_str("Deployed:\n\n");
            }
            let _ = write!(text, "```{language}\n{code}```\n");
        }
    }
}

/// A sentence in which the names of other rules lead to their pages.
fn linked(line: &str, entry: &Entry) -> String {
    let mut text = String::new();
    for (at, part) in line.split('`').enumerate() {
        let rule = match at % 2 {
            1 => rules::ALL.iter().find(|rule| rule.name == part),
            _ => None,
        };
        match rule.filter(|rule| rule.code != entry.rule.code) {
            Some(rule) => {
                let _ = write!(text, "[`{part}`]({}.md)", rule.name);
            }
            None if at % 2 == 1 => {
                let _ = write!(text, "`{part}`");
            }
            None => text.push_str(part),
        }
    }
    text
}
