//! Nomad and Fly.io as `drill` plays them, against processes that take the signal, or do not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::Value;

/// How much later than planned a moment may be on a busy machine, in milliseconds.
const LATE: f64 = 700.0;

/// A server that does this at SIGINT and at SIGTERM; `None`, and said, where there is no Python.
fn drill(platform: &str, entry: &str, [interrupted, terminated]: [&str; 2]) -> Option<Value> {
    if std::process::Command::new("python3")
        .arg("--version")
        .output()
        .is_err()
    {
        support::skipped("there is no python3 to play a program with");
        return None;
    }
    let scratch = tempfile::tempdir().unwrap();
    // Whoever holds it keeps the port from the others.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let number = port.local_addr().unwrap().port();
    drop(port);
    let script = format!(
        "import http.server, os, signal\n\
         signal.signal(signal.SIGINT, lambda *_: {interrupted})\n\
         signal.signal(signal.SIGTERM, lambda *_: {terminated})\n\
         class Answer(http.server.BaseHTTPRequestHandler):\n    \
             def do_GET(self):\n        self.send_response(200)\n        \
                 self.send_header('content-length', '0')\n        self.end_headers()\n    \
             def log_message(self, *_): pass\n\
         http.server.ThreadingHTTPServer(('127.0.0.1', {number}), Answer).serve_forever()\n"
    );
    let manifest = format!(
        "lifecycle: 1\nservice: played\ntraffic: {{ settle: 200ms }}\nresources:\n  \
         http: {{ kind: http-server, port: {number}, timeout: 300ms }}\nplatforms:\n  {platform}: {entry}\n"
    );
    std::fs::write(scratch.path().join("lifecycle.yaml"), manifest).unwrap();
    let output = support::lifecycle(scratch.path())
        .args(["drill", "--platform", platform, "--format", "json"])
        .args(["--warm-up", "300ms", "--rate", "10", "--", "python3", "-c"])
        .arg(&script)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    let measured = serde_json::from_slice(&output.stdout);
    Some(measured.unwrap_or_else(|error| panic!("{error}: {words}")))
}

fn at(measured: &Value, name: &str) -> f64 {
    let time = measured["timeline"][name].as_f64();
    time.unwrap_or_else(|| panic!("no {name} in {measured:#}"))
}

/// From the stop asked to the signal.
fn waited(measured: &Value) -> f64 {
    at(measured, "signalled_ms") - at(measured, "asked_ms")
}

/// From the signal to SIGKILL.
fn killed_after(measured: &Value) -> f64 {
    at(measured, "killed_ms") - at(measured, "signalled_ms")
}

fn is_about(measured: &Value, time: f64, planned: f64) {
    assert!(
        (planned..planned + LATE).contains(&time),
        "{time} ms and not {planned} ms: {measured:#}"
    );
}

/// It goes at once.
const LEAVES: &str = "os._exit(0)";
/// It does not care.
const STAYS: &str = "None";
/// It should not have been asked so.
const WRONG: &str = "os._exit(9)";

#[test]
fn nomad_waits_for_both_delays_and_interrupts_a_program_without_a_container() {
    let entry = "{ driver: exec, grace_period: 2s, shutdown_delay: { group: 500ms, task: 300ms } }";
    let Some(measured) = drill("nomad", entry, [LEAVES, WRONG]) else {
        return;
    };
    assert_eq!(measured["signal"], "SIGINT", "{measured:#}");
    assert_eq!(measured["process"]["status"]["code"], 0, "{measured:#}");
    assert_eq!(measured["process"]["sigkill_needed"], false, "{measured:#}");
    is_about(&measured, waited(&measured), 800.0);
}

#[test]
fn nomad_terminates_a_container_and_kills_it_at_the_kill_timeout() {
    let entry = "{ image: x, grace_period: 1s, shutdown_delay: 200ms }";
    let Some(measured) = drill("nomad", entry, [WRONG, STAYS]) else {
        return;
    };
    assert_eq!(measured["signal"], "SIGTERM", "{measured:#}");
    assert_eq!(measured["process"]["sigkill_needed"], true, "{measured:#}");
    is_about(&measured, waited(&measured), 200.0);
    is_about(&measured, killed_after(&measured), 1_000.0);
}

#[test]
fn fly_interrupts_and_kills_at_the_kill_timeout() {
    let entry = "{ image: x, grace_period: 1s }";
    let Some(measured) = drill("fly", entry, [STAYS, WRONG]) else {
        return;
    };
    assert_eq!(measured["signal"], "SIGINT", "{measured:#}");
    assert_eq!(measured["process"]["sigkill_needed"], true, "{measured:#}");
    is_about(&measured, waited(&measured), 0.0);
    is_about(&measured, killed_after(&measured), 1_000.0);
}
