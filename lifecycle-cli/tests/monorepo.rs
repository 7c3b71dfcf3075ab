//! Hundreds of manifests in one run: the same bytes whatever the threads do, one summary, one exit
//! code, and one file that cannot be read keeps no other from being judged.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Output;

use support::{lifecycle, manifest, project, run, stderr, stdout, write};

const SERVICES: usize = 300;

/// Every tenth has far too much grace, every hundredth too little.
fn monorepo() -> tempfile::TempDir {
    let project = project(&[]);
    for at in 0..SERVICES {
        let grace = match at {
            at if at % 100 == 7 => "6s",
            at if at % 10 == 3 => "10m",
            _ => "45s",
        };
        let path = format!("team-{}/service-{at:03}/lifecycle.yaml", at % 7);
        write(
            project.path(),
            &path,
            &manifest(&format!("s{at:03}"), grace),
        );
    }
    project
}

fn with_threads(directory: &Path, threads: &str, args: &[&str]) -> Output {
    let mut command = lifecycle(directory);
    command.env("RAYON_NUM_THREADS", threads).args(args);
    command.output().unwrap()
}

#[test]
fn the_answer_is_the_same_whatever_the_threads_do() {
    let project = monorepo();
    for format in ["human", "json", "sarif", "github", "junit"] {
        let args = ["check", ".", "--format", format];
        let one = with_threads(project.path(), "1", &args);
        assert_eq!(one.status.code(), Some(1));
        for _ in 0..3 {
            let many = with_threads(project.path(), "8", &args);
            assert!(one.stdout == many.stdout, "{format} differs");
        }
    }
}

#[test]
fn people_see_what_is_wrong_and_one_summary() {
    let project = monorepo();
    let plain = stdout(&run(project.path(), &["check", "."]));
    assert_eq!(
        plain.lines().rev().nth(1),
        Some("found: 3 errors, 30 warnings in 33 of 300 manifests")
    );
    assert_eq!(
        plain.matches(", plan ").count(),
        33,
        "sums of those with findings"
    );
    let verbose = stdout(&run(project.path(), &["check", ".", "-v"]));
    assert_eq!(verbose.matches(", plan ").count(), SERVICES);
    // In the order of their paths.
    let order: Vec<&str> = verbose
        .lines()
        .filter_map(|line| line.split_once(" (")?.1.split_once(", plan "))
        .map(|(file, _)| file)
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    let fine = run(project.path(), &["check", ".", "-A", "all"]);
    assert_eq!(fine.status.code(), Some(0));
    assert_eq!(
        stdout(&fine),
        "ok: 300 manifests, nothing to object to; 33 findings allowed\n"
    );
}

#[test]
fn a_file_that_is_named_twice_is_checked_once() {
    let project = project(&[
        ("a/lifecycle.yaml", &manifest("a", "45s")),
        ("b/lifecycle.yaml", &manifest("b", "45s")),
    ]);
    let args = ["check", "b/lifecycle.yaml", ".", "./b/lifecycle.yaml", "a"];
    let output = stdout(&run(project.path(), &args));
    assert!(output.starts_with("ok: 2 manifests"), "{output}");
}

#[test]
fn what_cannot_be_read_is_said_in_every_format_and_the_rest_is_judged() {
    let project = project(&[
        ("a/lifecycle.yaml", &manifest("a", "6s")),
        ("c/lifecycle.yaml", &manifest("c", "45s")),
        ("empty/README.md", ""),
    ]);
    let check = |format: &str| {
        let args = [
            "check",
            "a",
            "missing.yaml",
            "empty",
            "c",
            "--format",
            format,
        ];
        let output = run(project.path(), &args);
        assert_eq!(output.status.code(), Some(2), "{format}");
        let talk = stderr(&output);
        assert!(
            talk.contains("error: could not read missing.yaml: "),
            "{talk}"
        );
        assert!(
            talk.contains("error: there is no lifecycle.yaml in empty or below"),
            "{talk}"
        );
        stdout(&output)
    };
    let human = check("human");
    assert!(
        human.contains("in 1 of 2 manifests; 2 could not be read"),
        "{human}"
    );
    let json: serde_json::Value = serde_json::from_str(&check("json")).unwrap();
    assert_eq!(json["summary"]["manifests"], 2);
    assert_eq!(json["findings"][0]["file"], "a/lifecycle.yaml");
    let mut unread: Vec<_> = json["unreadable"].as_array().unwrap().iter().collect();
    unread.sort_by_key(|it| it["file"].to_string());
    assert_eq!(
        (&unread[0]["file"], &unread[1]["file"]),
        (&"empty".into(), &"missing.yaml".into())
    );
    let sarif: serde_json::Value = serde_json::from_str(&check("sarif")).unwrap();
    let invocation = &sarif["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(
        invocation["toolExecutionNotifications"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 1);
    assert!(
        check("github").contains("\n::error title=lifecycle check::could not read missing.yaml")
    );
    let junit = check("junit");
    assert!(
        junit.contains("tests=\"6\" failures=\"1\" errors=\"2\""),
        "{junit}"
    );
    assert!(
        junit.contains("<error message=\"could not read missing.yaml"),
        "{junit}"
    );
    // Alone, it leaves nothing to print for people.
    let alone = run(project.path(), &["check", "missing.yaml"]);
    assert_eq!((alone.status.code(), alone.stdout.len()), (Some(2), 0));
}

#[test]
fn nothing_is_said_of_progress_where_nobody_watches() {
    let project = monorepo();
    let output = run(project.path(), &["check", "."]);
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_deployed_file_that_cannot_be_read_keeps_no_other_from_being_compared() {
    let deployed = "\
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 10
      containers: [{ name: shop, image: x }]
";
    let project = project(&[
        ("lifecycle.yaml", &manifest("shop", "45s")),
        ("deployed.yaml", deployed),
        ("empty/README.md", ""),
    ]);
    let args = ["check", "--against", "gone.yaml", "deployed.yaml", "empty"];
    let output = run(project.path(), &args);
    assert_eq!(output.status.code(), Some(2));
    let talk = stderr(&output);
    assert!(talk.contains("error: could not read gone.yaml: "), "{talk}");
    assert!(
        talk.contains("error: there is no YAML or JSON file in empty or below"),
        "{talk}"
    );
    let said = stdout(&output);
    assert!(said.contains("error[LC701]"), "{said}");
    assert!(
        said.contains("in 1 manifest; 2 could not be read"),
        "{said}"
    );
    // Without a manifest, and with nothing read, there is nothing to judge.
    std::fs::remove_file(project.path().join("lifecycle.yaml")).unwrap();
    let alone = run(project.path(), &["check", "--against", "gone.yaml"]);
    assert_eq!((alone.status.code(), stdout(&alone).len()), (Some(2), 0));
    assert_eq!(stderr(&alone).lines().count(), 1, "{}", stderr(&alone));
}

/// Manifests that are written only after a while, through pipes: a run that is slow by itself.
#[cfg(target_os = "linux")]
#[test]
fn progress_is_for_terminals_and_for_what_takes_long() {
    use std::process::Command;

    let made = |name: &str| Command::new(name).arg("--version").output().is_ok();
    if !made("script") || !made("mkfifo") {
        support::skipped(
            "there is no `script` or no `mkfifo` to make a terminal and a slow run with",
        );
        return;
    }
    let text = manifest("shop", "45s");
    let project = project(&[("quick.yaml", &text)]);
    let slow = |delays: &[u64], on_a_terminal: bool| -> String {
        let names: Vec<String> = (0..delays.len()).map(|at| format!("{at}.yaml")).collect();
        let writers: Vec<_> = names
            .iter()
            .zip(delays)
            .map(|(name, delay)| {
                let path = project.path().join(name);
                let _ = std::fs::remove_file(&path);
                assert!(
                    Command::new("mkfifo")
                        .arg(&path)
                        .status()
                        .unwrap()
                        .success()
                );
                let (text, delay) = (text.clone(), std::time::Duration::from_millis(*delay));
                std::thread::spawn(move || {
                    std::thread::sleep(delay);
                    std::fs::write(path, text).unwrap();
                })
            })
            .collect();
        let program = env!("CARGO_BIN_EXE_lifecycle");
        let output = if on_a_terminal {
            let command = format!("'{program}' check quick.yaml {}", names.join(" "));
            Command::new("script")
                .args(["-qfec", &command, "/dev/null"])
                .current_dir(project.path())
                .env_remove("GITHUB_ACTIONS")
                .env("TERM", "xterm")
                .stdin(std::process::Stdio::null())
                .output()
                .unwrap()
        } else {
            let mut command = support::lifecycle(project.path());
            command
                .arg("check")
                .arg("quick.yaml")
                .args(&names)
                .output()
                .unwrap()
        };
        for writer in writers {
            writer.join().unwrap();
        }
        let all = [output.stdout, output.stderr].concat();
        String::from_utf8(all).unwrap()
    };
    let long = slow(&[1_300, 1_800], true);
    assert!(long.contains("checked"), "{long:?}");
    assert!(long.contains("ok"), "{long:?}");
    let short = slow(&[1, 2], true);
    assert!(!short.contains("checked"), "{short:?}");
    let elsewhere = slow(&[1_300, 1_800], false);
    assert!(!elsewhere.contains("checked"), "{elsewhere:?}");
}
