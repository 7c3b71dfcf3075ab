//! The examples over gRPC and with actix, drilled as their users would: with their own manifests.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use lifecycle_tests::{program, root};
use serde_json::Value;

/// For what takes milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The ports are fixed; whatever holds them on this machine may not do so for long.
fn ports_are_free(ports: [u16; 2]) {
    let began = Instant::now();
    for port in ports {
        while let Err(error) = TcpListener::bind(("0.0.0.0", port)) {
            assert!(began.elapsed() < PATIENCE, "port {port}: {error}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Plays the platform's stop against an example, and gives what was measured; it must have passed.
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
    ports_are_free([8084, 9094]);
    let measured = drill("orders-actix", "JOURNAL");
    assert!(count(&measured, "served") > 100, "{measured:#}");
    assert_eq!(count(&measured, "lost"), 0, "{measured:#}");
}

/// The drill sends HTTP/1, so it plays the stop without load; `tests/stopping` of the example has
/// tonic's clients under load while a real SIGTERM comes.
#[test]
fn quotes_grpc() {
    ports_are_free([50051, 9093]);
    let measured = drill("quotes-grpc", "PRICES_FILE");
    let steps = measured["steps"].as_array().expect("it tells of its steps");
    for name in ["grpc", "watchers", "feed", "closing-prices"] {
        let done = |step: &Value| step["name"] == name && step["measured"]["outcome"] == "done";
        assert!(steps.iter().any(done), "{name}: {measured:#}");
    }
}
