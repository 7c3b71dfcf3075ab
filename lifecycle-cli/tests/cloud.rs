//! Cloud Run and Azure Container Apps: what `gen` writes holds what the manifest says, letter by letter,
//! and is read back without any drift.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;

use proptest::prelude::*;
use serde_yaml::Value;
use support::run;

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
