//! What a drill prints and keeps, and what becomes of it: several formats at once, repeats, records
//! that are drawn again and compared.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use support::{given, lifecycle, root, run, stderr, stdout};

/// A drill as it was printed, stored beside the tests of the text.
fn stored(name: &str) -> PathBuf {
    root()
        .join("lifecycle-cli/src/drill/tests/shown")
        .join(name)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A server that leaves at the signal; the port is its argument.
const SERVER: &str = "import http.server, os, signal, sys\n\
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))\n\
    class Answer(http.server.BaseHTTPRequestHandler):\n    \
        def do_GET(self):\n        self.send_response(200)\n        \
            self.send_header('content-length', '0')\n        self.end_headers()\n    \
        def log_message(self, *_): pass\n\
    http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Answer).serve_forever()\n";

/// Says so where there is none.
fn has_python() -> bool {
    let mut python = std::process::Command::new("python3");
    let is_there = python.arg("--version").output().is_ok();
    if !is_there {
        support::skipped("there is no python3 to play a program with");
    }
    is_there
}

fn free_port() -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    port.local_addr().unwrap().port().to_string()
}

/// Two runs of that server, with reports into these files of `scratch`; `None` where there is no
/// Python.
fn two_runs(scratch: &Path, flags: &[&str]) -> Option<Output> {
    if !has_python() {
        return None;
    }
    let number = free_port();
    let output = lifecycle(scratch)
        .args(["drill", "--port", &number, "--runs", "2", "--seed", "41"])
        .args(["--warm-up", "200ms", "--rate", "20"])
        .args(flags)
        .args(["--", "python3", "-c", SERVER, &number])
        .output()
        .unwrap();
    Some(output)
}

#[test]
fn two_runs_go_into_every_format_and_a_record_that_is_drawn_again() {
    let scratch = tempfile::tempdir().unwrap();
    let flags = [
        "--format",
        "json",
        "--format",
        "html=run.html",
        "--format",
        "junit=run.xml",
        "--format",
        "human=run.txt",
        "--record",
        "run.json",
    ];
    let Some(output) = two_runs(scratch.path(), &flags) else {
        return;
    };
    let printed: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    let passed = printed["passed"].as_bool().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(!passed)));
    assert_eq!(printed["summary"]["runs"], 2);
    let seeds: Vec<_> = (0..2)
        .map(|at| printed["runs"][at]["seed"].as_u64())
        .collect();
    assert_eq!(seeds, [Some(41), Some(42)]);
    let file = |name: &str| std::fs::read_to_string(scratch.path().join(name)).unwrap();
    assert_eq!(json(&scratch.path().join("run.json")), printed);
    assert!(file("run.html").starts_with("<!DOCTYPE html>"));
    assert!(file("run.xml").contains(", run 2\""));
    assert!(file("run.txt").contains("RUNS ") && !file("run.txt").contains('\u{1b}'));

    // Drawn again, it is the same.
    let again = run(scratch.path(), &["replay", "run.json", "--format", "json"]);
    assert_eq!(stdout(&again), stdout(&output));
    assert_eq!(again.status.code(), output.status.code());
    let again = run(scratch.path(), &["replay", "run.json", "--format", "html"]);
    assert_eq!(stdout(&again), file("run.html"));
    let same = run(scratch.path(), &["replay", "run.json", "run.json"]);
    assert_eq!(same.status.code(), Some(0));
    assert!(
        stdout(&same).ends_with("the same verdict\n"),
        "{}",
        stdout(&same)
    );
}

#[test]
fn a_browser_opens_the_pages_without_a_complaint_on_a_phone_too() {
    let driver = std::env::var_os("LIFECYCLE_PLAYWRIGHT");
    let (Some(driver), Some(browser)) = (driver, support::chromium()) else {
        support::skipped(
            "a drill's page in a browser: needs Chromium, node, and playwright-core's directory in LIFECYCLE_PLAYWRIGHT",
        );
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let here = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    let two = two_runs(scratch.path(), &["--format", "html=two.html"]);
    let Some(two) = two else { return };
    assert!(scratch.path().join("two.html").exists(), "{}", stderr(&two));
    let [good, bad] = ["good.json", "bad.json"].map(|name| stored(name).display().to_string());
    for (records, page) in [
        (vec![&*bad], "bad.html"),
        (vec![&*good, &*bad], "compared.html"),
    ] {
        let format = format!("html={}", here(page));
        let flags = ["--format", &format];
        run(&root(), &[&["replay"], &records[..], &flags].concat());
    }
    let output = std::process::Command::new("node")
        .arg(root().join("tests/conformance/drill.mjs"))
        .args(["two.html", "bad.html", "compared.html"].map(here))
        .env("LIFECYCLE_PLAYWRIGHT", driver)
        .env("LIFECYCLE_CHROMIUM", browser)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        stdout(&output),
        stderr(&output)
    );
}

#[test]
fn a_worse_verdict_is_a_finding_and_a_better_one_is_none() {
    let [good, bad] = ["good.json", "bad.json"].map(stored);
    let [good, bad] = [&good, &bad].map(|path| path.to_str().unwrap());
    for (args, code, last) in [
        (vec!["replay", good], 0, "passed"),
        (vec!["replay", bad], 1, "FAILED"),
        (vec!["replay", good, bad], 1, "WORSE"),
        (vec!["replay", bad, good], 0, "better"),
    ] {
        let output = run(&root(), &args);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        let said = stdout(&output);
        assert!(said.lines().last().unwrap().starts_with(last), "{said}");
    }
    let text = std::fs::read(bad).unwrap();
    let piped = given(&root(), &["replay", "-", good], &text);
    assert_eq!(piped.status.code(), Some(0), "{}", stderr(&piped));
}

#[test]
fn what_cannot_be_read_or_written_is_said_before_anything_is_run() {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("other.json"), "{\"version\": 1}").unwrap();
    std::fs::copy(stored("good.json"), scratch.path().join("good.json")).unwrap();
    let manifest = support::manifest("spared", "45s");
    std::fs::write(scratch.path().join("lifecycle.yaml"), &manifest).unwrap();
    let drill = ["drill", "--port", "1", "--", "never-started"];
    for (args, words) in [
        (
            vec!["replay", "missing.json"],
            "could not read missing.json",
        ),
        (
            vec!["replay", "other.json"],
            "other.json is no recorded drill: it is not a drill",
        ),
        (
            vec!["replay", "good.json", "--format", "html=good.json"],
            "good.json is read, and would be overwritten",
        ),
        (
            vec!["replay", "good.json", "--format", "html=no/where.html"],
            "could not write no/where.html: there is no such directory",
        ),
        (
            [&["drill", "--format", "html=no/where.html"], &drill[1..]].concat(),
            "could not write no/where.html: there is no such directory",
        ),
        (
            [&["drill", "--record", "no/where.json"], &drill[1..]].concat(),
            "could not write no/where.json: there is no such directory",
        ),
        (
            [
                &["drill", "--record", "a", "--format", "json=a"],
                &drill[1..],
            ]
            .concat(),
            "the record and a report would both go into a",
        ),
        (
            [
                &["drill", "--record", "./a", "--format", "json=a"],
                &drill[1..],
            ]
            .concat(),
            "the record and a report would both go into ./a",
        ),
        (
            [
                &["drill", "--format", "json=a", "--format", "html=./a"],
                &drill[1..],
            ]
            .concat(),
            "two formats would go into ./a",
        ),
        (
            [&["drill", "--format", "json=lifecycle.yaml"], &drill[1..]].concat(),
            "lifecycle.yaml is read, and would be overwritten",
        ),
        (
            [&["drill", "--record", "./lifecycle.yaml"], &drill[1..]].concat(),
            "./lifecycle.yaml is read, and would be overwritten",
        ),
        (
            [&["drill", "--record", "other.json"], &drill[1..]].concat(),
            "other.json is there and is no record of a drill",
        ),
    ] {
        let output = run(scratch.path(), &args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
    assert!(!scratch.path().join("a").exists());
    let kept = std::fs::read_to_string(scratch.path().join("lifecycle.yaml")).unwrap();
    assert_eq!(kept, manifest);

    // An earlier record gives way, and that is said.
    let args = [&["drill", "--record", "good.json"], &drill[1..]].concat();
    let said = stderr(&run(scratch.path(), &args));
    assert!(
        said.contains("note: the record in good.json will be replaced"),
        "{said}"
    );
}

#[test]
fn a_manifest_that_cannot_be_drilled_is_not_drilled_with_defaults_instead() {
    let scratch = tempfile::tempdir().unwrap();
    let manifest = scratch.path().join("lifecycle.yaml");
    std::fs::write(&manifest, support::manifest("short", "1s")).unwrap();
    let drill = ["drill", "--port", "1", "--", "never-started"];
    let output = run(scratch.path(), &drill);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("a manifest with errors is not drilled"),
        "{said}"
    );

    // One that cannot be read.
    std::fs::remove_file(&manifest).unwrap();
    std::os::unix::fs::symlink("/proc/self/mem", &manifest).unwrap();
    let output = run(scratch.path(), &drill);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("could not read lifecycle.yaml"), "{said}");
}

#[test]
fn what_would_have_no_effect_is_refused() {
    let text = "lifecycle: 1\nservice: played-by-engines\ntraffic: { settle: 1s }\nresources:\n  \
                http: { kind: http-server, port: 8080, timeout: 1s }\nplatforms:\n  \
                compose: { grace_period: 30s }\n  systemd: { grace_period: 30s }\n  \
                docker: { grace_period: 30s }\n";
    let project = support::project(&[("lifecycle.yaml", text)]);
    for (args, words) in [
        (
            vec!["--compose", "compose.yaml", "--grace", "3s"],
            "--grace has no say here: Compose plays this stop itself",
        ),
        (
            vec!["--unit", "shop", "--deregistration-delay", "3s"],
            "--deregistration-delay has no say here: systemd plays",
        ),
        (
            vec!["--image", "shop", "--deregistration-delay", "3s"],
            "--deregistration-delay has no say here: Docker plays",
        ),
        (vec!["--port", "0", "--", "true"], "0 is not in 1..=65535"),
        (
            vec!["--profile", "dev", "--", "true"],
            "'--profile <PROFILE>' cannot be used with",
        ),
    ] {
        let output = run(project.path(), &[&["drill"], &args[..]].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

/// A process that runs already is drilled, and is no child of the drill.
#[test]
fn a_process_that_runs_already_is_drilled_by_its_number() {
    if !has_python() {
        return;
    }
    let number = free_port();
    let scratch = tempfile::tempdir().unwrap();
    let mut running = std::process::Command::new("python3")
        .args(["-c", SERVER, &number])
        .spawn()
        .unwrap();
    let output = lifecycle(scratch.path())
        .args(["drill", "--pid", &running.id().to_string()])
        .args([
            "--port",
            &number,
            "--warm-up",
            "300ms",
            "--rate",
            "20",
            "--format",
            "json",
        ])
        .output()
        .unwrap();
    let ended = running.try_wait().unwrap();
    let (_killed, _reaped) = (running.kill(), running.wait());
    let run: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    assert_eq!(run["course"], "played", "{run:#}");
    assert!(
        run["requests"]["before"]["served"].as_u64().unwrap() > 0,
        "{run:#}"
    );
    assert_eq!(run["process"]["sigkill_needed"], false, "{run:#}");
    assert!(
        run["timeline"]["ended_ms"].as_f64().unwrap() > 0.0,
        "{run:#}"
    );
    assert!(ended.is_some(), "it was not ended");

    // One that is not there.
    let output = run_with_pid(scratch.path(), "999999999");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("999999999"), "{}", stderr(&output));
}

fn run_with_pid(directory: &Path, pid: &str) -> Output {
    run(directory, &["drill", "--pid", pid, "--port", "1"])
}

/// Who reads standard output has left before the first word.
#[test]
fn nobody_who_reads_on_does_not_end_a_drill_unplayed() {
    let scratch = tempfile::tempdir().unwrap();
    let manifest = scratch.path().join("lifecycle.yaml");
    std::fs::write(&manifest, support::manifest("unread", "45s")).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = lifecycle(scratch.path())
        .args(["drill", "--port", "1", "--no-traffic", "--", "/nonexistent"])
        .stdout(writer)
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("/nonexistent"), "{said}");
}

/// A program that can be started once: the second scenario breaks off, and the first is kept.
#[test]
fn what_was_played_until_a_scenario_broke_off_is_printed_and_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let program = scratch.path().join("once");
    let text = "#!/bin/sh\nrm \"$0\"\ntrap 'exit 0' TERM\nwhile :; do sleep 0.05; done\n";
    std::fs::write(&program, text).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).unwrap();
    let output = lifecycle(scratch.path())
        .args(["drill", "--no-traffic", "--start-timeout", "300ms"])
        .args(["--scenario", "second-signal", "--scenario", "early-sigkill"])
        .args(["--record", "kept.json", "--", "./once"])
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("the drill broke off after 1 scenario"),
        "{said}"
    );
    let kept = json(&scratch.path().join("kept.json"));
    assert_eq!(kept["scenario"], "second-signal", "{said}");
}

#[test]
fn the_document_has_a_schema_and_every_field_is_described() {
    let printed = run(&root(), &["schema", "drill"]);
    let stored = root().join("docs/drill.schema.json");
    if support::blessing() {
        std::fs::write(&stored, &printed.stdout).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(stored).unwrap(),
        stdout(&printed),
        "lifecycle schema drill > docs/drill.schema.json"
    );
    let schema: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let mut count = 0;
    for object in schema["$defs"].as_object().unwrap().values() {
        for (name, property) in object["properties"].as_object().into_iter().flatten() {
            assert!(
                property["description"].is_string(),
                "{name} is not described"
            );
            count += 1;
        }
    }
    assert!(count > 150, "{count} fields");
}
