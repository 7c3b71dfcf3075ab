//! Every edit that a finding offers, applied as it stands to every case: it mends what it was
//! offered for, and breaks nothing of the file's shape.

use std::path::{Path, PathBuf};

use lifecycle_manifest::text::Segment;
use lifecycle_manifest::{Analysis, Edit, Finding, Place};

#[test]
fn an_edit_mends_its_finding_and_breaks_nothing() {
    let mut edits = 0;
    for path in cases() {
        let bytes = std::fs::read(&path).expect("a readable checkout");
        let before = Analysis::of_bytes(&bytes);
        for finding in &before.findings {
            for edit in finding.help.iter().filter_map(|help| help.edit.as_ref()) {
                edits += 1;
                let text = apply(&before, edit);
                let after = Analysis::of(&text);
                let case = path.display();
                assert!(
                    !after.findings.iter().any(|other| same(other, finding)),
                    "{case}: {} is still there after `{}`\n{text}",
                    finding.message,
                    edit.replacement
                );
                let known: Vec<&str> = shape(&before).map(|f| f.message.as_str()).collect();
                let broken: Vec<&str> = shape(&after)
                    .filter(|other| !was_hidden(other, edit))
                    .map(|other| other.message.as_str())
                    .filter(|message| !known.contains(message))
                    .collect();
                assert!(
                    broken.is_empty(),
                    "{case}: `{}` for “{}” brings {broken:?}\n{text}",
                    edit.replacement,
                    finding.message
                );
                assert!(
                    shape(&after).count() <= shape(&before).count(),
                    "{case}: {text}"
                );
            }
        }
    }
    assert!(edits > 60, "only {edits} edits: are the cases there?");
}

fn same(a: &Finding, b: &Finding) -> bool {
    a.rule == b.rule && a.message == b.message && a.primary.place == b.primary.place
}

/// What is wrong with the file's shape: rules of the first hundred.
fn shape(analysis: &Analysis) -> impl Iterator<Item = &Finding> {
    let shape = |finding: &&Finding| finding.rule.code < "LC100";
    analysis.findings.iter().filter(shape)
}

/// A value under a misspelt key is looked at only when the key is known.
fn was_hidden(finding: &Finding, edit: &Edit) -> bool {
    let (Place::Key(_), Place::Key(route) | Place::Value(route)) =
        (&edit.place, &finding.primary.place)
    else {
        return false;
    };
    let new_key = Segment::Key(edit.replacement.clone());
    route.segments().contains(&new_key)
}

fn apply(analysis: &Analysis, edit: &Edit) -> String {
    let mut text = analysis.source.text().to_owned();
    text.replace_range(analysis.span(&edit.place).range(), &edit.replacement);
    text
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut found = Vec::new();
    let mut directories = vec![root];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("a readable checkout") {
            let path = entry.expect("a readable checkout").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
