//! One round of every scenario, against a small service with this runtime. `.ci/scenarios` plays them on
//! every platform's timeline, as often as it is told.

use std::process::Command;

use lifecycle_tests::{program, root};
use serde_json::Value;

fn drill(arguments: &[&str], server: &str) -> (Option<i32>, String, String) {
    let output = Command::new(program("lifecycle-cli", "lifecycle"))
        .arg("drill")
        .arg(root().join("tests/peers/scenarios.yaml"))
        // Routing notices well within the settle time, also on a busy machine.
        .args(["--warm-up", "300ms", "--routing-lag", "300ms"])
        // Reading the debug information for a backtrace takes longer than the step may.
        .env("RUST_BACKTRACE", "0")
        .args(arguments)
        .arg("--")
        .arg(program("lifecycle-tests", server))
        .output()
        .expect("the drill runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// One test, so that nothing else of this suite is on the port or on the cores. On the platform that is
/// over soonest: what others add to it, `.ci/scenarios` plays.
#[test]
fn every_scenario_is_played_and_passes_or_is_said_to_be_not_applicable() {
    every_scenario_passes();
    a_fault_that_cannot_be_put_is_said_to_be_not_applicable();
}

fn every_scenario_passes() {
    let all = [
        "--platform",
        "docker",
        "--scenario",
        "all",
        "--format",
        "json",
    ];
    let (code, said, words) = drill(&all, "peer-scenarios");
    let played: Value =
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {words}"));
    let rounds = played["runs"].as_array().expect("what was played");
    for measured in rounds {
        assert_eq!(measured["passed"], true, "{measured:#}");
    }
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(played["not_played"], Value::Array(Vec::new()), "{words}");
    let names: Vec<&str> = rounds
        .iter()
        .filter_map(|it| it["scenario"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "second-signal",
            "signal-during-start",
            "stuck-request",
            "slow-loris",
            "idle-keep-alives",
            "endless-download",
            "hanging-close=orders-db",
            "panicking-close=orders-db",
            "blocked-executor",
            "cpu-starvation",
            "full-disk",
            "early-sigkill",
            "dependency-gone=orders-db",
        ]
    );
    let of = |name: &str| rounds.iter().find(|it| it["scenario"] == name).expect(name);
    // Each has had the effect that it is about.
    let step = |name: &str| of(name)["report"]["steps"][0].clone();
    let faults = [
        ("hanging-close=orders-db", "timed-out"),
        ("panicking-close=orders-db", "panicked"),
        ("dependency-gone=orders-db", "failed"),
    ];
    for (scenario, outcome) in faults {
        let step = step(scenario);
        assert_eq!(step["name"], "orders-db", "{scenario}: {step}");
        assert_eq!(step["outcome"], outcome, "{scenario}: {step}");
    }
    assert_eq!(of("blocked-executor")["report"]["outcome"], "forced");
    assert_eq!(of("stuck-request")["report"]["steps"][0]["name"], "http");
    assert_eq!(of("stuck-request")["report"]["exit_code"], 80);
    assert_eq!(of("full-disk")["report"], Value::Null);
}

/// A program that was not built for faults is told from one that was: nothing passes in silence.
fn a_fault_that_cannot_be_put_is_said_to_be_not_applicable() {
    let (code, said, words) = drill(
        &[
            "--platform",
            "docker",
            "--scenario",
            "hanging-close",
            "--ready",
            "http://127.0.0.1:18080/",
            "--live",
            "http://127.0.0.1:18080/",
        ],
        "peer-axum",
    );
    assert_eq!(code, Some(2), "{said}{words}");
    assert!(
        words.contains("not applicable: it needs a fault inside the process"),
        "{words}"
    );
}

#[test]
fn the_list_says_what_each_asks_of_the_program() {
    let output = Command::new(program("lifecycle-cli", "lifecycle"))
        .args(["drill", "--scenario", "list"])
        .output()
        .expect("it runs");
    let list = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    assert!(list.contains("hanging-close[=RESOURCE]\n"), "{list}");
    assert!(list.contains("asks for: any program\n"), "{list}");
}
