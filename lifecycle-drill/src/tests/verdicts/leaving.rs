//! How and when the process left, and what held it.

use super::*;

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
