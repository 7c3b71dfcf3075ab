//! Every async worker is blocked from the signal on, and stays so.

use super::additions::Aside;
use super::judgement::Judgement;
use super::{Asks, No, Scenario, Scene};

/// Work was cut off by force.
const FORCED: i32 = 82;
/// Longer than any grace period.
const BLOCKED: &str = "executor=block:24h";

pub(super) static SCENARIO: Scenario = Scenario {
    name: "blocked-executor",
    about: "every async worker is blocked from the signal on, for good",
    asks: Asks::Faults,
    passes: "it is ended from outside its executor before SIGKILL, with exit code 82 and a report that says so",
    argument: None,
    arrange,
    judge,
};

#[allow(clippy::unnecessary_wraps, reason = "as every scenario is asked")]
fn arrange(scene: &mut Scene) -> Result<(), No> {
    scene.fault(BLOCKED);
    Ok(())
}

#[allow(clippy::unnecessary_wraps, reason = "as every scenario is asked")]
fn judge(_: &Scene, _: &Aside, judgement: &mut Judgement<'_>) -> Result<(), No> {
    judgement.held_up_because(
        "the deadline is kept by a task of the same executor, which does not run any more: keep it on a thread \
         of its own",
    );
    let told = judgement.measured.report.as_ref();
    let told = told.map(|report| report.outcome.clone());
    match (judgement.code(), told.as_deref()) {
        (Some(FORCED), Some("forced")) => judgement.excuse(&["exit-not-zero"]),
        (Some(code), told) => judgement.fail(
            "fault-not-told",
            format!(
                "the process left with exit code {code}, and its report says `{}`; an end by force is 82, `forced`",
                told.unwrap_or("nothing")
            ),
            "the executor was not blocked for good, or whoever ends the process does not say so",
        ),
        // It was killed, and that has been found.
        (None, _) => {}
    }
    // Nothing can be answered any more. What was lost before the signal has other reasons.
    let mut lost = judgement.measured.requests.iter().flat_map(|it| &it.lost);
    if lost.all(|lost| lost.ended_ms >= 0.0) {
        judgement.excuse(&["request-lost", "keep-alive-reset", "exit-before-drain"]);
    }
    judgement.excuse(&[
        "request-refused",
        "liveness-failed",
        "readiness-late",
        "readiness-never-flipped",
        "step-over-plan",
        "exit-late",
    ]);
    Ok(())
}
