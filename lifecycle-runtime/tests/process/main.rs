//! Real processes, real signals. The child is this very program, started again with a scenario in its
//! environment; bounds are generous, since the machine may be busy.

mod child;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/running.rs"]
mod running;

use std::env;
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::Instant;

use common::ms;
use running::{QUICK, free_port, get, start, start_with};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Not a test: what the others start.
#[test]
#[ignore = "started by the other tests"]
fn subject() {
    if let Ok(name) = env::var("SCENARIO") {
        running::exit(child::run(&name));
    }
}

#[test]
fn sigterm_ends_it_cleanly() {
    for scenario in ["clean", "clean-current-thread"] {
        let mut child = start(scenario, &[("LIFECYCLE_PLATFORM", "kubernetes")]);
        child.until("ready");
        child.signal(Signal::TERM);
        let ended = child.end(QUICK);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stdout.contains("closed"));
        let report = ended.report();
        assert_eq!(report["version"], 1);
        assert_eq!(report["service"], "shop");
        assert_eq!(report["digest"], "00112233aabbccdd");
        assert_eq!(report["platform"], "kubernetes");
        assert_eq!(report["signal"], "SIGTERM");
        assert_eq!(report["outcome"], "clean");
        assert_eq!(report["exit_code"], 0);
        assert_eq!(report["steps"][0]["name"], "work");
        assert_eq!(report["steps"][0]["outcome"], "done");
        assert_eq!(report["steps"][1]["outcome"], "done");
    }
}

#[test]
fn ctrl_c_ends_it_cleanly_too() {
    let mut child = start("clean", &[]);
    child.until("ready");
    child.signal(Signal::INT);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.report()["signal"], "SIGINT");
    assert_eq!(ended.report()["platform"], Value::Null);
}

#[test]
fn the_watchdog_ends_it_when_every_worker_is_blocked() {
    for scenario in ["blocked", "blocked-current-thread"] {
        let mut child = start(scenario, &[]);
        child.until("ready");
        child.signal(Signal::TERM);
        // 2 s and 1 s, twice 250 ms to unwind, 500 ms of room: 4 s.
        let ended = child.end(ms(4000) + QUICK);
        assert_eq!(ended.code, Some(82), "{}", ended.stderr);
        assert!(
            ended.took >= ms(3900),
            "the steps had their time: {:?}",
            ended.took
        );
        let report = ended.report();
        assert_eq!(report["outcome"], "forced");
        assert_eq!(report["exit_code"], 82);
        assert_eq!(report["signal"], "SIGTERM");
        assert!(!ended.stdout.contains("closed"));
    }
}

#[test]
fn a_second_sigint_leaves_at_once() {
    for first in [Signal::TERM, Signal::INT] {
        let mut child = start("stubborn", &[]);
        child.until("ready");
        child.signal(first);
        thread::sleep(ms(300));
        child.signal(Signal::INT);
        let ended = child.end(QUICK);
        assert_eq!(ended.code, Some(82), "{}", ended.stderr);
        let report = ended.report();
        assert_eq!(report["outcome"], "forced");
        assert_eq!(report["steps"][0]["outcome"], "running");
        assert_eq!(report["steps"][0]["active"], 1);
        assert_eq!(report["steps"][1]["outcome"], "skipped");
    }
}

#[test]
fn a_second_sigterm_changes_nothing() {
    let mut child = start("slow", &[]);
    child.until("ready");
    child.signal(Signal::TERM);
    child.until("stopping");
    child.signal(Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("closed"));
}

#[test]
fn two_sigint_of_one_key_press_are_one() {
    let mut child = start("clean", &[]);
    child.until("ready");
    child.signal(Signal::INT);
    // If the child has ended already, so much the better.
    let _ = kill_process(Pid::from_child(&child.child), Signal::INT);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn sigterm_while_it_starts_stops_at_once() {
    let mut child = start("starting", &[]);
    child.until("ready");
    child.signal(Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("dropped"),
        "main's future was dropped"
    );
    assert_eq!(ended.report()["outcome"], "clean");
    assert_eq!(ended.report()["steps"], Value::Array(Vec::new()));
}

#[test]
fn sigterm_while_main_blocks_its_thread_stops_as_well() {
    let mut child = start("starting-blocked", &[]);
    child.until("ready");
    child.signal(Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.report()["outcome"], "clean");
}

#[test]
fn a_main_that_fails_or_panics_is_told() {
    let ended = start("failing", &[]).end(QUICK);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("Error: no database"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("Caused by:\n    connection refused"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.report()["outcome"], "start-failed");
    assert_eq!(ended.report()["cause"], "no database: connection refused");

    // Rust's notation for it would be `Kind(AddrInUse)`.
    let ended = start("failing-plainly", &[]).end(QUICK);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr, "Error: address in use\n");

    let ended = start("panicking", &[]).end(QUICK);
    assert_eq!(ended.code, Some(1));
    assert_eq!(
        ended.report()["cause"],
        "main panicked: DATABASE_URL is set"
    );
}

#[test]
fn whose_process_it_is_not_leaves_the_telling_to_the_caller() {
    let ended = start("unwired", &[]).end(QUICK);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.starts_with("Error: shop: "),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);

    let ended = start("unwired-and-embedded", &[]).end(QUICK);
    assert_eq!(ended.code, Some(1));
    assert_eq!((&*ended.stderr, ended.report), ("", None));
}

#[test]
fn a_deployment_of_another_plan_is_refused_or_warned_about() {
    let digest = [("LIFECYCLE_DIGEST", "ffffffffffffffff")];
    let ended = start("refuse", &digest).end(QUICK);
    assert_eq!(ended.code, Some(1));
    for said in ["ffffffffffffffff", "00112233aabbccdd"] {
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
    assert_eq!(ended.report()["outcome"], "start-failed");

    let mut child = start("clean", &digest);
    child.until("ready");
    child.signal(Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(0));
    // Nobody listens to its log.
    assert!(ended.stderr.starts_with("shop: "), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("ffffffffffffffff"),
        "{}",
        ended.stderr
    );

    let grace = [
        ("LIFECYCLE_PLATFORM", "kubernetes"),
        ("LIFECYCLE_GRACE_MS", "20000"),
    ];
    let ended = start("refuse", &grace).end(QUICK);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("20s") && ended.stderr.contains("30s"),
        "{}",
        ended.stderr
    );

    let ended = start("refuse", &[("LIFECYCLE_PLATFORM", "mainframe")]).end(QUICK);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("`mainframe`"), "{}", ended.stderr);

    let matching = [
        ("LIFECYCLE_PLATFORM", "kubernetes"),
        ("LIFECYCLE_GRACE_MS", "30000"),
        ("LIFECYCLE_DIGEST", "00112233aabbccdd"),
    ];
    let mut child = start("refuse", &matching);
    child.until("ready");
    child.signal(Signal::TERM);
    assert_eq!(child.end(QUICK).code, Some(0));
}

#[test]
fn a_closing_call_that_blocks_is_not_waited_for() {
    let mut child = start("hanging-close", &[]);
    child.until("ready");
    child.signal(Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(81), "{}", ended.stderr);
    // What ended badly comes first.
    assert_eq!(ended.report()["steps"][0]["name"], "db");
    assert_eq!(ended.report()["steps"][0]["outcome"], "timed-out");
    assert!(
        ended.stderr.contains("db timed-out after 1s"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_main_that_hangs_after_its_service_is_ended_too() {
    let mut child = start("hanging-exit", &[]);
    child.until("ready");
    child.signal(Signal::TERM);
    child.until("returned");
    let ended = child.end(ms(4000) + QUICK);
    assert_eq!(ended.code, Some(82), "{}", ended.stderr);
    assert_eq!(ended.report()["steps"][1]["outcome"], "done");
}

#[test]
fn a_task_that_dies_takes_the_service_down_in_order() {
    let ended = start("dying", &[]).end(QUICK);
    assert_eq!(ended.code, Some(80), "{}", ended.stderr);
    assert!(ended.stdout.contains("closed"));
    assert_eq!(ended.report()["cause"], "`work` ended: lost the lock");
    assert_eq!(ended.report()["signal"], Value::Null);
}

#[test]
fn unfinished_jobs_are_in_the_report() {
    let mut child = start("jobs", &[]);
    child.until("ready");
    child.signal(Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(80), "{}", ended.stderr);
    assert_eq!(ended.report()["steps"][0]["unfinished"][0], "mail \"42\"\n");
}

#[test]
fn a_report_nobody_reads_keeps_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let mut child = start_with("clean", &[], folder, pipe);
    child.until("ready");
    child.signal(Signal::TERM);
    assert_eq!(child.end(QUICK).code, Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_is_written_without_a_thread_too() {
    let stack = (64 << 20).to_string();
    let mut child = start("no-thread", &[("RUST_MIN_STACK", &stack)]);
    child.until("ready");
    child.signal(Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.report()["outcome"], "clean");
}

#[test]
fn an_existing_report_is_replaced_and_one_that_cannot_be_written_is_no_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("termination-log");
    std::fs::write(&path, "x".repeat(10_000)).expect("written");
    let mut child = start_with("clean", &[], folder, path);
    child.until("ready");
    child.signal(Signal::TERM);
    assert_eq!(child.end(QUICK).report()["outcome"], "clean");

    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("none/there");
    let mut child = start_with("clean", &[], folder, nowhere);
    child.until("ready");
    child.signal(Signal::TERM);
    assert_eq!(child.end(QUICK).code, Some(0));
}

#[test]
fn health_is_answered_before_main_returns_and_until_the_end() {
    let port = free_port();
    let mut child = start("health", &[("HEALTH_PORT", &port.to_string())]);
    child.until("starting");
    assert_eq!(get(port, "/health/live"), 200);
    assert_eq!(get(port, "/health/ready"), 503);
    child.until("ready");
    // A resource says so as it starts, and the service is ready when all have.
    running::wait_until("readiness", || get(port, "/health/ready") == 200);
    assert_eq!(get(port, "/elsewhere"), 404);
    child.signal(Signal::TERM);
    let down = Instant::now();
    while get(port, "/health/ready") != 503 {
        assert!(down.elapsed() < ms(3500), "readiness went down");
    }
    assert_eq!(get(port, "/health/live"), 200);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.report()["settle_ms"].as_u64() >= Some(4000));
}

#[test]
fn a_health_port_that_is_taken_keeps_it_from_starting() {
    let taken = TcpListener::bind("0.0.0.0:0").expect("bound");
    let port = taken.local_addr().expect("bound").port();
    let ended = start("health", &[("HEALTH_PORT", &port.to_string())]).end(QUICK);
    assert_eq!(ended.code, Some(1));
    let port = port.to_string();
    for said in [&*port, "does the service run already?", "`traffic.health`"] {
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
}
