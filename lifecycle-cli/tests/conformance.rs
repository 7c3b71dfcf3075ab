//! Generated files, read by the platforms' own readers.
//!
//! `LIFECYCLE_CONFORMANCE_PYTHON` names a Python with `kubernetes-validate` and `botocore`; without
//! it this suite says that it was skipped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::skipped;

/// One manifest with every knob that reaches a generated file, its strings as odd as they may be.
const EVERY_KNOB: &str = r#"
lifecycle: 1
service: every-knob
traffic:
  settle: 2500ms
  keep_alive: 75s
  health: { port: 9090, ready: "/ready'd", live: "/live~*", period: 2500ms, failures: 2 }
resources:
  a-server-with-a-very-long-name-indeed: { kind: http-server, port: 8080, timeout: 15s }
  a-server-with-a-very-long-name-too: { kind: grpc-server, port: 8081, timeout: 15s }
  health: { kind: websocket, port: 8082, timeout: 5s }
platforms:
  kubernetes:
    grace_period: 60s500ms
    image: "reg.example.com/a: b # c 'd' \"e\" {{ f }}:1"
    namespace: "no"
    replicas: 3
    version: "1.34"
    mesh: linkerd
    security_context: restricted
    sidecars: [{ name: proxy, timeout: 5s }]
  ecs:
    grace_period: 60s
    image: "on"
    spot: true
    desired_count: 4
    cpu: 512
    memory: 1024
    cluster: "prod: one"
    execution_role_arn: "arn:aws:iam::1:role/x"
    subnets: [subnet-1, "~"]
    security_groups: ["sg 1"]
    load_balancer: { deregistration_delay: 20s, idle_timeout: 60s, target_group_arn: "arn:aws:elasticloadbalancing:x" }
"#;

const EXEC_HOOK: &str = r#"
lifecycle: 1
service: hook
resources:
  jobs: { kind: queue-consumer, timeout: 5s }
platforms:
  kubernetes: { image: x, mesh: istio, pre_stop: { exec: ["/bin/sh", "-c", "echo 'a' \"b\"; sleep 2"], timeout: 3s } }
  ecs: { image: x, launch_type: ec2 }
"#;

/// A manifest of each workload, with every key that only it has.
fn workloads() -> Vec<(String, String)> {
    [
        "deployment, autoscaler: { max: 5 }, rollout: { max_surge: 25%, max_unavailable: 1, min_ready: 5s, progress_deadline: 5m }",
        "deployment, rollout: { strategy: recreate }",
        "stateful-set, version: \"1.37\", rollout: { max_unavailable: 50%, min_ready: 5s }",
        "stateful-set, rollout: { strategy: on-delete }",
        "daemon-set, rollout: { max_surge: 100% }",
        "daemon-set, rollout: { max_unavailable: 3 }",
        "job, job: { deadline: 1h, replacement: while-stopping }",
        "job",
        "cron-job, job: { schedule: \"*/5 1-6 * jan MON-FRI\", concurrency: replace }",
    ]
    .iter()
    .enumerate()
    .map(|(number, workload)| {
        let text = format!(
            "lifecycle: 1\nservice: shop\ntraffic: {{ health: {{ port: 9090 }} }}\n\
             resources:\n  http: {{ kind: http-server, port: 8080, timeout: 5s }}\n\
             platforms:\n  kubernetes:\n    image: x\n    workload: {}\n    \
             sidecars:\n      - {{ name: proxy, timeout: 1s, image: \"no\", command: [\"a b\", \"'\"], args: [\"{{{{\"] }}\n      \
             - {{ name: other, timeout: 20s, native: false, image: y }}\n",
            workload.replace(", rollout", "\n    rollout").replace(", job:", "\n    job:")
                .replace(", version", "\n    version").replace(", autoscaler", "\n    autoscaler"),
        );
        (format!("workload-{number}"), text)
    })
    .collect()
}

fn generate(manifest: &Path, target: &str, into: &Path) -> Vec<PathBuf> {
    let output = support::lifecycle(&support::root())
        .args(["gen", target, "--image", "example.com/x:1", "-o"])
        .arg(into)
        .arg(manifest)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::read_dir(into)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn the_platforms_own_readers_accept_what_is_generated() {
    let Some(python) = std::env::var_os("LIFECYCLE_CONFORMANCE_PYTHON") else {
        skipped(
            "LIFECYCLE_CONFORMANCE_PYTHON names no Python with kubernetes-validate and botocore",
        );
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let written = [("every-knob", EVERY_KNOB), ("exec-hook", EXEC_HOOK)].map(|(name, text)| {
        let path = scratch.path().join(format!("{name}.yaml"));
        std::fs::write(&path, text).unwrap();
        (name, path)
    });
    for (name, text) in workloads() {
        let path = scratch.path().join(format!("{name}.yaml"));
        std::fs::write(&path, text).unwrap();
        for target in ["k8s", "k8s-policy"] {
            let into = scratch.path().join(&name).join(target);
            files.extend(generate(&path, target, &into));
        }
    }
    let example = root.join("examples/checkout-api/lifecycle.yaml");
    for (name, manifest) in written.into_iter().chain([("checkout-api", example)]) {
        for target in ["k8s", "k8s-policy", "ecs"] {
            files.extend(generate(
                &manifest,
                target,
                &scratch.path().join(name).join(target),
            ));
        }
    }
    let output = Command::new(python)
        .arg(root.join("tests/conformance/validate.py"))
        .args(&files)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{words}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let accepted = words
        .lines()
        .filter(|line| line.starts_with("accepted"))
        .count();
    assert_eq!(accepted, files.len());
}

#[test]
fn every_string_of_the_manifest_arrives_as_it_is() {
    let scratch = tempfile::tempdir().unwrap();
    let manifest = scratch.path().join("lifecycle.yaml");
    std::fs::write(&manifest, EVERY_KNOB).unwrap();
    let run = |target: &str| {
        let output = support::lifecycle(&support::root())
            .args(["gen", target])
            .arg(&manifest)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let yaml = run("k8s");
    let documents: Vec<serde_yaml::Value> = serde_yaml::Deserializer::from_str(&yaml)
        .map(|document| serde::Deserialize::deserialize(document).unwrap())
        .collect();
    let pod = &documents[0]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(documents[0]["metadata"]["namespace"], "no");
    assert_eq!(
        container["image"],
        "reg.example.com/a: b # c 'd' \"e\" {{ f }}:1"
    );
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/ready'd");
    assert_eq!(
        pod["terminationGracePeriodSeconds"], 61,
        "a window is rounded up"
    );
    assert_eq!(
        container["readinessProbe"]["periodSeconds"], 2,
        "a period is rounded down"
    );
    assert_eq!(container["lifecycle"]["preStop"]["sleep"]["seconds"], 3);
    let names = [0, 1, 2, 3].map(|at: usize| container["ports"][at]["name"].as_str().unwrap());
    assert_eq!(
        names,
        ["a-server-with-a", "a-server-2", "health", "health-2"]
    );
    let json = run("ecs");
    let documents: Vec<serde_json::Value> = serde_json::Deserializer::from_str(&json)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(documents[0]["containerDefinitions"][0]["image"], "on");
    assert_eq!(documents[1]["cluster"], "prod: one");
    let subnets = &documents[1]["networkConfiguration"]["awsvpcConfiguration"]["subnets"];
    assert_eq!(subnets[1], "~");
    assert_eq!(documents[2]["Attributes"][0]["Value"], "20");
}

/// Faults of the shape that a JSON Schema can see too.
const SHAPE: [&str; 6] = [
    "unknown-key",
    "wrong-type",
    "bad-duration",
    "unknown-value",
    "missing-key",
    "key-not-for-kind",
];

#[test]
fn the_schema_accepts_what_the_reader_accepts_and_refuses_what_it_refuses() {
    let Some(python) = std::env::var_os("LIFECYCLE_CONFORMANCE_PYTHON") else {
        skipped("LIFECYCLE_CONFORMANCE_PYTHON names no Python with jsonschema");
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut cases = walk(&root.join("tests/cases"));
    assert!(cases.len() > 100, "{} cases", cases.len());
    cases.push(root.join("tests/formats/1/lifecycle.yaml"));
    let mut list = String::new();
    for path in cases {
        // The reader forgives the line end of a block scalar; a schema cannot.
        if path.ends_with("accepted/block-scalars.yaml") {
            continue;
        }
        let output = support::lifecycle(&support::root())
            .args(["check", "--format", "json"])
            .arg(&path)
            .output()
            .unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let names: Vec<&str> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["name"].as_str().unwrap())
            .collect();
        // What is no plain YAML to begin with is not the schema's to judge.
        let beyond = ["syntax", "unsupported-yaml", "duplicate-key"];
        if names.iter().any(|name| beyond.contains(name)) {
            continue;
        }
        let refused = names.iter().any(|name| SHAPE.contains(name));
        let others = [
            "out-of-range",
            "bad-name",
            "unsupported-format",
            "unknown-resource",
            // In `lints` the schema knows it, in a comment it cannot.
            "unknown-rule",
        ];
        if !refused && names.iter().any(|name| others.contains(name)) {
            continue;
        }
        let verdict = if refused { "refuses" } else { "accepts" };
        writeln!(list, "{verdict} {}", path.display()).unwrap();
    }
    let scratch = tempfile::tempdir().unwrap();
    let schema = scratch.path().join("schema.json");
    std::fs::write(
        &schema,
        support::lifecycle(&support::root())
            .arg("schema")
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap();
    let mut child = Command::new(python)
        .arg(root.join("tests/conformance/schema.py"))
        .arg(&schema)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), list.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect()
}
