//! What the probes were told, and when the listener closed.

use super::*;

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
fn readiness_that_was_down_before_the_stop_is_said() {
    let mut measured = clean();
    readiness(&mut measured, -1_200.0, Some(503));
    measured.readiness.as_mut().unwrap().flip = Flip::AlreadyDown;
    says(
        &only(&measured, "readiness-already-down"),
        &["before the stop was asked"],
    );
}
