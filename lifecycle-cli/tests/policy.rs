//! The admission policy, judged by an engine of CEL: what is generated passes, and what was lowered by
//! hand does not.
//!
//! `LIFECYCLE_CONFORMANCE_PYTHON` names a Python with `cel-python`; without it this suite says that it
//! was skipped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Command;

use serde_yaml::Value;
use support::{run, skipped};

const KINDS: [(&str, &str, &str); 5] = [
    ("deployment", "deployment.yaml", ""),
    ("stateful-set", "statefulset.yaml", ""),
    ("daemon-set", "daemonset.yaml", ""),
    ("job", "job.yaml", ""),
    (
        "cron-job",
        "cronjob.yaml",
        ", job: { schedule: \"@daily\" }",
    ),
];

/// 5s of sleep and 20.25s of work: 26s are enough, 25s are not.
fn manifest(workload: &str, keys: &str) -> String {
    format!(
        "lifecycle: 1\nservice: shop\nresources:\n  http: {{ kind: http-server, port: 8080, timeout: 15s }}\n\
         platforms:\n  kubernetes: {{ image: x, grace_period: 45s, workload: {workload}{keys} }}\n"
    )
}

/// The pod's template within an object.
fn template(object: &mut Value) -> &mut Value {
    let spec = &mut object["spec"];
    match spec.get("jobTemplate") {
        Some(_) => &mut spec["jobTemplate"]["spec"]["template"],
        None => &mut spec["template"],
    }
}

fn grace(object: &mut Value, seconds: u64) {
    template(object)["spec"]["terminationGracePeriodSeconds"] = seconds.into();
}

fn sleep(object: &mut Value, seconds: u64) {
    let container = &mut template(object)["spec"]["containers"][0];
    container["lifecycle"]["preStop"]["sleep"]["seconds"] = seconds.into();
}

fn take(value: &mut Value, key: &str) {
    value.as_mapping_mut().unwrap().remove(key);
}

/// What somebody does by hand, and what the policy says of it: `accepted`, `passed over`, or words
/// of the refusal.
type Case = (&'static str, fn(&mut Value), &'static [&'static str]);

const SUM: &str = "5s preStop sleep + 15s http + 250ms unwind + 5s reserve = 25.25s";

const CASES: &[Case] = &[
    ("as generated", |_| {}, &["accepted"]),
    ("exactly enough", |it| grace(it, 26), &["accepted"]),
    (
        "a second less",
        |it| grace(it, 25),
        &["denied", SUM, "terminationGracePeriodSeconds is 25s"],
    ),
    (
        "a longer sleep within the same grace period",
        |it| {
            grace(it, 30);
            sleep(it, 10);
        },
        &["denied", "is 30s, with a preStop sleep of 10s"],
    ),
    (
        "a longer sleep with room for it",
        |it| {
            grace(it, 31);
            sleep(it, 10);
        },
        &["accepted"],
    ),
    (
        "a shorter sleep",
        |it| sleep(it, 4),
        &["denied", "its container sleeps 4s"],
    ),
    (
        "no hook",
        |it| take(&mut template(it)["spec"]["containers"][0], "lifecycle"),
        &["denied", "its container has none"],
    ),
    (
        "no hook, and no time",
        |it| {
            grace(it, 0);
            take(&mut template(it)["spec"]["containers"][0], "lifecycle");
        },
        &["denied", SUM, "is 0s", "its container has none"],
    ),
    (
        "the hook of another container",
        |it| {
            let containers = &mut template(it)["spec"]["containers"];
            let mut other = containers[0].clone();
            other["name"] = "proxy".into();
            take(&mut containers[0], "lifecycle");
            containers.as_sequence_mut().unwrap().push(other);
        },
        &["denied", "its container has none"],
    ),
    (
        "no annotation any more",
        |it| {
            take(&mut template(it)["metadata"], "annotations");
            grace(it, 10);
        },
        &["denied", "is 10s"],
    ),
    (
        "from another plan",
        |it| {
            template(it)["metadata"]["annotations"]["lifecycle/plan-digest"] = "0".into();
            grace(it, 10);
        },
        &["passed over"],
    ),
    (
        "another name, the same program",
        |it| {
            it["metadata"]["name"] = "prod-shop".into();
            grace(it, 10);
        },
        &["denied", "is 10s"],
    ),
    (
        "another name and another program",
        |it| {
            it["metadata"]["name"] = "shop-worker".into();
            template(it)["spec"]["containers"][0]["name"] = "worker".into();
            grace(it, 10);
        },
        &["passed over"],
    ),
    (
        "nothing that says whose it is",
        |it| {
            it["metadata"]["name"] = "other".into();
            take(&mut it["metadata"], "labels");
            grace(it, 10);
        },
        &["passed over"],
    ),
];

fn judge(python: &Path, directory: &Path, objects: &[Value]) -> Vec<String> {
    let files: Vec<_> = objects
        .iter()
        .enumerate()
        .map(|(number, object)| {
            let path = directory.join(format!("object-{number}.yaml"));
            std::fs::write(&path, serde_yaml::to_string(object).unwrap()).unwrap();
            path
        })
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(python)
        .arg(root.join("tests/conformance/policy.py"))
        .arg(directory.join("policy/validatingadmissionpolicy.yaml"))
        .args(files)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{words}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    words.lines().map(str::to_owned).collect()
}

/// Generates both, and gives back the workload.
fn generate(directory: &Path, manifest: &str, workload: &str) -> Value {
    std::fs::write(directory.join("lifecycle.yaml"), manifest).unwrap();
    for (target, into) in [("k8s", "k8s"), ("k8s-policy", "policy")] {
        let output = run(directory, &["gen", target, "-o", into]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let text = std::fs::read_to_string(directory.join("k8s").join(workload)).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

fn python() -> Option<std::path::PathBuf> {
    let python = std::env::var_os("LIFECYCLE_CONFORMANCE_PYTHON");
    if python.is_none() {
        skipped("LIFECYCLE_CONFORMANCE_PYTHON names no Python with cel-python");
    }
    python.map(Into::into)
}

#[test]
fn what_was_lowered_by_hand_is_denied_with_the_sum() {
    let Some(python) = python() else { return };
    for (workload, file, keys) in KINDS {
        let project = tempfile::tempdir().unwrap();
        let whole = generate(project.path(), &manifest(workload, keys), file);
        let objects: Vec<Value> = CASES
            .iter()
            .map(|(_, change, _)| {
                let mut object = whole.clone();
                change(&mut object);
                object
            })
            .collect();
        let verdicts = judge(&python, project.path(), &objects);
        assert_eq!(verdicts.len(), CASES.len());
        for ((what, _, words), verdict) in CASES.iter().zip(&verdicts) {
            assert!(
                words.iter().all(|words| verdict.contains(words)),
                "{workload}, {what}: {verdict}"
            );
            // A message with a line break would be dropped.
            assert_eq!(
                verdict.starts_with("denied"),
                words[0] == "denied",
                "{verdict}"
            );
        }
    }
}

#[test]
fn the_kubernetes_default_is_told_from_what_is_written() {
    let Some(python) = python() else { return };
    let project = tempfile::tempdir().unwrap();
    let manifest = manifest("deployment", "").replace("timeout: 15s", "timeout: 20s");
    let mut object = generate(project.path(), &manifest, "deployment.yaml");
    take(
        &mut template(&mut object)["spec"],
        "terminationGracePeriodSeconds",
    );
    let verdicts = judge(&python, project.path(), &[object]);
    assert!(
        verdicts[0].contains("terminationGracePeriodSeconds is 30s (the Kubernetes default)"),
        "{}",
        verdicts[0]
    );
}

/// Without a native sleep nothing is asked of a hook.
#[test]
fn a_program_that_settles_by_itself_needs_its_grace_period_alone() {
    let Some(python) = python() else { return };
    let project = tempfile::tempdir().unwrap();
    let text = manifest("deployment", ", version: \"1.29\"");
    let whole = generate(project.path(), &text, "deployment.yaml");
    let objects: Vec<Value> = [26, 25]
        .map(|seconds| {
            let mut object = whole.clone();
            grace(&mut object, seconds);
            object
        })
        .to_vec();
    let verdicts = judge(&python, project.path(), &objects);
    assert_eq!(verdicts[0], "accepted");
    assert!(
        verdicts[1].contains("5s settle + 15s http + 250ms unwind + 5s reserve = 25.25s"),
        "{}",
        verdicts[1]
    );
    let policy = project.path().join("policy/validatingadmissionpolicy.yaml");
    let policy = std::fs::read_to_string(policy).unwrap();
    assert!(
        policy.contains("admissionregistration.k8s.io/v1beta1"),
        "{policy}"
    );
}

#[test]
fn a_cluster_without_such_policies_is_told() {
    let project = tempfile::tempdir().unwrap();
    for (version, works) in [("1.27", false), ("1.28", true)] {
        let text = manifest("deployment", &format!(", version: \"{version}\""));
        std::fs::write(project.path().join("lifecycle.yaml"), text).unwrap();
        let output = run(project.path(), &["gen", "k8s-policy"]);
        assert_eq!(output.status.success(), works, "{version}");
    }
}
