//! Nomad and Fly.io as `drill` plays them, against processes that take the signal, or do not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::Value;

/// How much later than planned a moment may be on a busy machine, in milliseconds.
const LATE: f64 = 700.0;

fn drill(platform: &str, entry: &str, script: &str) -> Value {
    let scratch = tempfile::tempdir().unwrap();
    let manifest = format!(
        "lifecycle: 1\nservice: played\nresources:\n  \
         jobs: {{ kind: queue-consumer, timeout: 500ms }}\nplatforms:\n  {platform}: {entry}\n"
    );
    std::fs::write(scratch.path().join("lifecycle.yaml"), manifest).unwrap();
    let output = support::lifecycle(scratch.path())
        .args(["drill", "--platform", platform, "--format", "json"])
        .args(["--warm-up", "300ms", "--", "sh", "-c", script])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {words}"))
}

fn at(measured: &Value, name: &str) -> f64 {
    let time = measured["timeline"][name].as_f64();
    time.unwrap_or_else(|| panic!("no {name} in {measured:#}"))
}

/// From the stop asked to the signal.
fn waited(measured: &Value) -> f64 {
    at(measured, "signalled_ms") - at(measured, "asked_ms")
}

fn is_about(measured: &Value, time: f64, planned: f64) {
    assert!(
        (planned..planned + LATE).contains(&time),
        "{time} ms and not {planned} ms: {measured:#}"
    );
}

#[test]
fn nomad_waits_for_both_delays_and_interrupts_a_program_without_a_container() {
    let entry = "{ driver: exec, grace_period: 2s, shutdown_delay: { group: 500ms, task: 300ms } }";
    let script = "trap 'exit 0' INT; trap 'exit 9' TERM; while :; do sleep 0.02; done";
    let measured = drill("nomad", entry, script);
    assert_eq!(measured["signal"], "SIGINT", "{measured:#}");
    assert_eq!(measured["process"]["status"]["code"], 0, "{measured:#}");
    assert_eq!(measured["process"]["sigkill_needed"], false, "{measured:#}");
    is_about(&measured, waited(&measured), 800.0);
}

#[test]
fn nomad_terminates_a_container_and_kills_it_at_the_kill_timeout() {
    let entry = "{ image: x, grace_period: 1s, shutdown_delay: 200ms }";
    let script = "trap '' TERM; while :; do sleep 0.02; done";
    let measured = drill("nomad", entry, script);
    assert_eq!(measured["signal"], "SIGTERM", "{measured:#}");
    assert_eq!(measured["process"]["sigkill_needed"], true, "{measured:#}");
    let signalled = at(&measured, "signalled_ms");
    is_about(&measured, waited(&measured), 200.0);
    is_about(&measured, at(&measured, "killed_ms") - signalled, 1_000.0);
}

#[test]
fn fly_interrupts_and_kills_at_the_kill_timeout() {
    let script = "trap '' INT; while :; do sleep 0.02; done";
    let measured = drill("fly", "{ image: x, grace_period: 1s }", script);
    assert_eq!(measured["signal"], "SIGINT", "{measured:#}");
    assert_eq!(measured["process"]["sigkill_needed"], true, "{measured:#}");
    let signalled = at(&measured, "signalled_ms");
    is_about(&measured, waited(&measured), 0.0);
    is_about(&measured, at(&measured, "killed_ms") - signalled, 1_000.0);
}
