//! What was measured is kept as JSON, and read back.

use proptest::prelude::*;

use crate::idle::{IdleConnection, Kind};
use crate::measured::{
    Course, Finding, LoadSummary, Measured, Planned, Process, Severity, Step, StepPlan, Timeline,
    Zero, version,
};
use crate::own_report::{OwnReport, OwnStep};
use crate::probe::{Change, Flip, Liveness, Readiness};
use crate::series::{Series, Slice};
use crate::target::process::Status;
use crate::traffic::outcome::Lost;
use crate::traffic::tally::{Counts, KindOfRequest, Latency, LostRequest, Requests, Sessions};
use crate::verdict::Expectations;

/// Milliseconds as they are measured: to a tenth.
fn ms() -> impl Strategy<Value = f64> {
    (-864_000_000_i32..864_000_000).prop_map(|tenths| f64::from(tenths) / 10.0)
}

fn maybe<T: std::fmt::Debug>(some: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::of(some)
}

fn words() -> impl Strategy<Value = String> {
    any::<String>()
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        any::<i32>().prop_map(Status::Code),
        any::<i32>().prop_map(Status::Signal),
        Just(Status::Unknown)
    ]
}

fn finding() -> impl Strategy<Value = Finding> {
    let severity = prop_oneof![Just(Severity::Failure), Just(Severity::Warning)];
    (words(), severity, words(), maybe(ms()), words()).prop_map(
        |(name, severity, message, at_ms, cause)| Finding {
            name: name.into(),
            severity,
            message,
            at_ms,
            cause: cause.into(),
        },
    )
}

fn planned() -> impl Strategy<Value = Planned> {
    (
        maybe(ms()),
        maybe(ms()),
        [ms(), ms(), ms(), ms(), ms()],
        [any::<bool>(), any::<bool>()],
        maybe(ms()),
        words(),
    )
        .prop_map(
            |(deregistration_ms, hook_ms, spans, [early, probed], deadline_ms, settle_payer)| {
                Planned {
                    deregistration_ms,
                    deregistration_ends_early: early,
                    hook_ms,
                    grace_ms: spans[0],
                    asked_to_signal_ms: spans[1],
                    routing_lag_ms: spans[2],
                    readiness_budget_ms: spans[3],
                    liveness_probed: probed,
                    signal_to_kill_ms: spans[4],
                    deadline_ms,
                    digest: Some(settle_payer.clone()),
                    settle_payer,
                }
            },
        )
}

fn timeline() -> impl Strategy<Value = Timeline> {
    let zero = prop_oneof![Just(Zero::Signal), Just(Zero::Start)];
    (zero, ms(), proptest::array::uniform7(maybe(ms()))).prop_map(|(zero, started_ms, at)| {
        Timeline {
            zero,
            started_ms,
            ready_ms: at[0],
            asked_ms: at[1],
            routing_ended_ms: at[2],
            grace_ms: at[3],
            signalled_ms: at[4],
            killed_ms: at[5],
            ended_ms: at[6],
        }
    })
}

fn load() -> impl Strategy<Value = LoadSummary> {
    let share = || (0..=100_u8).prop_map(|percent| f64::from(percent) / 100.0);
    prop_oneof![
        (any::<[u32; 3]>(), share(), share()).prop_map(|(of, fresh_share, slow_share)| {
            LoadSummary::Open {
                rate: of[0],
                kept_alive: of[1] as usize,
                fresh_share,
                slow_share,
                clients: of[2] as usize,
            }
        }),
        any::<[u32; 3]>().prop_map(|of| LoadSummary::Closed {
            kept_alive: of[0] as usize,
            fresh: of[1] as usize,
            clients: of[2] as usize,
        }),
    ]
}

fn counts() -> impl Strategy<Value = Counts> {
    proptest::array::uniform10(0..1_000_000_u64).prop_map(|of| Counts {
        served: of[0],
        client_error: of[1],
        refused: of[2],
        refused_at_connect: of[3],
        server_error: of[4],
        lost: of[5],
        lost_to_idle_close: of[6],
        lost_unanswered: of[7],
        not_sent: of[8],
        let_go: of[9],
    })
}

fn latency() -> impl Strategy<Value = Latency> {
    [ms(), ms(), ms(), ms()].prop_map(|[p50_ms, p90_ms, p99_ms, max_ms]| Latency {
        p50_ms,
        p90_ms,
        p99_ms,
        max_ms,
    })
}

fn requests() -> impl Strategy<Value = Requests> {
    let how = prop_oneof![
        Just(Lost::Closed),
        Just(Lost::IdleClose),
        Just(Lost::Garbled)
    ];
    let lost =
        (words(), how, ms(), ms()).prop_map(|(request, how, sent_ms, ended_ms)| LostRequest {
            request,
            how,
            sent_ms,
            ended_ms,
        });
    let lost = proptest::collection::vec(lost, 0..3);
    (
        [counts(), counts(), counts(), counts()],
        [(); 4].map(|()| maybe(latency())),
        ms(),
        maybe(any::<u16>()),
        any::<bool>(),
        lost,
    )
        .prop_map(
            |(phases, latencies, behind_p99_ms, last_server_error, ended_early, lost)| Requests {
                before: phases[0],
                settling: phases[1],
                stopping: phases[2],
                gone: phases[3],
                latency_before: latencies[0],
                latency_after: latencies[1],
                latency_settling: latencies[2],
                latency_stopping: latencies[3],
                behind_p99_ms,
                last_server_error,
                ended_early,
                lost,
                kinds: vec![kind(&phases, latencies)],
                ..Requests::default()
            },
        )
}

fn kind(phases: &[Counts; 4], latencies: [Option<Latency>; 4]) -> KindOfRequest {
    KindOfRequest {
        request: "websocket /chat".to_owned(),
        before: phases[0],
        settling: phases[1],
        stopping: phases[2],
        gone: phases[3],
        latency_before: latencies[0],
        latency_after: latencies[1],
        sessions: latencies[2].map(|_| Sessions {
            clients: 10,
            opened: phases[0].served,
            messages_sent: phases[1].served,
            messages_received: phases[2].served,
        }),
    }
}

fn series() -> impl Strategy<Value = Series> {
    let tenths = |tenths: u32| f32::from(u16::try_from(tenths % 60_000).unwrap()) / 10.0;
    let slice = (proptest::array::uniform7(any::<u32>()), maybe(any::<u32>())).prop_map(
        move |(of, latency)| Slice {
            served: of[0],
            refused: of[1],
            refused_at_connect: of[2],
            server_error: of[3],
            lost: of[4],
            in_flight: of[5],
            open: of[6],
            slowest_ms: latency.map(tenths),
            median_ms: latency.map(tenths),
        },
    );
    (ms(), ms(), proptest::collection::vec(slice, 0..5)).prop_map(|(start_ms, slice_ms, slices)| {
        Series {
            start_ms,
            slice_ms,
            slices,
        }
    })
}

fn probes() -> impl Strategy<Value = (Readiness, Liveness)> {
    let flip = prop_oneof![
        Just(Flip::AlreadyDown),
        ms().prop_map(|at_ms| Flip::Flipped { at_ms }),
        Just(Flip::Never),
        Just(Flip::NotSeen)
    ];
    let change = (ms(), maybe(any::<u16>())).prop_map(|(at_ms, status)| Change { at_ms, status });
    let changes = proptest::collection::vec(change, 0..4);
    (
        any::<u32>(),
        flip,
        changes,
        maybe(ms()),
        maybe(any::<u16>()),
    )
        .prop_map(
            |(samples, flip, changes, first_failure_ms, first_failure_status)| {
                let samples = samples as usize;
                let live = Liveness {
                    samples,
                    failures: samples / 2,
                    first_failure_ms,
                    first_failure_status,
                    changes: changes.clone(),
                };
                (
                    Readiness {
                        samples,
                        flip,
                        last_yes_ms: first_failure_ms,
                        changes,
                    },
                    live,
                )
            },
        )
}

fn own_report() -> impl Strategy<Value = OwnReport> {
    let step = (
        words(),
        maybe(ms()),
        maybe(any::<u64>()),
        proptest::collection::vec(words(), 0..3),
        maybe(words()),
    )
        .prop_map(|(name, end_ms, active, names, error)| OwnStep {
            kind: name.clone(),
            name,
            outcome: "done".to_owned(),
            start_ms: end_ms,
            end_ms,
            active,
            unfinished: names.clone(),
            unfinished_omitted: names.len() as u64,
            handed_back: names,
            error,
            ..OwnStep::default()
        });
    (
        words(),
        maybe(any::<i32>()),
        ms(),
        proptest::collection::vec(step, 0..4),
    )
        .prop_map(|(outcome, exit_code, total_ms, steps)| OwnReport {
            version: 1,
            digest: Some(outcome.clone()),
            faults: vec![outcome.clone()],
            outcome,
            exit_code,
            total_ms,
            steps,
            ..OwnReport::default()
        })
}

fn step_plan() -> impl Strategy<Value = StepPlan> {
    [ms(), ms(), ms()].prop_map(|[start_ms, timeout_ms, end_ms]| StepPlan {
        start_ms,
        timeout_ms,
        end_ms,
    })
}

prop_compose! {
    fn measured()(
        names in proptest::array::uniform4(words()),
        passed in any::<bool>(),
        course in prop_oneof![Just(Course::Played), Just(Course::NeverReady), Just(Course::DiedBeforeSignal)],
        findings in proptest::collection::vec(finding(), 0..3),
        planned in planned(),
        timeline in timeline(),
        status in maybe(status()),
        times in [maybe(ms()), maybe(ms())],
        load in maybe(load()),
        requests in maybe(requests()),
        series in maybe(series()),
        probes in maybe(probes()),
        plan in maybe(step_plan()),
        report in maybe(own_report()),
        scenario in maybe(words()),
        lines in proptest::collection::vec(words(), 0..4),
    ) -> Measured {
        let [service, platform, platform_label, signal] = names;
        let measured = report.as_ref().and_then(|report| report.steps.first().cloned());
        let step = Step { name: service.clone(), kind: platform.clone(), planned: plan, measured };
        let (readiness, liveness) = probes.unzip();
        Measured {
            version: version(),
            passed,
            service,
            platform,
            platform_label,
            scenario: scenario.clone(),
            excused: scenario.into_iter().collect(),
            command: lines.clone(),
            course,
            expected: Expectations {
                refused: report.is_some().then_some(7),
                exit_within_ms: times[0],
                ..Expectations::default()
            },
            findings,
            address: None,
            waited: None,
            signal: signal.into(),
            planned,
            timeline,
            process: Process {
                status,
                exit_ms: times[0],
                left_ms: times[1],
                sigkill_needed: passed,
                left_behind: status.map(|_| 3),
                signalled: None,
            },
            seed: load.as_ref().map(|_| 7),
            load,
            requests,
            series,
            readiness,
            liveness,
            idle: vec![IdleConnection {
                kind: Kind::Silent,
                closed_ms: times[0],
                let_go_ms: times[1],
            }],
            listener_closed_ms: times[1],
            steps: vec![step],
            report,
            not_measured: lines.clone(),
            output: lines,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_is_read_back_as_the_same(measured in measured()) {
        let json = serde_json::to_string(&measured).unwrap();
        let read: Measured = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(read, measured);
    }

    /// Fields are added within a version: an older record lacks them, a newer one has more.
    #[test]
    fn records_of_before_and_after_are_read(measured in measured()) {
        let mut json = serde_json::to_value(&measured).unwrap();
        json["new"] = 1.into();
        json["process"]["new"] = 1.into();
        let planned = json["planned"].as_object_mut().unwrap();
        planned.remove("deregistration_ends_early");
        json.as_object_mut().unwrap().remove("series");
        for probe in ["readiness", "liveness"] {
            if let Some(probe) = json[probe].as_object_mut() {
                probe.remove("changes");
            }
        }
        let read: Measured = serde_json::from_value(json).unwrap();
        prop_assert_eq!(read.series, None);
        prop_assert_eq!(read.timeline, measured.timeline);
    }
}
