//! The examples' files are what their manifests make, and the pictures are what they were.
//!
//! `LIFECYCLE_BLESS=1` writes the expected picture anew; the other files are remade by the commands
//! that the failures name.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn lifecycle(args: &[&str]) -> Output {
    support::run(&root(), args)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Each example, and what is generated for it.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("chat", &["k8s"]),
    ("checkout-api", &["k8s", "ecs"]),
    ("orders-actix", &["k8s", "ecs"]),
    ("quotes-grpc", &["k8s"]),
    ("thumbnails", &["k8s", "ecs"]),
];

#[test]
fn their_manifests_have_nothing_to_object_to() {
    for (example, _) in EXAMPLES {
        let directory = format!("examples/{example}");
        let output = lifecycle(&["check", "--deny", "warnings", &directory]);
        assert!(output.status.success(), "{}", stdout(&output));
    }
}

#[test]
fn their_deployments_are_fresh() {
    for (example, targets) in EXAMPLES {
        let example = format!("examples/{example}");
        for target in *targets {
            let directory = format!("{example}/deploy/{target}");
            let output = lifecycle(&["gen", target, &example, "-o", &directory, "--check"]);
            assert!(
                output.status.success(),
                "lifecycle gen {target} {example} -o {directory}\n{}",
                stdout(&output)
            );
        }
    }
}

#[test]
fn their_schema_is_the_one_that_editors_should_use() {
    let now = stdout(&lifecycle(&["schema"]));
    for (example, _) in EXAMPLES {
        let name = format!("examples/{example}/lifecycle.schema.json");
        let path = root().join(&name);
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        let stored = stored.replace("\r\n", "\n");
        if support::blessing() {
            std::fs::write(&path, &now).unwrap();
            continue;
        }
        let diff = similar::TextDiff::from_lines(&stored, &now);
        assert!(
            stored == now,
            "lifecycle schema > {name}\n{}",
            diff.unified_diff()
        );
    }
}

#[test]
fn its_timeline_fits_eighty_columns_and_needs_no_colour() {
    let output = lifecycle(&["plan", "--width", "80", "examples/checkout-api"]);
    let picture = stdout(&output);
    assert!(output.status.success());
    for line in picture.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(!picture.contains('\u{1b}'));
    let stored = root().join("tests/cases/plan/checkout-api.txt");
    if support::blessing() {
        std::fs::create_dir_all(stored.parent().unwrap()).unwrap();
        std::fs::write(&stored, &picture).unwrap();
    }
    let expected = std::fs::read_to_string(&stored)
        .unwrap()
        .replace("\r\n", "\n");
    assert_eq!(picture, expected, "LIFECYCLE_BLESS=1 writes it anew");
}

#[test]
fn the_readme_shows_what_check_says() {
    let said = std::fs::read_to_string(root().join("tests/cases/design/readme.stdout")).unwrap();
    let said = said
        .replace("\r\n", "\n")
        .replace("design/readme.yaml", "lifecycle.yaml");
    let (_, finding) = said.split_once('\n').unwrap();
    let (finding, _) = finding.split_once("\n\n").unwrap();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(
        readme.replace("\r\n", "\n").contains(finding),
        "README.md lacks:\n{finding}"
    );
}

#[test]
fn the_readme_shows_what_a_shorter_deployed_grace_period_brings() {
    let deployed =
        std::fs::read_to_string(root().join("examples/checkout-api/deploy/k8s/deployment.yaml"));
    let shorter = deployed.unwrap().replace("\r\n", "\n").replace(
        "terminationGracePeriodSeconds: 45",
        "terminationGracePeriodSeconds: 30",
    );
    let args = [
        "check",
        "--color",
        "never",
        "examples/checkout-api",
        "--against",
        "-",
    ];
    let output = support::given(&root(), &args, shorter.as_bytes());
    let said = stdout(&output);
    let (finding, _) = said.split_once("\n\n").unwrap();
    assert!(finding.starts_with("error[LC701]"), "{said}");
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(
        readme.replace("\r\n", "\n").contains(finding),
        "README.md lacks:\n{finding}"
    );
}
