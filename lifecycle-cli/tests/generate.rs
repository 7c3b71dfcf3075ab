//! `lifecycle gen` on disk: whole files or none, nobody else's, and fresh or not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Output;

use support::run;

const MANIFEST: &str = "\
lifecycle: 1
service: shop
resources:
  http: { kind: http-server, port: 8080, timeout: 10s }
platforms:
  kubernetes: { image: x }
";

fn words(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn project() -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    std::fs::write(project.path().join("lifecycle.yaml"), MANIFEST).unwrap();
    project
}

#[test]
fn what_was_written_is_fresh_until_the_manifest_changes() {
    let project = project();
    let missing = run(project.path(), &["gen", "k8s", "-o", "k8s", "--check"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        !project.path().join("k8s").exists(),
        "--check writes nothing"
    );
    assert!(
        run(project.path(), &["gen", "k8s", "-o", "k8s"])
            .status
            .success()
    );
    let first = std::fs::read(project.path().join("k8s/deployment.yaml")).unwrap();
    assert!(
        run(project.path(), &["gen", "k8s", "-o", "k8s"])
            .status
            .success()
    );
    let again = std::fs::read(project.path().join("k8s/deployment.yaml")).unwrap();
    assert_eq!(first, again, "the same manifest gives the same bytes");
    assert!(
        run(project.path(), &["gen", "k8s", "-o", "k8s", "--check"])
            .status
            .success()
    );

    let changed = MANIFEST.replace("timeout: 10s", "timeout: 12s");
    std::fs::write(project.path().join("lifecycle.yaml"), changed).unwrap();
    let stale = run(project.path(), &["gen", "k8s", "-o", "k8s", "--check"]);
    assert_eq!(stale.status.code(), Some(1));
    let text = words(&stale);
    assert!(
        text.contains("lifecycle/plan-digest") && text.contains("stale"),
        "{text}"
    );
}

#[test]
fn a_file_that_somebody_else_wrote_is_left_alone_and_so_are_the_others() {
    let project = project();
    let directory = project.path().join("k8s");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("service.yaml"), "mine: true\n").unwrap();
    let refused = run(project.path(), &["gen", "k8s", "-o", "k8s"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(words(&refused).contains("--force"), "{}", words(&refused));
    assert_eq!(
        std::fs::read_to_string(directory.join("service.yaml")).unwrap(),
        "mine: true\n"
    );
    assert!(
        !directory.join("deployment.yaml").exists(),
        "all or nothing"
    );
    assert!(
        run(project.path(), &["gen", "k8s", "-o", "k8s", "--force"])
            .status
            .success()
    );
    assert!(directory.join("deployment.yaml").exists());
}

#[test]
fn nothing_is_generated_from_a_manifest_with_errors() {
    let project = project();
    let manifest = MANIFEST.replace("timeout: 10s", "timeout: 60s");
    std::fs::write(project.path().join("lifecycle.yaml"), manifest).unwrap();
    let refused = run(project.path(), &["gen", "k8s", "-o", "k8s"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty());
    assert!(words(&refused).contains("LC101"), "{}", words(&refused));
    assert!(!project.path().join("k8s").exists());
}

#[test]
fn a_platform_that_is_not_named_and_an_image_that_is_missing_are_said() {
    let project = project();
    let ecs = run(project.path(), &["gen", "ecs"]);
    assert_eq!(ecs.status.code(), Some(2));
    assert!(words(&ecs).contains("add `ecs: {}`"), "{}", words(&ecs));
    std::fs::write(
        project.path().join("lifecycle.yaml"),
        MANIFEST.replace("{ image: x }", "{}"),
    )
    .unwrap();
    let image = run(project.path(), &["gen", "k8s"]);
    assert_eq!(image.status.code(), Some(2));
    assert!(words(&image).contains("--image"), "{}", words(&image));
}

#[test]
fn a_file_that_the_manifest_no_longer_makes_is_stale_and_goes() {
    let project = project();
    let generate = ["gen", "k8s", "-o", "k8s"];
    assert!(run(project.path(), &generate).status.success());
    assert!(project.path().join("k8s/service.yaml").exists());
    let without = MANIFEST.replace("port: 8080, ", "");
    std::fs::write(project.path().join("lifecycle.yaml"), without).unwrap();
    let stale = run(project.path(), &["gen", "k8s", "-o", "k8s", "--check"]);
    assert_eq!(stale.status.code(), Some(1));
    assert!(words(&stale).contains("left over"), "{}", words(&stale));
    assert!(run(project.path(), &generate).status.success());
    assert!(!project.path().join("k8s/service.yaml").exists());
}

#[test]
fn no_name_breaks_out_of_its_line() {
    let project = project();
    let sidecar = "sidecars: [{ name: \"x\\nhostNetwork: true #\", timeout: 1s }]";
    let manifest = MANIFEST.replace("image: x", &format!("image: x, {sidecar}"));
    std::fs::write(project.path().join("lifecycle.yaml"), manifest).unwrap();
    let refused = run(project.path(), &["gen", "k8s"]);
    assert_eq!(refused.status.code(), Some(1), "{}", words(&refused));
    assert!(
        words(&refused).contains("LC010") && refused.stdout.is_empty(),
        "{}",
        words(&refused)
    );
}

#[test]
fn what_the_manifest_says_of_liveness_and_of_a_mesh_is_in_the_deployment() {
    for (mesh, annotation) in [
        (
            "istio",
            r#""proxy.istio.io/config": "{ \"terminationDrainDuration\": \"21s\" }""#,
        ),
        (
            "linkerd",
            r#""config.linkerd.io/shutdown-grace-period": "21s""#,
        ),
    ] {
        let project = project();
        let manifest = MANIFEST.replace(
            "image: x",
            &format!(
                "image: x, liveness_grace_period: 9s500ms, mesh: {{ name: {mesh}, drain: 20s1ms }}"
            ),
        );
        let health = format!("traffic: {{ health: {{ port: 9090 }} }}\n{manifest}");
        let path = project.path().join("lifecycle.yaml");
        std::fs::write(
            &path,
            health.replace("lifecycle: 1\n", "") + "lifecycle: 1\n",
        )
        .unwrap();
        let output = run(project.path(), &["gen", "k8s", "-o", "k8s"]);
        assert!(output.status.success(), "{}", words(&output));
        let deployment =
            std::fs::read_to_string(project.path().join("k8s/deployment.yaml")).unwrap();
        let (_, liveness) = deployment.split_once("livenessProbe:").unwrap();
        assert!(
            liveness.contains("terminationGracePeriodSeconds: 10\n"),
            "{deployment}"
        );
        assert!(deployment.contains(annotation), "{deployment}");
        assert_eq!(
            deployment
                .matches("terminationGracePeriodSeconds: 10\n")
                .count(),
            1,
            "at the liveness probe alone"
        );
    }
}

/// The pod of a deployment that is generated from a manifest with these keys of its platform.
fn pod(project: &Path, keys: &str, port: u16) -> serde_yaml::Value {
    let manifest = format!(
        "lifecycle: 1\nservice: shop\nresources:\n  http: {{ kind: http-server, port: {port}, timeout: 5s }}\nplatforms:\n  kubernetes: {{ image: x{keys} }}\n"
    );
    std::fs::write(project.join("lifecycle.yaml"), manifest).unwrap();
    let output = run(project, &["gen", "k8s"]);
    assert!(output.status.success(), "{}", words(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let deployment = text.split("\n---").next().unwrap();
    let deployment: serde_yaml::Value = serde_yaml::from_str(deployment).unwrap();
    deployment["spec"]["template"]["spec"].clone()
}

#[test]
fn the_program_may_do_as_little_as_kubernetes_restricts_it_to_unless_that_is_yours() {
    let project = project();
    let restricted = pod(project.path(), "", 8080);
    let container = &restricted["containers"][0];
    // The checks of k8s.io/pod-security-admission for the level `restricted`, and a root that is read.
    let context = &container["securityContext"];
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["capabilities"]["drop"][0], "ALL");
    assert_eq!(context["runAsNonRoot"], true);
    assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(context["readOnlyRootFilesystem"], true);
    // What it has to write all the same: its own files, and the report, which the kubelet mounts.
    assert_eq!(container["volumeMounts"][0]["mountPath"], "/tmp");
    assert_eq!(
        restricted["volumes"][0]["name"],
        container["volumeMounts"][0]["name"]
    );
    assert_eq!(container["terminationMessagePath"], "/dev/termination-log");
    assert!(restricted.get("securityContext").is_none());
    assert_eq!(
        restricted,
        pod(project.path(), ", security_context: restricted", 8080)
    );

    let writable = pod(project.path(), ", security_context: writable-root", 8080);
    let context = &writable["containers"][0]["securityContext"];
    assert_eq!(context["runAsNonRoot"], true);
    assert!(context.get("readOnlyRootFilesystem").is_none());
    assert!(writable.get("volumes").is_none());

    let yours = pod(project.path(), ", security_context: none", 80);
    assert!(yours["containers"][0].get("securityContext").is_none());
    assert!(yours.get("securityContext").is_none() && yours.get("volumes").is_none());

    // Without a capability, a low port is opened by the pod's leave.
    let low = pod(project.path(), "", 80);
    let sysctl = &low["securityContext"]["sysctls"][0];
    assert_eq!(sysctl["name"], "net.ipv4.ip_unprivileged_port_start");
    assert_eq!(sysctl["value"], "80");
    // Containers beside it are somebody else's.
    let beside = ", sidecars: [{ name: proxy, timeout: 2s, image: p }, { name: log, timeout: 11s, image: l, native: false }]";
    let beside = pod(project.path(), beside, 8080);
    assert!(beside["initContainers"][0].get("securityContext").is_none());
    assert!(beside["containers"][1].get("securityContext").is_none());
}
