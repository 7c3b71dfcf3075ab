//! `lifecycle check` as a command: what it finds by itself, its exit codes, its JSON.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::{Output, Stdio};

use support::{given, run};

const FITS: &str = "\
lifecycle: 1
service: shop
traffic: { settle: 5s }
resources:
  http: { kind: http-server, port: 8080, timeout: 10s }
platforms:
  kubernetes: { image: x }
";

fn project(manifest: &str) -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    std::fs::write(project.path().join("lifecycle.yaml"), manifest).unwrap();
    project
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn exit_codes_tell_clean_findings_and_could_not_run_apart() {
    let clean = project(FITS);
    assert_eq!(run(clean.path(), &["check"]).status.code(), Some(0));
    let too_long = project(&FITS.replace("timeout: 10s", "timeout: 40s"));
    assert_eq!(run(too_long.path(), &["check"]).status.code(), Some(1));
    let nowhere = tempfile::tempdir().unwrap();
    std::fs::create_dir(nowhere.path().join(".git")).unwrap();
    let lost = run(nowhere.path(), &["check"]);
    assert_eq!(lost.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&lost.stderr).contains("no lifecycle.yaml here or above"));
    // Whoever has no manifest is told how to get one, and what can be drilled without.
    assert!(String::from_utf8_lossy(&lost.stderr).contains("lifecycle init"));
    let undrilled = run(nowhere.path(), &["drill", "--port", "8080"]);
    assert_eq!(undrilled.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&undrilled.stderr).contains("lifecycle drill -- COMMAND"));
    assert_eq!(
        run(clean.path(), &["check", "missing.yaml"]).status.code(),
        Some(2)
    );
    assert_eq!(
        run(clean.path(), &["check", "--format", "odd"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn warnings_pass_unless_denied() {
    let warned = project(&FITS.replace("{ image: x }", "{ image: x, grace_period: 10m }"));
    assert_eq!(run(warned.path(), &["check"]).status.code(), Some(0));
    assert_eq!(
        run(warned.path(), &["check", "--deny", "warnings"])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn the_nearest_manifest_is_found_and_ignored_directories_are_not_walked() {
    let project = project(FITS);
    for directory in ["src/deep", "services/a", "target/b", ".git"] {
        std::fs::create_dir_all(project.path().join(directory)).unwrap();
    }
    let here = run(
        &project.path().join("src/deep"),
        &["check", "--format", "json"],
    );
    assert_eq!(json(&here)["services"][0]["service"], "shop");
    let other = FITS.replace("service: shop", "service: other");
    std::fs::write(project.path().join("services/a/lifecycle.yaml"), &other).unwrap();
    std::fs::write(project.path().join("target/b/lifecycle.yaml"), &other).unwrap();
    std::fs::write(project.path().join(".gitignore"), "target/\n").unwrap();
    let walked = json(&run(project.path(), &["check", "--format", "json", "."]));
    let files: Vec<_> = walked["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["file"].as_str().unwrap())
        .collect();
    assert_eq!(files, ["lifecycle.yaml", "services/a/lifecycle.yaml"]);
}

#[test]
fn json_holds_the_numbers_and_the_places() {
    let project = project(&FITS.replace("timeout: 10s", "timeout: 40s"));
    let report = json(&run(project.path(), &["check", "--format", "json"]));
    assert_eq!(report["version"], 1);
    let platform = &report["services"][0]["platforms"][0];
    assert_eq!(platform["platform"], "kubernetes");
    assert_eq!(platform["grace_ms"], 30_000);
    assert_eq!(platform["grace_origin"], "the Kubernetes default");
    assert_eq!(platform["needed_ms"], 50_250);
    assert_eq!(platform["spare_ms"], -20_250);
    assert_eq!(platform["smallest_grace_ms"], 51_000);
    assert_eq!(platform["longest_path"], serde_json::json!(["http"]));
    let finding = &report["findings"][0];
    assert_eq!(
        (&finding["code"], &finding["name"]),
        (&"LC101".into(), &"grace-too-short".into())
    );
    assert_eq!(
        (&finding["line"], &finding["column"]),
        (&7.into(), &3.into())
    );
    assert_eq!(
        (&finding["end_line"], &finding["end_column"]),
        (&7.into(), &13.into())
    );
}

#[test]
fn the_sum_of_the_json_is_what_is_needed() {
    let project = project(FITS);
    let report = json(&run(project.path(), &["check", "--format", "json"]));
    let platform = &report["services"][0]["platforms"][0];
    let terms = platform["sum"].as_array().unwrap();
    let sum: u64 = terms.iter().map(|term| term["ms"].as_u64().unwrap()).sum();
    assert_eq!(sum, platform["needed_ms"].as_u64().unwrap());
}

#[test]
fn standard_input_is_a_manifest_too_and_bytes_that_are_no_text_are_survived() {
    let nowhere = tempfile::tempdir().unwrap();
    let text = [FITS.as_bytes(), b"\xff\xfe: 1\n"].concat();
    let output = given(nowhere.path(), &["check", "-"], &text);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("<stdin>:8:1"));
}

#[test]
fn colour_is_for_terminals_or_when_asked() {
    let project = project(FITS);
    let plain = run(project.path(), &["check"]);
    assert!(!plain.stdout.contains(&0x1b));
    let coloured = run(project.path(), &["check", "--color", "always"]);
    assert!(coloured.stdout.contains(&0x1b));
}

#[test]
fn a_reader_that_leaves_early_changes_neither_exit_code_nor_files() {
    let project = project(&FITS.replace("timeout: 10s", "timeout: 60s"));
    for args in [
        &["check", "--format", "human", "--format", "sarif=out.sarif"][..],
        &["check", "--format", "json"],
        &["check", "--diff"],
    ] {
        let mut child = support::lifecycle(project.path())
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
    }
    assert!(project.path().join("out.sarif").exists());
}

#[test]
fn a_report_does_not_take_the_place_of_what_is_checked() {
    let project = project(FITS);
    for path in ["lifecycle.yaml", "./lifecycle.yaml"] {
        let format = format!("json={path}");
        let output = run(project.path(), &["check", "--format", &format]);
        assert_eq!(output.status.code(), Some(2));
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.contains("would be overwritten"), "{words}");
    }
    let there = std::fs::read_to_string(project.path().join("lifecycle.yaml")).unwrap();
    assert_eq!(there, FITS);
}

#[cfg(unix)]
#[test]
fn a_name_with_a_line_break_begins_no_line() {
    let directory = tempfile::tempdir().unwrap();
    let name = "shop\n::error::nothing.yaml";
    let text = FITS.replace("timeout: 10s", "timeout: 60s");
    std::fs::write(directory.path().join(name), text).unwrap();
    for format in ["human", "github"] {
        let output = run(directory.path(), &["check", "--format", format, name]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!said.contains("\n::error::nothing"), "{said}");
        assert!(said.contains("shop"), "{said}");
    }
}
