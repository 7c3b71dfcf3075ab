//! The signal comes twice: an impatient operator, a wrapper that passes on what the platform sends to the
//! whole group.

use std::time::Duration;

use super::additions::Aside;
use super::judgement::Judgement;
use super::{Asks, No, Scenario, Scene};

/// Soon enough to meet most programs at work, and no double click.
const AGAIN: Duration = Duration::from_millis(50);

pub(super) static SCENARIO: Scenario = Scenario {
    name: "second-signal",
    about: "the stop signal comes a second time, 50ms after the first",
    asks: Asks::Nothing,
    passes: "it goes on with its shutdown: nothing is lost, exit code 0",
    argument: None,
    arrange,
    judge,
};

#[allow(clippy::unnecessary_wraps, reason = "as every scenario is asked")]
fn arrange(scene: &mut Scene) -> Result<(), No> {
    scene.take_the_stop();
    scene.additions.again = Some(AGAIN);
    Ok(())
}

fn judge(_: &Scene, aside: &Aside, judgement: &mut Judgement<'_>) -> Result<(), No> {
    let first = judgement.measured.timeline.signalled_ms.is_some();
    if first && aside.again.is_none() && judgement.measured.passed {
        let took = judgement.measured.process.exit_ms.unwrap_or_default();
        return Err(No::Applicable(format!(
            "the program had left {took:.0}ms after the signal, before a second one could come; requests \
             that take longer are under way then (`slow` in the manifest's drill)"
        )));
    }
    judgement.because(
        &["request-lost", "exit-before-drain", "exit-not-zero", "signal-not-handled"],
        "the handler is there for one signal only, so that the second has its usual effect; or it takes \
         the second for an order to leave at once",
    );
    Ok(())
}
