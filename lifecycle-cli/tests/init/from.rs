//! `init --from`: what is deployed, described.

use std::path::{Path, PathBuf};
use std::process::Output;

use lifecycle_manifest::Analysis;

use super::{active, err, given, lifecycle, out};

const TWO: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop, namespace: web }
spec: { template: { spec: { containers: [{ name: shop, ports: [{ containerPort: 8080 }] }] } } }
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: nightly }] } } } } }
";

#[test]
fn several_workloads_are_listed_and_one_is_chosen() {
    let project = tempfile::tempdir().unwrap();
    let refused = given(project.path(), &["init", "--from", "-"], TWO);
    assert_eq!(refused.status.code(), Some(2));
    for words in [
        "Deployment shop in namespace web",
        "CronJob nightly",
        "--workload KIND/NAME",
    ] {
        assert!(err(&refused).contains(words), "{}", err(&refused));
    }
    assert!(!project.path().join("lifecycle.yaml").exists());
    for (asked, line) in [
        (
            "shop",
            "  http: { kind: http-server, port: 8080, timeout: 15s }",
        ),
        ("deployment/shop", "service: shop"),
        ("web/shop", "service: shop"),
        ("CronJob/nightly", "  work: { kind: task, timeout: 10s }"),
    ] {
        let made = given(
            project.path(),
            &["init", "--stdout", "--from", "-", "--workload", asked],
            TWO,
        );
        assert_eq!(made.status.code(), Some(0), "{}", err(&made));
        assert!(
            active(&out(&made))
                .iter()
                .any(|there| there.starts_with(line)),
            "{asked}\n{}",
            out(&made)
        );
    }
    let unknown = given(
        project.path(),
        &["init", "--from", "-", "--workload", "shoop"],
        TWO,
    );
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        err(&unknown).contains("there is no workload `shoop`"),
        "{}",
        err(&unknown)
    );
}

#[test]
fn the_same_name_in_two_namespaces_is_told_apart() {
    let project = tempfile::tempdir().unwrap();
    let one = |namespace: &str| {
        TWO.split("---")
            .next()
            .unwrap()
            .replace("namespace: web", &format!("namespace: {namespace}"))
    };
    let both = format!("{}---\n{}", one("blue"), one("green"));
    let refused = given(
        project.path(),
        &["init", "--from", "-", "--workload", "Deployment/shop"],
        &both,
    );
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        err(&refused).contains("--workload NAMESPACE/KIND/NAME"),
        "{}",
        err(&refused)
    );
    let made = given(
        project.path(),
        &[
            "init",
            "--stdout",
            "--from",
            "-",
            "--workload",
            "green/Deployment/shop",
        ],
        &both,
    );
    assert!(
        active(&out(&made)).contains(&"    namespace: green"),
        "{}",
        err(&made)
    );
}

#[test]
fn a_file_without_a_workload_or_without_yaml_is_said() {
    let project = tempfile::tempdir().unwrap();
    for (text, words) in [
        ("", "there is no workload in standard input"),
        (
            "kind: ConfigMap\n",
            "there is no workload in standard input",
        ),
        ("a: [b\n", "standard input, line"),
        (
            "{\"serviceName\":\"a\",\"taskDefinition\":\"a\"}",
            "no task definition",
        ),
    ] {
        let refused = given(project.path(), &["init", "--from", "-"], text);
        assert_eq!(refused.status.code(), Some(2), "{text}");
        assert!(err(&refused).contains(words), "{text}: {}", err(&refused));
    }
}

#[test]
fn several_files_are_one_description() {
    let project = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(project.path().join(name), text).unwrap();
    write(
        "taskdef.json",
        r#"{"family":"shop","requiresCompatibilities":["FARGATE"],"cpu":"512","memory":"1 GB","containerDefinitions":[{"name":"shop","image":"x","stopTimeout":40,"portMappings":[{"containerPort":8080}]}]}"#,
    );
    write(
        "service.json",
        r#"{"serviceName":"shop","cluster":"main","taskDefinition":"shop:3","desiredCount":4,"loadBalancers":[{"targetGroupArn":"arn:tg","containerName":"shop","containerPort":8080}]}"#,
    );
    write(
        "group.json",
        r#"{"TargetGroupArn":"arn:tg","Attributes":[{"Key":"deregistration_delay.timeout_seconds","Value":"20"}]}"#,
    );
    write(
        "deployment.yaml",
        "kind: Deployment\nmetadata: { name: shop }\nspec: { template: { spec: { terminationGracePeriodSeconds: 50, containers: [{ name: shop }] } } }\n",
    );
    let made = lifecycle(
        project.path(),
        &[
            "init",
            "--from",
            "taskdef.json",
            "--from",
            "service.json",
            "--from",
            "group.json",
            "--from",
            "deployment.yaml",
            "--stdout",
        ],
    );
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let text = out(&made);
    // A directory is the files in it.
    let all = lifecycle(project.path(), &["init", "--from", ".", "--stdout"]);
    assert_eq!(
        active(&out(&all)).len(),
        active(&text).len(),
        "{}",
        err(&all)
    );
    for line in [
        "service: shop",
        "    grace_period: 50s",
        "    grace_period: 40s",
        "    desired_count: 4",
        "    cpu: 512",
        "    memory: 1024",
        "    cluster: \"main\"",
        "    load_balancer: { deregistration_delay: 20s, target_group_arn: \"arn:tg\" }",
    ] {
        assert!(active(&text).contains(&line), "{line}\n{text}");
    }
}

/// Files in the shapes that are met in the world, each of them described and compared with itself.
fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/deployed");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|ending| ending == "yaml" || ending == "json")
        })
        .collect();
    files.sort();
    files
}

/// The workloads that a file asks to choose among, as they are chosen; nothing where there is one.
fn choices(refused: &Output) -> Vec<String> {
    let words = err(refused);
    let listed = words.lines().filter_map(|line| line.strip_prefix("  "));
    listed
        .map(|line| {
            let line = line.split(" in namespace ").next().unwrap();
            let title = line.split(" (").next().unwrap();
            let (kind, name) = title.rsplit_once(' ').unwrap();
            format!("{}/{name}", kind.replace(' ', ""))
        })
        .collect()
}

#[test]
fn what_was_described_has_not_drifted() {
    let project = tempfile::tempdir().unwrap();
    let files = corpus();
    assert!(files.len() >= 40, "only {} files", files.len());
    let mut wrong = Vec::new();
    let mut described = 0;
    for file in &files {
        let file = file.to_str().unwrap();
        let first = lifecycle(project.path(), &["init", "--stdout", "--from", file]);
        let asked = match first.status.code() {
            Some(0) => vec![None],
            _ => choices(&first).into_iter().map(Some).collect(),
        };
        assert!(!asked.is_empty(), "{file}: {}", err(&first));
        for workload in asked {
            let mut args = vec!["init", "--force", "-o", "lifecycle.yaml", "--from", file];
            if let Some(workload) = &workload {
                args.extend(["--workload", workload]);
            }
            let made = lifecycle(project.path(), &args);
            assert_eq!(made.status.code(), Some(0), "{args:?}: {}", err(&made));
            described += 1;
            let name = file.rsplit('/').next().unwrap();
            let checked = lifecycle(
                project.path(),
                &[
                    "check",
                    "lifecycle.yaml",
                    "--against",
                    file,
                    "--format",
                    "json",
                ],
            );
            let report: serde_json::Value = serde_json::from_slice(&checked.stdout)
                .unwrap_or_else(|_| panic!("{name}: {}", err(&checked)));
            let findings = report["findings"].as_array().unwrap();
            // What is wrong with the manifest's shape would hide everything else.
            let drift = findings.iter().filter(|finding| {
                let code = finding["code"].as_str().unwrap();
                code.starts_with("LC0") || code.starts_with("LC7")
            });
            wrong.extend(
                drift.map(|finding| format!("{name}: {} {}", finding["code"], finding["message"])),
            );
        }
    }
    assert!(
        wrong.is_empty(),
        "{} described\n{}",
        described,
        wrong.join("\n")
    );
}

#[test]
fn what_could_not_be_known_and_what_does_not_fit_is_said() {
    let project = tempfile::tempdir().unwrap();
    let file = "kind: Deployment\nmetadata: { name: shop }\nspec: { template: { spec: { terminationGracePeriodSeconds: 10, containers: [{ name: shop, ports: [{ containerPort: 80 }], lifecycle: { preStop: { sleep: { seconds: 10 } } } }] } } }\n";
    std::fs::write(project.path().join("deployment.yaml"), file).unwrap();
    let made = lifecycle(project.path(), &["init", "--from", "deployment.yaml"]);
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    for words in [
        "not in deployment.yaml, and marked so in the manifest:",
        "http            how long does a request take at most?",
        "traffic.health  where does it answer readiness?",
        "as it stands: ",
        "(hook-takes-whole-grace)",
    ] {
        assert!(err(&made).contains(words), "{}", err(&made));
    }
    let text = std::fs::read_to_string(project.path().join("lifecycle.yaml")).unwrap();
    assert!(
        text.contains("  # not in deployment.yaml: how long does a request take at most?\n"),
        "{text}"
    );
    assert!(
        text.contains("settle: 10s   # the preStop sleep of deployment.yaml"),
        "{text}"
    );
}

#[test]
fn steps_are_fitted_to_the_grace_period_that_is_deployed() {
    let project = tempfile::tempdir().unwrap();
    for (grace, timeout) in [(60, "15s"), (30, "15s"), (20, "10s"), (12, "4s")] {
        let file = format!(
            "kind: Deployment\nmetadata: {{ name: shop }}\nspec: {{ template: {{ spec: {{ terminationGracePeriodSeconds: {grace}, containers: [{{ name: shop, ports: [{{ containerPort: 80 }}], lifecycle: {{ preStop: {{ sleep: {{ seconds: 5 }} }} }} }}] }} }} }}\n"
        );
        let made = given(project.path(), &["init", "--from", "-", "--stdout"], &file);
        let text = out(&made);
        let line = format!("  http: {{ kind: http-server, port: 80, timeout: {timeout} }}");
        assert!(
            active(&text).iter().any(|there| there.starts_with(&line)),
            "{grace}\n{text}"
        );
        let errors = Analysis::of(&text).findings.len();
        assert_eq!(errors, 0, "{text}");
    }
}

#[test]
fn a_program_is_not_held_to_more_than_it_runs_under_today() {
    let all = "allowPrivilegeEscalation: false, capabilities: { drop: [ALL] }, runAsNonRoot: true, seccompProfile: { type: RuntimeDefault }";
    let read_only = format!("{all}, readOnlyRootFilesystem: true");
    let rest = all.replace("runAsNonRoot: true, ", "");
    let none = Some("security_context: none");
    for (pod, container, expected) in [
        ("", "", none),
        ("", "runAsNonRoot: true", none),
        ("", rest.as_str(), none),
        (
            "runAsNonRoot: true",
            rest.as_str(),
            Some("security_context: writable-root"),
        ),
        (
            "runAsNonRoot: false",
            all,
            Some("security_context: writable-root"),
        ),
        ("", all, Some("security_context: writable-root")),
        ("", read_only.as_str(), None),
        // The container's own word goes before the pod's.
        (
            "runAsNonRoot: true",
            "runAsNonRoot: false, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] }, seccompProfile: { type: RuntimeDefault }",
            none,
        ),
    ] {
        let file = format!(
            "kind: Deployment\nmetadata: {{ name: shop }}\nspec: {{ template: {{ spec: {{ securityContext: {{ {pod} }}, containers: [{{ name: shop, image: x, ports: [{{ containerPort: 8080 }}], securityContext: {{ {container} }} }}] }} }} }}\n"
        );
        let made = given(Path::new("."), &["init", "--from", "-", "--stdout"], &file);
        let text = out(&made);
        let active = active(&text);
        let written = active.iter().find_map(|line| {
            let line = line.trim();
            line.starts_with("security_context:").then_some(line)
        });
        assert_eq!(written, expected, "{pod} | {container}\n{text}");
    }
}

/// A selector cannot be changed, and a Service that is there goes on finding the pods.
#[test]
fn what_the_pods_are_known_by_is_kept() {
    let described = |labels: &str, pod: &str| {
        let directory = tempfile::tempdir().unwrap();
        let deployment = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: shop }}\nspec:\n  \
             selector: {{ matchLabels: {{ {labels} }} }}\n  template:\n    \
             metadata: {{ labels: {{ {pod} }} }}\n    \
             spec: {{ containers: [{{ name: shop, image: shop:1, ports: [{{ containerPort: 8080 }}] }}] }}\n"
        );
        std::fs::write(directory.path().join("d.yaml"), deployment).unwrap();
        let made = lifecycle(directory.path(), &["init", "--from", "d.yaml"]);
        assert!(made.status.success(), "{}", err(&made));
        let text = std::fs::read_to_string(directory.path().join("lifecycle.yaml")).unwrap();
        let line = active(&text).into_iter().map(str::trim);
        let line = line
            .filter(|line| line.starts_with("selector:"))
            .collect::<String>();
        let generated = lifecycle(directory.path(), &["gen", "k8s"]);
        assert!(generated.status.success(), "{}", err(&generated));
        let text = out(&generated);
        let documents = text
            .split("\n---")
            .map(|one| serde_yaml::from_str(one).unwrap());
        (line, documents.collect::<Vec<serde_yaml::Value>>())
    };
    let labels = |of: &serde_yaml::Value| -> Vec<String> {
        let labels = of.as_mapping().unwrap().iter();
        let words = |it: &serde_yaml::Value| it.as_str().unwrap().to_owned();
        labels
            .map(|(name, value)| format!("{}={}", words(name), words(value)))
            .collect()
    };
    let selects = |documents: &[serde_yaml::Value], kind: &str| {
        let one = documents.iter().find(|one| one["kind"] == kind).unwrap();
        let selector = &one["spec"]["selector"];
        labels(selector.get("matchLabels").unwrap_or(selector))
    };

    let (line, documents) = described("app: shop, \"on\": \"1\"", "app: shop, \"on\": \"1\"");
    assert_eq!(line, "selector: { app: shop, \"on\": \"1\" }");
    let pods = labels(&documents[0]["spec"]["template"]["metadata"]["labels"]);
    assert_eq!(pods, ["app.kubernetes.io/name=shop", "app=shop", "on=1"]);
    for kind in ["Deployment", "Service", "PodDisruptionBudget"] {
        assert_eq!(selects(&documents, kind), ["app=shop", "on=1"], "{kind}");
    }

    let ours = "app.kubernetes.io/name: shop";
    let (line, documents) = described(ours, ours);
    assert_eq!(line, "");
    assert_eq!(
        selects(&documents, "Deployment"),
        ["app.kubernetes.io/name=shop"]
    );
    // Another name under the same label is another selector.
    let other = "app.kubernetes.io/name: web";
    let (line, documents) = described(other, other);
    assert_eq!(line, "selector: { app.kubernetes.io/name: web }");
    let pods = labels(&documents[0]["spec"]["template"]["metadata"]["labels"]);
    assert_eq!(pods, ["app.kubernetes.io/name=web"]);
}
