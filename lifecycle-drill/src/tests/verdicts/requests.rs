//! What became of requests, and by whose doing.

use super::*;

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
