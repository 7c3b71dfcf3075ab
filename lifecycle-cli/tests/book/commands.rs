//! The commands of the pages, run as somebody types them who follows the page.
//!
//! A page is one session of a shell in an empty directory, in which `lifecycle` is a clone of this
//! repository. Files that the page shows with `file=PATH` are written there in their turn.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::elision::fits;
use crate::page::{Fence, Page};
use crate::tools::Tools;
use crate::{root, summary, support};

/// One line behind `$ `, with what the page shows below it.
struct Typed {
    at: String,
    command: String,
    shown: String,
    /// Where that is in the page.
    span: std::ops::Range<usize>,
    exit: i32,
}

enum Step {
    File { path: String, text: String },
    Typed(Typed),
}

/// The commands of a fence. With `exit=N` the last of them ends with N, all others with 0.
fn typed(page: &Page, fence: &Fence) -> Vec<Typed> {
    let mut commands: Vec<Typed> = Vec::new();
    let mut offset = fence.span.start;
    let mut goes_on = false;
    for line in fence.text.split_inclusive('\n') {
        let end = offset + line.len();
        let bare = line.trim_end_matches('\n');
        if goes_on {
            let last = commands.last_mut().unwrap();
            last.command.push('\n');
            last.command
                .push_str(bare.strip_prefix("> ").unwrap_or(bare));
            last.span = end..end;
        } else if let Some(command) = bare.strip_prefix("$ ") {
            commands.push(Typed {
                at: page.at(offset),
                command: command.to_owned(),
                shown: String::new(),
                span: end..end,
                exit: 0,
            });
        } else {
            let place = page.at(offset);
            let last = commands.last_mut();
            let last = last.unwrap_or_else(|| panic!("{place}: output without a command"));
            last.shown.push_str(line);
            last.span.end = end;
        }
        goes_on = bare.ends_with('\\') && (goes_on || bare.starts_with("$ "));
        offset = end;
    }
    let exit = fence.value("exit").map_or(0, |exit| exit.parse().unwrap());
    if let Some(last) = commands.last_mut() {
        last.exit = exit;
    }
    commands
}

/// What is to be done on a page, in order; nothing where it has no command. What is not run is said.
fn steps(page: &Page, tools: &Tools) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut runs = false;
    for fence in page.fences() {
        if let Some(path) = fence.value("file") {
            let text = fence.text.clone();
            let path = path.to_owned();
            steps.push(Step::File { path, text });
        }
        if fence.language() != "console" {
            continue;
        }
        let commands = typed(page, &fence);
        if let Some(lacks) = fence.value("needs").and_then(|need| tools.lacks(need)) {
            let at = page.at(fence.span.start);
            support::skipped(&format!("{at}: {lacks}"));
            continue;
        }
        let Some(reason) = fence.after("no_run") else {
            runs = true;
            steps.extend(commands.into_iter().map(Step::Typed));
            continue;
        };
        let place = page.at(fence.span.start);
        assert!(!reason.is_empty(), "{place}: why is it not run?");
        for Typed { at, command, .. } in commands {
            // Past the harness, which keeps what a passing test prints to itself.
            let _ = writeln!(std::io::stderr(), "NOT RUN: {at}: {command} ({reason})");
        }
    }
    if !runs {
        steps.clear();
    }
    steps
}

/// One word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A shell's script of all steps, that leaves output and exit code of the Nth in `N.out` and `N.exit`.
fn script(steps: &[Step], notes: &Path) -> String {
    let notes = quoted(notes.to_str().unwrap());
    // What the page has started in the background ends with it, also where the page does not end well.
    let mut script = "trap 'kill $(jobs -p) 2>/dev/null' EXIT\n".to_owned();
    for (n, step) in steps.iter().enumerate() {
        let _ = match step {
            Step::File { path, text } => writeln!(
                script,
                "mkdir -p \"$(dirname {path})\"\nprintf '%s' {} >{path}",
                quoted(text),
                path = quoted(path),
            ),
            Step::Typed(Typed { command, .. }) => writeln!(
                script,
                "{{ {command}\n}} >{notes}/{n}.out 2>&1 </dev/null\necho $? >{notes}/{n}.exit"
            ),
        };
    }
    script
}

/// Follows the page, and says what did not go as it says.
fn follow(page: &Page, tools: &Tools) -> Vec<String> {
    let steps = steps(page, tools);
    if steps.is_empty() {
        return Vec::new();
    }
    let (desk, notes) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(root(), desk.path().join("lifecycle")).unwrap();
    let script = script(&steps, notes.path());
    let mut shell = tools.shell(desk.path());
    shell
        .arg("-c")
        .arg(&script)
        .env_remove("CARGO_TARGET_DIR")
        // The crates of the workspace, at the workspace's versions: nothing is resolved anew.
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .stdin(Stdio::null());
    for name in [
        "GITHUB_ACTIONS",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "LIFECYCLE_BLESS",
    ] {
        shell.env_remove(name);
    }
    let status = shell.status().unwrap();
    let mut wrong = Vec::new();
    let mut fresh = page.text.clone();
    for (n, step) in steps.iter().enumerate().rev() {
        let Step::Typed(typed) = step else { continue };
        let read = |kind: &str| std::fs::read_to_string(notes.path().join(format!("{n}.{kind}")));
        let Ok(exit) = read("exit") else {
            wrong.push(format!(
                "{}: not come to: the shell ended with {status}",
                typed.at
            ));
            continue;
        };
        let exit: i32 = exit.trim().parse().unwrap();
        let printed =
            String::from_utf8_lossy(&std::fs::read(notes.path().join(format!("{n}.out"))).unwrap())
                .replace(desk.path().to_str().unwrap(), "~");
        if exit != typed.exit {
            let Typed {
                at,
                command,
                exit: expected,
                ..
            } = typed;
            wrong.push(format!(
                "{at}: `{command}` ended with {exit}, not with {expected}:\n{printed}"
            ));
        } else if !typed.shown.is_empty() && !fits(&typed.shown, &printed) {
            if support::blessing() && !typed.shown.contains('…') {
                fresh.replace_range(typed.span.clone(), &format!("{}\n", printed.trim_end()));
            } else {
                let diff = similar::TextDiff::from_lines(&typed.shown, &printed);
                wrong.push(format!(
                    "{}: `{}` prints something else\n{}",
                    typed.at,
                    typed.command,
                    diff.unified_diff()
                ));
            }
        }
    }
    if fresh != page.text {
        std::fs::write(root().join(&page.path), fresh).unwrap();
    }
    wrong.reverse();
    wrong
}

/// `LIFECYCLE_PAGE=tutorial` follows the pages with that in their paths alone.
#[test]
fn every_command_of_the_book_does_what_its_page_says() {
    let asked = std::env::var("LIFECYCLE_PAGE").unwrap_or_default();
    let mut wrong = Vec::new();
    let mut followed = 0;
    let tools = Tools::new();
    for path in summary::pages() {
        if path.to_str().unwrap().contains(&asked) && !path.starts_with("docs/rules") {
            followed += 1;
            wrong.extend(follow(&Page::read(&path), &tools));
        }
    }
    assert!(followed > 0, "no page has `{asked}` in its path");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
