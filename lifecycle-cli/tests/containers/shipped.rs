//! The image of the command line itself, as `Dockerfile` at the root makes it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::engine::Engine;
use super::{good, support};

/// Gives a program that is not static its libraries: the image has none, and the program of a release
/// needs none.
pub(crate) fn libraries() -> impl Iterator<Item = String> {
    let directories = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];
    let there = directories.into_iter().filter(|it| Path::new(it).exists());
    there.map(|directory| format!("--volume={directory}:{directory}:ro"))
}

#[test]
fn the_image_runs_the_program_as_nobody_and_has_nothing_else() {
    let Some(engine) = Engine::start() else {
        return;
    };
    let root = support::root();
    let context = tempfile::tempdir().unwrap();
    let program = context.path().join("lifecycle");
    good(
        Command::new("strip")
            .arg("-o")
            .arg(&program)
            .arg(env!("CARGO_BIN_EXE_lifecycle")),
    );
    for file in ["LICENSE-APACHE", "LICENSE-MIT"] {
        std::fs::copy(root.join(file), context.path().join(file)).unwrap();
    }
    let docker = |arguments: &[&str]| good(engine.docker().args(arguments));
    good(
        engine
            .docker()
            .args([
                "build",
                "--quiet",
                "--build-arg",
                "VERSION=1.2.3",
                "--tag",
                "lifecycle",
            ])
            .arg("--file")
            .arg(root.join("Dockerfile"))
            .arg(context.path()),
    );
    let about: Value = serde_json::from_str(&docker(&["inspect", "lifecycle"])).unwrap();
    let config = &about[0]["Config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], serde_json::json!(["/lifecycle"]));
    assert_eq!(
        config["Labels"]["org.opencontainers.image.version"],
        "1.2.3"
    );

    let run = |directory: &Path, arguments: &[&str]| {
        let mut command = engine.docker();
        command.args(["run", "--rm", "--network", "none", "--read-only"]);
        command.args(["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]);
        command.args(libraries());
        let work = format!("{}:/work:ro", directory.display());
        command.args(["--volume", &work, "lifecycle"]);
        command.args(arguments).output().unwrap()
    };
    let example = root.join("examples/checkout-api");
    let checked = run(&example, &["check"]);
    assert!(checked.status.success(), "{}", support::answer(&checked));
    let outside = support::run(&example, &["check"]);
    assert_eq!(support::stdout(&checked), support::stdout(&outside));
    // Its exit code is the program's, and what it may not write it says.
    let unfit = support::project(&[("lifecycle.yaml", &support::manifest("shop", "10s"))]);
    assert_eq!(run(unfit.path(), &["check"]).status.code(), Some(1));
    let kept = run(&example, &["gen", "k8s", "-o", "out"]);
    assert_eq!(kept.status.code(), Some(2), "{}", support::answer(&kept));
}
