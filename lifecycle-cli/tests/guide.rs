//! The page that says how to add a platform names places of the code: they are still there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

#[test]
fn every_place_that_the_guide_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = std::fs::read_to_string(root.join("docs/adding-a-platform.md")).unwrap();
    let mut places = 0;
    for fence in guide.lines().filter_map(|line| line.strip_prefix("```")) {
        let words = fence.split_once(' ').map_or("", |(_, words)| words);
        if let Some(path) = words.strip_prefix("file=") {
            assert!(!root.join(path).exists(), "{path} is there already");
        }
        let Some(words) = words.strip_prefix("add=") else {
            continue;
        };
        let (path, after) = words.split_once(" after=\"").unwrap();
        let after = after.strip_suffix('"').unwrap().replace("\\\"", "\"");
        let text = std::fs::read_to_string(root.join(path)).unwrap();
        let is_there = text.lines().any(|line| line.starts_with(&after));
        assert!(is_there, "no line of {path} begins with `{after}`");
        places += 1;
    }
    assert!(places >= 10, "{places} places");
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let mut tests = 0;
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let held_by = row.rsplit('|').nth(1).unwrap();
        let mut text: Option<String> = None;
        for word in held_by.split('`').skip(1).step_by(2) {
            if let Some(path) = word.strip_suffix(".rs") {
                let path = root.join(path).with_extension("rs");
                text = Some(std::fs::read_to_string(&path).expect(word));
            } else if let Some(text) = &text {
                assert!(text.contains(&format!("fn {word}(")), "no `{word}`: {row}");
                tests += 1;
            }
        }
    }
    assert!(tests >= 40, "{tests} tests");
}
