//! Real processes, real signals, real load: the drill played against the same small service with
//! plain axum and with this runtime.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use lifecycle_tests::{program, root};
use serde_json::Value;

/// The port is one for all drills, so they take turns. What a failed one leaves is no harm.
static TURN: Mutex<()> = Mutex::new(());

fn drill(manifest: &str, arguments: &[&str], server: &Path) -> Value {
    let output = Command::new(program("lifecycle-cli", "lifecycle"))
        .arg("drill")
        .arg(root().join("tests/peers").join(manifest))
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
    count(measured, "lost")
}

/// How many requests became `what`, over all phases.
fn count(measured: &Value, what: &str) -> u64 {
    // A phase that did not happen, such as settling without a settle time, is null.
    let by_phase = ["before", "settling", "stopping", "gone"]
        .map(|phase| measured["requests"][phase][what].as_u64());
    assert!(
        by_phase.iter().any(Option::is_some),
        "the drill counted nothing: {measured:#}"
    );
    by_phase.iter().flatten().sum()
}

/// 64 clients on kept-alive connections and 8 on fresh ones, each sending its next request as soon
/// as the last was answered, and going on after SIGTERM.
const SATURATED: [&str; 3] = ["--saturate", "--routing-lag", "500ms"];

/// How often our runtime is stopped, and how often plain axum at most.
const ROUNDS: usize = 10;
/// Fewer than this many losses would not show that the load sees the race at all.
const DOZENS: u64 = 24;

/// One test, so that nothing else of this suite is on the port or on the cores.
#[test]
fn at_saturation_a_stop_breaks_nothing_where_plain_axum_breaks_dozens() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let plain = program("lifecycle-tests", "peer-axum");
    let ours = program("lifecycle-tests", "peer-lifecycle");
    let mut by_plain = Vec::new();
    while by_plain.iter().sum::<u64>() < DOZENS {
        assert!(
            by_plain.len() < ROUNDS,
            "this load does not show the race: {by_plain:?}"
        );
        by_plain.push(lost(&drill("lifecycle.yaml", &SATURATED, &plain)));
    }
    for round in 0..ROUNDS {
        let measured = drill("lifecycle.yaml", &SATURATED, &ours);
        assert_eq!(lost(&measured), 0, "round {round}: {measured:#}");
        assert_eq!(measured["process"]["status"]["code"], 0, "{measured:#}");
        assert_eq!(measured["process"]["sigkill_needed"], false, "{measured:#}");
    }
    println!("lost a round: axum {by_plain:?}, this runtime 0 in {ROUNDS}");
}

/// Clients that go on for half a second after SIGTERM, well within the settle time of one second.
#[test]
fn who_has_not_heard_of_the_end_is_served_while_it_settles() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let late = ["--rate", "400", "--routing-lag", "500ms"];
    let unserved = |measured: &Value| {
        ["lost", "refused", "refused_at_connect", "server_error"].map(|what| count(measured, what))
    };

    let plain = program("lifecycle-tests", "peer-axum");
    let measured = drill("settling.yaml", &late, &plain);
    assert!(
        unserved(&measured).iter().sum::<u64>() > 0,
        "this load does not need a settle time: {measured:#}"
    );

    let ours = program("lifecycle-tests", "peer-settling");
    let measured = drill("settling.yaml", &late, &ours);
    assert_eq!(unserved(&measured), [0; 4], "{measured:#}");
    // A tenth of what was due since the signal, for a machine with other work.
    let late = &measured["requests"]["stopping"];
    assert!(late["served"].as_u64() > Some(20), "{measured:#}");
    assert!(
        measured["report"]["settle_ms"].as_f64() >= Some(900.0),
        "{measured:#}"
    );
    assert_eq!(measured["process"]["status"]["code"], 0, "{measured:#}");
    assert_eq!(measured["process"]["sigkill_needed"], false, "{measured:#}");
}
