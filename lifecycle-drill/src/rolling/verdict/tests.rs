//! What a rolling deploy is held to.

use super::*;
use crate::rolling::measured::Seen;
use crate::rolling::tests::measured;

fn judged(change: impl FnOnce(&mut RollingMeasured)) -> Vec<(String, Severity)> {
    let mut measured = measured();
    change(&mut measured);
    findings(&measured, Duration::from_secs(30))
        .into_iter()
        .map(|it| (it.name.into_owned(), it.severity))
        .collect()
}

fn found(name: &str, severity: Severity) -> Vec<(String, Severity)> {
    vec![(name.to_owned(), severity)]
}

#[test]
fn a_deploy_is_held_to_what_the_manifest_expects() {
    let (failure, warning) = (Severity::Failure, Severity::Warning);
    assert_eq!(judged(|_| {}), []);
    let java = |it: &mut RollingMeasured| it.instances[0].status = Some(Status::Code(143));
    assert_eq!(judged(java), found("exit-not-zero", failure));
    for status in [Status::Code(143), Status::Signal(15)] {
        let expected = judged(|it| {
            it.instances[0].status = Some(status);
            it.expected.exit_code = 143;
        });
        assert_eq!(expected, [], "{status:?}");
    }
    // 0 is not what it is to leave with then.
    let tidy = judged(|it| it.expected.exit_code = 143);
    assert_eq!(tidy, found("exit-not-zero", failure));

    let seen = |change: fn(&mut RollingMeasured), expects: fn(&mut RollingMeasured)| {
        judged(|it| {
            change(it);
            expects(it);
        })
    };
    let lost: fn(&mut RollingMeasured) = |it| it.requests.as_mut().unwrap().during.lost = 2;
    assert_eq!(seen(lost, |_| {}), found("request-lost", failure));
    let two = seen(lost, |it| it.expected.lost = 2);
    assert_eq!(two, found("request-lost", warning));

    let failed: fn(&mut RollingMeasured) =
        |it| it.requests.as_mut().unwrap().during.server_error = 2;
    assert_eq!(seen(failed, |_| {}), found("request-failed", failure));
    let two = seen(failed, |it| it.expected.server_errors = 2);
    assert_eq!(two, found("request-failed", warning));

    let refused: fn(&mut RollingMeasured) = |it| it.requests.as_mut().unwrap().during.refused = 2;
    assert_eq!(seen(refused, |_| {}), found("request-refused", warning));
    let one = seen(refused, |it| it.expected.refused = Some(1));
    assert_eq!(one, found("request-refused", failure));

    let late = judged(|it| it.expected.exit_within_ms = Some(100.0));
    assert_eq!(late, found("exit-late", failure));
    let late = judged(|it| it.planned.deadline_ms = Some(100.0));
    assert_eq!(late, found("exit-late", warning));
    let slow = judged(|it| it.expected.p99_ms = Some(1.0));
    assert_eq!(slow, found("slow-while-stopping", failure));
}

#[test]
fn errors_before_the_deploy_excuse_as_many_and_no_more() {
    let with = |before: u64, during: u64| {
        judged(|it| {
            let requests = it.requests.as_mut().unwrap();
            requests.before.server_error = before;
            requests.server_errors_before = before;
            requests.during.server_error = during;
        })
    };
    // 1 of 100, and 11 of 1,100 since.
    assert_eq!(with(1, 11), found("request-failed", Severity::Warning));
    assert_eq!(with(1, 200), found("request-failed", Severity::Failure));
    // One that was sent before the deploy, and failed by it.
    let late = judged(|it| it.requests.as_mut().unwrap().before.server_error = 1);
    assert_eq!(late, found("request-failed", Severity::Failure));
    // All before it.
    assert_eq!(with(3, 0), []);
}

#[test]
fn a_deploy_that_was_sent_nothing_does_not_pass() {
    let none = judged(|it| it.requests.as_mut().unwrap().during = Seen::default());
    assert_eq!(none, found("load-held-back", Severity::Failure));
    let ended = |after: Seen| {
        judged(|it| {
            let requests = it.requests.as_mut().unwrap();
            requests.ended_early = true;
            requests.after = after;
        })
    };
    let early = ended(Seen::default());
    assert_eq!(early, found("load-held-back", Severity::Failure));
    // It lasted to the last second, in which nothing was replaced.
    let served = Seen {
        served: 1,
        ..Seen::default()
    };
    assert_eq!(ended(served), found("load-held-back", Severity::Warning));
}

#[test]
fn what_instances_did_is_told_with_the_first_moment_of_it() {
    let told = |change: fn(&mut RollingMeasured)| {
        let mut measured = measured();
        // One that left later is listed first.
        let mut later = measured.instances[0].clone();
        later.ended_ms = Some(9_000.0);
        measured.instances.insert(0, later);
        change(&mut measured);
        let found = findings(&measured, Duration::from_secs(30));
        assert_eq!(found.len(), 1, "{found:#?}");
        (found[0].name.to_string(), found[0].at_ms)
    };
    let at = |name: &str, ms: f64| (name.to_owned(), Some(ms));

    let failed = told(|it| {
        for stopped in &mut it.instances[..2] {
            stopped.status = Some(Status::Code(1));
        }
    });
    assert_eq!(failed, at("exit-not-zero", 2_000.0));
    // Of those that did it, and not of the others.
    let one = told(|it| it.instances[0].status = Some(Status::Code(1)));
    assert_eq!(one, at("exit-not-zero", 9_000.0));
    let killed = told(|it| {
        for (stopped, at) in it.instances[..2].iter_mut().zip([8_999.0, 1_999.0]) {
            stopped.sigkill_needed = true;
            stopped.killed_ms = Some(at);
        }
    });
    assert_eq!(killed, at("sigkill-needed", 1_999.0));
    let left = told(|it| it.instances[0].left_behind = Some(2));
    assert_eq!(left, at("processes-left-behind", 9_000.0));
    let late = told(|it| {
        it.expected.exit_within_ms = Some(600.0);
        it.instances[0].exit_ms = Some(700.0);
    });
    assert_eq!(late, at("exit-late", 9_000.0));
    let died = told(|it| {
        it.course = RolloutCourse::Died {
            instance: 2,
            ready: true,
            status: Status::Code(1),
        };
        it.instances[2].ended_ms = Some(700.0);
    });
    assert_eq!(died, at("instance-died", 700.0));
}

#[test]
fn an_end_is_explained_as_a_drill_of_one_process_explains_it() {
    let cause = |status: Status| {
        let mut measured = measured();
        measured.instances[0].status = Some(status);
        let found = findings(&measured, Duration::from_secs(30));
        found[0].cause.clone().into_owned()
    };
    // Nobody looked whether there is a handler.
    let by_signal = cause(Status::Signal(15));
    assert!(
        by_signal.contains("either no handler is set"),
        "{by_signal}"
    );
    assert!(cause(Status::Signal(11)).contains("crashed"));
    assert!(cause(Status::Code(143)).contains("Java"));
    // 80 means something in a program that leaves a report, and there is none.
    let abandoned = cause(Status::Code(80));
    assert!(!abandoned.contains("abandoned"), "{abandoned}");
}
