//! The machine is busy: the process gets about a ninth of each processor.

use super::additions::Aside;
use super::judgement::Judgement;
use super::{Asks, No, Scenario, Scene};

pub(super) static SCENARIO: Scenario = Scenario {
    name: "cpu-starvation",
    about: "the process has the lowest priority, and eight threads a processor beside it want all there is",
    asks: Asks::Command,
    passes: "it is slower, and all else holds: nothing is lost, exit code 0, in time",
    argument: None,
    arrange,
    judge,
};

#[allow(clippy::unnecessary_wraps, reason = "as every scenario is asked")]
fn arrange(scene: &mut Scene) -> Result<(), No> {
    scene.additions.starve = true;
    Ok(())
}

#[allow(clippy::unnecessary_wraps, reason = "as every scenario is asked")]
fn judge(_: &Scene, _: &Aside, judgement: &mut Judgement<'_>) -> Result<(), No> {
    // How slow it may be is said of a machine that is not starved.
    judgement.excuse(&["slow-while-stopping"]);
    // Nor does it say anything that a probe had no answer in time; what was answered counts.
    let live = judgement.measured.liveness.as_ref();
    if live.is_some_and(|live| live.first_failure_status.is_none()) {
        judgement.excuse(&["liveness-failed"]);
    }
    judgement.held_up_because(
        "the shutdown has more work to do than a busy machine does in that time; measure it where it is busy, \
         and plan with that",
    );
    Ok(())
}
