//! The examples over gRPC and with actix, drilled as their users would: with their own manifests.

use std::collections::BTreeMap;
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
    let deployed = deployed(example);
    let (measured, words) = drill_as(example, files, &deployed);
    let told = |name: &str| deployed[name].as_str();
    let report = &measured["report"];
    assert_eq!(report["digest"], told("LIFECYCLE_DIGEST"), "{measured:#}");
    assert_eq!(
        report["platform"],
        told("LIFECYCLE_PLATFORM"),
        "{measured:#}"
    );
    assert!(!says_drift(&measured, &words), "{words}\n{measured:#}");
    measured
}

/// Whether the program says that it was deployed from another plan, among the drill's own words or
/// where the drill keeps what the program says.
fn says_drift(measured: &Value, words: &str) -> bool {
    /// All that it says of drift begins so.
    const DRIFT: &str = "the deployment";
    let lines = measured["output"].as_array().expect("its last lines");
    let mut lines = lines.iter().filter_map(Value::as_str);
    words.contains(DRIFT) || lines.any(|line| line.contains(DRIFT))
}

/// The same as `deployed` tells it; what was measured, and what the drill said beside it.
fn drill_as(example: &str, files: &str, deployed: &BTreeMap<String, String>) -> (Value, String) {
    let file = std::env::temp_dir().join(format!("{example}-drilled-{}", std::process::id()));
    let output = Command::new(program("lifecycle-cli", "lifecycle"))
        .arg("drill")
        .arg(root().join("examples").join(example))
        .args(["--format", "json", "--warm-up", "2s", "--"])
        // The drill sets what the plan of today says; what was deployed has the last word here.
        .arg("env")
        .args(
            deployed
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        )
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
    (measured, words.into_owned())
}

/// What the generated Deployment of an example tells the program, without where its report goes.
fn deployed(example: &str) -> BTreeMap<String, String> {
    let file = root()
        .join("examples")
        .join(example)
        .join("deploy/k8s/deployment.yaml");
    let text = std::fs::read_to_string(file).expect("it is generated");
    let mut lines = text.lines().map(str::trim);
    let mut told = BTreeMap::new();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("- name: \"LIFECYCLE_") else {
            continue;
        };
        let value = lines.next().and_then(|line| line.strip_prefix("value: "));
        let value = value.expect("a value after the name").trim_matches('"');
        told.insert(
            format!("LIFECYCLE_{}", name.trim_matches('"')),
            value.to_owned(),
        );
    }
    told.remove("LIFECYCLE_REPORT");
    assert_eq!(told.len(), 3, "platform, digest, grace: {told:?}");
    told
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

    // That a drift would have been seen: the same program, deployed from another plan.
    let mut other = deployed("orders-actix");
    other.insert("LIFECYCLE_DIGEST".to_owned(), "0000000000000000".to_owned());
    ports_are_free([8084, 9094]);
    let (measured, words) = drill_as("orders-actix", "JOURNAL", &other);
    assert!(says_drift(&measured, &words), "{words}\n{measured:#}");
}

/// Over gRPC, as its manifest says: calls with a message made from its own `.proto`, the standard health
/// check, and watchers that are told to go.
#[test]
fn quotes_grpc() {
    ports_are_free([50051, 9093]);
    let measured = drill("quotes-grpc", "PRICES_FILE");
    let steps = measured["steps"].as_array().expect("it tells of its steps");
    for name in ["grpc", "watchers", "feed", "closing-prices"] {
        let done = |step: &Value| step["name"] == name && step["measured"]["outcome"] == "done";
        assert!(steps.iter().any(done), "{name}: {measured:#}");
    }
    assert_eq!(count(&measured, "lost"), 0, "{measured:#}");
    assert_eq!(count(&measured, "client_error"), 0, "{measured:#}");
    let kinds = measured["requests"]["kinds"].as_array().expect("kinds");
    let requests: Vec<_> = kinds
        .iter()
        .filter_map(|kind| kind["request"].as_str())
        .collect();
    assert_eq!(
        requests,
        [
            "grpc /quotes.v1.Quotes/GetQuote",
            "grpc /grpc.health.v1.Health/Check",
            "stream grpc /quotes.v1.Quotes/WatchQuotes",
        ]
    );
    for kind in &kinds[..2] {
        assert!(kind["before"]["served"].as_u64() > Some(50), "{kind:#}");
    }
    assert_eq!(kinds[2]["before"]["let_go"], 20, "{:#}", kinds[2]);
}
