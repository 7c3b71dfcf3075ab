//! A real process, a real SIGTERM, and a collector that counts what arrives. Bounds are generous,
//! since the machine may be busy.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod collector;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use collector::Collector;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

struct Ended {
    code: Option<i32>,
    stderr: String,
    report: Value,
    took: Duration,
}

impl Ended {
    fn step(&self, name: &str) -> &Value {
        let steps = self.report["steps"].as_array().unwrap();
        steps.iter().find(|step| step["name"] == name).unwrap()
    }
}

/// Runs the recorder against the collector at `address`, and ends it by SIGTERM.
fn recorded(address: SocketAddr, environment: &[(&str, &str)]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let mut child = Command::new(env!("CARGO_BIN_EXE_lifecycle-telemetry-tests"))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"))
        .env("OTEL_SERVICE_NAME", "recorder")
        // So that only flushes send: nothing leaves by itself within the test.
        .env("OTEL_BSP_SCHEDULE_DELAY", "3600000")
        .env("OTEL_BLRP_SCHEDULE_DELAY", "3600000")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
        .env("LIFECYCLE_PLATFORM", "kubernetes")
        .env("LIFECYCLE_REPORT", &report)
        .env_remove("http_proxy")
        .env("NO_PROXY", "127.0.0.1")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let begun = Instant::now();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    let code = child.wait().unwrap().code();
    Ended {
        code,
        took: begun.elapsed(),
        report: serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap(),
        stderr,
    }
}

fn everything_arrives(flavor: &str) {
    let collector = Collector::start();
    let ended = recorded(collector.address, &[("FLAVOR", flavor)]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let received = collector.received();
    assert_eq!(received.count("job"), 50);
    assert_eq!(received.count("last job"), 1);
    assert_eq!(received.count("close"), 1, "recorded after the flush");
    assert_eq!(received.sums["jobs"], 52);
    assert!(received.has_line("the work is done"));
    assert!(received.has_line("the database is closed"), "{received:?}");
    let of_the_close = |(message, attributes): &(String, _)| {
        let attributes: &std::collections::BTreeMap<String, String> = attributes;
        message == "stopped" && attributes.get("resource").is_some_and(|it| it == "db")
    };
    assert!(received.lines.iter().any(of_the_close), "{received:?}");
    let (_, report) = received
        .lines
        .iter()
        .find(|(message, _)| message == "stopped cleanly")
        .unwrap();
    assert_eq!(report["outcome"], "clean");
    let logged: Value = serde_json::from_str(&report["report"]).unwrap();
    assert_eq!(logged, ended.report, "the event holds the same report");
}

#[test]
fn everything_recorded_before_the_end_arrives() {
    everything_arrives("multi_thread");
}

#[test]
fn everything_recorded_before_the_end_arrives_on_one_thread_too() {
    everything_arrives("current_thread");
}

/// What `finally` is for: without it, the same service loses its last lines and says nothing.
#[test]
fn a_shutdown_in_the_flush_phase_loses_what_comes_later() {
    let collector = Collector::start();
    let ended = recorded(collector.address, &[("WIRING", "early")]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let received = collector.received();
    assert_eq!(received.count("last job"), 1);
    assert!(received.has_line("the work is done"));
    assert_eq!(received.count("close"), 0);
    assert!(!received.has_line("the database is closed"));
    assert!(!received.has_line("stopped cleanly"));
}

fn a_hanging_collector(flavor: &str) {
    let collector = Collector::hanging();
    let ended = recorded(collector.address, &[("FLAVOR", flavor)]);
    assert_eq!(ended.code, Some(80), "{}", ended.stderr);
    let telemetry = ended.step("telemetry");
    assert_eq!(telemetry["outcome"], "timed-out");
    let named = serde_json::json!(["traces", "metrics", "logs"]);
    assert_eq!(telemetry["unfinished"], named);
    // The step's timeout and its unwinding, and nothing at the very end.
    let took = telemetry["end_ms"].as_u64().unwrap() - telemetry["start_ms"].as_u64().unwrap();
    assert!((1500..3000).contains(&took), "{took} ms");
    assert!(ended.took < Duration::from_secs(4), "{:?}", ended.took);
    assert_eq!(ended.step("db")["outcome"], "done");
}

#[test]
fn a_hanging_collector_costs_the_steps_timeout_and_no_more() {
    a_hanging_collector("multi_thread");
}

#[test]
fn a_hanging_collector_does_not_hold_the_only_thread() {
    a_hanging_collector("current_thread");
}

#[test]
fn a_collector_that_is_gone_costs_nothing_and_each_exporter_says_so() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ended = recorded(address, &[]);
    assert_eq!(ended.code, Some(81), "{}", ended.stderr);
    let telemetry = ended.step("telemetry");
    assert_eq!(telemetry["outcome"], "failed");
    let error = telemetry["error"].as_str().unwrap();
    for exporter in ["traces: ", "metrics: ", "logs: "] {
        assert!(error.contains(exporter), "{error}");
    }
    assert!(ended.took < Duration::from_secs(3), "{:?}", ended.took);
}

#[test]
fn a_collector_that_hangs_at_the_very_end_is_reported_and_holds_nobody() {
    let collector = Collector::serve(1);
    let ended = recorded(collector.address, &[]);
    assert_eq!(ended.code, Some(80), "{}", ended.stderr);
    assert_eq!(ended.report["outcome"], "abandoned");
    let telemetry = ended.step("telemetry");
    assert_eq!(telemetry["outcome"], "timed-out");
    let error = telemetry["error"].as_str().unwrap();
    assert_eq!(error, "at the very end: no end within 1.5s");
    assert!(ended.took < Duration::from_secs(4), "{:?}", ended.took);
    let received = collector.received();
    assert_eq!(received.count("last job"), 1, "what was flushed is there");
}
