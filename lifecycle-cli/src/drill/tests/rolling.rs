//! A rolling deploy in every format.

use clap::Parser as _;
use lifecycle_drill::measured::{Finding, Severity};
use lifecycle_drill::rolling::measured::RollingMeasured;
use serde_json::{Value, json};

use super::page::read;
use crate::cli::Cli;
use crate::drill::formats::Shown;
use crate::drill::{human, page};

/// Two instances, one replaced by the other, and three connections lost at it.
fn measured() -> RollingMeasured {
    let seen = |served: u64, lost: u64| {
        json!({
            "served": served, "client_error": 0, "refused": 0, "server_error": 0, "lost": lost,
            "lost_unanswered": 0, "not_sent": 0,
        })
    };
    let instance = |new: bool| {
        let at = |ms: f64| if new { Value::Null } else { json!(ms) };
        json!({
            "number": 1 + u8::from(new), "new": new, "port": 8080, "health_port": null,
            "started_ms": -900.0, "ready_ms": 10.0, "routed_ms": 20.0, "asked_ms": at(1_000.0),
            "unrouted_ms": at(1_500.0), "signalled_ms": at(1_000.0), "killed_ms": null,
            "ended_ms": at(1_200.0), "taken": 654, "in_flight_at_signal": null,
            "connections_at_signal": null, "lapses": 0, "lost": if new { 0 } else { 3 },
            "status": if new { Value::Null } else { json!({ "code": 7 }) }, "exit_ms": at(200.0),
            "left_ms": null, "sigkill_needed": false, "left_behind": null, "report": null,
            "output": if new { json!([]) } else { json!(["<b>gone</b> \u{1b}[31m"]) },
        })
    };
    serde_json::from_value(json!({
        "version": 1, "kind": "rolling", "passed": false,
        "sentence": "a rolling deploy of 1 replica lost 3 of 1,203 requests", "service": "shop",
        "platform": "kubernetes", "platform_label": "Kubernetes", "command": ["shop"],
        "course": "played", "expected": {}, "seed": 77,
        "findings": [Finding {
            name: "request-lost".into(),
            severity: Severity::Failure,
            message: "3 of 1,203 requests were lost".to_owned(),
            at_ms: Some(1_001.0),
            cause: "it stops listening".into(),
        }],
        "deploy": {
            "replicas": 1, "surge": 1, "unavailable": 0, "waits_for_the_end": false,
            "balancing": "connections", "probe_period_ms": 100.0, "probe_failures": 1,
            "min_ready_ms": 0.0, "propagation_ms": 0.0,
        },
        "signal": "SIGTERM",
        "planned": {
            "deregistration_ms": null, "hook_ms": null, "grace_ms": 30_000.0,
            "asked_to_signal_ms": 0.0, "routing_lag_ms": 500.0, "readiness_budget_ms": 500.0,
            "liveness_probed": true, "signal_to_kill_ms": 30_000.0, "deadline_ms": null,
            "settle_payer": "nobody",
        },
        "load": {
            "pace": "open", "rate": 100, "kept_alive": 16, "fresh_share": 0.2, "slow_share": 0.0,
            "clients": 0,
        },
        "requests": {
            "before": seen(100, 0), "during": seen(1_000, 3), "after": seen(100, 0),
            "latency_before": null, "latency_during": null, "behind_p99_ms": 0.5,
            "last_server_error": null, "server_errors_before": 0, "ended_early": false, "lost": [],
        },
        "losses": [{
            "instance": 1, "how": "nobody-listened", "count": 3, "first_ms": 1_001.0,
            "last_ms": 1_400.0, "first_after_signal_ms": 1.0,
        }],
        "took_ms": 1_500.0, "instances": [instance(false), instance(true)],
        "not_measured": ["steps: no instance left a report"],
    }))
    .unwrap()
}

#[test]
fn the_page_says_all_that_the_words_say() {
    let measured = measured();
    let page = read(&page::html(Shown::Rolling(&measured)).unwrap()).text;
    let words = anstream::adapter::strip_str(&human::rolling(&measured)).to_string();
    for said in [
        "lost 3 of 1,203 requests",
        "+1.20s",
        "code 7",
        "found nobody listening",
        "1,000",
        "request-lost",
        "it stops listening",
        "<b>gone</b>",
        "77",
    ] {
        assert!(page.contains(said), "{said}: {page}");
        assert!(words.contains(said), "{said}: {words}");
    }
    assert!(page.contains("Last lines of instance 1"), "{page}");
    // A finding is told with its moment, as in a drill of one process.
    let when = "failure request-lost at +1.00s: 3 of 1,203 requests were lost";
    assert!(words.contains(when), "{words}");
}

#[test]
fn what_a_rolling_deploy_cannot_play_is_refused_before_anything_is() {
    for besides in [
        &["--scenario", "stuck-request"][..],
        &["--runs", "3"],
        &["--no-traffic"],
    ] {
        let words = ["lifecycle", "drill", "--rolling"];
        let error = Cli::try_parse_from(words.iter().chain(besides)).unwrap_err();
        assert!(error.to_string().contains("cannot be used with"), "{error}");
    }
}
