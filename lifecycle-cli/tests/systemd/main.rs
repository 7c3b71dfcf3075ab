//! Generated units, read by systemd itself: by `systemd-analyze verify`, and by a manager that is booted
//! in a container, starts them and stops them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../../../tests/booted.rs"]
mod booted;
mod drilled;
mod nspawn;
mod subject;
mod words;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use support::{run, skipped};

/// Blocks of `platforms.systemd` that set each key, alone and together.
fn blocks() -> Vec<String> {
    let mut blocks = vec![
        "{ exec: /bin/true }".to_owned(),
        "{ exec: [/bin/true, a, 'b c'], user: '65534', type: simple }".to_owned(),
    ];
    let graces = ["26s", "90s250ms", "1h", "168h"];
    let modes = ["mixed", "control-group", "process", "none"];
    // Others are errors of the manifest: the program would not stop on them.
    let signals = ["SIGTERM", "SIGINT"];
    let types = ["notify", "exec", "simple"];
    let stops = [
        "1ms",
        "[1s500ms, { command: /bin/true, timeout: 250ms }]",
        "[{ command: [/bin/true, '%n ${MAINPID} $$', \"\\\\\"], timeout: 2s }, 1s]",
    ];
    for at in 0..60 {
        let mut block = String::from("{ exec: [/bin/true, \"");
        let _ = write!(block, "{at} % $X \\\\ \\\" \\n\"]");
        let _ = write!(block, ", grace_period: {}", graces[at % graces.len()]);
        if at % 2 == 0 {
            let _ = write!(block, ", kill_mode: {}", modes[at / 2 % modes.len()]);
        }
        if at % 3 != 0 {
            let _ = write!(block, ", kill_signal: {}", signals[at % signals.len()]);
        }
        if at % 5 != 0 {
            let _ = write!(block, ", type: {}", types[at % types.len()]);
        }
        if at % 4 != 0 {
            let _ = write!(block, ", exec_stop: {}", stops[at % stops.len()]);
        }
        if at % 7 == 0 {
            block.push_str(", user: root, watchdog: 30s500ms");
        }
        if at % 6 == 0 {
            block.push_str(", socket: true");
        }
        block.push_str(" }");
        blocks.push(block);
    }
    blocks
}

fn manifest(service: &str, block: &str) -> String {
    format!(
        "\
lifecycle: 1
service: {service}
resources:
  http: {{ kind: http-server, port: 8080, timeout: 15s }}
  admin: {{ kind: http-server, port: 8081, timeout: 5s }}
platforms:
  systemd: {block}
"
    )
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn every_generated_unit_is_one_to_systemd() {
    if !has("systemd-analyze") {
        return skipped("units of systemd: there is no systemd-analyze");
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut units = Vec::new();
    for (at, block) in blocks().iter().enumerate() {
        let service = format!("unit-{at}");
        std::fs::write(
            folder.path().join("lifecycle.yaml"),
            manifest(&service, block),
        )
        .unwrap();
        for args in [
            &["gen", "systemd", "-o", "out"][..],
            &["gen", "systemd", "--patch", "-o", "out"],
        ] {
            let output = run(folder.path(), args);
            assert!(
                output.status.success(),
                "{block}\n{}",
                support::answer(&output)
            );
        }
        units.push(format!("{service}.service"));
        if out.join(format!("{service}.socket")).exists() {
            units.push(format!("{service}.socket"));
        }
    }
    assert!(units.len() > 65, "{}", units.len());
    let verified = Command::new("systemd-analyze")
        .args(["--recursive-errors=no", "verify"])
        .args(&units)
        .current_dir(&out)
        .env("SYSTEMD_LOG_LEVEL", "warning")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // That KillMode=none is old-fashioned is what the manifest was told as well.
    let complaints: Vec<&str> = said
        .lines()
        .filter(|line| !line.contains("KillMode=none"))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));

    // And it is one that does complain.
    std::fs::write(
        out.join("bad.service"),
        "[Service]\nExecStart=/bin/true\nTimeoutStopSec=soon\n",
    )
    .unwrap();
    let refused = Command::new("systemd-analyze")
        .args(["--recursive-errors=no", "verify", "bad.service"])
        .current_dir(&out)
        .output()
        .unwrap();
    assert!(!refused.stderr.is_empty() && !refused.status.success());
}

/// What was generated, whole or as a drop-in over a unit that says otherwise, shows no drift; and the
/// same manifest gives the same bytes.
#[test]
fn what_is_generated_is_read_back_without_drift() {
    let folder = tempfile::tempdir().unwrap();
    for block in blocks() {
        let text = manifest("shop", &block);
        std::fs::write(folder.path().join("lifecycle.yaml"), text).unwrap();
        for directory in ["whole", "patched"] {
            let _ = std::fs::remove_dir_all(folder.path().join(directory));
        }
        let go = |args: &[&str]| {
            let output = run(folder.path(), args);
            assert!(
                output.status.success(),
                "{block}\n{args:?}\n{}",
                support::answer(&output)
            );
            support::stdout(&output)
        };
        go(&["gen", "systemd", "-o", "whole"]);
        go(&["gen", "systemd", "-o", "whole", "--check"]);
        go(&["gen", "systemd", "--patch", "-o", "patched"]);
        assert_eq!(go(&["gen", "systemd"]), go(&["gen", "systemd"]));
        // A unit that says otherwise in everything that the drop-in says.
        let other = "[Service]\nType=notify\nExecStart=/bin/true\nExecStop=/bin/sleep 77\nTimeoutStopSec=7\n\
                     KillSignal=SIGUSR2\nKillMode=process\nEnvironment=LIFECYCLE_DIGEST=0\n";
        std::fs::write(folder.path().join("patched/shop.service"), other).unwrap();
        for directory in ["whole", "patched"] {
            let output = run(
                folder.path(),
                &[
                    "check",
                    "lifecycle.yaml",
                    "--against",
                    directory,
                    "--format",
                    "json",
                ],
            );
            let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let drift: Vec<String> = report["findings"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|finding| {
                    finding["code"].as_str().unwrap().starts_with("LC7")
                        || finding["code"] == "LC823"
                })
                .map(ToString::to_string)
                .collect();
            assert!(
                drift.is_empty(),
                "{directory}\n{block}\n{}",
                drift.join("\n")
            );
        }
    }
}

/// A manifest that is drafted from a generated unit generates that same unit, but for its plan.
#[test]
fn what_is_generated_is_drafted_from_and_generated_again() {
    let folder = tempfile::tempdir().unwrap();
    for block in blocks() {
        let _ = std::fs::remove_dir_all(folder.path());
        std::fs::create_dir(folder.path()).unwrap();
        write(
            &folder.path().join("lifecycle.yaml"),
            &manifest("shop", &block),
        );
        let go = |args: &[&str]| {
            let output = run(folder.path(), args);
            let answer = support::answer(&output);
            assert!(output.status.success(), "{block}\n{args:?}\n{answer}");
        };
        go(&["gen", "systemd", "-o", "units"]);
        let mut draft = vec!["init", "--force", "--from", "units/shop.service"];
        if folder.path().join("units/shop.socket").exists() {
            draft.extend(["--from", "units/shop.socket"]);
        }
        go(&draft);
        go(&["gen", "systemd", "-o", "again"]);
        for unit in ["shop.service", "shop.socket"] {
            let read = |directory: &str| -> Vec<String> {
                let path = folder.path().join(directory).join(unit);
                let text = std::fs::read_to_string(path).unwrap_or_default();
                let is_plan =
                    |line: &&str| line.starts_with("# ") || line.contains("LIFECYCLE_DIGEST");
                text.lines()
                    .filter(|line| !is_plan(line))
                    .map(str::to_owned)
                    .collect()
            };
            assert_eq!(read("units"), read("again"), "{block}");
        }
    }
}

/// This file is a program to be stopped as well: see [`subject`].
fn this_program() -> std::path::PathBuf {
    std::env::current_exe().unwrap()
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
