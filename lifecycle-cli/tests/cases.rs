//! Cases as files: `tests/cases/<area>/<name>.yaml`, and beside each one `<name>.stdout` with what
//! `lifecycle check` says of it, whole. The first line is the exit code.
//!
//! Adding a case is adding a file. `LIFECYCLE_BLESS=1 cargo test -p lifecycle-cli --test cases`
//! writes the expected files anew; what it changed is read in the diff before it is kept.

mod support;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[test]
fn every_case_gets_the_answer_beside_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases");
    let bless = support::blessing();
    let files = files(&root);
    let mut failures = String::new();
    let mut expected_files = BTreeSet::new();
    let mut count = 0;
    for case in files.iter().filter(|path| has_ending(path, "yaml")) {
        count += 1;
        let expected_file = case.with_extension("stdout");
        let case_name = case.to_str().expect("a case's name is text");
        let args = ["check", "--color", "never", case_name];
        let actual = support::answer(&support::run(&root, &args));
        if bless {
            if std::fs::read_to_string(root.join(&expected_file))
                .ok()
                .as_ref()
                != Some(&actual)
            {
                std::fs::write(root.join(&expected_file), &actual).expect("a writable checkout");
            }
        } else {
            match std::fs::read_to_string(root.join(&expected_file)) {
                Ok(expected) if expected == actual => {}
                Ok(expected) => {
                    let diff = similar::TextDiff::from_lines(&expected, &actual)
                        .unified_diff()
                        .header("expected", "actual")
                        .to_string();
                    let _ = writeln!(failures, "{}\n{diff}", case.display());
                }
                Err(_) => {
                    let _ = writeln!(
                        failures,
                        "{} has no .stdout beside it\n{actual}",
                        case.display()
                    );
                }
            }
        }
        expected_files.insert(expected_file);
    }
    for orphan in files.iter().filter(|path| has_ending(path, "stdout")) {
        if !expected_files.contains(orphan) {
            let _ = writeln!(failures, "{} has no .yaml beside it", orphan.display());
        }
    }
    assert!(count > 0, "no cases in {}", root.display());
    assert!(
        failures.is_empty(),
        "{failures}\nLIFECYCLE_BLESS=1 writes the expected files anew"
    );
}

/// Every file below, by its path from there, in order.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("a readable checkout") {
            let path = entry.expect("a readable checkout").path();
            if path.is_dir() {
                directories.push(path);
            } else if let Ok(relative) = path.strip_prefix(root) {
                found.push(relative.to_owned());
            }
        }
    }
    found.sort();
    found
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension() == Some(OsStr::new(ending))
}
