//! The examples over gRPC and with actix, drilled as their users would: with their own manifests.

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use lifecycle_tests::{program, root};
use serde_json::Value;

/// Plays the platform's stop against an example, and gives what was measured; it must have passed.
fn drilled(example: &str, files: &str) -> Value {
    // Its ports are fixed, and its own tests take turns by this file.
    let turn = std::env::temp_dir().join(format!("{example}-health-port.lock"));
    let turn = File::open(&turn).or_else(|_| File::create(&turn));
    turn.and_then(|turn| turn.lock().map(|()| turn))
        .map(|turn| {
            let measured = drill(example, files);
            drop(turn);
            measured
        })
        .expect("the ports are free some time")
}

fn drill(example: &str, files: &str) -> Value {
    let file = std::env::temp_dir().join(format!("{example}-drilled-{}", std::process::id()));
    let output = Command::new(program("lifecycle-cli", "lifecycle"))
        .arg("drill")
        .arg(root().join("examples").join(example))
        .args(["--format", "json", "--warm-up", "2s", "--"])
        .arg(program(example, example))
        .env(files, &file)
        .output()
        .expect("the drill runs");
    let _ = std::fs::remove_file(file);
    let words = String::from_utf8_lossy(&output.stderr);
    let measured: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {words}"));
    assert!(output.status.success(), "{words}\n{measured:#}");
    assert_eq!(measured["process"]["status"]["code"], 0, "{measured:#}");
    assert_eq!(measured["process"]["sigkill_needed"], false, "{measured:#}");
    measured
}

/// How many requests became what, over all phases that happened.
fn count(measured: &Value, what: &str) -> u64 {
    ["before", "settling", "stopping", "gone"]
        .iter()
        .filter_map(|phase| measured["requests"][phase][what].as_u64())
        .sum()
}

#[test]
fn orders_actix() {
    let measured = drilled("orders-actix", "JOURNAL");
    assert!(count(&measured, "served") > 100, "{measured:#}");
    assert_eq!(count(&measured, "lost"), 0, "{measured:#}");
}

/// The drill sends HTTP/1, so it plays the stop without load; `tests/stopping` of the example has
/// tonic's clients under load while a real SIGTERM comes.
#[test]
fn quotes_grpc() {
    let measured = drilled("quotes-grpc", "PRICES_FILE");
    let began = Duration::from_secs(17);
    let exit = measured["process"]["exit_ms"].as_f64().unwrap_or_default();
    assert!(exit < began.as_secs_f64() * 1000.0, "{measured:#}");
}
