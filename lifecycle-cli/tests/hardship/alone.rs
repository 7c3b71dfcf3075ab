//! No command speaks to anybody outside of this machine. Those that only read and write files open no
//! socket of the network at all; a drill reaches the machine that it drills on, and no other.

use std::process::Command;

use super::{TRACES, ended, fitting, has, support};
use support::project;

/// The calls of the network that it makes, children and all; where strace is missing, nothing.
fn calls(project: &std::path::Path, args: &[&str], code: i32) -> Option<Vec<String>> {
    if !has("strace", TRACES, "no network") {
        return None;
    }
    let output = Command::new("strace")
        .args(["-f", "-qq", "--seccomp-bpf", "-e", "signal=none"])
        .args(["-o", "trace", "-e", "trace=%network"])
        .arg(env!("CARGO_BIN_EXE_lifecycle"))
        .args(args)
        .env_remove("GITHUB_ACTIONS")
        .stdin(std::process::Stdio::null())
        .current_dir(project)
        .output()
        .unwrap();
    ended(&output, code);
    let trace = std::fs::read_to_string(project.join("trace")).unwrap();
    Some(trace.lines().map(str::to_owned).collect())
}

#[test]
fn what_reads_and_writes_files_opens_no_socket_of_the_network() {
    let record = support::root().join("tests/formats/1/record.json");
    let record = record.to_str().unwrap();
    let project = project(&[("lifecycle.yaml", &fitting())]);
    let commands = [
        (&["gen", "-o", "deploy"][..], 0),
        (&["gen", "-o", "deploy", "--check"], 0),
        (&["gen", "k8s-policy"], 0),
        (&["check"], 0),
        (&["check", ".", "--format", "sarif"], 0),
        (&["check", "--against", "deploy"], 0),
        (&["check", "--fix"], 0),
        (&["plan", "--format", "html"], 0),
        (&["replay", record, "--format", "html"], 0),
        (&["replay", record, record], 0),
        (&["explain", "settle-unpaid"], 0),
        (&["rules"], 0),
        (&["schema"], 0),
        (&["init", "-o", "-", "--from", "deploy"], 0),
        (&["man", "-o", "man"], 0),
        (&["completions", "bash"], 0),
        // Nobody said that it may go.
        (&["lsp"], 1),
    ];
    for (args, code) in commands {
        let Some(calls) = calls(project.path(), args, code) else {
            return;
        };
        let outside = |call: &&String| call.contains("AF_INET") || call.contains("AF_PACKET");
        assert_eq!(calls.iter().find(outside), None, "{args:?}");
    }
    // Every command has a page, and is above unless it is there to listen or to connect.
    let mut missing: Vec<String> = std::fs::read_dir(project.path().join("man"))
        .unwrap()
        .filter_map(|page| {
            let page = page.unwrap().file_name().into_string().unwrap();
            let name = page.strip_prefix("lifecycle-")?.strip_suffix(".1")?;
            (!commands.iter().any(|(args, _)| args[0] == name)).then(|| name.to_owned())
        })
        .collect();
    missing.sort();
    assert_eq!(missing, ["drill", "serve"]);
}

/// Without a network of any kind, loopback included, they do the same.
#[test]
fn they_work_where_there_is_no_network() {
    let project = project(&[("lifecycle.yaml", &fitting())]);
    let script =
        "\"$0\" gen -o deploy && \"$0\" check --against deploy && \"$0\" plan && echo done";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "sh", "-c", script])
        .arg(env!("CARGO_BIN_EXE_lifecycle"))
        .current_dir(project.path())
        .output();
    match output {
        Ok(output) if support::answer(&output).contains("unshare") => {
            let words = support::answer(&output);
            support::skipped(&format!("no network namespace can be made here: {words}"));
        }
        Ok(output) => {
            let words = ended(&output, 0);
            assert!(words.contains("done\n"), "{words}");
        }
        Err(error) => support::skipped(&format!("there is no `unshare` here: {error}")),
    }
}

/// A drill of a process that is gone at once: it has looked for its port on this machine alone.
#[test]
fn a_drill_stays_on_this_machine() {
    let project = project(&[("lifecycle.yaml", &fitting())]);
    let drill = ["drill", "--port", "1", "--", "sh", "-c", "sleep 0.3"];
    let Some(calls) = calls(project.path(), &drill, 1) else {
        return;
    };
    let connects = calls.iter().filter(|call| call.contains("connect("));
    let inet: Vec<_> = connects.filter(|call| call.contains("AF_INET")).collect();
    assert!(!inet.is_empty(), "it looked for the port: {calls:?}");
    for call in inet {
        let is_here = call.contains("\"127.0.0.1\"") || call.contains("\"::1\"");
        assert!(is_here, "{call}");
    }
}
