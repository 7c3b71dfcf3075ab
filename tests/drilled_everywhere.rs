//! One manifest, every platform: each one's end is played against the same program.

use std::process::Command;
use std::time::Duration;

use lifecycle_manifest::{Analysis, Platform};
use lifecycle_tests::{program, root};
use serde_json::Value;

/// How much later than planned the signal may come on a busy machine.
const LATE: Duration = Duration::from_secs(3);

fn drill(platform: &str) -> Value {
    let output = Command::new(program("lifecycle-cli", "lifecycle"))
        .arg("drill")
        .arg(root().join("tests/peers/everywhere.yaml"))
        .args(["--platform", platform, "--format", "json"])
        .args(["--rate", "100", "--warm-up", "300ms", "--"])
        .arg(program("lifecycle-tests", "peer-everywhere"))
        .output()
        .expect("the drill runs");
    let words = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {words}"))
}

#[test]
fn each_platform_s_end_is_played_and_nothing_is_lost() {
    let manifest = std::fs::read_to_string(root().join("tests/peers/everywhere.yaml"));
    let analysis = Analysis::of(&manifest.expect("a manifest"));
    let lines = &analysis.resolved.as_ref().expect("a plan").timelines;
    let named: Vec<&str> = lines
        .iter()
        .map(lifecycle_manifest::Timeline::platform)
        .collect();
    assert_eq!(
        named,
        Platform::KEYS,
        "a platform is missing in everywhere.yaml"
    );
    for line in lines {
        let platform = line.platform();
        let measured = drill(platform);
        assert_eq!(measured["passed"], true, "{platform}: {measured:#}");
        assert_eq!(measured["signal"], line.terms.signal.name(), "{platform}");
        // The program knows where it runs, and took that platform's plan.
        assert_eq!(measured["report"]["platform"], platform, "{measured:#}");
        let at = |mark: &str| measured["timeline"][mark].as_f64().expect("a moment");
        let waited = Duration::from_secs_f64((at("signalled_ms") - at("asked_ms")) / 1_000.0);
        let planned = line.stop_to_signal();
        // Behind a balancer the signal comes as soon as nothing is under way any more.
        let least = match platform {
            "ecs" => Duration::ZERO,
            _ => planned.saturating_sub(Duration::from_millis(50)),
        };
        assert!(
            (least..planned + LATE).contains(&waited),
            "{platform}: {waited:?} to the signal, {planned:?} planned"
        );
    }
}
