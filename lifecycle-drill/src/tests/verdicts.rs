//! What was measured, and what is said of it: each detection on the evidence it needs, and silent one
//! step aside of it.

use std::time::Duration;

use crate::Script;
use crate::idle::{IdleConnection, Kind};
use crate::measured::{
    Course, Measured, Planned, Process, Severity, Step, StepPlan, Timeline, Zero, version,
};
use crate::own_report::{OwnReport, OwnStep};
use crate::probe::{Change, Flip, Readiness};
use crate::series::{Series, Slice};
use crate::target::process::Status;
use crate::target::signalled::{Reaction, Role, Seen, Signalled};
use crate::traffic::outcome::Lost;
use crate::traffic::tally::{Counts, Latency, LostRequest, Requests};
use crate::verdict::{self, Expectations};

const TERM: i32 = 15;

/// A drill in which nothing went wrong: asked a second before the signal, gone 300 ms after it.
pub(crate) fn clean() -> Measured {
    let mut script = Script::new("shop", "Kubernetes", Duration::from_secs(11));
    script.hook = Some(Duration::from_secs(1));
    script.routing_lag = Duration::from_secs(1);
    Measured {
        version: version(),
        passed: true,
        service: script.service.clone(),
        platform: script.platform.clone(),
        platform_label: script.platform_label.clone(),
        command: vec!["shop".to_owned()],
        address: None,
        waited: None,
        excused: Vec::new(),
        scenario: None,
        seed: None,
        course: Course::Played,
        expected: Expectations::default(),
        findings: Vec::new(),
        signal: "SIGTERM".into(),
        planned: Planned::of(&script),
        timeline: Timeline {
            zero: Zero::Signal,
            started_ms: -5_000.0,
            ready_ms: Some(-4_000.0),
            asked_ms: Some(-1_000.0),
            routing_ended_ms: Some(0.0),
            grace_ms: Some(-1_000.0),
            signalled_ms: Some(0.0),
            killed_ms: None,
            ended_ms: Some(300.0),
        },
        process: Process {
            status: Some(Status::Code(0)),
            exit_ms: Some(300.0),
            left_ms: Some(9_700.0),
            sigkill_needed: false,
            left_behind: Some(0),
            signalled: Some(one(seen("shop", Role::Program, Reaction::Handles))),
        },
        load: None,
        requests: Some(Requests::default()),
        series: Some(busy_until(200.0)),
        readiness: None,
        liveness: None,
        idle: Vec::new(),
        listener_closed_ms: None,
        steps: Vec::new(),
        report: None,
        not_measured: Vec::new(),
        output: Vec::new(),
    }
}

fn seen(command: &str, role: Role, reaction: Reaction) -> Seen {
    let command: Vec<_> = command.split(' ').map(str::to_owned).collect();
    Seen {
        pid: 10,
        parent: 1,
        program: command[0].clone(),
        command,
        role,
        reaction,
        listens: role == Role::Program,
        first: false,
        outlived: None,
    }
}

fn one(main: Seen) -> Signalled {
    Signalled {
        main,
        descendants: Vec::new(),
        descendants_in_all: 0,
        everyone: false,
    }
}

/// Requests under way until this moment, in slices of 100 ms.
fn busy_until(ms: f64) -> Series {
    let slices = (0..110).map(|at| Slice {
        in_flight: u32::from(-1_000.0 + f64::from(at) * 100.0 < ms),
        ..Slice::default()
    });
    Series {
        start_ms: -1_000.0,
        slice_ms: 100.0,
        slices: slices.collect(),
    }
}

fn lost(how: Lost, sent_ms: f64, ended_ms: f64) -> Requests {
    Requests {
        stopping: Counts {
            lost: 1,
            lost_to_idle_close: u64::from(how == Lost::IdleClose),
            ..Counts::default()
        },
        lost: vec![LostRequest {
            request: "GET /slow".to_owned(),
            how,
            sent_ms,
            ended_ms,
        }],
        ..Requests::default()
    }
}

fn ended(measured: &mut Measured, at_ms: f64, status: Status) {
    measured.timeline.ended_ms = Some(at_ms);
    measured.process.exit_ms = Some(at_ms);
    measured.process.status = Some(status);
    measured.series = Some(busy_until(at_ms.min(200.0)));
}

fn killed(measured: &mut Measured) {
    ended(measured, 10_002.0, Status::Signal(9));
    measured.timeline.killed_ms = Some(10_000.0);
    measured.process.sigkill_needed = true;
    measured.process.left_ms = None;
    measured.process.left_behind = None;
}

fn readiness(measured: &mut Measured, at_ms: f64, status: Option<u16>) {
    measured.readiness = Some(Readiness {
        samples: 100,
        flip: Flip::Flipped { at_ms },
        last_yes_ms: Some(at_ms - 10.0),
        changes: vec![
            Change {
                at_ms: -4_000.0,
                status: Some(200),
            },
            Change { at_ms, status },
        ],
    });
}

/// A findings' names, each with the moment at which it happened.
fn names(measured: &Measured) -> Vec<String> {
    let findings = verdict::findings(measured, Duration::from_secs(10));
    findings.iter().map(|it| it.name.to_string()).collect()
}

/// The only finding: its message and its cause, as one text.
#[track_caller]
fn only(measured: &Measured, name: &str) -> String {
    let findings = verdict::findings(measured, Duration::from_secs(10));
    assert_eq!(names(measured), [name], "{findings:#?}");
    format!("{} / {}", findings[0].message, findings[0].cause)
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

#[test]
fn nothing_is_said_of_a_clean_stop() {
    assert_eq!(names(&clean()), [""; 0]);
}

#[test]
fn a_shell_in_front_of_a_program_that_outlives_it() {
    let mut measured = clean();
    let program = seen("node server.js", Role::Program, Reaction::Handles);
    let shell = seen("sh -c node server.js", Role::Shell, Reaction::Default);
    measured.process.signalled = Some(Signalled {
        descendants: vec![program.clone()],
        descendants_in_all: 1,
        ..one(shell.clone())
    });
    ended(&mut measured, 1.0, Status::Signal(TERM));
    measured.process.left_behind = Some(1);
    says(
        &only(&measured, "shell-first"),
        &[
            "SIGTERM was never seen by your program: the first process is `sh -c node server.js`",
            "left `node server.js` running",
            "has a handler that never ran",
            "exec form",
        ],
    );

    // As PID 1 of a container it does not even end.
    killed(&mut measured);
    let first = Seen {
        first: true,
        ..shell.clone()
    };
    measured.process.signalled = Some(Signalled {
        descendants: vec![program.clone()],
        descendants_in_all: 1,
        ..one(first)
    });
    assert_eq!(names(&measured), ["shell-first", "sigkill-needed"]);

    // A trap that passes the signal on is no fault, and neither is a platform that signals everybody.
    let mut measured = clean();
    let trap = seen("bash run.sh", Role::Shell, Reaction::Handles);
    measured.process.signalled = Some(Signalled {
        descendants: vec![program.clone()],
        descendants_in_all: 1,
        ..one(trap)
    });
    assert_eq!(names(&measured), [""; 0]);
    measured.process.signalled = Some(Signalled {
        descendants: vec![program],
        descendants_in_all: 1,
        everyone: true,
        ..one(shell)
    });
    assert_eq!(names(&measured), [""; 0]);
}

#[test]
fn a_package_runner_is_a_warning_while_it_works() {
    let mut measured = clean();
    let npm = seen("npm start", Role::PackageRunner, Reaction::Handles);
    let shell = Seen {
        pid: 11,
        parent: 10,
        ..seen("sh -c node x", Role::Shell, Reaction::Default)
    };
    let program = Seen {
        pid: 12,
        parent: 11,
        ..seen("node x", Role::Program, Reaction::Handles)
    };
    measured.process.signalled = Some(Signalled {
        descendants: vec![shell, program],
        descendants_in_all: 2,
        ..one(npm)
    });
    says(
        &only(&measured, "package-runner-first"),
        &["this time the signal came through"],
    );
    measured.process.left_behind = Some(1);
    ended(&mut measured, 3.0, Status::Signal(TERM));
    says(
        &only(&measured, "package-runner-first"),
        &[
            "did not end your program",
            "the shell ends without passing it on",
        ],
    );
}

#[test]
fn a_missing_handler_is_told_from_one_that_ends_itself_by_the_signal() {
    let mut measured = clean();
    ended(&mut measured, 1.0, Status::Signal(TERM));
    says(
        &only(&measured, "exit-not-zero"),
        &["it has a handler for the signal, and then ends itself by the same signal"],
    );
    let react = |measured: &mut Measured, reaction| {
        measured.process.signalled = Some(one(seen("shop", Role::Program, reaction)));
    };
    react(&mut measured, Reaction::Default);
    says(
        &only(&measured, "signal-not-handled"),
        &["the program has no handler for SIGTERM: the system ended it at +1ms"],
    );
    // However long the system takes to take it down, what it had goes with it.
    let mut slowly = measured.clone();
    ended(&mut slowly, 40.0, Status::Signal(TERM));
    slowly.requests = Some(lost(Lost::Closed, -90.0, 8.0));
    let findings = verdict::findings(&slowly, Duration::ZERO);
    says(&findings[1].cause, &["under way when the process left"]);
    // Where nobody looked, both are possible, and both are said.
    measured.process.signalled = None;
    says(
        &only(&measured, "signal-not-handled"),
        &[
            "either no handler",
            "or its handler ends it in the same way",
        ],
    );
    measured.expected.exit_code = 143;
    assert_eq!(names(&measured), [""; 0]);

    let mut measured = clean();
    killed(&mut measured);
    react(&mut measured, Reaction::Ignores);
    assert_eq!(names(&measured), ["signal-not-handled", "sigkill-needed"]);
}

#[test]
fn what_is_under_way_at_the_exit_is_told_by_how_it_left() {
    let mut measured = clean();
    measured.requests = Some(lost(Lost::Closed, -40.0, 2.0));
    ended(&mut measured, 1.0, Status::Code(0));
    assert_eq!(
        names(&measured),
        [
            "request-lost",
            "exit-before-drain",
            "exit-zero-after-abandoning"
        ]
    );
    let findings = verdict::findings(&measured, Duration::from_secs(1));
    says(&findings[1].message, &["GET /slow, under way for 41ms"]);
    says(
        &findings[1].cause,
        &["does not wait for the requests in flight"],
    );
    assert_eq!(findings[1].at_ms, Some(1.0));

    // In the instant of the exit it may never have had the request.
    measured.requests = Some(lost(Lost::Closed, -4.0, 2.0));
    says(
        &only(&measured, "request-lost"),
        &["either it did not wait", "or its backlog"],
    );

    // Nor where the load itself is late: an instant is longer then.
    let mut late = lost(Lost::Closed, -60.0, 2.0);
    late.behind_p99_ms = 45.0;
    measured.requests = Some(late);
    says(&only(&measured, "request-lost"), &["in the instant"]);

    // With another code it does not lie about it, and later it had a limit.
    measured.requests = Some(lost(Lost::Closed, -40.0, 5_001.0));
    ended(&mut measured, 5_000.0, Status::Code(1));
    measured.series = Some(busy_until(5_000.0));
    assert_eq!(
        names(&measured),
        ["request-lost", "exit-before-drain", "exit-not-zero"]
    );
    let findings = verdict::findings(&measured, Duration::from_secs(1));
    says(
        &findings[1].cause,
        &["either its drain has a limit, of about 5s", "or it sleeps"],
    );

    // A moment before the exit it may have been the exit's doing, and long before it it was not the exit's doing.
    measured.requests = Some(lost(Lost::Reset, 10.0, 20.0));
    ended(&mut measured, 300.0, Status::Code(0));
    says(&only(&measured, "request-lost"), &["the process lived on"]);
    measured.listener_closed_ms = Some(22.0);
    says(
        &only(&measured, "request-lost"),
        &["as the listener closed", "backlog"],
    );
    measured.listener_closed_ms = None;
    measured.requests = Some(lost(Lost::Reset, 200.0, 270.0));
    says(
        &only(&measured, "request-lost"),
        &["either it left with them under way, or it closed"],
    );
    measured.listener_closed_ms = Some(22.0);
    // Lost before the stop, it has nothing to do with it.
    let mut before = clean();
    before.requests = Some(Requests {
        before: Counts {
            lost: 1,
            ..Counts::default()
        },
        stopping: Counts::default(),
        ..lost(Lost::Reset, -2_000.0, -1_900.0)
    });
    says(
        &only(&before, "request-lost"),
        &["before any stop was asked"],
    );
    measured.expected.lost = 1;
    assert!(verdict::passes(&verdict::findings(
        &measured,
        Duration::ZERO
    )));
}

#[test]
fn a_kept_alive_connection_is_reset_only_by_a_process_that_lives_on() {
    let mut measured = clean();
    measured.requests = Some(lost(Lost::IdleClose, 10.0, 11.0));
    says(
        &only(&measured, "keep-alive-reset"),
        &["GET /slow, at +11ms", "Connection: close"],
    );
    ended(&mut measured, 12.0, Status::Code(0));
    assert!(names(&measured).contains(&"request-lost".to_owned()));
    assert!(!names(&measured).contains(&"keep-alive-reset".to_owned()));
}

#[test]
fn idle_connections_are_blamed_only_when_their_end_was_the_end() {
    let idle = |kind, closed_ms, let_go_ms| IdleConnection {
        kind,
        closed_ms,
        let_go_ms,
    };
    let mut measured = clean();
    ended(&mut measured, 9_012.0, Status::Code(0));
    measured.idle = vec![
        idle(Kind::KeptAlive, Some(5.0), None),
        idle(Kind::Silent, None, Some(9_000.0)),
    ];
    says(
        &only(&measured, "held-by-idle-connections"),
        &[
            "left at +9.01s",
            "1 silent connection",
            "SIGKILL was due at +10s",
        ],
    );
    // It left with them open: a limit, a sleep, or something else.
    ended(&mut measured, 5_000.0, Status::Code(0));
    measured.idle = vec![idle(Kind::Silent, Some(5_000.0), None)];
    says(
        &only(&measured, "waited-with-nothing-to-do"),
        &[
            "from +200ms on",
            "4.80s later",
            "either it waits for idle connections",
            "or it sleeps",
        ],
    );
    measured.idle = vec![idle(Kind::Silent, Some(100.0), None)];
    let said = only(&measured, "waited-with-nothing-to-do");
    assert!(!said.contains("idle connections"), "{said}");
    ended(&mut measured, 1_100.0, Status::Code(0));
    assert_eq!(names(&measured), [""; 0]);

    // Killed although they were let go: it was something else.
    killed(&mut measured);
    measured.idle = vec![idle(Kind::Silent, None, Some(9_000.0))];
    says(
        &only(&measured, "sigkill-needed"),
        &[
            "the program has a handler for the signal",
            "It is not the 1 silent connection",
        ],
    );
}

#[test]
fn what_held_the_process_until_sigkill_is_named() {
    let mut measured = clean();
    killed(&mut measured);
    let mut requests = lost(Lost::Closed, -500.0, 10_003.0);
    requests.stopping.lost = 1;
    measured.requests = Some(requests);
    assert_eq!(names(&measured), ["request-lost", "sigkill-needed"]);
    let findings = verdict::findings(&measured, Duration::ZERO);
    says(
        &findings[1].cause,
        &["the oldest is GET /slow, under way for 10.50s"],
    );
    says(
        &findings[0].cause,
        &["SIGKILL took the requests in flight with it"],
    );

    measured.requests = Some(Requests::default());
    measured.process.signalled = None;
    says(
        &only(&measured, "sigkill-needed"),
        &["either the signal is not handled, or something in the shutdown waits"],
    );
    measured.report = Some(OwnReport {
        steps: vec![OwnStep {
            name: "orders-db".to_owned(),
            outcome: "running".to_owned(),
            ..OwnStep::default()
        }],
        ..OwnReport::default()
    });
    says(
        &only(&measured, "sigkill-needed"),
        &["the step orders-db was still under way"],
    );
}

#[test]
fn a_listener_may_close_once_readiness_has_fallen_or_routing_has_ended() {
    let mut measured = clean();
    measured.timeline.routing_ended_ms = Some(1_000.0);
    ended(&mut measured, 1_900.0, Status::Code(0));
    measured.listener_closed_ms = Some(5.0);
    readiness(&mut measured, 10.0, None);
    says(
        &only(&measured, "listener-closed-before-readiness"),
        &[
            "at +5ms, 995ms before routing ended",
            "readiness never said no",
        ],
    );
    readiness(&mut measured, 60.0, Some(503));
    says(
        &only(&measured, "listener-closed-before-readiness"),
        &["said no at +60ms only"],
    );
    // It said so in time, or as far as anybody asked it.
    for seen in [1.0, 14.0] {
        readiness(&mut measured, seen, Some(503));
        assert_eq!(names(&measured), [""; 0]);
    }
    // Nobody is routed here any more.
    readiness(&mut measured, 1_010.0, None);
    measured.listener_closed_ms = Some(1_005.0);
    measured.planned.readiness_budget_ms = 2_000.0;
    assert_eq!(names(&measured), [""; 0]);
    // A process that leaves takes its listener with it.
    readiness(&mut measured, 10.0, None);
    measured.listener_closed_ms = Some(5.0);
    ended(&mut measured, 8.0, Status::Code(0));
    assert_eq!(names(&measured), [""; 0]);
}

#[test]
fn readiness_that_falls_late_is_told_by_how_it_fell() {
    let mut measured = clean();
    measured.planned.readiness_budget_ms = 100.0;
    readiness(&mut measured, 150.0, Some(503));
    says(
        &only(&measured, "readiness-late"),
        &["150ms after SIGTERM; it has 100ms", "and late"],
    );
    readiness(&mut measured, 150.0, None);
    says(
        &only(&measured, "readiness-late"),
        &["nobody answered any more"],
    );
}

#[test]
fn time_beyond_the_plan_is_told_by_step() {
    let mut measured = clean();
    let own = OwnStep {
        name: "http".to_owned(),
        outcome: "done".to_owned(),
        end_ms: Some(900.0),
        ..OwnStep::default()
    };
    measured.steps = vec![Step {
        name: "http".to_owned(),
        kind: "http-server".to_owned(),
        planned: Some(StepPlan {
            start_ms: 0.0,
            timeout_ms: 500.0,
            end_ms: 500.0,
        }),
        measured: Some(own.clone()),
    }];
    measured.report = Some(OwnReport {
        digest: Some("aa".to_owned()),
        steps: vec![own],
        ..OwnReport::default()
    });
    measured.planned.deadline_ms = Some(800.0);
    ended(&mut measured, 950.0, Status::Code(0));
    assert_eq!(names(&measured), ["exit-late", "step-over-plan"]);
    let findings = verdict::findings(&measured, Duration::ZERO);
    says(
        &findings[0].message,
        &["at +950ms, 150ms later than planned"],
    );
    says(
        &findings[0].cause,
        &["the step http ended at +900ms and was planned to by +500ms"],
    );
    assert!(verdict::passes(&findings));
    // Said in the manifest, it is more than a warning.
    measured.expected.exit_within_ms = Some(900.0);
    assert!(!verdict::passes(&verdict::findings(
        &measured,
        Duration::ZERO
    )));
    measured.expected.exit_within_ms = Some(1_000.0);
    says(
        &only(&measured, "step-over-plan"),
        &["another plan, or the machine was too busy"],
    );
    measured.planned.digest = Some("aa".to_owned());
    says(
        &only(&measured, "step-over-plan"),
        &["was built from this plan"],
    );
    measured.planned.digest = Some("bb".to_owned());
    assert_eq!(
        names(&measured),
        ["step-over-plan", "built-from-another-plan"]
    );
}

#[test]
fn what_the_program_says_of_its_failure_is_the_cause() {
    let mut measured = clean();
    ended(&mut measured, 300.0, Status::Code(80));
    says(
        &only(&measured, "exit-not-zero"),
        &["either the shutdown failed, or the program"],
    );
    measured.report = Some(OwnReport {
        outcome: "abandoned".to_owned(),
        steps: vec![OwnStep {
            name: "emails".to_owned(),
            outcome: "timed-out".to_owned(),
            active: Some(3),
            ..OwnStep::default()
        }],
        ..OwnReport::default()
    });
    says(
        &only(&measured, "exit-not-zero"),
        &["the step emails ran into its timeout with 3 still active"],
    );
    ended(&mut measured, 300.0, Status::Code(0));
    says(
        &only(&measured, "exit-zero-after-abandoning"),
        &["calls the shutdown abandoned"],
    );
}

#[test]
fn refusals_and_latency_fail_only_where_it_is_asked() {
    let mut measured = clean();
    let requests = Requests {
        gone: Counts {
            refused_at_connect: 12,
            ..Counts::default()
        },
        latency_after: Some(Latency {
            p50_ms: 1.0,
            p90_ms: 2.0,
            p99_ms: 900.0,
            max_ms: 950.0,
        }),
        ..Requests::default()
    };
    measured.requests = Some(requests);
    measured.timeline.routing_ended_ms = Some(1_000.0);
    says(
        &only(&measured, "request-refused"),
        &["gone at +300ms", "until +1s"],
    );
    assert!(verdict::passes(&verdict::findings(
        &measured,
        Duration::ZERO
    )));
    measured.expected.refused = Some(11);
    assert!(!verdict::passes(&verdict::findings(
        &measured,
        Duration::ZERO
    )));
    measured.expected.p99_ms = Some(800.0);
    assert_eq!(names(&measured), ["request-refused", "slow-while-stopping"]);
}

/// Of a thousand requests before the stop and a thousand after it, so many failed.
fn failed(before: u64, since: u64) -> Requests {
    let sent = |server_error: u64| Counts {
        served: 1_000 - server_error,
        server_error,
        ..Counts::default()
    };
    Requests {
        before: sent(before),
        stopping: sent(since),
        server_errors_before_stop: before,
        last_server_error: Some(500),
        ..Requests::default()
    }
}

#[test]
fn errors_before_the_stop_excuse_as_many_after_it() {
    let severity = |before, since| {
        let mut measured = clean();
        measured.requests = Some(failed(before, since));
        let found = verdict::findings(&measured, Duration::from_secs(10));
        found.first().map(|it| (it.name.to_string(), it.severity))
    };
    let of = |severity| Some(("request-failed".to_owned(), severity));
    assert_eq!(severity(0, 1), of(Severity::Failure));
    assert_eq!(severity(1, 200), of(Severity::Failure));
    assert_eq!(severity(1, 2), of(Severity::Warning));
    assert_eq!(severity(100, 110), of(Severity::Warning));
    assert_eq!(severity(100, 200), of(Severity::Failure));
    assert_eq!(severity(100, 0), None);

    let mut measured = clean();
    measured.requests = Some(failed(1, 200));
    let said = only(&measured, "request-failed");
    says(
        &said,
        &["200 requests answered", "before it there were 1 of 1000"],
    );
}

#[test]
fn open_streams_are_something_to_wait_for() {
    let mut measured = clean();
    ended(&mut measured, 5_000.0, Status::Code(0));
    assert_eq!(names(&measured), ["waited-with-nothing-to-do"]);
    let series = measured.series.as_mut().unwrap();
    for slice in series.slices.iter_mut().take(60) {
        slice.open = 50;
    }
    assert_eq!(names(&measured), [""; 0]);
}

#[test]
fn readiness_that_was_down_before_the_stop_is_said() {
    let mut measured = clean();
    readiness(&mut measured, -1_200.0, Some(503));
    measured.readiness.as_mut().unwrap().flip = Flip::AlreadyDown;
    says(
        &only(&measured, "readiness-already-down"),
        &["before the stop was asked"],
    );
}
