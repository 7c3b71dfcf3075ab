//! `docs/drill.md` tells every finding by its name.

use std::path::Path;

use crate::verdict;

const BEGIN: &str = "<!-- findings: written from the detections by `LIFECYCLE_BLESS=1 cargo test -p lifecycle-drill page` -->\n";
const END: &str = "<!-- findings: end -->";

fn written() -> String {
    let sections = verdict::ALL.iter().map(|detection| {
        format!(
            "### {}\n\n{}\n\n*Cause:* {}\n\n*Remedy:* {}\n",
            detection.name, detection.what, detection.cause, detection.remedy
        )
    });
    format!("\n{}\n", sections.collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_page_tells_every_finding() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/drill.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the mark");
    let (told, after) = rest.split_once(END).expect("the page has the second mark");
    if std::env::var_os("LIFECYCLE_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", written())).unwrap();
        return;
    }
    assert_eq!(told, written(), "docs/drill.md is stale; bless it");
}

#[test]
fn names_are_in_kebab_case_and_nobody_has_two() {
    let mut names: Vec<_> = verdict::ALL.iter().map(|it| it.name).collect();
    for name in &names {
        assert!(
            name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
            "{name}"
        );
    }
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

/// One file a detection, named as its finding.
#[test]
fn every_file_of_a_detection_is_in_the_list() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/verdict/detections");
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "mod.rs")
        .map(|name| name.trim_end_matches(".rs").replace('_', "-"))
        .collect();
    files.sort_unstable();
    let mut names: Vec<_> = verdict::ALL.iter().map(|it| it.name.to_owned()).collect();
    names.sort_unstable();
    assert_eq!(files, names);
}
