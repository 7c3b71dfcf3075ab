//! Rolling deploys of real processes. What is asserted is what clients saw and the verdict, never how
//! long something took.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::measured::{ClientView, RollingMeasured, RolloutCourse, Seen};
use super::router::Fault;
use super::{Balancing, Rolling, run};
use crate::measured::Severity;
use crate::tests::victim::{self, Way};
use crate::traffic::tally::Latency;
use crate::{Endpoint, Event, Load, Pace, Progress, Script, Target};

/// A deploy in which all went well: 100 requests before it, 1,000 during, 100 after it; one old instance
/// and one new one.
pub(super) fn measured() -> RollingMeasured {
    let instance = |new: bool| {
        let at = |ms: f64| Some(ms).filter(|_| !new);
        serde_json::json!({
            "number": 1 + usize::from(new), "new": new, "port": 1, "health_port": null,
            "started_ms": 0.0, "ready_ms": 10.0, "routed_ms": 20.0, "asked_ms": at(1_000.0),
            "unrouted_ms": at(1_100.0), "signalled_ms": at(1_500.0), "killed_ms": null,
            "ended_ms": at(2_000.0), "taken": 600, "in_flight_at_signal": null,
            "connections_at_signal": null, "lapses": 0, "lost": 0,
            "status": if new { serde_json::Value::Null } else { serde_json::json!({ "code": 0 }) },
            "exit_ms": at(500.0), "left_ms": null, "sigkill_needed": false, "left_behind": null,
            "report": null, "output": [],
        })
    };
    let seen = |served: u64| Seen {
        served,
        ..Seen::default()
    };
    let latency = Some(Latency {
        p50_ms: 1.0,
        p90_ms: 2.0,
        p99_ms: 3.0,
        max_ms: 4.0,
    });
    let requests = ClientView {
        before: seen(100),
        during: seen(1_000),
        after: seen(100),
        latency_before: latency,
        latency_during: latency,
        ..ClientView::default()
    };
    serde_json::from_value(serde_json::json!({
        "version": 1, "kind": "rolling", "passed": true, "sentence": "", "service": "shop",
        "platform": "kubernetes", "platform_label": "Kubernetes", "command": ["shop"],
        "course": "played", "expected": crate::Expectations::default(), "findings": [],
        "deploy": {
            "replicas": 1, "surge": 1, "unavailable": 0, "waits_for_the_end": false,
            "balancing": "connections", "probe_period_ms": 100.0, "probe_failures": 1,
            "min_ready_ms": 0.0, "propagation_ms": 0.0,
        },
        "signal": "SIGTERM", "planned": crate::measured::Planned::of(&covered()), "seed": 1,
        "load": crate::measured::LoadSummary::of(&victim::load()), "requests": requests, "losses": [],
        "took_ms": 2_000.0, "instances": [instance(false), instance(true)], "not_measured": [],
    }))
    .unwrap()
}

/// One by one, and quickly.
fn three(balancing: Balancing) -> Rolling {
    Rolling {
        replicas: 3,
        surge: 1,
        unavailable: 0,
        waits_for_the_end: false,
        balancing,
        probe_period: Duration::from_millis(100),
        // A busy machine makes a victim wait for its turn.
        probe_failures: 8,
        min_ready: Duration::ZERO,
        propagation: Duration::ZERO,
        last_resort: balancing == Balancing::Connections,
        holds: Duration::ZERO,
    }
}

/// A platform that waits for routing before the signal.
fn covered() -> Script {
    let mut script = Script::new("victim", "Kubernetes", Duration::from_secs(20));
    script.hook = Some(Duration::from_millis(1_200));
    script.routing_lag = Duration::from_millis(300);
    script
}

/// One that signals at once, and whose routing notices later.
fn uncovered() -> Script {
    Script {
        hook: None,
        routing_lag: Duration::from_millis(500),
        ..covered()
    }
}

/// A victim that hears where it is to listen.
fn target(way: Way) -> Target {
    let mut target = victim::target(way);
    for (_, value) in &mut target.env {
        if value.parse::<u16>().is_ok() {
            "{port}".clone_into(value);
        }
    }
    target
}

async fn deploy(way: Way, script: &Script, rolling: &Rolling) -> RollingMeasured {
    deploy_under(way, script, rolling, &victim::load()).await
}

async fn deploy_under(
    way: Way,
    script: &Script,
    rolling: &Rolling,
    load: &Load,
) -> RollingMeasured {
    let quiet: Progress = Arc::new(|_| {});
    let target = target(way);
    let measured = run(&target, script, load, rolling, &quiet).await.unwrap();
    let json = serde_json::to_value(&measured).unwrap();
    println!("{json:#}");
    assert_eq!(
        (&json["version"], &json["kind"]),
        (&1.into(), &"rolling".into())
    );
    measured
}

fn failures(measured: &RollingMeasured) -> Vec<&str> {
    let failures = measured
        .findings
        .iter()
        .filter(|it| it.severity == Severity::Failure);
    failures.map(|it| &*it.name).collect()
}

/// How many connections or requests were lost in one way, with whomever.
fn lost(measured: &RollingMeasured, how: Fault) -> u64 {
    let of = measured.losses.iter().filter(|it| it.how == how);
    of.map(|it| it.count).sum()
}

#[tokio::test]
async fn polite_instances_are_replaced_and_nobody_notices() {
    for balancing in [Balancing::Connections, Balancing::Requests] {
        let mut load = victim::load();
        if balancing == Balancing::Connections {
            // The victim closes what its clients keep, and on a busy machine races with their next
            // request; the runtime does not, which `tests/rolling.rs` shows.
            load.pace = Pace::Open {
                rate: 100,
                kept_alive: 1,
                fresh_share: 1.0,
            };
        }
        let measured = deploy_under(Way::Polite, &covered(), &three(balancing), &load).await;
        assert_eq!(failures(&measured), [""; 0], "{balancing:?}");
        assert_eq!(measured.course, RolloutCourse::Played);
        let requests = measured.requests.as_ref().unwrap();
        assert!(requests.before.served > 0 && requests.during.served > 0);
        assert!(requests.after.served > 0);
        assert_eq!(
            measured.sentence,
            format!(
                "a rolling deploy of 3 replicas lost 0 of {} requests",
                crate::words::grouped(requests.all().sent())
            )
        );
        let (new, old): (Vec<_>, Vec<_>) = measured.instances.iter().partition(|it| it.new);
        assert_eq!((new.len(), old.len()), (3, 3));
        assert!(old.iter().all(|it| it.ended_ms.is_some() && it.taken > 0));
        assert!(
            new.iter()
                .all(|it| it.signalled_ms.is_none() && it.taken > 0)
        );
        // One by one: the next is asked only once the next new one is ready.
        let mut asked: Vec<f64> = old.iter().filter_map(|it| it.asked_ms).collect();
        asked.sort_by(f64::total_cmp);
        let mut ready: Vec<f64> = new.iter().filter_map(|it| it.ready_ms).collect();
        ready.sort_by(f64::total_cmp);
        assert!(
            asked
                .iter()
                .zip(&ready)
                .all(|(asked, ready)| asked >= ready)
        );
    }
}

#[tokio::test]
async fn instances_that_die_at_the_signal_are_told_by_connection() {
    let rolling = three(Balancing::Connections);
    let measured = deploy(Way::DiesAtOnce, &uncovered(), &rolling).await;
    assert_eq!(failures(&measured), ["request-lost", "exit-not-zero"]);
    assert!(lost(&measured, Fault::NobodyListened) > 0);
    let requests = measured.requests.as_ref().unwrap();
    assert!(requests.during.lost > 0);
    let finding = &measured.findings[0];
    assert!(
        finding.message.contains("at instance "),
        "{}",
        finding.message
    );
    assert!(finding.cause.contains("SIGTERM"), "{}", finding.cause);
    assert!(measured.instances.iter().any(|it| it.lost > 0));
}

#[tokio::test]
async fn instances_that_die_at_the_signal_are_told_by_request() {
    // Routing learns of it by the stop alone.
    let rolling = Rolling {
        probe_period: Duration::from_millis(700),
        ..three(Balancing::Requests)
    };
    let measured = deploy(Way::DiesAtOnce, &uncovered(), &rolling).await;
    assert_eq!(failures(&measured), ["request-lost", "exit-not-zero"]);
    // The balancer's 502 is a loss, and not an error of the program's; each is one request.
    let all = measured.requests.as_ref().unwrap().all();
    assert_eq!(all.server_error, 0);
    let seen: u64 = measured.losses.iter().map(|it| it.count).sum();
    assert_eq!(all.lost, seen);
    assert!(lost(&measured, Fault::NobodyListened) > 0);
    let in_flight = measured
        .instances
        .iter()
        .filter_map(|it| it.in_flight_at_signal);
    assert!(in_flight.sum::<usize>() > 0);
}

#[tokio::test]
async fn a_balancer_that_deregisters_first_covers_even_those() {
    let mut script = uncovered();
    script.deregistration = Some(Duration::from_secs(60));
    let measured = deploy(Way::DiesAtOnce, &script, &three(Balancing::Requests)).await;
    assert_eq!(failures(&measured), ["exit-not-zero"]);
    assert_eq!(measured.requests.as_ref().unwrap().all().lost, 0);
    let old = measured.instances.iter().filter(|it| !it.new);
    for it in old {
        assert_eq!(it.in_flight_at_signal, Some(0));
        assert!(it.signalled_ms > it.unrouted_ms, "{it:?}");
    }
}

#[tokio::test]
async fn one_place_for_one_instance_has_nobody_to_send_to() {
    let rolling = Rolling {
        replicas: 1,
        surge: 0,
        unavailable: 1,
        waits_for_the_end: true,
        ..three(Balancing::Requests)
    };
    let measured = deploy(Way::Polite, &covered(), &rolling).await;
    assert_eq!(failures(&measured), ["request-lost"]);
    assert!(lost(&measured, Fault::NoInstance) > 0);
    let cause = &measured.findings[0].cause;
    assert!(cause.contains("no instance was in use"), "{cause}");
    assert!(measured.instances[1].started_ms > measured.instances[0].ended_ms.unwrap());
}

#[tokio::test]
async fn nobody_is_sent_away_by_a_router_that_waits_for_new_instances() {
    let rolling = Rolling {
        replicas: 2,
        surge: 0,
        unavailable: 2,
        holds: Duration::from_secs(75),
        ..three(Balancing::Requests)
    };
    let measured = deploy(Way::Polite, &covered(), &rolling).await;
    assert_eq!(failures(&measured), [""; 0]);
    assert_eq!(lost(&measured, Fault::NoInstance), 0);
    // All at once: the new ones are not waited for.
    let (new, old): (Vec<_>, Vec<_>) = measured.instances.iter().partition(|it| it.new);
    assert!(old.iter().all(|it| it.asked_ms < new[0].ready_ms));
}

#[tokio::test]
async fn a_new_instance_that_cannot_start_stops_the_deploy() {
    let rolling = three(Balancing::Connections);
    let measured = deploy(Way::DiesBesideOthers, &covered(), &rolling).await;
    assert_eq!(failures(&measured), ["instance-died"]);
    assert!(matches!(
        measured.course,
        RolloutCourse::Died {
            instance: 4,
            ready: false,
            ..
        }
    ));
    assert!(measured.sentence.contains("did not come to its end"));
    let said = &measured.instances[3].output;
    assert!(
        said.iter()
            .any(|line| line.contains("somebody holds the lock"))
    );
    assert_eq!(measured.requests.as_ref().unwrap().all().lost, 0);
}

#[tokio::test]
async fn a_program_that_does_not_hear_its_port_is_explained_and_nothing_is_left() {
    let pids = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&pids);
    let progress: Progress = Arc::new(move |event| {
        if let Event::Instance { event, .. } = event
            && let Event::Started { pid } = *event
        {
            seen.lock().unwrap().push(pid);
        }
    });
    let deaf = victim::target(Way::Polite);
    let port = deaf.base.as_ref().map(Endpoint::address).unwrap().port();
    let rolling = three(Balancing::Connections);
    let error = run(&deaf, &covered(), &victim::load(), &rolling, &progress).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains(&format!("all 3 instances want {port}")),
        "{error}"
    );
    assert!(error.contains("`{port}`"), "{error}");
    let pids = pids.lock().unwrap();
    assert_eq!(pids.len(), 1);
    assert!(!crate::tests::is_alive(pids[0]));
}

#[tokio::test]
async fn what_cannot_be_played_is_an_error() {
    let quiet: Progress = Arc::new(|_| {});
    let (target, script) = (target(Way::Polite), covered());
    let refused = async |rolling: &Rolling, requests: bool| {
        let mut load = victim::load();
        if !requests {
            load.requests.clear();
            load.slow.clear();
        }
        let error = run(&target, &script, &load, rolling, &quiet).await;
        error.unwrap_err().to_string()
    };
    let mut rolling = three(Balancing::Connections);
    assert!(
        refused(&rolling, false)
            .await
            .contains("no request is to be sent")
    );
    rolling.surge = 0;
    assert!(
        refused(&rolling, true)
            .await
            .contains("nothing can be replaced")
    );
    rolling.replicas = 0;
    assert!(refused(&rolling, true).await.contains("0 replicas"));
}
