//! The page of what is known and not checked is the map's own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;

use lifecycle_manifest::rules::hazards;

#[test]
fn the_page_of_what_is_not_checked_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rules/not-checked.md");
    let page = hazards::page();
    if support::blessing() {
        std::fs::write(&path, &page).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored.replace("\r\n", "\n") == page,
        "docs/rules/not-checked.md is not what the map says; LIFECYCLE_BLESS=1 writes it anew"
    );
}

/// A page that a link leads to is there.
#[test]
fn its_links_lead_to_pages() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rules");
    let lost: Vec<&str> = hazards::all()
        .flat_map(|hazard| hazard.rules)
        .copied()
        .filter(|rule| !directory.join(format!("{rule}.md")).exists())
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert!(hazards::all().count() > 100);
}
