//! `docs/SUMMARY.md`, the book's table of contents, has every page once.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::page::{Page, below};
use crate::{root, support};

const SUMMARY: &str = "docs/SUMMARY.md";

/// The pages in the order of the book.
pub(crate) fn pages() -> Vec<PathBuf> {
    let links = Page::read(Path::new(SUMMARY)).links();
    let paths: Vec<PathBuf> = links
        .iter()
        .map(|(link, _)| Path::new("docs").join(link))
        .collect();
    assert!(paths.len() >= 100, "{paths:?}");
    paths
}

/// The rules' pages as they belong below `rules/README.md`.
fn rules() -> String {
    let pages = below("docs/rules");
    let names = pages.iter().filter_map(|path| path.file_stem()?.to_str());
    let mut list = String::new();
    for name in names.filter(|name| *name != "README") {
        let _ = writeln!(list, "  - [{name}](rules/{name}.md)");
    }
    list
}

#[test]
fn the_rules_are_in_the_summary() {
    let text = Page::read(Path::new(SUMMARY)).text;
    let head = "](rules/README.md)\n";
    let from = text.find(head).unwrap() + head.len();
    let there: String = text[from..]
        .split_inclusive('\n')
        .take_while(|line| line.starts_with("  - "))
        .collect();
    if there == rules() {
        return;
    }
    assert!(
        support::blessing(),
        "LIFECYCLE_BLESS=1 writes the rules into {SUMMARY}"
    );
    let fresh = format!(
        "{}{}{}",
        &text[..from],
        rules(),
        &text[from + there.len()..]
    );
    std::fs::write(root().join(SUMMARY), fresh).unwrap();
}

#[test]
fn every_page_is_in_the_summary_once() {
    let mut listed = pages();
    listed.sort();
    let mut there = below("docs");
    there.retain(|path| path != Path::new(SUMMARY));
    let missing: Vec<_> = there.iter().filter(|path| !listed.contains(path)).collect();
    assert!(missing.is_empty(), "not in {SUMMARY}: {missing:?}");
    let twice: Vec<_> = listed.windows(2).filter(|two| two[0] == two[1]).collect();
    assert!(twice.is_empty(), "twice in {SUMMARY}: {twice:?}");
}
