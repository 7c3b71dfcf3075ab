//! Every link of the book and of the other Markdown files leads to a file, and to a heading in it.
//! Nobody is asked over the network: of other hosts only this repository's own address is looked at.

use std::path::{Path, PathBuf};

use crate::page::{Page, below};
use crate::root;

/// Where this repository is shown, with the branch behind it.
const SHOWN: &[&str] = &[
    concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/"),
    concat!(env!("CARGO_PKG_REPOSITORY"), "/tree/main/"),
];

/// What is wrong with a link of this page.
fn objection(page: &Page, link: &str) -> Option<String> {
    let ours = SHOWN.iter().find_map(|shown| link.strip_prefix(shown));
    let (base, link) = match ours {
        Some(path) => (Path::new(""), path),
        None if link.contains("://") || link.starts_with("mailto:") => return None,
        None => (page.path.parent().unwrap(), link),
    };
    let (path, anchor) = link
        .split_once('#')
        .map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = match path {
        "" => page.path.clone(),
        path => plain(&base.join(path)),
    };
    let is_in_book = |path: &Path| path.starts_with("docs");
    if is_in_book(&page.path) && !is_in_book(&target) && ours.is_none() {
        return Some(format!(
            "it leaves the book: write {}{}",
            SHOWN[0],
            target.display()
        ));
    }
    let there = root().join(&target);
    if !there.exists() {
        return Some(format!("there is no {}", target.display()));
    }
    let anchor = anchor?;
    if target.extension().is_none_or(|it| it != "md") {
        return None;
    }
    let anchors = Page::read(&target).anchors();
    (!anchors.iter().any(|it| it == anchor))
        .then(|| format!("{} has no heading `{anchor}`", target.display()))
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            std::path::Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_link_leads_somewhere() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for path in below("") {
        let page = Page::read(&path);
        for (link, offset) in page.links() {
            // What the runtime's manual refers to, rustdoc resolves.
            if link.starts_with("crate::") {
                continue;
            }
            seen += 1;
            if let Some(objection) = objection(&page, &link) {
                wrong.push(format!("{}: `{link}`: {objection}", page.at(offset)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 300, "only {seen} links were found");
}

#[test]
fn an_anchor_is_named_as_its_readers_name_it() {
    let page = Page {
        path: PathBuf::from("docs/x.md"),
        text: "# `a_b` and C++, *now*\n\n## Twice\n\n## Twice\n".to_owned(),
    };
    assert_eq!(page.anchors(), ["a_b-and-c-now", "twice", "twice-1"]);
}
