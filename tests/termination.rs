//! Real processes, real signals, real load: the drill played against the same small service with
//! plain axum and with this runtime.

use std::path::Path;
use std::process::Command;

use lifecycle_tests::{program, root};
use serde_json::Value;

fn drill(arguments: &[&str], server: &Path) -> Value {
    let output = Command::new(program("lifecycle-cli", "lifecycle"))
        .arg("drill")
        .arg(root().join("tests/peers/lifecycle.yaml"))
        .args(["--format", "json", "--warm-up", "500ms"])
        .args(arguments)
        .arg("--")
        .arg(server)
        .output()
        .expect("the drill runs");
    let words = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {words}"))
}

/// Requests that were written to an open connection and never answered.
fn lost(measured: &Value) -> u64 {
    measured["requests"]["lost"]
        .as_u64()
        .expect("the drill counts what was lost")
}

/// 64 clients on kept-alive connections and 8 on fresh ones, each sending its next request as soon
/// as the last was answered, and going on after SIGTERM.
const SATURATED: [&str; 3] = ["--saturate", "--routing-lag", "500ms"];

/// One test, so that nothing else of this suite is on the two ports or on the cores.
#[test]
fn at_saturation_a_stop_breaks_nothing_where_plain_axum_breaks_dozens() {
    let plain = program("lifecycle-tests", "peer-axum");
    let ours = program("lifecycle-tests", "peer-lifecycle");
    let rounds = 3;
    let by_plain: Vec<u64> = (0..rounds)
        .map(|_| lost(&drill(&SATURATED, &plain)))
        .collect();
    assert!(
        by_plain.iter().sum::<u64>() > 0,
        "this load does not show the race at all, so it proves nothing: {by_plain:?}"
    );
    for round in 0..rounds {
        let measured = drill(&SATURATED, &ours);
        assert_eq!(lost(&measured), 0, "round {round}: {measured:#}");
        assert_eq!(measured["process"]["exit_code"], 0, "{measured:#}");
    }
    println!("lost a round: axum {by_plain:?}, this runtime 0");
}
