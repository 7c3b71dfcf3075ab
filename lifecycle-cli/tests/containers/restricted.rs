//! What `gen k8s` lets a program do is enough for one with the runtime: it serves, stops and reports, in a
//! container that is given the rights of the generated pod and no other.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_yaml::Value;

use super::engine::Engine;
use super::shipped::libraries;
use super::{generated, good, support};

/// Where the peer listens, in hexadecimal digits as the kernel's table has it: 18080.
const LISTENS: &str = ":46A0 ";

/// A small service with the runtime; its manifest is `tests/peers/lifecycle.yaml`.
fn peer() -> PathBuf {
    let built = good(
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args([
                "build",
                "--quiet",
                "--package",
                "lifecycle-tests",
                "--bin",
                "peer-lifecycle",
            ])
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(support::root()),
    );
    let messages = built
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut named = messages.filter_map(|it| it["executable"].as_str().map(PathBuf::from));
    named.next_back().expect("cargo names the program it built")
}

/// The flags that give a container what this one of a pod is given.
fn rights(container: &Value, report: &Path) -> Vec<String> {
    let context = &container["securityContext"];
    let mut flags = Vec::new();
    if context["runAsNonRoot"] == true {
        flags.push("--user=65532:65532".to_owned());
    }
    if context["readOnlyRootFilesystem"] == true {
        flags.push("--read-only".to_owned());
    }
    if context["allowPrivilegeEscalation"] == false {
        flags.push("--security-opt=no-new-privileges".to_owned());
    }
    for capability in context["capabilities"]["drop"].as_sequence().unwrap() {
        flags.push(format!("--cap-drop={}", capability.as_str().unwrap()));
    }
    for mount in container["volumeMounts"].as_sequence().unwrap() {
        flags.push(format!("--tmpfs={}", mount["mountPath"].as_str().unwrap()));
    }
    for variable in container["env"].as_sequence().unwrap() {
        let (name, value) = (&variable["name"], &variable["value"]);
        flags.push(format!(
            "--env={}={}",
            name.as_str().unwrap(),
            value.as_str().unwrap()
        ));
    }
    // As the kubelet mounts it: a file of its own that everybody may write.
    let path = container["terminationMessagePath"].as_str().unwrap();
    flags.push(format!("--volume={}:{path}", report.display()));
    flags
}

#[test]
fn a_program_with_the_runtime_serves_and_reports_with_the_rights_of_the_generated_pod() {
    let Some(engine) = Engine::start() else {
        return;
    };
    let manifest = support::root().join("tests/peers/lifecycle.yaml");
    let text = generated(
        Path::new("."),
        &["k8s", manifest.to_str().unwrap(), "--image", "peer"],
    );
    let deployment: Value = serde_yaml::from_str(text.split("\n---").next().unwrap()).unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];

    let root = tempfile::tempdir().unwrap();
    let program = root.path().join("peer");
    good(Command::new("strip").arg("-o").arg(&program).arg(peer()));
    engine.image("peer", root.path(), &["/peer"]);
    let report = tempfile::NamedTempFile::new().unwrap();
    let everybody = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(report.path(), everybody).unwrap();

    let flags = rights(container, report.path());
    for flag in [
        "--user=65532:65532",
        "--read-only",
        "--cap-drop=ALL",
        "--tmpfs=/tmp",
    ] {
        assert!(
            flags.iter().any(|it| it == flag),
            "{flag} is not among {flags:?}"
        );
    }
    let mut run = engine.docker();
    run.args(["run", "--detach", "--network=none", "--name=peer"]);
    good(run.args(flags).args(libraries()).arg("peer"));
    let docker = |arguments: &[&str]| good(engine.docker().args(arguments));
    let pid = docker(&["inspect", "--format", "{{.State.Pid}}", "peer"]);
    let table = format!("/proc/{}/net/tcp", pid.trim());
    let patience = Instant::now() + Duration::from_secs(60);
    while !std::fs::read_to_string(&table).is_ok_and(|sockets| sockets.contains(LISTENS)) {
        assert!(
            Instant::now() < patience,
            "it does not listen: {}",
            support::answer(&engine.docker().args(["logs", "peer"]).output().unwrap())
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    docker(&["stop", "peer"]);
    let code = docker(&["inspect", "--format", "{{.State.ExitCode}}", "peer"]);
    assert_eq!(code.trim(), "0");
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(report.path()).unwrap()).unwrap();
    assert_eq!(report["outcome"], "clean", "{report}");
    assert_eq!(report["platform"], "kubernetes", "{report}");
    assert_eq!(report["steps"][0]["name"], "http", "{report}");
}
