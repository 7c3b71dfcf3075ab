//! What a drill prints, compared in full with the files in `shown/`.
//!
//! `LIFECYCLE_BLESS=1 cargo test -p lifecycle-cli --lib stored` writes them anew; the difference is to be
//! read.

mod compared;
mod page;

use std::path::Path;
use std::time::Duration;

use lifecycle_drill::measured::{
    Course, LoadSummary, Measured, Planned, Process, Timeline, Zero, steps, version,
};
use lifecycle_drill::own_report::{OwnReport, OwnStep};
use lifecycle_drill::probe::{Change, Flip, Liveness, Readiness};
use lifecycle_drill::target::process::Status;
use lifecycle_drill::traffic::outcome::Lost;
use lifecycle_drill::traffic::tally::{Counts, KindOfRequest, Latency, LostRequest, Requests};
use lifecycle_drill::{Expectations, PlannedStep, Script, verdict};

use super::human;

fn script() -> Script {
    let mut script = Script::new("victim", "Kubernetes", Duration::from_secs(45));
    "checkout-api".clone_into(&mut script.service);
    script.hook = Some(Duration::from_secs(5));
    script.routing_lag = Duration::from_secs(5);
    script.readiness_budget = Duration::from_millis(50);
    script.deadline = Some(Duration::from_millis(28_250));
    "preStop sleep 5s".clone_into(&mut script.settle_payer);
    let step = |name: &str, kind: &str, start, timeout| PlannedStep {
        name: name.to_owned(),
        kind: kind.to_owned(),
        start: Duration::from_millis(start),
        timeout: Duration::from_millis(timeout),
        end: Duration::from_millis(start + timeout + 250),
    };
    script.steps = vec![
        step("http", "http-server", 0, 15_000),
        step("emails", "queue-consumer", 0, 10_000),
        step("telemetry", "telemetry", 15_250, 2_000),
        step("the-orders-database-of-europe", "database", 17_500, 5_000),
    ];
    script
}

fn own_step(name: &str, outcome: &str, start_ms: f64, end_ms: f64) -> OwnStep {
    OwnStep {
        name: name.to_owned(),
        outcome: outcome.to_owned(),
        start_ms: Some(start_ms),
        end_ms: Some(end_ms),
        ..OwnStep::default()
    }
}

const fn change(at_ms: f64, status: Option<u16>) -> Change {
    Change { at_ms, status }
}

/// A drill in which everything went well.
fn good() -> Measured {
    let script = script();
    let report = OwnReport {
        version: 1,
        outcome: "clean".to_owned(),
        steps: vec![
            own_step("http", "done", 0.0, 812.0),
            own_step("emails", "done", 0.0, 1_204.0),
            own_step("telemetry", "done", 1_204.0, 1_210.0),
            own_step("the-orders-database-of-europe", "done", 1_210.0, 1_231.0),
        ],
        ..OwnReport::default()
    };
    let latency = Latency {
        p50_ms: 0.42,
        p90_ms: 0.9,
        p99_ms: 801.5,
        max_ms: 1_204.0,
    };
    Measured {
        version: version(),
        passed: true,
        service: script.service.clone(),
        platform: script.platform.clone(),
        platform_label: script.platform_label.clone(),
        scenario: None,
        excused: Vec::new(),
        command: vec!["target/release/checkout-api".to_owned()],
        course: Course::Played,
        expected: Expectations::default(),
        findings: Vec::new(),
        address: None,
        waited: None,
        signal: script.signal.name().into(),
        planned: Planned::of(&script),
        timeline: Timeline {
            zero: Zero::Signal,
            started_ms: -8_400.0,
            ready_ms: Some(-8_001.2),
            asked_ms: Some(-5_001.2),
            routing_ended_ms: Some(-1.2),
            grace_ms: Some(-5_001.2),
            signalled_ms: Some(0.0),
            killed_ms: None,
            ended_ms: Some(1_234.5),
        },
        process: Process {
            status: Some(Status::Code(0)),
            exit_ms: Some(1_234.5),
            left_ms: Some(38_765.5),
            sigkill_needed: false,
            left_behind: Some(0),
            signalled: None,
        },
        seed: Some(24_301),
        load: Some(LoadSummary::Open {
            rate: 200,
            kept_alive: 16,
            fresh_share: 0.2,
            slow_share: 0.1,
            clients: 0,
        }),
        series: None,
        requests: Some(Requests {
            before: Counts {
                served: 600,
                ..Counts::default()
            },
            settling: Counts {
                served: 1_000,
                ..Counts::default()
            },
            latency_before: Some(latency),
            latency_after: Some(latency),
            behind_p99_ms: 0.2,
            ..Requests::default()
        }),
        readiness: Some(Readiness {
            samples: 900,
            flip: Flip::Flipped { at_ms: 4.2 },
            last_yes_ms: Some(-5.8),
            changes: vec![
                change(-7_995.0, Some(200)),
                change(4.2, Some(503)),
                change(1_231.0, None),
            ],
        }),
        liveness: Some(Liveness {
            samples: 923,
            failures: 0,
            first_failure_ms: None,
            first_failure_status: None,
            changes: vec![change(-7_995.0, Some(200)), change(1_232.0, None)],
        }),
        idle: Vec::new(),
        listener_closed_ms: None,
        steps: steps(&script.steps, Some(&report)),
        report: Some(report),
        not_measured: Vec::new(),
        output: vec!["listening on 0.0.0.0:8080".to_owned()],
    }
}

fn two_kinds(latency_before: Option<Latency>) -> Vec<KindOfRequest> {
    let kind = |request: &str, counts: Counts| KindOfRequest {
        request: request.to_owned(),
        settling: counts,
        latency_before,
        ..KindOfRequest::default()
    };
    let refused = Counts {
        served: 12_000,
        refused: 7,
        refused_at_connect: 92,
        ..Counts::default()
    };
    let lost = Counts {
        served: 1_597,
        server_error: 4,
        lost: 3,
        ..Counts::default()
    };
    vec![
        kind("GET /", refused),
        kind("POST /orders/of/somebody/who/likes/long/paths", lost),
    ]
}

/// A drill in which nearly everything went badly.
fn bad() -> Measured {
    let mut measured = good();
    measured.command = vec![
        "sh".to_owned(),
        "-c".to_owned(),
        "node server.js | tee log".to_owned(),
    ];
    measured.process = Process {
        status: Some(Status::Signal(9)),
        exit_ms: Some(40_003.0),
        left_ms: None,
        sigkill_needed: true,
        left_behind: Some(2),
        signalled: None,
    };
    measured.timeline.killed_ms = Some(40_000.4);
    measured.timeline.ended_ms = Some(40_003.0);
    measured.readiness = Some(Readiness {
        samples: 4_800,
        flip: Flip::Never,
        last_yes_ms: Some(40_000.0),
        changes: vec![change(-7_995.0, Some(200)), change(40_003.0, None)],
    });
    measured.liveness = Some(Liveness {
        samples: 4_821,
        failures: 31,
        first_failure_ms: Some(38_100.0),
        first_failure_status: None,
        changes: vec![
            change(-7_995.0, Some(200)),
            change(38_100.0, None),
            change(38_410.0, Some(200)),
            change(40_003.0, None),
        ],
    });
    if let Some(requests) = &mut measured.requests {
        requests.settling.lost = 3;
        requests.settling.lost_to_idle_close = 1;
        requests.settling.served = 12_997;
        requests.settling.server_error = 4;
        requests.stopping = Counts {
            refused: 7,
            refused_at_connect: 12,
            ..Counts::default()
        };
        requests.gone = Counts {
            refused_at_connect: 80,
            ..Counts::default()
        };
        requests.last_server_error = Some(502);
        requests.kinds = two_kinds(requests.latency_before);
        requests.lost = vec![LostRequest {
            request: "POST /orders".to_owned(),
            how: Lost::Closed,
            sent_ms: -240.0,
            ended_ms: 40_001.5,
        }];
    }
    let mut report = measured.report.take().unwrap_or_default();
    report.steps.pop();
    report.steps[0].outcome = "timed-out".to_owned();
    report.steps[0].end_ms = Some(15_250.0);
    report.steps[0].active = Some(2);
    report.steps[0].unfinished = vec!["GET /reports/2026 from 10.0.0.7".to_owned()];
    report.steps[0].handed_back = vec!["mail-7".to_owned(), "mail-8".to_owned()];
    report.steps[0].handed_back_omitted = 30;
    report.steps[0].abandoned = vec!["resize cover.png".to_owned()];
    report.faults = vec!["http=slow:60s".to_owned()];
    report.steps[1].outcome = "running".to_owned();
    report.steps[1].end_ms = None;
    report.steps[2].outcome = "failed".to_owned();
    report.steps[2].end_ms = Some(17_900.0);
    report.steps[2].error = Some("the collector refused the batch: connection refused".to_owned());
    report
        .steps
        .push(own_step("cache-warmer", "skipped", 17_900.0, 17_900.0));
    measured.steps = steps(&script().steps, Some(&report));
    measured.report = Some(report);
    measured.output = vec!["\u{b7}[31mTypeError: cannot read 'close' of undefined".to_owned()];
    judged(measured)
}

/// A process in another language, whose report is missing, on a platform that deregisters first.
fn other_language() -> Measured {
    let mut script = Script::new("victim", "Amazon ECS", Duration::from_secs(45));
    "worker".clone_into(&mut script.service);
    script.deregistration = Some(Duration::from_secs(20));
    script.deadline = Some(Duration::from_secs(30));
    "target group, 20s deregistration delay".clone_into(&mut script.settle_payer);
    let mut measured = good();
    measured.service.clone_from(&script.service);
    measured.platform_label.clone_from(&script.platform_label);
    measured.planned = Planned::of(&script);
    measured.timeline.asked_ms = Some(-812.0);
    measured.timeline.routing_ended_ms = Some(-812.0);
    measured.timeline.grace_ms = Some(-0.1);
    measured.readiness = Some(Readiness {
        samples: 300,
        flip: Flip::NotSeen,
        last_yes_ms: None,
        changes: Vec::new(),
    });
    measured.liveness = None;
    measured.report = None;
    measured.steps = steps(&[], None);
    measured.load = Some(LoadSummary::Closed {
        kept_alive: 64,
        fresh: 8,
        clients: 0,
    });
    measured.not_measured = vec![
        "steps: no report was left; the process does not link the lifecycle runtime, or ended \
         before it could write one"
            .to_owned(),
        "liveness: no liveness URL is known".to_owned(),
    ];
    measured.process.status = Some(Status::Code(1));
    measured.output = vec!["Error: pool is draining and cannot accept work".to_owned()];
    judged(measured)
}

/// A process that was never ready.
fn never_ready() -> Measured {
    let mut measured = good();
    measured.course = Course::NeverReady;
    measured.process = Process {
        status: None,
        exit_ms: None,
        left_ms: None,
        sigkill_needed: false,
        left_behind: None,
        signalled: None,
    };
    measured.timeline = Timeline {
        zero: Zero::Start,
        started_ms: 0.0,
        ready_ms: None,
        asked_ms: None,
        routing_ended_ms: None,
        grace_ms: None,
        signalled_ms: None,
        killed_ms: None,
        ended_ms: Some(10_012.0),
    };
    (measured.load, measured.requests) = (None, None);
    (measured.readiness, measured.liveness, measured.report) = (None, None, None);
    measured.steps = Vec::new();
    measured.not_measured = vec!["requests: the process was never ready".to_owned()];
    judged(measured)
}

fn judged(mut measured: Measured) -> Measured {
    measured.findings = verdict::findings(&measured, Duration::from_secs(10));
    measured.passed = verdict::passes(&measured.findings);
    measured
}

/// Compares with what is stored, without colours; text for people fits 80 columns.
fn stored(name: &str, text: &str) {
    let blessed = std::env::var_os("LIFECYCLE_BLESS").is_some_and(|value| value == "1");
    let assert = snapbox::Assert::new().action(match blessed {
        true => snapbox::assert::Action::Overwrite,
        false => snapbox::assert::Action::Verify,
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/drill/tests/shown");
    let text = anstream::adapter::strip_str(text).to_string();
    if Path::new(name).extension().is_some_and(|it| it == "txt") {
        for line in text.lines() {
            assert!(
                unicode_width::UnicodeWidthStr::width(line) <= 80,
                "too wide: {line}"
            );
            assert_eq!(line, line.trim_end(), "ends in blanks");
        }
    }
    let stored = snapbox::Data::read_from(&path.join(name), None);
    assert.eq(text, stored.raw());
}

#[test]
fn drills_are_shown_as_stored() {
    for (name, measured) in [
        ("good", judged(good())),
        ("bad", bad()),
        ("other-language", other_language()),
        ("never-ready", never_ready()),
    ] {
        stored(&format!("{name}.txt"), &human::run(&measured));
        let json = serde_json::to_string_pretty(&measured).unwrap() + "\n";
        stored(&format!("{name}.json"), &json);
    }
}

#[test]
fn what_is_expected_is_what_the_manifest_says() {
    let read = |expect: &str| {
        let text = format!(
            "lifecycle: 1\nservice: s\nresources: {{ http: {{ kind: http-server, timeout: 10s }} }}\n\
             platforms: {{ kubernetes: {{}} }}\n{expect}"
        );
        let analysis = lifecycle_manifest::Analysis::of(&text);
        let resolved = analysis.resolved.unwrap();
        super::script::script(&resolved, &resolved.timelines[0])
    };
    let unset = read("");
    assert_eq!(unset.expect, Expectations::default());
    assert_eq!(unset.readiness_budget, Duration::from_millis(500));
    let set = read(
        "drill:\n  expect: { lost: 1, server_errors: 2, refused: 3, exit_code: 143, exit_within: 4s, \
         readiness_within: 250ms, p99: 800ms }\n",
    );
    let expected = Expectations {
        lost: 1,
        server_errors: 2,
        refused: Some(3),
        exit_code: 143,
        exit_within_ms: Some(4_000.0),
        p99_ms: Some(800.0),
    };
    assert_eq!(set.expect, expected);
    assert_eq!(set.readiness_budget, Duration::from_millis(250));
}
