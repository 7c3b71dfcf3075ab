//! Somebody at a keyboard: keys typed into a real pseudo-terminal.

use std::thread;

use serde_json::Value;

use crate::common::ms;
use crate::running::{QUICK, Running, skipped, start, start_at_terminal};
use rustix::process::Signal;

const CTRL_C: u8 = 0x03;
const CTRL_BACKSLASH: u8 = 0x1c;

fn at_terminal(scenario: &str, environment: &[(&str, &str)]) -> Option<Running> {
    partly_at_terminal(scenario, environment, "")
}

/// With some of its streams elsewhere, as a shell redirects them.
fn partly_at_terminal(
    scenario: &str,
    environment: &[(&str, &str)],
    redirection: &str,
) -> Option<Running> {
    let child = start_at_terminal(scenario, environment, redirection);
    if child.is_none() {
        skipped("Ctrl-C at a terminal: there is no `script` to open one");
    }
    child
}

#[test]
fn ctrl_c_does_not_wait_for_routing() {
    let Some(mut child) = at_terminal("settling-long", &[]) else {
        return;
    };
    child.until("ready");
    child.press(CTRL_C);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    assert!(ended.stdout.contains("closed"), "{}", ended.stdout);
    let report = ended.report();
    assert_eq!(report["signal"], "SIGINT");
    assert_eq!(report["outcome"], "clean");
    assert!(report["settle_ms"].as_u64() < Some(10_000), "{report}");
}

#[test]
fn a_terminal_is_one_though_either_stream_is_elsewhere() {
    for redirection in ["</dev/null", "2>/dev/null"] {
        let Some(mut child) = partly_at_terminal("settling-long", &[], redirection) else {
            return;
        };
        child.until("ready");
        child.press(CTRL_C);
        let ended = child.end(QUICK);
        let settled = ended.report()["settle_ms"].as_u64();
        assert!(settled < Some(10_000), "{redirection}: {settled:?}");
    }
}

#[test]
fn ctrl_c_gives_each_step_three_seconds() {
    let Some(mut child) = at_terminal("stubborn", &[]) else {
        return;
    };
    child.until("ready");
    child.press(CTRL_C);
    let ended = child.end(ms(3_000) + QUICK);
    assert_eq!(ended.code, Some(80), "{}", ended.stdout);
    let report = ended.report();
    assert_eq!(report["steps"][0]["outcome"], "timed-out");
    assert_eq!(report["steps"][0]["timeout_ms"], 3_000);
    assert_eq!(report["steps"][0]["unfinished"][0], "the last order");
    assert_eq!(report["steps"][1]["outcome"], "done");
    // Nobody listens to the log: the exit code is explained all the same.
    let said = "shop: abandoned, exit code 80: work timed-out after 3s (1 in flight)";
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
}

#[test]
fn ctrl_c_shortens_a_step_of_a_service_that_stops_for_its_own_reasons() {
    let Some(mut child) = at_terminal("stubborn-and-over", &[]) else {
        return;
    };
    child.until("ready");
    child.press(CTRL_C);
    let ended = child.end(ms(3_000) + QUICK);
    assert_eq!(ended.code, Some(80), "{}", ended.stdout);
    let report = ended.report();
    assert_eq!(report["cause"], "sold out");
    assert_eq!(report["steps"][0]["outcome"], "timed-out");
    // From the key press on, which came some time after the step had begun.
    let timeout = report["steps"][0]["timeout_ms"].as_u64().unwrap();
    assert!((3_000..60_000).contains(&timeout), "{report}");
    assert_eq!(report["steps"][1]["timeout_ms"], 3_000);
}

#[test]
fn a_second_ctrl_c_leaves_at_once() {
    // With a platform in the environment the first is no hurry, and the second is the same.
    for (environment, timeout) in [
        (&[][..], 3_000),
        (&[("LIFECYCLE_PLATFORM", "kubernetes")], 120_000),
    ] {
        let Some(mut child) = at_terminal("stubborn", environment) else {
            return;
        };
        child.until("ready");
        child.press(CTRL_C);
        thread::sleep(ms(500));
        child.press(CTRL_C);
        let ended = child.end(ms(2_000) + QUICK);
        assert_eq!(ended.code, Some(82), "{}", ended.stdout);
        let report = ended.report();
        assert_eq!(report["outcome"], "forced");
        assert_eq!(report["steps"][0]["outcome"], "running");
        assert_eq!(report["steps"][0]["timeout_ms"], timeout);
        assert_eq!(report["steps"][1]["outcome"], "skipped");
    }
}

#[test]
fn ctrl_backslash_prints_what_is_running() {
    let Some(mut child) = at_terminal("stubborn", &[]) else {
        return;
    };
    child.until("ready");
    child.press(CTRL_BACKSLASH);
    child.until(" the last order");
    child.press(CTRL_C);
    thread::sleep(ms(500));
    child.press(CTRL_C);
    assert_eq!(child.end(QUICK).code, Some(82));
}

#[test]
fn an_interrupt_without_a_terminal_settles() {
    let mut child = start("busy-and-settling", &[]);
    child.until("working");
    thread::sleep(ms(300));
    child.signal(Signal::INT);
    let ended = child.end(ms(4_500) + QUICK);
    let report = ended.report();
    assert_eq!(report["signal"], "SIGINT");
    assert_ne!(report["settle_ms"], Value::Null);
    assert!(report["settle_ms"].as_u64() >= Some(2_000), "{report}");
}
