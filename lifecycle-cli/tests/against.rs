//! Cases of `check --against` as directories: `tests/against/<name>/` with a `lifecycle.yaml` (or
//! several `*/lifecycle.yaml`, or none), deployed files (`deployed*`, and `stdin*` for what is piped),
//! and `expected.stdout` with what is said of them, whole. The first line is the exit code.
//!
//! Adding a case is adding a directory. `LIFECYCLE_BLESS=1 cargo test -p lifecycle-cli --test against`
//! writes the expected files anew; what it changed is read in the diff before it is kept.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/against")
}

#[test]
fn every_case_gets_the_answer_beside_it() {
    let bless = support::blessing();
    let mut failures = String::new();
    let mut count = 0;
    for case in sorted(&root()).into_iter().filter(|path| path.is_dir()) {
        count += 1;
        let actual = answer(&case);
        let expected_file = case.join("expected.stdout");
        let expected = std::fs::read_to_string(&expected_file).unwrap_or_default();
        if expected == actual {
            continue;
        }
        if bless {
            std::fs::write(&expected_file, &actual).unwrap();
            continue;
        }
        let diff = similar::TextDiff::from_lines(&expected, &actual)
            .unified_diff()
            .header("expected", "actual")
            .to_string();
        let _ = writeln!(failures, "{}\n{diff}", case.display());
    }
    assert!(count > 0, "no cases in {}", root().display());
    assert!(
        failures.is_empty(),
        "{failures}\nLIFECYCLE_BLESS=1 writes the expected files anew"
    );
}

/// Each rule about what is deployed has a case that fires, one a step inside that does not, and one
/// with several places.
#[test]
fn every_rule_of_drift_and_deployment_has_its_three_cases() {
    let rules = support::run(&root(), &["rules", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&rules.stdout).unwrap();
    let mut lacking = String::new();
    for rule in report["rules"].as_array().unwrap() {
        let (code, name) = (
            rule["code"].as_str().unwrap(),
            rule["name"].as_str().unwrap(),
        );
        if !code.starts_with("LC7") && !code.starts_with("LC8") {
            continue;
        }
        for (ending, fewest, most) in [("", 1, 1), ("-inside", 0, 0), ("-several", 2, usize::MAX)] {
            let file = root().join(format!("{name}{ending}/expected.stdout"));
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let count = text.matches(&format!("[{code}]: ")).count();
            if text.is_empty() || !(fewest..=most).contains(&count) {
                let _ = writeln!(lacking, "{name}{ending}: {count} findings of {code}");
            }
        }
    }
    assert!(lacking.is_empty(), "{lacking}");
}

fn answer(case: &Path) -> String {
    let names: BTreeMap<String, bool> = sorted(case)
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, path.join("lifecycle.yaml").is_file())
        })
        .collect();
    let mut command = support::lifecycle(case);
    command.args(["check", "--color", "never"]);
    for (name, is_manifests_directory) in &names {
        if *is_manifests_directory || name == "lifecycle.yaml" {
            command.arg(name);
        }
    }
    command.arg("--against");
    command.args(names.keys().filter(|name| name.starts_with("deployed")));
    let piped = names.keys().find(|name| name.starts_with("stdin"));
    if piped.is_some() {
        command.arg("-");
    }
    let piped = piped.map(|name| std::fs::read(case.join(name)).unwrap());
    support::answer(&support::fed(command, &piped.unwrap_or_default()))
}

fn sorted(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
