//! A page of a drill with more than a hundred thousand requests: as many as this machine answers in 45
//! seconds, which a busy or slow one does not reach. So it is ignored:
//! `cargo test --release -p lifecycle-tests --test drilled_size -- --ignored --nocapture`.

use std::process::Command;

use lifecycle_tests::{program, root};
use serde_json::Value;

#[test]
#[ignore = "takes three quarters of a minute of a machine that does nothing else"]
fn a_page_of_a_hundred_thousand_requests_is_less_than_500_kb() {
    let scratch = tempfile::tempdir().expect("a directory");
    let page = scratch.path().join("drill.html");
    let output = Command::new(program("lifecycle-cli", "lifecycle"))
        .arg("drill")
        .arg(root().join("tests/peers/lifecycle.yaml"))
        .args(["--saturate", "--warm-up", "45s", "--format", "json"])
        .arg("--format")
        .arg(format!("html={}", page.display()))
        .arg("--")
        .arg(program("lifecycle-tests", "peer-lifecycle"))
        .output()
        .expect("the drill runs");
    let words = String::from_utf8_lossy(&output.stderr);
    let run: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {words}"));
    let served: u64 = ["before", "settling", "stopping", "gone"]
        .iter()
        .filter_map(|phase| run["requests"][phase]["served"].as_u64())
        .sum();
    let size = std::fs::metadata(&page).expect("the page").len();
    println!("{served} requests served, {size} bytes");
    assert!(served >= 100_000, "{served}");
    assert!(size < 500_000, "{size}");
}
