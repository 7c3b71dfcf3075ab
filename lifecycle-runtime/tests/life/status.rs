//! The status on the health server.

use rustix::process::Signal;
use serde_json::Value;

use crate::child::WEDGED_AFTER;
use crate::running::{QUICK, ask, free_port, get, start, wait_until};

const STATUS: &str = "/lifecycle";

fn status(port: u16) -> Value {
    let (code, body) = ask(port, STATUS, "");
    assert_eq!(code, 200);
    serde_json::from_str(&body).expect("valid JSON")
}

#[test]
fn it_is_answered_from_the_start_to_the_end() {
    let port = free_port();
    let mut child = start(
        "busy",
        &[
            ("HEALTH_PORT", &port.to_string()),
            ("LIFECYCLE_PLATFORM", "kubernetes"),
        ],
    );
    child.until("starting");
    let early = status(port);
    assert_eq!(early["state"], "starting");
    assert_eq!(early["platform"], "kubernetes");
    assert_eq!(early["resources"][0]["state"], "pending");

    child.until("working");
    wait_until("it is ready", || status(port)["state"] == "ready");
    let ready = status(port);
    assert_eq!(ready["in_flight"], 1);
    assert_eq!(ready["resources"][0]["names"][0], "order 42");
    assert_eq!(ready["signal"], Value::Null);

    child.signal(Signal::TERM);
    wait_until("its step runs", || {
        status(port)["resources"][0]["state"] == "stopping"
    });
    let stopping = status(port);
    assert_eq!(stopping["state"], "stopping");
    assert_eq!(stopping["signal"], "SIGTERM");
    assert_eq!(stopping["resources"][1]["state"], "running");
    assert!(
        stopping["left_ms"]
            .as_u64()
            .is_some_and(|left| left <= 4_000)
    );
    assert!(child.end(QUICK).code.is_some());
}

#[test]
fn people_get_a_table() {
    let port = free_port();
    let mut child = start("busy", &[("HEALTH_PORT", &port.to_string())]);
    child.until("working");
    wait_until("it is ready", || get(port, "/health/ready") == 200);
    for (path, headers) in [
        ("/lifecycle?text", ""),
        ("/lifecycle", "Accept: text/plain\r\n"),
        ("/lifecycle?a&text&b", "Accept: */*\r\n"),
    ] {
        let (code, table) = ask(port, path, headers);
        assert_eq!(code, 200);
        assert!(table.starts_with("shop: ready for "), "{table}");
        assert!(table.contains("\nwork      task      running "), "{table}");
        assert!(table.contains("order 42\n"), "{table}");
    }
    for headers in [
        "",
        "Accept: */*\r\n",
        "Accept: application/json, text/plain\r\n",
    ] {
        let (_, json) = ask(port, "/lifecycle?context", headers);
        assert!(json.starts_with("{\"version\":1,"), "{json}");
    }
    assert_eq!(get(port, "/lifecycle/"), 404);
}

#[test]
fn it_is_answered_while_every_worker_is_blocked() {
    let port = free_port();
    let mut child = start("wedged-for-ever", &[("HEALTH_PORT", &port.to_string())]);
    child.until("blocked");
    let begun = std::time::Instant::now();
    assert_eq!(status(port)["live"], true);
    wait_until("it is wedged", || status(port)["live"] == false);
    assert!(begun.elapsed() >= WEDGED_AFTER / 2);
    let (_, table) = ask(port, "/lifecycle?text", "");
    assert!(
        table.contains("; NOT LIVE: no worker runs a task;"),
        "{table}"
    );
}
