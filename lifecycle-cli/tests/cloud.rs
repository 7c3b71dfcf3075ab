//! Cloud Run and Azure Container Apps: what `gen` writes holds what the manifest says, letter by letter,
//! and is read back without any drift.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use serde_yaml::Value;
use support::{run, skipped};

/// A manifest with odd strings and numbers wherever there is room for some.
#[derive(Debug, Clone)]
struct Model {
    image: String,
    environment: String,
    ready: String,
    live: String,
    port: Option<u16>,
    grpc: bool,
    kind: usize,
    timeout: u64,
    counts: [Option<u32>; 4],
    grace: u64,
    liveness_grace: Option<u64>,
    throttled: Option<bool>,
}

const KINDS: [&str; 3] = ["service", "job", "worker-pool"];
const FILES: [&str; 3] = ["service", "job", "worker-pool"];

fn path() -> impl Strategy<Value = String> {
    "/[!-\"$->@-~]{0,12}"
}

fn model() -> impl Strategy<Value = Model> {
    let counts = [(); 4].map(|()| prop::option::of(1_u32..1_000));
    (
        (".{1,30}", ".{1,30}", path(), path()),
        (prop::option::of(1_024_u16..), any::<bool>(), 0..3_usize),
        1_000_u64..3_600_000,
        counts,
        (20_000_u64..600_000, prop::option::of(1_u64..3_600_000)),
        prop::option::of(any::<bool>()),
    )
        .prop_map(
            |(texts, (port, grpc, kind), timeout, counts, grace, throttled)| Model {
                image: texts.0,
                environment: texts.1,
                ready: texts.2,
                live: texts.3,
                port,
                grpc,
                kind,
                timeout,
                counts,
                grace: grace.0,
                liveness_grace: grace.1,
                throttled,
            },
        )
}

/// Text in quotes of YAML, with nothing in it that a reader may stumble over.
fn quote(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        c => format!("\\U{:08x}", u32::from(c)),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

impl Model {
    fn manifest(&self) -> String {
        let mut run = vec![
            format!("image: {}", quote(&self.image)),
            format!("kind: {}", KINDS[self.kind]),
        ];
        let mut azure = vec![
            format!("image: {}", quote(&self.image)),
            format!("environment_id: {}", quote(&self.environment)),
            format!("grace_period: {}ms", self.grace),
        ];
        let [first, second, third, fourth] = self.counts;
        let mut number = |key: &str, value: Option<u32>| {
            run.extend(value.map(|value| format!("{key}: {value}")));
        };
        match self.kind {
            0 => {
                number("min_instances", first);
                number("max_instances", second);
                number("concurrency", third);
            }
            1 => {
                number("tasks", first);
                number("max_retries", second.map(|it| it % 11));
            }
            _ => number("instances", first),
        }
        match self.kind {
            0 => {
                run.push(format!("request_timeout: {}ms", self.timeout));
                run.extend(self.throttled.map(|it| format!("cpu_throttling: {it}")));
            }
            1 => run.push(format!("task_timeout: {}ms", self.timeout)),
            _ => {}
        }
        azure.extend(fourth.map(|it| format!("min_replicas: {it}")));
        azure.extend(third.map(|it| format!("max_replicas: {it}")));
        azure.extend(
            self.liveness_grace
                .map(|it| format!("liveness_grace_period: {it}ms")),
        );
        let port = self
            .port
            .map_or(String::new(), |port| format!(", port: {port}"));
        let server = if self.grpc {
            "grpc-server"
        } else {
            "http-server"
        };
        format!(
            "lifecycle: 1\nservice: shop\ntraffic: {{ health: {{ port: 1023, ready: {}, live: {} }} }}\n\
             resources:\n  http: {{ kind: {server}, timeout: 2s{port} }}\nplatforms:\n  cloud_run: {{ {} }}\n  \
             azure_container_apps: {{ {} }}\n",
            quote(&self.ready),
            quote(&self.live),
            run.join(", "),
            azure.join(", ")
        )
    }
}

/// The output of a command that must go well.
fn stdout(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn yaml(directory: &Path, path: &str) -> Value {
    let text = std::fs::read_to_string(directory.join(path)).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// Every mapping of the smaller is in the larger with the same values, a list's items by their names.
fn holds(larger: &Value, smaller: &Value) -> bool {
    match (larger, smaller) {
        (Value::Mapping(larger), Value::Mapping(smaller)) => smaller
            .iter()
            .all(|(key, value)| larger.get(key).is_some_and(|it| holds(it, value))),
        (Value::Sequence(larger), Value::Sequence(smaller)) => smaller
            .iter()
            .all(|item| larger.iter().any(|it| holds(it, item))),
        _ => larger == smaller,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn what_the_manifest_says_arrives_and_is_read_back(model in model()) {
        let project = tempfile::tempdir().unwrap();
        let here = project.path();
        std::fs::write(here.join("lifecycle.yaml"), model.manifest()).unwrap();
        for target in ["cloud-run", "azure"] {
            stdout(here, &["gen", target, "-o", target]);
            stdout(here, &["gen", target, "-o", target, "--check"]);
            stdout(here, &["gen", target, "--patch", "-o", &format!("{target}-patch")]);
        }
        let file = FILES[model.kind];
        let run = yaml(here, &format!("cloud-run/{file}.yaml"));
        let inner = match model.kind {
            1 => &run["spec"]["template"]["spec"]["template"]["spec"],
            _ => &run["spec"]["template"]["spec"],
        };
        prop_assert_eq!(inner["containers"][0]["image"].as_str(), Some(model.image.as_str()));
        let seconds = model.timeout.div_ceil(1_000);
        match model.kind {
            0 => prop_assert_eq!(inner["timeoutSeconds"].as_u64(), Some(seconds)),
            1 => prop_assert_eq!(&inner["timeoutSeconds"], &Value::from(seconds.to_string())),
            _ => {}
        }
        if model.kind != 1 {
            let probe = &inner["containers"][0]["livenessProbe"]["httpGet"];
            prop_assert_eq!(probe["path"].as_str(), Some(model.live.as_str()));
        }
        if model.kind == 0 {
            let port = inner["containers"][0]["ports"][0]["containerPort"].as_u64();
            prop_assert_eq!(port, model.port.map(u64::from));
        }
        let app = yaml(here, "azure/container-app.yaml");
        let template = &app["properties"]["template"];
        prop_assert_eq!(app["properties"]["environmentId"].as_str(), Some(model.environment.as_str()));
        prop_assert_eq!(template["containers"][0]["image"].as_str(), Some(model.image.as_str()));
        let grace = template["terminationGracePeriodSeconds"].as_u64();
        prop_assert_eq!(grace, Some(model.grace.div_ceil(1_000)));
        let ready = &template["containers"][0]["probes"][1]["httpGet"]["path"];
        prop_assert_eq!(ready.as_str(), Some(model.ready.as_str()));

        // A patch is a part of the whole, and has no image.
        for (whole, patch) in [
            (&run, yaml(here, &format!("cloud-run-patch/{file}-patch.yaml"))),
            (&app, yaml(here, "azure-patch/container-app-patch.yaml")),
        ] {
            prop_assert!(holds(whole, &patch), "{whole:?}\n{patch:?}");
            let text = serde_yaml::to_string(&patch).unwrap();
            prop_assert!(!text.contains("image:"), "{text}");
        }

        let against = [
            "check", "--color", "never", "--against", "cloud-run", "--against", "azure",
        ];
        let text = stdout(here, &against);
        prop_assert_eq!(text.matches("compared with").count(), 2, "{}", text);
        prop_assert!(!text.contains("[LC7") && !text.contains("[LC8"), "{}", text);
    }
}

/// A manifest for each kind, its strings as odd as they may be.
fn manifest(run: &str) -> String {
    format!(
        "lifecycle: 1\nservice: every-knob\ntraffic:\n  health: {{ port: 9090, ready: \"/ready'd\", live: \"/live~*\", \
         period: 2500ms, failures: 2 }}\nresources:\n  http: {{ kind: grpc-server, port: 8080, timeout: 4s }}\nplatforms:\n  \
         cloud_run: {{ image: \"on\", {run} }}\n  azure_container_apps:\n    image: \"a: b # c\"\n    external: true\n    \
         min_replicas: 0\n    max_replicas: 4\n    grace_period: 20500ms\n    liveness_grace_period: 5s\n    \
         environment_id: \"~\"\n"
    )
}

const RUNS: [&str; 3] = [
    "min_instances: 0, max_instances: 3, concurrency: 80, request_timeout: 3500ms, cpu_throttling: false",
    "kind: job, tasks: 3, task_timeout: 90s, max_retries: 0",
    "kind: worker-pool, instances: 2",
];

/// Everything that is generated of those, with what stands in the platforms' way left out, in one folder.
fn generated() -> (tempfile::TempDir, Vec<PathBuf>) {
    let scratch = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (at, run) in RUNS.iter().enumerate() {
        let here = scratch.path().join(at.to_string());
        std::fs::create_dir(&here).unwrap();
        std::fs::write(here.join("lifecycle.yaml"), manifest(run)).unwrap();
        for target in ["cloud-run", "azure"] {
            stdout(&here, &["gen", target, "-o", "whole"]);
            stdout(&here, &["gen", target, "--patch", "-o", "patch"]);
        }
        for folder in ["whole", "patch"] {
            let entries = std::fs::read_dir(here.join(folder)).unwrap();
            let paths = entries.map(|entry| entry.unwrap().path());
            files.extend(paths.filter(|path| path.extension().is_some_and(|it| it == "yaml")));
        }
    }
    assert_eq!(files.len(), 12);
    (scratch, files)
}

/// The corpus of what these platforms describe.
fn described(names: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/deployed");
    names.iter().map(|name| root.join(name)).collect()
}

const CLOUD_RUN_DESCRIBED: [&str; 4] = [
    "cloud-run-service-exported.yaml",
    "cloud-run-service-described.json",
    "cloud-run-job-exported.yaml",
    "cloud-run-worker-pool-exported.yaml",
];

/// What a reader says of files: the number it accepts, and all it says.
fn read(mut reader: Command, files: &[PathBuf]) -> (usize, String) {
    let output = reader.args(files).output().unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let accepted = said.lines().filter(|line| line.starts_with("accepted"));
    (accepted.count(), said)
}

/// Files with one fault each, that a reader has to refuse.
fn broken(scratch: &Path, faults: &[(&str, &str, &str)]) -> Vec<PathBuf> {
    let faults = faults.iter().enumerate();
    faults
        .map(|(at, (file, from, to))| {
            let text = std::fs::read_to_string(scratch.join(file)).unwrap();
            let path = scratch.join(format!("broken-{at}.yaml"));
            assert!(text.contains(from), "{file} has no {from}");
            std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
            path
        })
        .collect()
}

const NO_SUCH_KEY: (&str, &str, &str) = (
    "0/whole/service.yaml",
    "timeoutSeconds",
    "terminationGracePeriodSeconds",
);

#[test]
fn the_platforms_own_types_hold_what_is_generated_and_what_is_described() {
    let python = std::env::var_os("LIFECYCLE_CONFORMANCE_PYTHON");
    let discovery = std::env::var_os("LIFECYCLE_CLOUD_RUN_DISCOVERY");
    let (Some(python), Some(discovery)) = (python, discovery) else {
        skipped(
            "LIFECYCLE_CONFORMANCE_PYTHON names no Python with azure-mgmt-appcontainers, or \
             LIFECYCLE_CLOUD_RUN_DISCOVERY no discovery document",
        );
        return;
    };
    let reader = || {
        let mut command = Command::new(&python);
        command
            .arg(support::root().join("tests/conformance/clouds.py"))
            .arg(&discovery);
        command
    };
    let (scratch, mut files) = generated();
    files.extend(described(&CLOUD_RUN_DESCRIBED));
    files.extend(described(&["azure-update.yaml"]));
    let (accepted, said) = read(reader(), &files);
    assert_eq!(accepted, files.len(), "{said}");
    // The readers do refuse.
    let broken = broken(
        scratch.path(),
        &[
            NO_SUCH_KEY,
            (
                "0/whole/service.yaml",
                "timeoutSeconds: 4",
                "timeoutSeconds: four",
            ),
            (
                "1/whole/job.yaml",
                "timeoutSeconds: \"90\"",
                "timeoutSeconds: 90",
            ),
            (
                "0/whole/container-app.yaml",
                "targetPort: 8080",
                "targetPort: \"8080\"",
            ),
            ("0/whole/container-app.yaml", "minReplicas", "minReplica"),
            (
                "0/whole/container-app.yaml",
                "type: Startup",
                "type: Starting",
            ),
        ],
    );
    let (accepted, said) = read(reader(), &broken);
    assert_eq!(accepted, 0, "{said}");
}

/// A program of the search path.
fn installed(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    let mut paths = std::env::split_paths(&paths).map(|path| path.join(name));
    let found = paths.find(|path| path.is_file());
    if found.is_none() {
        skipped(&format!("there is no {name}"));
    }
    found
}

#[test]
fn gcloud_reads_what_is_generated() {
    let Some(gcloud) = installed("gcloud") else {
        return;
    };
    let gcloud = gcloud.canonicalize().unwrap();
    let library = gcloud.ancestors().nth(2).unwrap().join("lib");
    let reader = || {
        let mut command = Command::new("python3");
        command
            .arg(support::root().join("tests/conformance/gcloud.py"))
            .arg(&library);
        command
    };
    let (scratch, mut files) = generated();
    files.retain(|path| {
        !path.ends_with("container-app.yaml") && !path.ends_with("container-app-patch.yaml")
    });
    assert_eq!(files.len(), 6);
    files.extend(described(&CLOUD_RUN_DESCRIBED));
    let (accepted, said) = read(reader(), &files);
    assert_eq!(accepted, files.len(), "{said}");
    let (accepted, said) = read(reader(), &broken(scratch.path(), &[NO_SUCH_KEY]));
    assert_eq!(accepted, 0, "{said}");
}

#[test]
fn kustomize_lays_a_patch_over_a_service_by_the_names_of_its_containers() {
    let Some(kubectl) = installed("kubectl") else {
        return;
    };
    let (scratch, _) = generated();
    let here = scratch.path().join("0/patch");
    let service = "\
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: every-knob }
spec:
  template:
    spec:
      timeoutSeconds: 300
      containers:
        - { name: proxy, image: proxy }
        - name: every-knob
          image: mine
          env: [{ name: A, value: b }, { name: LIFECYCLE_DIGEST, value: old }]
";
    std::fs::write(here.join("service.yaml"), service).unwrap();
    let kustomization = "\
resources: [service.yaml]
patches: [{ path: service-patch.yaml }]
openapi: { path: kustomize-schema.json }
";
    std::fs::write(here.join("kustomization.yaml"), kustomization).unwrap();
    let output = Command::new(kubectl)
        .arg("kustomize")
        .arg(&here)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let whole: Value = serde_yaml::from_slice(&output.stdout).unwrap();
    let spec = &whole["spec"]["template"]["spec"];
    assert_eq!(spec["timeoutSeconds"].as_u64(), Some(4));
    let containers = spec["containers"].as_sequence().unwrap();
    assert_eq!(containers.len(), 2, "{whole:?}");
    let own = containers
        .iter()
        .find(|it| it["name"] == "every-knob")
        .unwrap();
    assert_eq!(own["image"], "mine");
    let environment = own["env"].as_sequence().unwrap();
    let of = |name: &str| -> Vec<&Value> {
        let named = environment.iter().filter(|it| it["name"] == name);
        named.map(|it| &it["value"]).collect()
    };
    assert_eq!(of("A"), ["b"]);
    assert_eq!(of("LIFECYCLE_GRACE_MS"), ["10000"]);
    assert_eq!(of("LIFECYCLE_DIGEST").len(), 1);
    assert_ne!(of("LIFECYCLE_DIGEST"), ["old"]);
}
