//! What the deployment's environment decides.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::common::ms;
use crate::running::{Ended, QUICK, free_port, get, start};

/// The contract that a generated manifest carries for the child's plan.
const KUBERNETES: [(&str, &str); 3] = [
    ("LIFECYCLE_PLATFORM", "kubernetes"),
    ("LIFECYCLE_DIGEST", "00112233aabbccdd"),
    ("LIFECYCLE_GRACE_MS", "30000"),
];

fn stopped(scenario: &str, environment: &[(&str, &str)]) -> Ended {
    let mut child = start(scenario, environment);
    child.until("ready");
    child.signal(Signal::TERM);
    child.end(QUICK)
}

fn settled(ended: &Ended) -> Duration {
    ms(ended.report()["settle_ms"].as_u64().unwrap())
}

#[test]
fn the_platform_selects_its_own_timeline() {
    // On Cloud Run, the child's manifest tightens the step to 300 ms.
    let ended = stopped("contract", &[("LIFECYCLE_PLATFORM", "cloud_run")]);
    assert_eq!(ended.code, Some(80), "{}", ended.stderr);
    let report = ended.report();
    assert_eq!(report["platform"], "cloud_run");
    assert_eq!(report["steps"][0]["timeout_ms"], 300);
    assert_eq!(report["steps"][0]["outcome"], "timed-out");

    let ended = stopped("contract", &KUBERNETES);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.report()["platform"], "kubernetes");
    assert_eq!(ended.report()["steps"][0]["timeout_ms"], 2000);
}

#[test]
fn it_decides_who_pays_the_settle_time() {
    // Kubernetes has paid with preStop before the signal; Cloud Run stops routing with it.
    assert!(settled(&stopped("contract", &KUBERNETES)) < ms(1000));
    // Nobody has announced the end of this one, nor of a service that stops by itself.
    let ended = stopped("contract", &[]);
    assert_eq!(ended.report()["platform"], Value::Null);
    assert!(settled(&ended) >= ms(1500));
    let ended = start("contract-stops-itself", &KUBERNETES).end(QUICK);
    assert_eq!(ended.report()["signal"], Value::Null);
    assert_eq!(ended.report()["cause"], "enough");
    assert!(settled(&ended) >= ms(1500));
}

/// Deployments that were generated from something else, and a word of what is said about each.
const DRIFTED: [([(&str, &str); 3], &str); 4] = [
    (
        with(1, "LIFECYCLE_DIGEST", "ffffffffffffffff"),
        "was generated from plan ffffffffffffffff, the program was built with plan 00112233aabbccdd",
    ),
    (
        with(2, "LIFECYCLE_GRACE_MS", "20000"),
        "grace period is 20s, the program was built for 30s",
    ),
    (
        with(2, "LIFECYCLE_GRACE_MS", "half a minute"),
        "grace period is `half a minute`, the program was built for 30s",
    ),
    (
        with(0, "LIFECYCLE_PLATFORM", "mainframe"),
        "for the platform `mainframe`, the program knows kubernetes, cloud_run",
    ),
];

const fn with(
    place: usize,
    name: &'static str,
    value: &'static str,
) -> [(&'static str, &'static str); 3] {
    let mut contract = KUBERNETES;
    contract[place] = (name, value);
    contract
}

#[test]
fn drift_is_warned_about_once_the_log_is_up_and_the_service_runs() {
    for (environment, said) in DRIFTED {
        let mut child = start("contract", &environment);
        let warning = child.until_some(|line| line.contains("WARN: "));
        assert!(warning.contains(said), "{warning}");
        child.until("ready");
        child.signal(Signal::TERM);
        assert_eq!(child.end(QUICK).code, Some(0));
    }
    let mut child = start("contract", &KUBERNETES);
    let first = child.until_some(|line| line.contains("WARN: ") || line.ends_with("ready\n"));
    assert!(!first.contains("WARN"), "{first}");
}

#[test]
fn drift_keeps_a_service_that_refuses_from_starting() {
    for (environment, said) in DRIFTED {
        let ended = start("contract-refuse", &environment).end(QUICK);
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        assert!(!ended.stdout.contains("main"), "nothing of it ran");
        assert_eq!(ended.report()["outcome"], "start-failed");
    }
    assert_eq!(stopped("contract-refuse", &KUBERNETES).code, Some(0));
    // Nothing to compare with is no drift, and an empty variable is nothing.
    let unset = [("LIFECYCLE_PLATFORM", ""), ("LIFECYCLE_DIGEST", "")];
    assert_eq!(stopped("contract-refuse", &unset).code, Some(0));
}

#[test]
fn an_instance_answers_health_where_it_is_told_to_and_not_where_the_plan_says() {
    let (planned, own) = (free_port(), free_port());
    let environment = [
        ("HEALTH_PORT", &*planned.to_string()),
        ("LIFECYCLE_HEALTH_PORT", &own.to_string()),
    ];
    let mut child = start("busy", &environment);
    child.until("starting");
    assert_eq!(get(own, "/health/live"), 200);
    let elsewhere = TcpStream::connect(("127.0.0.1", planned));
    assert_eq!(elsewhere.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    child.until("working");
    child.signal(Signal::TERM);
    assert!(child.end(QUICK).code.is_some());
}

#[test]
fn a_health_port_for_a_plan_without_health_is_warned_about() {
    let mut child = start("says-its-log", &[("LIFECYCLE_HEALTH_PORT", "8086")]);
    let warning = child.until_some(|line| line.contains("WARN: "));
    let said = "LIFECYCLE_HEALTH_PORT is set and ignored: the plan has no health port";
    assert!(warning.contains(said), "{warning}");
    child.until("ready");
    child.signal(Signal::TERM);
    assert_eq!(child.end(QUICK).code, Some(0));
}
