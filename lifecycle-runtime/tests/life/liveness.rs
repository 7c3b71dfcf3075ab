//! Liveness is wired to a heartbeat.

use std::thread;
use std::time::Instant;

use rustix::process::Signal;

use crate::child::WEDGED_AFTER;
use crate::common::ms;
use crate::running::{QUICK, Running, free_port, get, start, wait_until};

const LIVE: &str = "/health/live";
const READY: &str = "/health/ready";

fn serving(scenario: &str) -> (Running, u16) {
    let port = free_port();
    let child = start(scenario, &[("HEALTH_PORT", &port.to_string())]);
    (child, port)
}

#[test]
fn a_wedged_executor_is_answered_with_503_and_one_that_comes_back_with_200() {
    for scenario in ["wedged-for-a-while", "wedged-for-a-while-current-thread"] {
        let (mut child, port) = serving(scenario);
        child.until("ready");
        assert_eq!((get(port, READY), get(port, LIVE)), (200, 200));
        let begun = Instant::now();
        child.until("blocked");
        wait_until("liveness fails", || get(port, LIVE) == 503);
        assert!(begun.elapsed() >= WEDGED_AFTER / 2, "not at once");
        assert_eq!(get(port, READY), 200, "that is for the signal to change");
        child.until("free");
        wait_until("liveness is back", || get(port, LIVE) == 200);
        child.signal(Signal::TERM);
        assert_eq!(child.end(QUICK).code, Some(0));
    }
}

#[test]
fn it_is_answered_to_the_very_end() {
    let (mut child, port) = serving("last-call");
    child.until("ready");
    child.signal(Signal::TERM);
    child.until("last call");
    // The steps are over and the report is written; telemetry sends what it has of both.
    assert_eq!((get(port, LIVE), get(port, READY)), (200, 503));
    assert_eq!(child.end(QUICK).code, Some(0));
}

#[test]
fn health_as_a_value_says_the_same() {
    let mut child = start("wedged-and-watched", &[]);
    child.until("not live");
    child.until("live again");
}

#[test]
fn a_worker_that_is_free_is_enough() {
    let (mut child, port) = serving("one-worker-blocked");
    child.until("blocked");
    let begun = Instant::now();
    while begun.elapsed() < 4 * WEDGED_AFTER {
        assert_eq!(get(port, LIVE), 200);
        thread::sleep(ms(10));
    }
}

#[test]
fn a_start_that_blocks_its_thread_is_live() {
    let (mut child, port) = serving("start-blocks-current-thread");
    child.until("starting");
    let begun = Instant::now();
    while begun.elapsed() < 3 * WEDGED_AFTER {
        assert_eq!((get(port, READY), get(port, LIVE)), (503, 200));
        thread::sleep(ms(10));
    }
    child.until("ready");
    wait_until("it is ready", || get(port, READY) == 200);
    assert_eq!(get(port, LIVE), 200);
}

#[test]
fn a_shutdown_is_live_to_its_end_even_when_it_is_wedged() {
    let (mut child, port) = serving("wedged-for-ever");
    child.until("blocked");
    wait_until("liveness fails", || get(port, LIVE) == 503);
    child.signal(Signal::TERM);
    wait_until("readiness falls", || get(port, READY) == 503);
    let begun = Instant::now();
    while begun.elapsed() < 3 * WEDGED_AFTER {
        assert_eq!((get(port, READY), get(port, LIVE)), (503, 200));
        thread::sleep(ms(10));
    }
    // The plan's deadline: 2 s and 1 s, twice 250 ms, 500 ms of room.
    let ended = child.end(ms(4000) + QUICK);
    assert_eq!(ended.code, Some(82), "{}", ended.stderr);
}

#[test]
fn a_process_that_was_stopped_for_a_while_is_live_when_it_goes_on() {
    let (mut child, port) = serving("idle");
    child.until("ready");
    wait_until("it is ready", || get(port, READY) == 200);
    child.signal(Signal::STOP);
    thread::sleep(4 * WEDGED_AFTER);
    child.signal(Signal::CONT);
    let begun = Instant::now();
    while begun.elapsed() < 2 * WEDGED_AFTER {
        assert_eq!(get(port, LIVE), 200);
    }
}

#[test]
fn who_asks_for_no_alarm_has_none() {
    let (mut child, port) = serving("never-wedged");
    child.until("blocked");
    thread::sleep(3 * WEDGED_AFTER);
    assert_eq!(get(port, LIVE), 200);
}
