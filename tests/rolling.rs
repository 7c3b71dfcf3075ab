//! Rolling deploys of the same small service with plain axum and with this runtime, as clients see them:
//! behind a balancer of connections, as on Kubernetes, and behind one of requests, as on Fly.io.
//!
//! The signal comes at once, and routing goes on for half a second. Plain axum closes its listener
//! then; the runtime settles for a second.

use std::path::Path;
use std::process::Command;

use lifecycle_tests::{program, root};
use serde_json::Value;

fn deploy(platform: &str, server: &Path) -> Value {
    let output = Command::new(program("lifecycle-cli", "lifecycle"))
        .arg("drill")
        .arg(root().join("tests/peers/settling.yaml"))
        .args(["--rolling", "--replicas", "2", "--surge", "1"])
        .args(["--platform", platform, "--rate", "300"])
        .args(["--routing-lag", "500ms", "--warm-up", "500ms"])
        .args(["--format", "json", "--"])
        .arg(server)
        .output()
        .expect("the drill runs");
    let words = String::from_utf8_lossy(&output.stderr);
    let measured: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {words}"));
    assert_eq!(measured["course"], "played", "{words}\n{measured:#}");
    let failed = measured["passed"] == false;
    assert_eq!(output.status.code(), Some(i32::from(failed)), "{words}");
    assert_eq!(again(&output.stdout), (measured.clone(), failed));
    measured
}

/// What `replay` makes of it as JSON, and whether it failed.
fn again(record: &[u8]) -> (Value, bool) {
    let directory = tempfile::tempdir().expect("a directory");
    let kept = directory.path().join("deploy.json");
    std::fs::write(&kept, record).expect("a file");
    let replayed = Command::new(program("lifecycle-cli", "lifecycle"))
        .arg("replay")
        .arg(&kept)
        .args(["--format", "json"])
        .output()
        .expect("it is drawn again");
    let words = String::from_utf8_lossy(&replayed.stderr);
    let measured = serde_json::from_slice(&replayed.stdout);
    let failed = replayed.status.code() == Some(1);
    (
        measured.unwrap_or_else(|error| panic!("{error}: {words}")),
        failed,
    )
}

/// How many requests became `what` from the beginning of the deploy on.
fn count(measured: &Value, what: &str) -> u64 {
    ["during", "after"]
        .iter()
        .filter_map(|part| measured["requests"][part][what].as_u64())
        .sum()
}

/// The first failure, and the rest of what was found.
fn failure<'a>(measured: &'a Value, name: &str) -> &'a Value {
    let findings = measured["findings"].as_array().expect("findings");
    let named = findings.iter().find(|it| it["name"] == name);
    named.unwrap_or_else(|| panic!("no {name}: {measured:#}"))
}

#[test]
fn a_deploy_that_settles_loses_nothing_where_plain_axum_loses_what_is_still_sent_to_it() {
    let ours = program("lifecycle-tests", "peer-settling");
    let plain = program("lifecycle-tests", "peer-axum");
    for platform in ["kubernetes", "fly"] {
        let measured = deploy(platform, &ours);
        assert_eq!(measured["passed"], true, "{platform}: {measured:#}");
        assert_eq!(count(&measured, "lost"), 0, "{platform}: {measured:#}");
        let served = count(&measured, "served");
        assert!(served > 300, "{platform}: {measured:#}");
        let sentence = measured["sentence"].as_str().expect("a sentence");
        assert!(sentence.contains(" lost 0 of "), "{sentence}");

        let measured = deploy(platform, &plain);
        assert_eq!(measured["passed"], false, "{platform}: {measured:#}");
        // Half a second of a third of the new connections, twice; a fraction of it is enough to tell.
        assert!(count(&measured, "lost") > 8, "{platform}: {measured:#}");
        let lost = failure(&measured, "request-lost");
        let message = lost["message"].as_str().expect("words");
        assert!(message.contains("found nobody listening"), "{message}");
        let cause = lost["cause"].as_str().expect("words");
        assert!(cause.contains("stop listening at SIGTERM"), "{cause}");
    }
}
