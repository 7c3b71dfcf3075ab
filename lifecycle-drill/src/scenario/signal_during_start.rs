//! The signal comes while the process starts: a rollout that is taken back at once, a crash loop, a node
//! that is drained a moment after the pod came.
//!
//! The process is started once to learn how long it takes, and then once for each share of that time.

use std::time::Duration;

use super::additions::Aside;
use super::judgement::Judgement;
use super::trial::Trial;
use super::{Asks, No, Scenario, Scene};
use crate::Progress;
use crate::measured::Measured;
use crate::target::process::Status;
use crate::words::{count, span};

/// When the signal comes, as shares of the time that the start takes.
const SHARES: [f64; 4] = [0.2, 0.4, 0.6, 0.8];

pub(super) static SCENARIO: Scenario = Scenario {
    name: "signal-during-start",
    about: "the signal comes before the process is ready: at a fifth, two, three and four fifths of its start",
    asks: Asks::Start,
    passes: "it does not go on to start, and ends in time: with exit code 0, or by the signal itself",
    argument: None,
    arrange,
    judge,
};

#[allow(clippy::unnecessary_wraps, reason = "as every scenario is asked")]
fn arrange(scene: &mut Scene) -> Result<(), No> {
    // Nobody is served, and nothing is alive yet.
    scene.load.requests.clear();
    scene.target.live = None;
    Ok(())
}

/// Plays every start; gives the first that went badly, or the last.
pub(super) async fn play(scene: &mut Scene, progress: &Progress) -> Result<(Measured, Aside), No> {
    let took = first_start(scene, progress).await?;
    let mut signalled = 0;
    let mut last = None;
    for share in SHARES {
        scene.additions.during_start = Some(took.mul_f64(share));
        let (mut measured, aside) = scene.play(progress).await?;
        if aside.ready {
            // It was quicker this time: that was an ordinary stop.
            continue;
        }
        signalled += 1;
        let mut judgement = Judgement::of(&mut measured);
        excuse(&mut judgement);
        if let Some(after) = aside.ready_after {
            judgement.fail(
                "ready-after-signal",
                format!(
                    "the process said that it is ready {} after the signal",
                    span(after.as_secs_f64() * 1_000.0)
                ),
                "it goes on to start though it has been told to stop; whoever asks sends it requests",
            );
        }
        judgement.note(format!(
            "it takes {} to be ready, and was signalled in {} of it",
            span(took.as_secs_f64() * 1_000.0),
            count(signalled, "start")
        ));
        judgement.close();
        let bad = !measured.passed;
        last = Some((measured, aside));
        if bad {
            break;
        }
    }
    last.ok_or_else(|| {
        No::Applicable(format!(
            "it takes {} to be ready, and no signal came before that",
            span(took.as_secs_f64() * 1_000.0)
        ))
    })
}

/// How long the process takes to be ready.
async fn first_start(scene: &Scene, progress: &Progress) -> anyhow::Result<Duration> {
    let trial = Trial::start(&scene.target, &scene.script, progress).await?;
    let Some(took) = trial.ready else {
        return Err(trial.ended());
    };
    trial.stop(&scene.script).await?;
    Ok(took)
}

/// A process that has promised nothing yet may be ended by the signal itself.
fn excuse(judgement: &mut Judgement<'_>) {
    let by_signal = match judgement.measured.process.status {
        Some(Status::Signal(_)) => !judgement.measured.process.sigkill_needed,
        // 128 and the number of SIGTERM or SIGINT, as shells and their like say it.
        Some(Status::Code(code)) => matches!(code, 130 | 143),
        _ => false,
    };
    if by_signal {
        judgement.excuse(&["exit-not-zero", "signal-not-handled"]);
    }
    // Whether it is down is seen below, also where it was never up.
    judgement.excuse(&[
        "readiness-late",
        "readiness-never-flipped",
        "listener-closed-before-readiness",
    ]);
    judgement.held_up_because(
        "the signal is noted and not looked at before the start has come to its end, or it is lost because the \
         handler is not there yet and the process is the first of its container",
    );
}

#[allow(clippy::unnecessary_wraps, reason = "as every scenario is asked")]
fn judge(_: &Scene, _: &Aside, _: &mut Judgement<'_>) -> Result<(), No> {
    // Each start has been judged.
    Ok(())
}
