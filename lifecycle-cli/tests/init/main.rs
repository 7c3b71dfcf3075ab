//! `lifecycle init` with the real command: files, flags, standard input, and a dialogue on a terminal.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[cfg(target_os = "linux")]
mod dialogue;
mod from;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use lifecycle_manifest::Analysis;

fn lifecycle(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lifecycle"))
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn given(directory: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lifecycle"))
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lines that are keys.
fn active(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty())
        .collect()
}

#[test]
fn without_anything_said_the_manifest_is_the_usual_one_and_clean() {
    let project = tempfile::tempdir().unwrap();
    let shop = project.path().join("Shop_Front");
    std::fs::create_dir(&shop).unwrap();
    let made = lifecycle(&shop, &["init"]);
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    assert!(made.stdout.is_empty());
    for words in [
        "wrote lifecycle.yaml",
        "lifecycle check",
        "lifecycle plan",
        "lifecycle gen k8s",
    ] {
        assert!(err(&made).contains(words), "{}", err(&made));
    }
    let text = std::fs::read_to_string(shop.join("lifecycle.yaml")).unwrap();
    assert!(active(&text).contains(&"service: shop-front"), "{text}");
    let checked = lifecycle(&shop, &["check", "-D", "all"]);
    assert_eq!(checked.status.code(), Some(0), "{}", out(&checked));
}

#[test]
fn quiet_is_quiet() {
    let project = tempfile::tempdir().unwrap();
    let made = lifecycle(project.path(), &["init", "-q"]);
    assert_eq!(made.status.code(), Some(0));
    assert!(
        made.stdout.is_empty() && made.stderr.is_empty(),
        "{}",
        err(&made)
    );
    assert!(project.path().join("lifecycle.yaml").exists());
}

#[test]
fn the_package_gives_the_name_before_the_directory() {
    let project = tempfile::tempdir().unwrap();
    std::fs::write(
        project.path().join("Cargo.toml"),
        "[package]\nname = \"order_api\"\n",
    )
    .unwrap();
    let made = lifecycle(project.path(), &["init", "--stdout"]);
    assert!(
        active(&out(&made)).contains(&"service: order-api"),
        "{}",
        out(&made)
    );
    assert!(!project.path().join("lifecycle.yaml").exists());
}

#[test]
fn a_manifest_that_is_there_stays_unless_it_is_forced_away() {
    let project = tempfile::tempdir().unwrap();
    let file = project.path().join("lifecycle.yaml");
    std::fs::write(&file, "mine\n").unwrap();
    for args in [
        &["init"][..],
        &["init", "."],
        &["init", "lifecycle.yaml"],
        &["init", "-o", "lifecycle.yaml"],
    ] {
        let refused = lifecycle(project.path(), args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(
            err(&refused).contains("`--force` overwrites it"),
            "{}",
            err(&refused)
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine\n");
    }
    let printed = lifecycle(project.path(), &["init", "-o", "-"]);
    assert_eq!(printed.status.code(), Some(0));
    assert!(out(&printed).contains("lifecycle: 1"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine\n");
    let forced = lifecycle(project.path(), &["init", "--force"]);
    assert_eq!(forced.status.code(), Some(0), "{}", err(&forced));
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .contains("lifecycle: 1")
    );
}

#[test]
fn the_other_spelling_is_a_manifest_too() {
    let project = tempfile::tempdir().unwrap();
    std::fs::write(project.path().join("lifecycle.yml"), "mine\n").unwrap();
    let refused = lifecycle(project.path(), &["init"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        err(&refused).contains("lifecycle.yml is there already"),
        "{}",
        err(&refused)
    );
    assert!(!project.path().join("lifecycle.yaml").exists());
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_is_something_that_is_there() {
    let project = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("elsewhere.yaml", project.path().join("lifecycle.yaml")).unwrap();
    let refused = lifecycle(project.path(), &["init"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(!project.path().join("elsewhere.yaml").exists());
}

#[test]
fn a_place_that_cannot_be_written_to_is_said_and_nothing_is_left_there() {
    let project = tempfile::tempdir().unwrap();
    // A file where a directory must be holds for every user, root too.
    std::fs::write(project.path().join("occupied"), "").unwrap();
    for (path, words) in [
        ("occupied/lifecycle.yaml", "there is no directory occupied"),
        ("missing/lifecycle.yaml", "there is no directory missing"),
        ("services-shop", "there is no directory services-shop"),
    ] {
        let refused = lifecycle(project.path(), &["init", path]);
        assert_eq!(refused.status.code(), Some(2), "{path}");
        assert!(err(&refused).contains(words), "{}", err(&refused));
    }
    let left: Vec<_> = std::fs::read_dir(project.path()).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_directory_is_said() {
    // Nothing can be made below /proc, whoever asks.
    let refused = lifecycle(Path::new("/"), &["init", "/proc/lifecycle.yaml"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        err(&refused).contains("could not write /proc/lifecycle.yaml"),
        "{}",
        err(&refused)
    );
}

#[test]
fn flags_say_what_the_questions_would_ask() {
    let project = tempfile::tempdir().unwrap();
    let made = lifecycle(
        project.path(),
        &[
            "init",
            "--stdout",
            "--service",
            "checkout",
            "--platform",
            "kubernetes",
            "--platform",
            "ecs",
            "--resource",
            "api=http-server:20s",
            "--resource",
            "mails=queue-consumer",
            "--resource",
            "db=database",
            "--port",
            "9000",
            "--health-port",
            "9090",
            "--image",
            "registry.example.com/checkout:1",
        ],
    );
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let text = out(&made);
    for line in [
        "service: checkout",
        "  health: { port: 9090 }",
        "  api: { kind: http-server, port: 9000, timeout: 20s }",
        "  mails: { kind: queue-consumer, timeout: 10s }",
        "  db: { kind: database, timeout: 5s }",
        "    image: \"registry.example.com/checkout:1\"",
    ] {
        assert!(active(&text).contains(&line), "{line}\n{text}");
    }
    let analysis = Analysis::of(&text);
    assert!(
        analysis.findings.is_empty(),
        "{:?}\n{text}",
        analysis.findings
    );
    assert!(
        text.contains("grace_period: 36s   # the smallest that fits"),
        "{text}"
    );
}

#[test]
fn a_platform_that_gives_less_gets_shorter_steps() {
    let project = tempfile::tempdir().unwrap();
    let made = lifecycle(
        project.path(),
        &[
            "init",
            "--stdout",
            "--platform",
            "kubernetes",
            "--platform",
            "cloud_run",
        ],
    );
    let text = out(&made);
    let analysis = Analysis::of(&text);
    assert!(
        analysis.findings.is_empty(),
        "{:?}\n{text}",
        analysis.findings
    );
    assert!(text.contains("timeout: 15s"), "{text}");
    assert!(
        active(&text)
            .iter()
            .any(|line| line.starts_with("    timeouts: { http: ")),
        "{text}"
    );
}

#[test]
fn what_cannot_be_meant_is_said_with_what_was_probably_meant() {
    let project = tempfile::tempdir().unwrap();
    for (args, words) in [
        (
            &["--resource", "db=databse"][..],
            "did you mean `database`?",
        ),
        (&["--resource", "db"], "NAME=KIND"),
        (
            &["--resource", "self=task"],
            "cannot be the name of a resource",
        ),
        (
            &["--resource", "a=task", "--resource", "a=cache"],
            "stands here twice",
        ),
        (&["--service", "My Shop"], "`my-shop` can"),
        (&["--platform", "kubernets"], "kubernetes"),
        (&["--port", "0"], "0"),
        (&["--workload", "x"], "--from"),
        (&["--from", "nothing.yaml"], "could not read nothing.yaml"),
    ] {
        let refused = lifecycle(project.path(), &[&["init"], args].concat());
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(err(&refused).contains(words), "{args:?}: {}", err(&refused));
    }
    assert_eq!(std::fs::read_dir(project.path()).unwrap().count(), 0);
}
