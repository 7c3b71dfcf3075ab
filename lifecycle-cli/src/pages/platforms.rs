//! `docs/platforms/KEY.md`: of each platform its facts out of the registries, and its keys out of the
//! schema.

use std::fmt::Write as _;
use std::time::Duration;

use lifecycle_manifest::Platform;
use lifecycle_manifest::duration::human;

use super::manifest::{Root, table};
use super::{docs, hold_part};
use crate::platforms_table::{COLUMNS, cells, line};

/// Ways of running on a platform that may have a limit of their own.
const ENTRIES: &[&str] = &["{}", "{ launch_type: fargate }"];

fn facts(key: &'static str) -> String {
    let mut text = String::from("| | |\n|---|---|\n");
    for (name, value) in COLUMNS.iter().zip(cells(key)).skip(1) {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    let Some(facts) = Platform::facts_of(key) else {
        return text;
    };
    let _ = writeln!(text, "| counted in steps of | {} |", human(facts.unit));
    if facts.kill_floor > Duration::ZERO {
        let floor = human(facts.kill_floor);
        let _ = writeln!(text, "| from the signal to SIGKILL, at least | {floor} |");
    }
    let mut caps = ENTRIES
        .iter()
        .filter_map(|entry| line(key, entry)?.terms.cap);
    if let Some(cap) = caps.next() {
        let _ = writeln!(text, "| at most | {} |", cap.because);
    }
    text
}

/// `cloud-run.md` for `cloud_run`.
fn page(key: &str) -> String {
    format!("platforms/{}.md", key.replace('_', "-"))
}

#[test]
fn the_page_of_each_platform_says_what_the_registries_say() {
    let root = Root::new();
    for key in Platform::KEYS {
        let page = page(key);
        assert!(docs().join(&page).is_file(), "there is no docs/{page}");
        hold_part(&page, "facts", facts(key).trim_end());
        hold_part(&page, "keys", table(&root, root.platform(key)).trim_end());
    }
}

#[test]
fn the_list_of_the_platforms_is_whole() {
    let mut list = String::new();
    for key in Platform::KEYS {
        let name = Platform::facts_of(key).map_or("", |facts| facts.name);
        let _ = writeln!(list, "- [{name}]({}.md)", key.replace('_', "-"));
    }
    hold_part("platforms/README.md", "platforms", list.trim_end());
}
