//! What `gen ecs` writes, sent to an ECS endpoint and asked for again; and its templates, read by those
//! who read templates.
//!
//! `LIFECYCLE_CONFORMANCE_PYTHON` names a Python with `moto[server]`, `boto3`, `cfn-lint` and `tfparse`;
//! without them this suite says that it was skipped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use support::{run, skipped};

const BEHIND_A_BALANCER: &str = "\
lifecycle: 1
service: shop
traffic: { settle: 5s, longest_request: 10s, keep_alive: 75s, health: { port: 9090, period: 5s } }
resources:
  http: { kind: http-server, port: 8080, timeout: 15s }
  db: { kind: database, timeout: 5s }
platforms:
  ecs:
    grace_period: 45s
    image: registry.example.com/shop:1
    cluster: prod
    desired_count: 3
    health_check: runtime
    subnets: [subnet-1]
    load_balancer: { deregistration_delay: 20s, idle_timeout: 60s }
";

const WORKER: &str = "\
lifecycle: 1
service: worker
resources:
  jobs: { kind: queue-consumer, timeout: 20s }
platforms:
  ecs: { grace_period: 119s500ms, image: x, launch_type: ec2, subnets: [subnet-1] }
";

/// A Python that has these modules.
fn python(modules: &str) -> Option<std::ffi::OsString> {
    let python = std::env::var_os("LIFECYCLE_CONFORMANCE_PYTHON");
    let has = |python: &std::ffi::OsString| {
        let import = format!("import {modules}");
        let output = Command::new(python).args(["-c", &import]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let python = python.filter(has);
    if python.is_none() {
        skipped(&format!(
            "LIFECYCLE_CONFORMANCE_PYTHON names no Python with {modules}"
        ));
    }
    python
}

fn project(manifest: &str) -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    std::fs::write(project.path().join("lifecycle.yaml"), manifest).unwrap();
    project
}

fn done(output: &Output) -> String {
    let words = [&output.stdout[..], &output.stderr[..]].concat();
    let words = String::from_utf8_lossy(&words).into_owned();
    assert!(output.status.success(), "{words}");
    words
}

/// What `check --against` finds in these answers.
fn drift(project: &Path, answers: &str) -> Vec<String> {
    let output = run(
        project,
        &["check", "--format", "json", "--against", answers],
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    // The manifest's own are not asked for here.
    let about_deployed = |finding: &&serde_json::Value| {
        let code = finding["code"].as_str().unwrap();
        code.starts_with("LC7") || code.starts_with("LC8")
    };
    let mut names: Vec<String> = findings
        .filter(about_deployed)
        .map(|finding| finding["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn what_an_endpoint_describes_of_what_was_sent_shows_no_drift_until_somebody_changes_it() {
    let Some(python) = python("moto.server, boto3") else {
        return;
    };
    let script = support::root().join("tests/conformance/ecs.py");
    for (manifest, wanted) in [
        (
            BEHIND_A_BALANCER,
            &["capacity-drift", "deregistration-drift", "grace-drift"][..],
        ),
        // No count in the manifest, so an autoscaler may have it.
        (WORKER, &["grace-drift"][..]),
    ] {
        let project = project(manifest);
        done(&run(project.path(), &["gen", "ecs", "-o", "ecs"]));
        let output = Command::new(&python)
            .current_dir(project.path())
            .arg(&script)
            .args(["described", "ecs"])
            .output()
            .unwrap();
        let words = done(&output);
        assert!(words.contains("registered ecs"), "{words}");
        assert_eq!(drift(project.path(), "described/as-generated/ecs"), [""; 0]);
        assert_eq!(drift(project.path(), "described/changed/ecs"), wanted);
    }
}

/// What means something in one language or another that such a text passes through.
const ODD: &str =
    "a ${var.x} %{ if y } $${z} %%{w} $ % {{ q }} \"quoted\" 'single' \\ \\u0041 <&> é 😀 #";

#[test]
fn the_readers_of_templates_take_what_is_patched_for_what_the_manifest_says() {
    let Some(python) = python("cfnlint, tfparse") else {
        return;
    };
    let odd = serde_json::to_string(ODD).unwrap();
    for (manifest, image, grace, delays) in [
        (
            BEHIND_A_BALANCER.to_owned(),
            "registry.example.com/shop:1",
            45,
            vec!["20"],
        ),
        (WORKER.to_owned(), "x", 120, vec![]),
        (
            BEHIND_A_BALANCER.replace("registry.example.com/shop:1", &odd),
            ODD,
            45,
            vec!["20"],
        ),
    ] {
        let project = project(&manifest);
        done(&run(
            project.path(),
            &["gen", "ecs", "--patch", "-o", "patch"],
        ));
        let output = Command::new(&python)
            .arg(support::root().join("tests/conformance/templates.py"))
            .arg(project.path().join("patch"))
            .output()
            .unwrap();
        let words = done(&output);
        let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(read["objections"], serde_json::json!([]), "{words}");
        for reader in ["cloudformation", "terraform"] {
            assert_eq!(read[reader]["image"], image, "{words}");
            assert_eq!(read[reader]["stopTimeout"], grace, "{words}");
        }
        assert_eq!(read["terraform"]["delays"], serde_json::json!(delays));
    }
}

#[test]
fn what_is_patched_shows_no_drift_and_what_is_changed_in_it_does() {
    for (manifest, grace) in [(BEHIND_A_BALANCER, "45"), (WORKER, "120")] {
        let project = project(manifest);
        done(&run(
            project.path(),
            &["gen", "ecs", "--patch", "-o", "patch"],
        ));
        let entries = std::fs::read_dir(project.path().join("patch")).unwrap();
        let mut count = 0;
        for file in entries.map(|entry| entry.unwrap().path()) {
            count += 1;
            let path = file.to_str().unwrap();
            assert_eq!(drift(project.path(), path), [""; 0], "{path}");
            let text = std::fs::read_to_string(&file).unwrap();
            let changed = [
                (format!("StopTimeout\": {grace}"), "StopTimeout\": 30"),
                (format!("stopTimeout\\\":{grace}"), "stopTimeout\\\":30"),
            ]
            .iter()
            .fold(text.clone(), |text, (from, to)| text.replace(from, to));
            assert_ne!(changed, text);
            std::fs::write(&file, changed).unwrap();
            assert_eq!(drift(project.path(), path), ["grace-drift"], "{path}");
        }
        assert_eq!(count, 2);
    }
}

#[test]
fn objects_have_the_names_that_the_manifest_gives_them() {
    let ids =
        "logical_ids: { task_definition: Shop-Task_1, target_group: group }\n    cluster: prod";
    let project = project(&BEHIND_A_BALANCER.replace("cluster: prod", ids));
    done(&run(
        project.path(),
        &["gen", "ecs", "--patch", "-o", "patch"],
    ));
    let read = |name: &str| -> serde_json::Value {
        let text = std::fs::read_to_string(project.path().join("patch").join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let template = &read("shop.cloudformation.json")["Resources"];
    for id in ["ShopTask1", "ShopService", "group"] {
        assert!(template[id].is_object(), "{template}");
    }
    assert_eq!(
        template["ShopService"]["Properties"]["TaskDefinition"]["Ref"],
        "ShopTask1"
    );
    let configuration = &read("shop_override.tf.json")["resource"];
    assert!(configuration["aws_ecs_task_definition"]["Shop-Task_1"].is_object());
    assert!(configuration["aws_ecs_service"]["shop"].is_object());
    assert!(configuration["aws_lb_target_group"]["group"].is_object());
}
