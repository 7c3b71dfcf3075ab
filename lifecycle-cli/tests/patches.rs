//! What is laid over other people's files, laid over them by Kustomize and by Helm: afterwards they say
//! what the manifest means, and everything else as before.
//!
//! Kustomize is the one in `kubectl`, Helm the `helm` that `LIFECYCLE_HELM` names or that is found on
//! the path; without them this suite says that it was skipped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_yaml::Value;
use support::{run, skipped};

/// Strings that some language on the way could take for its own.
const HOSTILE: &str =
    r#"["/bin/drain", "a: b # c", "'d' \"e\"", "{{ .Values.x }}", "$(VAR) \\n", "no", "~"]"#;

/// What runs before the signal: nothing, a sleep, a command and a request.
const HOOKS: [&str; 4] = [
    "pre_stop: 0s",
    "pre_stop: 7s",
    "pre_stop: { exec: COMMAND, timeout: 3s }",
    "pre_stop: { http: /drain?now=1, port: 9090, timeout: 3s }",
];

const WORKLOADS: [(&str, &str); 5] = [
    (
        "Deployment",
        "workload: deployment, rollout: { strategy: recreate, min_ready: 4s }",
    ),
    (
        "StatefulSet",
        "workload: stateful-set, rollout: { strategy: on-delete }",
    ),
    (
        "DaemonSet",
        "workload: daemon-set, rollout: { max_unavailable: 20% }",
    ),
    (
        "Job",
        "workload: job, job: { deadline: 1h, replacement: after-end }",
    ),
    (
        "CronJob",
        "workload: cron-job, job: { schedule: \"@daily\", concurrency: forbid, deadline: 1h }",
    ),
];

fn manifest(workload: &str, hook: &str) -> String {
    let hook = hook.replace("COMMAND", HOSTILE);
    format!(
        "lifecycle: 1\nservice: shop\n\
         traffic: {{ settle: 3s, health: {{ port: 9090 }} }}\n\
         resources:\n  http: {{ kind: http-server, port: 8080, timeout: 10s }}\n\
         platforms:\n  kubernetes: {{ grace_period: 45s, {workload}, {hook}, mesh: {{ name: istio, drain: 30s }} }}\n"
    )
}

/// An object as somebody else wrote it, everything in another way.
fn base(kind: &str, handler: &str) -> String {
    let pod = format!(
        "metadata: {{ labels: {{ app: shop, tier: web }}, annotations: {{ theirs: \"1\" }} }}\n\
         spec:\n\
         \x20 terminationGracePeriodSeconds: 5\n\
         \x20 restartPolicy: RESTART\n\
         \x20 containers:\n\
         \x20   - {{ name: beside, image: \"beside:1\" }}\n\
         \x20   - name: shop\n\
         \x20     image: \"shop:theirs\"\n\
         \x20     ports: [{{ name: http, containerPort: 8080 }}, {{ name: health, containerPort: 9090 }}]\n\
         \x20     env:\n\
         \x20       - {{ name: THEIRS, value: \"2\" }}\n\
         \x20       - {{ name: LIFECYCLE_GRACE_MS, valueFrom: {{ fieldRef: {{ fieldPath: metadata.name }} }} }}\n\
         \x20     lifecycle:\n\
         \x20       postStart: {{ exec: {{ command: [\"true\"] }} }}\n\
         \x20       preStop: {handler}\n\
         \x20     readinessProbe: {{ exec: {{ command: [\"true\"] }}, timeoutSeconds: 3, periodSeconds: 30 }}\n\
         \x20     livenessProbe: {{ grpc: {{ port: 1 }}, initialDelaySeconds: 9 }}\n"
    );
    let indented = |columns: usize| {
        let lines = pod.lines().map(|line| format!("{:columns$}{line}\n", ""));
        lines.collect::<String>()
    };
    let head = |version: &str| {
        format!(
            "apiVersion: {version}\nkind: {kind}\nmetadata: {{ name: shop, labels: {{ theirs: \"3\" }} }}\nspec:\n"
        )
    };
    let selector = "  selector: { matchLabels: { app: shop } }\n";
    match kind {
        "CronJob" => format!(
            "{}  schedule: \"@daily\"\n  concurrencyPolicy: Forbid\n  jobTemplate:\n    spec:\n      template:\n{}",
            head("batch/v1"),
            indented(8).replace("RESTART", "Never")
        ),
        "Job" => format!("{}  template:\n{}", head("batch/v1"), indented(4).replace("RESTART", "Never")),
        _ => format!(
            "{}{selector}  template:\n{}",
            head("apps/v1").replace("spec:\n", match kind {
                "StatefulSet" => "spec:\n  serviceName: shop\n  updateStrategy: { type: RollingUpdate, rollingUpdate: { partition: 1 } }\n",
                "Deployment" => "spec:\n  strategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 3 } }\n",
                _ => "spec:\n",
            }),
            indented(4).replace("RESTART", "Always")
        ),
    }
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

fn kubectl() -> Option<PathBuf> {
    let found = Command::new("kubectl")
        .args(["kustomize", "--help"])
        .output();
    match found {
        Ok(output) if output.status.success() => Some("kubectl".into()),
        _ => {
            skipped("there is no kubectl, whose Kustomize lays the patch over other files");
            None
        }
    }
}

fn helm() -> Option<PathBuf> {
    let named = std::env::var_os("LIFECYCLE_HELM").map_or_else(|| "helm".into(), PathBuf::from);
    match Command::new(&named).arg("version").output() {
        Ok(output) if output.status.success() => Some(named),
        _ => {
            skipped("LIFECYCLE_HELM names no helm, and none is on the path");
            None
        }
    }
}

fn container(object: &Value) -> &Value {
    let spec = match object["spec"].get("jobTemplate") {
        Some(job) => &job["spec"],
        None => &object["spec"],
    };
    let containers = spec["template"]["spec"]["containers"]
        .as_sequence()
        .unwrap();
    containers.iter().find(|it| it["name"] == "shop").unwrap()
}

/// The hook is the manifest's, and no other way stands beside it.
fn assert_hook(object: &Value, hook: &str, what: &str) {
    let found = &container(object)["lifecycle"]["preStop"];
    let ways: Vec<&str> = match found.as_mapping() {
        Some(ways) => ways.keys().map(|key| key.as_str().unwrap()).collect(),
        None => Vec::new(),
    };
    let expected: &[&str] = match hook {
        _ if hook.contains("0s") => &[],
        _ if hook.contains("7s") => &["sleep"],
        _ if hook.contains("exec") => &["exec"],
        _ => &["httpGet"],
    };
    assert_eq!(ways, expected, "{what}");
    if hook.contains("exec") {
        let planned: Value = serde_yaml::from_str(HOSTILE).unwrap();
        assert_eq!(found["exec"]["command"], planned, "{what}");
    }
}

fn no_drift(directory: &Path, file: &str, what: &str) {
    let output = run(directory, &["check", "--against", file]);
    let said = words(&output);
    assert!(
        output.status.success() && !said.contains("drift]"),
        "{what}\n{said}"
    );
}

#[test]
fn kustomize_lays_the_component_over_what_somebody_else_wrote() {
    let Some(kubectl) = kubectl() else { return };
    let handlers = [
        "{ exec: { command: [sleep, \"2\"] } }",
        "{ httpGet: { path: /old, port: 1, scheme: HTTP } }",
        "{ sleep: { seconds: 1 } }",
    ];
    for (kind, workload) in WORKLOADS {
        for (number, hook) in HOOKS.iter().enumerate() {
            let handler = handlers[number % handlers.len()];
            let what = format!("{kind}, {hook}, over {handler}");
            let project = tempfile::tempdir().unwrap();
            let here = project.path();
            std::fs::write(here.join("lifecycle.yaml"), manifest(workload, hook)).unwrap();
            succeed(here, &["gen", "k8s", "--patch", "-o", "component"]);
            succeed(
                here,
                &["gen", "k8s", "--patch", "-o", "component", "--check"],
            );
            let other = base(kind, handler).replace("name: shop, labels", "name: shop-2, labels");
            std::fs::write(
                here.join("base.yaml"),
                base(kind, handler) + "---\n" + &other,
            )
            .unwrap();
            std::fs::write(
                here.join("kustomization.yaml"),
                "resources: [base.yaml]\ncomponents: [component]\n",
            )
            .unwrap();
            let output = Command::new(&kubectl)
                .arg("kustomize")
                .arg(here)
                .output()
                .unwrap();
            assert!(output.status.success(), "{what}\n{}", words(&output));
            let text = String::from_utf8(output.stdout).unwrap();
            let documents: Vec<Value> = serde_yaml::Deserializer::from_str(&text)
                .map(|document| serde::Deserialize::deserialize(document).unwrap())
                .collect();
            let ours = documents.iter().find(|it| it["metadata"]["name"] == "shop");
            let ours = ours.unwrap();
            assert_hook(ours, hook, &what);
            // What is not the plan's is theirs still.
            let program = container(ours);
            assert_eq!(program["image"], "shop:theirs");
            assert_eq!(program["readinessProbe"]["timeoutSeconds"], 3);
            assert_eq!(
                program["lifecycle"]["postStart"]["exec"]["command"][0],
                "true"
            );
            assert!(
                program["env"]
                    .as_sequence()
                    .unwrap()
                    .iter()
                    .any(|it| it["name"] == "THEIRS")
            );
            assert_eq!(ours["metadata"]["labels"]["theirs"], "3");
            // And nobody else's is the plan's.
            let theirs: Value = serde_yaml::from_str(&other).unwrap();
            let other = documents
                .iter()
                .find(|it| it["metadata"]["name"] == "shop-2");
            assert_eq!(other.unwrap(), &theirs, "{what}");
            std::fs::write(
                here.join("rendered.yaml"),
                serde_yaml::to_string(ours).unwrap(),
            )
            .unwrap();
            no_drift(here, "rendered.yaml", &what);
        }
    }
}

/// A chart as somebody else wrote it, with the helper's words in it.
const CHART: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  selector: { matchLabels: { app: shop } }
  template:
    metadata:
      labels:
        app: shop
        {{- include "lifecycle.podLabels" . | nindent 8 }}
      annotations: {{- include "lifecycle.podAnnotations" . | nindent 8 }}
    spec:
      {{- include "lifecycle.pod" . | nindent 6 }}
      containers:
        - name: shop
          image: {{ .Values.image | quote }}
          ports: [{ name: http, containerPort: 8080 }, { name: health, containerPort: 9090 }]
          env:
            - { name: THEIRS, value: "2" }
            {{- include "lifecycle.env" . | nindent 12 }}
          {{- include "lifecycle.container" . | nindent 10 }}
"#;

fn template(helm: &Path, here: &Path, more: &[&str]) -> Output {
    Command::new(helm)
        .current_dir(here)
        .args([
            "template",
            "shop",
            "chart",
            "-f",
            "chart/lifecycle-values.yaml",
        ])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn helm_prints_the_plan_and_refuses_a_grace_period_under_its_sum() {
    let Some(helm) = helm() else { return };
    for hook in HOOKS {
        let project = tempfile::tempdir().unwrap();
        let here = project.path();
        let text = manifest("workload: deployment", hook);
        std::fs::write(here.join("lifecycle.yaml"), &text).unwrap();
        let templates = here.join("chart/templates");
        std::fs::create_dir_all(&templates).unwrap();
        succeed(here, &["gen", "helm", "-o", "chart"]);
        // A helper is found below `templates`.
        std::fs::rename(
            here.join("chart/_lifecycle.tpl"),
            templates.join("_lifecycle.tpl"),
        )
        .unwrap();
        std::fs::write(templates.join("deployment.yaml"), CHART).unwrap();
        std::fs::write(
            here.join("chart/Chart.yaml"),
            "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
        )
        .unwrap();
        std::fs::write(here.join("chart/values.yaml"), "image: \"shop:theirs\"\n").unwrap();
        let output = template(&helm, here, &[]);
        assert!(output.status.success(), "{hook}\n{}", words(&output));
        std::fs::write(here.join("rendered.yaml"), &output.stdout).unwrap();
        let object: Value = serde_yaml::from_slice(&output.stdout).unwrap();
        assert_hook(&object, hook, hook);
        no_drift(here, "rendered.yaml", hook);

        // 10s http + 250ms unwind, a reserve, and what runs before or after the signal.
        let check = run(here, &["check", "--format", "json"]);
        let report: Value = serde_yaml::from_slice(&check.stdout).unwrap();
        let needs = report["services"][0]["platforms"][0]["needed_ms"].as_u64();
        let needs = needs
            .unwrap_or_else(|| panic!("{report:?}"))
            .div_ceil(1_000);
        for (seconds, works) in [(needs, true), (needs - 1, false)] {
            let set = format!("lifecycle.terminationGracePeriodSeconds={seconds}");
            let output = template(&helm, here, &["--set", &set]);
            assert_eq!(
                output.status.success(),
                works,
                "{hook}, {seconds}\n{}",
                words(&output)
            );
            if !works {
                let said = words(&output);
                assert!(said.contains("reserve = "), "{said}");
                assert!(said.contains(&format!("is {seconds}")), "{said}");
            }
        }
    }
}
