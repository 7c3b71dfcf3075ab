//! What is generated in HCL and TOML, and what is read of them, beside parsers of other hands:
//! `LIFECYCLE_HCL_READER` names a directory with `@cdktf/hcl2json`, which is `HashiCorp`'s own parser, and
//! `LIFECYCLE_CONFORMANCE_PYTHON` a Python whose standard library reads TOML. Without them this suite
//! says that it was skipped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use lifecycle_manifest::deployed::Deployed;
use lifecycle_manifest::text::{Node, Value};
use serde_json::{Map, json};
use support::skipped;

/// Texts that end a string, begin a template, or break a line, wherever nothing stops them.
const ODD: [&str; 12] = [
    "plain",
    "a \"b\" 'c' \\d",
    "${x} $${y} $$${z} %{if a} %%{b} $ %",
    "two\nlines\r\n\ttab",
    "#no // comment /* at all */",
    "é ☃ \u{1F680} \u{85} \u{2028} \u{feff} \u{7f} \u{1}",
    "EOF",
    "{{ x }} {% y %}",
    "\"\"\"",
    "'''",
    "]] } ) >",
    " ",
];

/// A manifest with such a text wherever it has text that is generated.
fn manifest(odd: &str, nomad: &str) -> String {
    let odd = quoted(odd);
    format!(
        "lifecycle: 1\nservice: shop\ntraffic: {{ settle: 2s, health: {{ port: 9090, ready: /ready~*, period: 2s }} }}\n\
         resources:\n  http: {{ kind: http-server, port: 8080, timeout: 15s }}\n  \
         calls: {{ kind: grpc-server, port: 8081, timeout: 15s }}\nplatforms:\n  \
         nomad: {{ grace_period: 30s, image: {odd}, namespace: {odd}, datacenters: [{odd}, x], {nomad} }}\n  \
         fly: {{ grace_period: 40s, image: {odd}, app: {odd}, primary_region: {odd} }}\n"
    )
    .replace("ODD", &odd)
}

/// As the manifest's YAML takes it: what is no plain character stands as its number.
fn quoted(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap();
    let escaped = json.chars().map(|c| match c {
        ' '..='~' => c.to_string(),
        c => format!("\\U{:08x}", u32::from(c)),
    });
    escaped.collect()
}

fn generate(directory: &Path, text: &str, target: &str, more: &[&str]) -> Vec<PathBuf> {
    std::fs::create_dir_all(directory).unwrap();
    std::fs::write(directory.join("lifecycle.yaml"), text).unwrap();
    let out = directory.join(target).join(more.join(""));
    let output = support::lifecycle(directory)
        .args(["gen", target])
        .args(more)
        .arg("-o")
        .arg(&out)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    sorted(&out)
}

fn sorted(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What another parser says of each file: what it read, or `None` where it refuses it.
fn read_by(mut command: Command, files: &[PathBuf]) -> Vec<Option<serde_json::Value>> {
    let output = command.args(files).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    let read: Vec<_> = lines
        .lines()
        .map(|line| {
            let json = line.strip_prefix("accepted ")?;
            Some(serde_json::from_str(json).unwrap())
        })
        .collect();
    assert_eq!(read.len(), files.len(), "{lines}");
    read
}

fn hcl() -> Option<Command> {
    let Some(modules) = std::env::var_os("LIFECYCLE_HCL_READER") else {
        skipped("LIFECYCLE_HCL_READER names no directory with @cdktf/hcl2json");
        return None;
    };
    let mut command = Command::new("node");
    command
        .arg(support::root().join("tests/conformance/hcl.mjs"))
        .arg(modules);
    Some(command)
}

fn toml() -> Option<Command> {
    let Some(python) = std::env::var_os("LIFECYCLE_CONFORMANCE_PYTHON") else {
        skipped("LIFECYCLE_CONFORMANCE_PYTHON names no Python that reads TOML");
        return None;
    };
    let mut command = Command::new(python);
    command.arg(support::root().join("tests/conformance/toml.py"));
    Some(command)
}

/// What our reader has of a file: its tree, as JSON.
fn ours(path: &Path) -> Option<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let deployed = Deployed::named(path.to_str().unwrap(), &text);
    let Value::Sequence(documents) = &deployed.document.root.value else {
        return None;
    };
    if !deployed.errors.is_empty() {
        return None;
    }
    documents.first().map(tree)
}

fn tree(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Scalar { text, plain: false } => json!(text),
        Value::Scalar { text, .. } => {
            // A TOML number may have underscores; times are text for everybody.
            let number = text.replace('_', "");
            serde_json::from_str(&number).unwrap_or_else(|_| json!(text))
        }
        Value::Sequence(items) => items.iter().map(tree).collect(),
        Value::Mapping(entries) => {
            let entries = entries.iter().filter(|entry| entry.key != "(label)");
            let entries: Map<String, serde_json::Value> = entries
                .map(|entry| (entry.key.clone(), tree(&entry.value)))
                .collect();
            serde_json::Value::Object(entries)
        }
    }
}

/// HCL in JSON has signs for what would begin a template and does not. What is generated computes
/// nothing.
fn literally(value: &mut serde_json::Value, generated: bool) {
    match value {
        serde_json::Value::String(text) => {
            let literal = text.replace("$${", "${").replace("%%{", "%{");
            if generated {
                let begins = |sign: &str| literal.matches(sign).count();
                let escaped = |sign: &str| text.matches(sign).count();
                assert_eq!(begins("${"), escaped("$${"), "{text}");
                assert_eq!(begins("%{"), escaped("%%{"), "{text}");
            }
            *text = literal;
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|it| literally(it, generated)),
        serde_json::Value::Object(entries) => {
            entries.values_mut().for_each(|it| literally(it, generated));
        }
        _ => {}
    }
}

/// Every file of the repository with this ending, and of another directory.
fn corpus(endings: &[&str]) -> Vec<PathBuf> {
    fn walk(directory: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
        for path in sorted(directory) {
            if path.is_dir() {
                walk(&path, endings, found);
            } else if endings
                .iter()
                .any(|it| path.to_str().unwrap().ends_with(it))
            {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for directory in ["tests/deployed", "tests/against"] {
        walk(&support::root().join(directory), endings, &mut found);
    }
    found
}

#[test]
fn a_job_file_says_to_hashicorps_parser_what_it_says_to_ours() {
    let Some(reader) = hcl() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let mut files = corpus(&[".hcl", ".nomad"]);
    assert!(files.len() > 20, "{} files", files.len());
    for (number, odd) in ODD.into_iter().enumerate() {
        for (driver, nomad) in [
            (
                "docker",
                "shutdown_delay: { group: 1s, task: 1s }, cpu: 100, memory: 64",
            ),
            (
                "exec",
                "driver: exec, command: [ODD, --x, ODD], kill_signal: SIGTERM",
            ),
        ] {
            let directory = scratch.path().join(format!("{number}-{driver}"));
            let text = manifest(odd, nomad);
            files.extend(generate(&directory, &text, "nomad", &[]));
            files.extend(generate(&directory, &text, "nomad", &["--patch"]));
        }
    }
    let mut refused = 0;
    for (file, theirs) in files.iter().zip(read_by(reader, &files)) {
        let name = file.display();
        let generated = file.starts_with(scratch.path());
        assert!(theirs.is_some() || !generated, "{name} is refused");
        refused += usize::from(theirs.is_none());
        let theirs = theirs.map(|mut theirs| {
            literally(&mut theirs, generated);
            theirs
        });
        assert_eq!(ours(file), theirs, "{name}");
        let Some(read) = theirs.filter(|read| generated && read.get("job").is_some()) else {
            continue;
        };
        let number: usize = name
            .to_string()
            .strip_prefix(&format!("{}/", scratch.path().display()))
            .and_then(|rest| rest.split('-').next()?.parse().ok())
            .unwrap();
        let job = &read["job"]["shop"][0];
        let config = &job["group"]["shop"][0]["task"]["shop"][0]["config"][0];
        assert_eq!(job["namespace"], ODD[number]);
        assert_eq!(job["datacenters"], json!([ODD[number], "x"]));
        match config.get("image") {
            Some(image) => assert_eq!(image, ODD[number]),
            None => assert_eq!(config["args"], json!(["--x", ODD[number]])),
        }
    }
    println!(
        "{} job files, {refused} of them refused by both",
        files.len()
    );
}

#[test]
fn fly_toml_says_to_pythons_parser_what_it_says_to_ours() {
    let Some(reader) = toml() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let mut files = corpus(&[".toml"]);
    assert!(files.len() > 10, "{} files", files.len());
    let ours_from = files.len();
    for (number, odd) in ODD.into_iter().enumerate() {
        let directory = scratch.path().join(number.to_string());
        let text = manifest(odd, "");
        files.extend(generate(&directory, &text, "fly", &[]));
        files.extend(generate(&directory, &text, "fly", &["--patch"]));
    }
    for (at, (file, theirs)) in files.iter().zip(read_by(reader, &files)).enumerate() {
        let name = file.display();
        assert!(theirs.is_some() || at < ours_from, "{name} is refused");
        // What Python refuses whole is read here as far as it can be.
        if theirs.is_some() || at >= ours_from {
            assert_eq!(ours(file), theirs, "{name}");
        }
        if let Some(read) = theirs.filter(|read| at >= ours_from && read.get("app").is_some()) {
            let odd = ODD[(at - ours_from) / 2];
            assert_eq!(read["app"], odd);
            assert_eq!(read["build"]["image"], odd);
            assert_eq!(read["primary_region"], odd);
            assert_eq!(read["kill_timeout"], "40s");
            assert_eq!(read["kill_signal"], "SIGINT");
            assert_eq!(read["checks"]["health"]["path"], "/ready~*");
        }
    }
}

/// What is generated shows no drift, and is the same when it is generated again.
#[test]
fn what_is_generated_is_read_back_without_a_finding() {
    let scratch = tempfile::tempdir().unwrap();
    for (number, odd) in ODD.into_iter().enumerate() {
        let directory = scratch.path().join(number.to_string());
        let text = manifest(odd, "shutdown_delay: { group: 1s, task: 1s }");
        let mut files = Vec::new();
        for target in ["nomad", "fly"] {
            let whole = generate(&directory, &text, target, &[]);
            let before: Vec<String> = whole
                .iter()
                .map(|it| std::fs::read_to_string(it).unwrap())
                .collect();
            assert_eq!(whole, generate(&directory, &text, target, &[]));
            let after: Vec<String> = whole
                .iter()
                .map(|it| std::fs::read_to_string(it).unwrap())
                .collect();
            assert_eq!(before, after);
            files.push(whole);
            files.push(generate(&directory, &text, target, &["--patch"]));
        }
        // Whole files and patches are two deployments of one plan.
        for pair in [[&files[0], &files[2]], [&files[1], &files[3]]] {
            let mut command = support::lifecycle(&directory);
            command.arg("check");
            for file in pair.into_iter().flatten() {
                command.arg("--against").arg(file);
            }
            let output = command.output().unwrap();
            let words = String::from_utf8(output.stdout).unwrap();
            assert!(
                words.contains("ok: 1 manifest, nothing to object to"),
                "{words}"
            );
            assert_eq!(words.matches("compared with").count(), 2, "{words}");
        }
    }
}
