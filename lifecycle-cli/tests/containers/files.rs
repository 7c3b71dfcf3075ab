//! What is generated, as its readers see it.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::{Value, json};

use super::{ODD, compose, generated, good, has, support};

/// Manifests over every knob, alone and together; the texts in them as odd as they may be.
fn manifests() -> Vec<String> {
    let quote = |text: &str| serde_json::to_string(text).unwrap();
    let mut compose: Vec<String> = [
        "",
        "grace_period: 25s",
        "grace_period: 24500ms",
        "stop_signal: SIGINT",
        "init: true",
        "init: false",
        "replicas: 0",
        "replicas: 3",
        "ports: [\"80:8080\", \"127.0.0.1:81:8080\", \"8081/tcp\", \"[::1]:82:8080\"]",
        "depends_on: db",
        "depends_on: [db, queue, db]",
        "pre_stop: { exec: [./leave] }",
        "pre_stop: { exec: [./leave], timeout: 1500ms }",
        "pre_stop: [{ exec: [./a], timeout: 1s }, { exec: [./b, c] }]",
        "health_check: runtime",
        "health_check: [CMD-SHELL, \"curl -f http://localhost/ || exit 1\"]",
        "supervisor_timeout: 100s",
        "app_settle: 1s",
        "timeouts: { http: 2s }",
    ]
    .map(str::to_owned)
    .to_vec();
    for text in ODD {
        let text = quote(text);
        compose.push(format!(
            "image: {text}, pre_stop: {{ exec: [{text}, {text}], timeout: 1s }}, health_check: [CMD, {text}]"
        ));
    }
    compose.push(
        "grace_period: 1m, stop_signal: SIGINT, init: true, replicas: 2, ports: [\"8080\"], \
         depends_on: [db], pre_stop: { exec: [a], timeout: 5s }, health_check: [CMD, ./health]"
            .to_owned(),
    );
    let resources = [
        "  http: { kind: http-server, port: 8080, timeout: 3s }\n  admin: { kind: grpc-server, port: 8081, timeout: 1s }\n",
        "  jobs: { kind: task, timeout: 3s }\n",
    ];
    let mut manifests = Vec::new();
    for knobs in &compose {
        for resources in resources {
            let resources = resources.replace("jobs", "http");
            manifests.push(format!(
                "lifecycle: 1\nservice: shop\ntraffic: {{ health: {{ port: 9090, period: 2500ms }} }}\nresources:\n{resources}platforms:\n  compose: {{ {knobs} }}\n  docker: {{}}\n",
            ));
        }
    }
    manifests
}

#[test]
fn the_schema_of_compose_accepts_every_generated_file() {
    let Some(python) = std::env::var_os("LIFECYCLE_CONFORMANCE_PYTHON") else {
        support::skipped("LIFECYCLE_CONFORMANCE_PYTHON names no Python with check-jsonschema");
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (at, manifest) in manifests().iter().enumerate() {
        support::write(scratch.path(), "lifecycle.yaml", manifest);
        for patch in [false, true] {
            let mut args = vec!["compose", "--image", "shop:1"];
            args.extend(patch.then_some("--patch"));
            let path = scratch.path().join(format!("{at}-{patch}.yaml"));
            std::fs::write(&path, generated(scratch.path(), &args)).unwrap();
            files.push(path);
        }
    }
    assert!(files.len() > 100, "{} files", files.len());
    let output = good(
        Command::new(python)
            .args(["-m", "check_jsonschema", "--builtin-schema"])
            .arg("vendor.compose-spec")
            .args(&files),
    );
    assert!(output.contains("ok"), "{output}");
}

/// A file that somebody has already, in spellings that are not ours.
const BASE: &str = "\
x-logging: &logging { logging: { driver: json-file } }
services:
  shop:
    <<: *logging
    image: registry.example.com/shop:1
    stop_grace_period: 1m30s
    environment:
      - DATABASE_URL=postgres://db/shop
    depends_on:
      - db
  db:
    image: postgres
";

const PLANNED: &str = "\
lifecycle: 1
service: shop
resources:
  http: { kind: http-server, port: 8080, timeout: 12s }
platforms:
  compose: { grace_period: 21s, stop_signal: SIGINT, init: true }
";

/// What Compose makes of files that are read together.
fn config(reader: &mut Command, files: &[(&str, &str)]) -> Value {
    let project = support::project(files);
    reader.current_dir(project.path());
    for (name, _) in files {
        reader.args(["-f", name]);
    }
    let text = good(reader.arg("config"));
    let value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    serde_json::to_value(value).unwrap()
}

/// The readers that are there, each with its name.
fn readers() -> Vec<(&'static str, Command)> {
    let mut readers = Vec::new();
    match compose() {
        Some(path) => readers.push(("Compose 2", Command::new(path))),
        None => support::skipped("LIFECYCLE_COMPOSE names no Compose 2"),
    }
    match has("docker-compose") {
        true => readers.push(("docker-compose 1", Command::new("docker-compose"))),
        false => support::skipped("there is no docker-compose"),
    }
    readers
}

#[test]
fn compose_reads_the_file_and_the_overlay_over_a_base_it_did_not_write() {
    let project = support::project(&[("lifecycle.yaml", PLANNED)]);
    let whole = generated(project.path(), &["compose", "--image", "shop:1"]);
    let overlay = generated(project.path(), &["compose", "--patch"]);
    for (name, mut reader) in readers() {
        let program = reader.get_program().to_owned();
        let alone = config(&mut reader, &[("compose.yaml", &whole)]);
        let merged = config(
            &mut Command::new(program),
            &[("compose.yaml", BASE), ("compose.override.yaml", &overlay)],
        );
        for config in [&alone, &merged] {
            let shop = &config["services"]["shop"];
            assert_eq!(shop["stop_grace_period"], "21s", "{name}: {shop:#}");
            assert_eq!(shop["stop_signal"], "SIGINT", "{name}");
            assert_eq!(shop["init"], true, "{name}");
            assert_eq!(shop["environment"]["LIFECYCLE_GRACE_MS"], "21000", "{name}");
        }
        let shop = &merged["services"]["shop"];
        assert_eq!(shop["image"], "registry.example.com/shop:1", "{name}");
        let theirs = &shop["environment"]["DATABASE_URL"];
        assert_eq!(theirs, "postgres://db/shop", "{name}");
        assert!(shop["depends_on"].to_string().contains("db"), "{name}");
        // And what it shows is what the manifest means.
        let shown = serde_yaml::to_string(&merged).unwrap();
        let args = ["check", "--against", "-", "lifecycle.yaml"];
        let checked = support::given(project.path(), &args, shown.as_bytes());
        assert!(
            checked.status.success(),
            "{name}: {}",
            support::answer(&checked)
        );
        let said = support::stdout(&checked);
        assert!(
            said.contains("compared with service shop"),
            "{name}: {said}"
        );
        assert!(said.contains("nothing to object to"), "{name}: {said}");
    }
}

#[test]
fn compose_reads_back_every_text_as_it_stands_in_the_manifest() {
    let Some(compose) = compose() else {
        support::skipped("LIFECYCLE_COMPOSE names no Compose 2");
        return;
    };
    for text in ODD {
        let quoted = serde_json::to_string(text).unwrap();
        let manifest = format!(
            "lifecycle: 1\nservice: shop\nresources:\n  jobs: {{ kind: task, timeout: 1s }}\nplatforms:\n  compose: {{ image: {quoted}, pre_stop: [{{ exec: [a, {quoted}], timeout: 1s }}, {{ exec: [a, {quoted}] }}], health_check: [CMD, {quoted}] }}\n"
        );
        let project = support::project(&[("lifecycle.yaml", &manifest)]);
        let whole = generated(project.path(), &["compose"]);
        let read = config(&mut Command::new(&compose), &[("compose.yaml", &whole)]);
        // What Compose prints can be read by Compose again: its dollar signs are doubled.
        let text = text.replace('$', "$$");
        let shop = &read["services"]["shop"];
        assert_eq!(shop["image"], text, "{shop:#}");
        assert_eq!(shop["pre_stop"][0]["command"][5], text, "{shop:#}");
        assert_eq!(
            shop["pre_stop"][1]["command"],
            json!(["a", text]),
            "{shop:#}"
        );
        assert_eq!(
            shop["healthcheck"]["test"],
            json!(["CMD", text]),
            "{shop:#}"
        );
    }
}

#[test]
fn what_is_generated_shows_no_drift_and_is_drafted_back() {
    let mut said = String::new();
    for manifest in manifests() {
        let project = support::project(&[("lifecycle.yaml", &manifest)]);
        let whole = generated(project.path(), &["compose", "--image", "shop:1"]);
        let again = generated(project.path(), &["compose", "--image", "shop:1"]);
        assert_eq!(whole, again);
        support::write(project.path(), "compose.yaml", &whole);
        let args = ["check", "--format", "json", "--against", "compose.yaml"];
        let report = support::stdout(&support::run(project.path(), &args));
        let report: Value = serde_json::from_str(&report).unwrap();
        for finding in report["findings"].as_array().unwrap() {
            let code = finding["code"].as_str().unwrap();
            // Docker is in the manifest too, and not in this file.
            if code.starts_with("LC7") && code != "LC710" {
                let _ = writeln!(said, "{manifest}{finding:#}");
            }
        }
        // What is drafted from it generates what it was drafted from.
        let args = ["init", "--stdout", "--from", "compose.yaml"];
        let drafted = support::run(project.path(), &args);
        assert!(drafted.status.success(), "{}", support::answer(&drafted));
        let drafted = support::stdout(&drafted);
        let again = support::project(&[("lifecycle.yaml", &drafted)]);
        let back = generated(again.path(), &["compose"]);
        for key in KEPT {
            let (one, other) = (service(&whole, key), service(&back, key));
            assert_eq!(one, other, "{key}: {whole}{drafted}{back}");
        }
    }
    assert!(said.is_empty(), "{said}");
}

/// What a Compose file says of a stop, and of what is published.
const KEPT: [&str; 8] = [
    "image",
    "stop_grace_period",
    "stop_signal",
    "init",
    "pre_stop",
    "depends_on",
    "deploy",
    "ports",
];

fn service(file: &str, key: &str) -> serde_yaml::Value {
    let value: serde_yaml::Value = serde_yaml::from_str(file).unwrap();
    let value = value["services"]["shop"].get(key).cloned();
    // `false` and one replica are what holds unless something is written.
    match (key, value) {
        ("init", Some(serde_yaml::Value::Bool(false))) => serde_yaml::Value::Null,
        (_, value) => value.unwrap_or_default(),
    }
}
