//! Every kind of workload on Kubernetes: generated, compared with its manifest, and read back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Output;

use support::run;

/// Each kind with every key that only it has.
const WORKLOADS: &[(&str, &str)] = &[
    (
        "deployment",
        "replicas: 3, rollout: { max_surge: 50%, max_unavailable: 1, min_ready: 4s500ms, progress_deadline: 5m }",
    ),
    ("deployment", "autoscaler: { min: 2, max: 9 }"),
    (
        "deployment",
        "replicas: 0, rollout: { strategy: recreate, min_ready: 1s }",
    ),
    (
        "stateful-set",
        "replicas: 3, version: \"1.37\", rollout: { max_unavailable: 2, min_ready: 5s }",
    ),
    ("stateful-set", "rollout: { strategy: on-delete }"),
    ("daemon-set", "rollout: { max_surge: 10% }"),
    (
        "daemon-set",
        "rollout: { max_unavailable: 25%, min_ready: 3s }",
    ),
    ("job", "job: { deadline: 90m, replacement: while-stopping }"),
    ("job", "version: \"1.28\""),
    (
        "cron-job",
        "job: { schedule: \"*/10 1-5 * * mon-fri\", deadline: 1h, concurrency: replace }",
    ),
];

const SIDECARS: &str = r#"sidecars: [{ name: proxy, timeout: 2s, image: "p:1 # 'x'", command: [/bin/proxy, "a b"], args: ["--x", "{{ y }}"] }]"#;

fn manifest(workload: &str, keys: &str) -> String {
    let sidecars = match keys.contains("1.28") {
        true => "sidecars: []",
        false => SIDECARS,
    };
    format!(
        "lifecycle: 1\nservice: shop\n\
         traffic: {{ settle: 3s, health: {{ port: 9090 }} }}\n\
         resources:\n  http: {{ kind: http-server, port: 8080, timeout: 10s }}\n\
         \x20 ledger: {{ kind: file, timeout: 1s }}\n\
         platforms:\n  kubernetes: {{ image: \"example.com/x:1\", grace_period: 45s, workload: {workload}, {keys}, {sidecars} }}\n"
    )
}

fn words(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn succeed(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    assert!(output.status.success(), "{args:?}\n{}", words(&output));
    words(&output)
}

/// A generated file but for what only tells its plan: the digest, and the environment with it.
fn without_plan(path: &Path) -> serde_yaml::Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut value = serde_yaml::from_str(&text).unwrap();
    prune(&mut value);
    value
}

fn prune(value: &mut serde_yaml::Value) {
    match value {
        serde_yaml::Value::Mapping(entries) => {
            entries.retain(|key, _| key != "env" && key != "annotations");
            entries.values_mut().for_each(prune);
        }
        serde_yaml::Value::Sequence(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

#[test]
fn what_is_generated_of_every_workload_shows_no_drift_and_is_read_back_as_it_was() {
    for (workload, keys) in WORKLOADS {
        let project = tempfile::tempdir().unwrap();
        let here = project.path();
        std::fs::write(here.join("lifecycle.yaml"), manifest(workload, keys)).unwrap();
        succeed(here, &["gen", "k8s", "-o", "k8s"]);
        let again = succeed(here, &["gen", "k8s", "-o", "k8s", "--check"]);
        assert!(again.contains("fresh"), "{again}");
        let files: Vec<String> = std::fs::read_dir(here.join("k8s"))
            .unwrap()
            .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
            .collect();
        let against = |at: &Path, rule: &str| {
            let mut args = vec!["check", "--against"];
            args.extend(files.iter().map(String::as_str));
            let output = run(at, &args);
            let text = words(&output);
            assert!(!text.contains(rule), "{workload}, {keys}:\n{text}");
            assert!(output.status.success(), "{workload}, {keys}:\n{text}");
        };
        against(here, "drift]");

        let second = tempfile::tempdir().unwrap();
        let there = second.path();
        let mut args = vec!["init", "--from"];
        args.extend(files.iter().map(String::as_str));
        let said = succeed(there, &args);
        let text = std::fs::read_to_string(there.join("lifecycle.yaml")).unwrap();
        // A plan of guessed timeouts is another plan; everything else is the same.
        against(there, "drift]");
        // An autoscaler, and how old a cluster may be, no file of these says.
        if keys.contains("autoscaler") || keys.contains("1.28") {
            continue;
        }
        succeed(there, &["gen", "k8s", "-o", "k8s"]);
        for file in &files {
            let name = Path::new(file).file_name().unwrap();
            let again = there.join("k8s").join(name);
            assert_eq!(
                without_plan(&again),
                without_plan(Path::new(file)),
                "{workload}, {keys}:\n{said}\n{text}"
            );
        }
    }
}

#[test]
fn what_runs_by_the_clock_can_be_named_with_fifty_two_letters_and_not_with_one_more() {
    let project = tempfile::tempdir().unwrap();
    for (length, works) in [(52, true), (53, false)] {
        let text = manifest("cron-job", "job: { schedule: \"@daily\" }")
            .replace("service: shop", &format!("service: {}", "a".repeat(length)));
        std::fs::write(project.path().join("lifecycle.yaml"), text).unwrap();
        let output = run(project.path(), &["gen", "k8s"]);
        assert_eq!(output.status.success(), works, "{}", words(&output));
        assert_eq!(words(&output).contains("at most 52"), !works);
    }
}

#[test]
fn a_job_has_neither_service_nor_disruption_budget_and_a_set_is_headless() {
    for (workload, keys, files) in [
        ("job", "job: {}", &["job.yaml"][..]),
        (
            "daemon-set",
            "rollout: {}",
            &["daemonset.yaml", "service.yaml"],
        ),
        (
            "stateful-set",
            "rollout: {}",
            &[
                "poddisruptionbudget.yaml",
                "service.yaml",
                "statefulset.yaml",
            ],
        ),
    ] {
        let project = tempfile::tempdir().unwrap();
        std::fs::write(
            project.path().join("lifecycle.yaml"),
            manifest(workload, keys),
        )
        .unwrap();
        succeed(project.path(), &["gen", "k8s", "-o", "k8s"]);
        let mut names: Vec<String> = std::fs::read_dir(project.path().join("k8s"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, files);
        if workload == "stateful-set" {
            let service = std::fs::read_to_string(project.path().join("k8s/service.yaml")).unwrap();
            assert!(service.contains("clusterIP: None"), "{service}");
        }
    }
}

#[test]
fn a_manifest_that_changes_its_workload_leaves_no_other_one_behind() {
    let project = tempfile::tempdir().unwrap();
    let here = project.path();
    std::fs::write(
        here.join("lifecycle.yaml"),
        manifest("deployment", "replicas: 2"),
    )
    .unwrap();
    succeed(here, &["gen", "k8s", "-o", "k8s"]);
    std::fs::write(here.join("lifecycle.yaml"), manifest("job", "job: {}")).unwrap();
    let said = succeed(here, &["gen", "k8s", "-o", "k8s"]);
    assert!(said.contains("removed"), "{said}");
    assert!(!here.join("k8s/deployment.yaml").exists());
    assert!(!here.join("k8s/service.yaml").exists());
}
