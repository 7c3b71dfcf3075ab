//! Every fix that a finding offers, applied as it stands to every case: it mends what it was
//! offered for, and breaks nothing of the file's shape.

use std::path::{Path, PathBuf};

use lifecycle_manifest::text::Segment;
use lifecycle_manifest::{Analysis, Edit, Finding, Fix, Place, Safety, Severity};

#[test]
fn an_edit_mends_its_finding_and_breaks_nothing() {
    let mut edits = 0;
    for path in cases() {
        let bytes = std::fs::read(&path).expect("a readable checkout");
        let before = Analysis::of_bytes(&bytes);
        for finding in &before.findings {
            for fix in finding.help.iter().filter_map(|help| help.fix.as_ref()) {
                edits += 1;
                let case = path.display();
                let text = apply(&before, fix).unwrap_or_else(|| panic!("{case}: {fix:?}"));
                let after = Analysis::of(&text);
                assert!(
                    !after.findings.iter().any(|other| same(other, finding)),
                    "{case}: {} is still there after {fix:?}\n{text}",
                    finding.message,
                );
                let known: Vec<&str> = shape(&before).map(|f| f.message.as_str()).collect();
                let broken: Vec<&str> = shape(&after)
                    .filter(|other| !was_hidden(other, fix))
                    .map(|other| other.message.as_str())
                    .filter(|message| !known.contains(message))
                    .collect();
                assert!(
                    broken.is_empty(),
                    "{case}: {fix:?} for “{}” brings {broken:?}\n{text}",
                    finding.message
                );
                assert!(
                    shape(&after).count() <= shape(&before).count(),
                    "{case}: {text}"
                );
                if fix.safety == Safety::Safe && before.resolved.is_some() {
                    let errors = |of: &Analysis| {
                        let is_error = |f: &&Finding| f.severity == Severity::Error;
                        of.findings.iter().filter(is_error).count()
                    };
                    assert!(errors(&after) <= errors(&before), "{case}: {text}");
                }
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
fn was_hidden(finding: &Finding, fix: &Fix) -> bool {
    fix.edits.iter().any(|edit| {
        let (
            Edit::Replace {
                place: Place::Key(_),
                with,
            },
            Place::Key(route) | Place::Value(route),
        ) = (edit, &finding.primary.place)
        else {
            return false;
        };
        route
            .segments()
            .contains(&Segment::Key(with.as_str().into()))
    })
}

fn apply(analysis: &Analysis, fix: &Fix) -> Option<String> {
    let mut text = analysis.source.text().to_owned();
    let document = analysis.document.as_ref()?;
    for patch in fix.patches(document)?.iter().rev() {
        text.replace_range(patch.span.range(), &patch.text);
    }
    Some(text)
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
