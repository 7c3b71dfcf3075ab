//! SIGTERM in any moment of a start, and readiness as it is seen from outside.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::common::ms;
use crate::running::{Ended, QUICK, Running, ask, free_port, get, start, try_ask, wait_until};

const READY: &str = "/health/ready";
const LIVE: &str = "/health/live";

/// What the child says, in the order of a life that nothing interrupts.
const LIFE: [&str; 10] = [
    "begins",
    "main",
    "main returns",
    "db asked",
    "db up",
    "cache asked",
    "cache up",
    "work runs",
    "cache closed",
    "db closed",
];

/// The lines of the story that are in the child's output, in its order.
fn story(said: &str) -> Vec<&str> {
    let known = |line: &&str| LIFE.contains(line) || *line == "work stops";
    // The test harness writes into the first line.
    said.lines()
        .map(|line| line.trim_start_matches("test subject ... "))
        .filter(known)
        .collect()
}

fn starting(scenario: &str) -> (Running, u16) {
    let port = free_port();
    let child = start(scenario, &[("HEALTH_PORT", &port.to_string())]);
    (child, port)
}

/// Signals the child, and sees to it that readiness is 503 from here to the end.
fn stopped(mut child: Running, port: u16) -> Ended {
    assert_eq!(get(port, READY), 503);
    assert_eq!(get(port, LIVE), 200);
    child.signal(Signal::TERM);
    let begun = Instant::now();
    while child.child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < QUICK, "it has not ended");
        // The server goes with the service; what it answers counts.
        let answer = try_ask(port, READY, "");
        assert_ne!(answer.map(|it| it.0), Some(200), "it was never ready");
        thread::sleep(ms(5));
    }
    child.end(QUICK)
}

/// It ended well, soon, and without waiting for routing that had never begun.
fn assert_clean(ended: &Ended, steps: usize) {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let report = ended.report();
    assert_eq!(report["outcome"], "clean", "{report}");
    assert_eq!(report["signal"], "SIGTERM");
    assert!(report["settle_ms"].as_u64() < Some(1_000), "{report}");
    assert_eq!(report["steps"].as_array().unwrap().len(), steps);
}

#[test]
fn before_the_service_begins_the_signal_is_the_systems() {
    let (mut child, _) = starting("startup-late");
    child.until("begins");
    child.signal(Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!((ended.code, ended.report), (None, None), "killed by it");
}

#[test]
fn in_main_nothing_has_to_be_stopped() {
    let (mut child, port) = starting("startup-slow-main");
    child.until("main");
    let ended = stopped(child, port);
    assert_clean(&ended, 0);
    assert_eq!(story(&ended.stdout), [""; 0]);
}

#[test]
fn between_two_questions_of_a_probe_what_main_returned_is_closed() {
    let (mut child, port) = starting("startup-db-down");
    child.until("db asked");
    child.until("db asked");
    // The pause has begun, or the next question runs: neither is waited for.
    let ended = stopped(child, port);
    assert_clean(&ended, 3);
    let story = story(&ended.stdout);
    assert_eq!(story[story.len() - 2..], ["cache closed", "db closed"]);
    assert!(!story.contains(&"work runs"));
}

#[test]
fn while_the_last_probe_runs_it_is_not_waited_for() {
    let (mut child, port) = starting("startup-cache-hangs");
    child.until("cache asked");
    let table = ask(port, "/lifecycle?text", "").1;
    assert!(table.starts_with("shop: starting for "), "{table}");
    assert!(table.contains("\ncache     cache     starting "), "{table}");
    assert!(table.contains("\nwork      task      pending "), "{table}");
    let ended = stopped(child, port);
    assert_clean(&ended, 3);
    assert_eq!(story(&ended.stdout), ["cache closed", "db closed"]);
}

#[test]
fn readiness_comes_last_and_a_signal_right_then_settles() {
    let (child, port) = starting("startup");
    wait_until("it is ready", || {
        try_ask(port, READY, "").is_some_and(|it| it.0 == 200)
    });
    child.signal(Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let settle = ended.report()["settle_ms"].as_u64();
    assert!(settle >= Some(1_000), "routing knew it: {settle:?}");
    let mut whole: Vec<_> = LIFE.to_vec();
    whole.insert(8, "work stops");
    assert_eq!(story(&ended.stdout), whole);
}

#[test]
fn a_start_that_fails_is_undone_in_order() {
    let (child, port) = starting("startup-cache-refuses");
    let begun = Instant::now();
    let ended = child.end(QUICK);
    assert!(begun.elapsed() >= ms(700), "it was asked again");
    assert_eq!(ended.code, Some(1));
    assert!(try_ask(port, LIVE, "").is_none());
    assert_eq!(ended.report()["outcome"], "start-failed");
    assert_eq!(
        ended.report()["cause"],
        "`cache` did not start: not up within 700ms: no route"
    );
    let told = story(&ended.stdout);
    assert_eq!(told[told.len() - 2..], ["cache closed", "db closed"]);
    assert!(!told.contains(&"work runs"));
}

/// Twenty starts, each interrupted at another moment, from before `main` until after readiness.
#[test]
fn any_moment_will_do() {
    let moments: Vec<Duration> = (0..20).map(|nth| ms(nth * 70)).collect();
    let children: Vec<_> = moments
        .iter()
        .map(|&moment| {
            thread::spawn(move || {
                let (mut child, _) = starting("startup");
                child.until("begins");
                thread::sleep(moment);
                child.signal(Signal::TERM);
                child.end(QUICK)
            })
        })
        .collect();
    let mut stories = std::collections::BTreeSet::new();
    for (child, moment) in children.into_iter().zip(moments) {
        let ended = child.join().unwrap();
        let told = story(&ended.stdout);
        if ended.code.is_none() {
            assert!(!told.contains(&"main"), "{moment:?}: {told:?}");
            continue;
        }
        assert_eq!(ended.code, Some(0), "{moment:?}: {}", ended.stderr);
        assert_eq!(ended.report()["outcome"], "clean", "{moment:?}");
        let at = |line| told.iter().position(|&it| it == line);
        let held = |line| told.iter().filter(|&&it| it == line).count();
        let returned =
            at("main returns").is_some() && !ended.report()["steps"].as_array().unwrap().is_empty();
        for closed in ["cache closed", "db closed"] {
            assert_eq!(held(closed), usize::from(returned), "{moment:?}: {told:?}");
        }
        assert!(
            at("cache closed") <= at("db closed"),
            "{moment:?}: {told:?}"
        );
        assert_eq!(
            at("work runs").is_some(),
            at("work stops").is_some(),
            "{moment:?}"
        );
        assert!(
            at("work stops") <= at("cache closed"),
            "{moment:?}: {told:?}"
        );
        stories.insert(told.len());
    }
    assert!(stories.len() >= 3, "the moments differ: {stories:?}");
}
