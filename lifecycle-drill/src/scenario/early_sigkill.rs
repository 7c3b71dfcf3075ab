//! SIGKILL comes early, as on a node that runs out of memory or disk: there is hardly a grace period.

use std::time::Duration;

use super::additions::Aside;
use super::judgement::Judgement;
use super::{Asks, No, Scenario, Scene};
use crate::traffic::tally::Requests;
use crate::words::{count, moment, span};

/// From the signal to SIGKILL.
const LEFT: Duration = Duration::from_secs(2);
/// What is lost so shortly before SIGKILL was lost to it.
const AT_SIGKILL_MS: f64 = 50.0;
/// A request may take so many times as long as the slowest that was answered, and this much more, before it
/// counts as one that the process sat on.
const SLOWER: f64 = 2.0;
const SLOWER_BY_MS: f64 = 250.0;

pub(super) static SCENARIO: Scenario = Scenario {
    name: "early-sigkill",
    about: "SIGKILL comes 2s after the signal, or at half of what the platform gives where that is less",
    asks: Asks::Nothing,
    passes: "until SIGKILL it answers as it always does: lost is at most what SIGKILL finds under way",
    argument: None,
    arrange,
    judge,
};

#[allow(clippy::unnecessary_wraps, reason = "as every scenario is asked")]
fn arrange(scene: &mut Scene) -> Result<(), No> {
    scene.take_the_stop();
    let script = &mut scene.script;
    let left = LEFT.min(script.signal_to_kill() / 2);
    // A hook is cut where the grace period ends, and the signal follows at once.
    script.grace = script.hook_in_grace().min(left);
    script.hook = script.hook.map(|_| script.grace);
    script.kill_floor = left;
    Ok(())
}

#[allow(clippy::unnecessary_wraps, reason = "as every scenario is asked")]
fn judge(_: &Scene, _: &Aside, judgement: &mut Judgement<'_>) -> Result<(), No> {
    judgement.excuse(&[
        "sigkill-needed",
        "step-over-plan",
        "processes-left-behind",
        "held-by-idle-connections",
    ]);
    // Whoever leaves before it by itself may say that work was abandoned.
    judgement.excuse_abandoned();
    let measured = &judgement.measured;
    let (Some(killed), Some(requests)) = (measured.timeline.killed_ms, &measured.requests) else {
        return Ok(());
    };
    let early = requests
        .lost
        .iter()
        .find(|lost| lost.ended_ms < killed - AT_SIGKILL_MS)
        .cloned();
    let sat_on = requests.lost.iter().find_map(|lost| {
        let slowest = slowest(requests, &lost.request)?;
        let waited = killed - lost.sent_ms > slowest * SLOWER + SLOWER_BY_MS;
        waited.then(|| (lost.clone(), slowest))
    });
    let all = requests.all().lost;
    if let Some(early) = early {
        judgement.because(
            &["request-lost"],
            "requests are dropped as soon as the signal comes; they were lost before SIGKILL, by the process \
             itself",
        );
        judgement.note(format!(
            "{} was lost at {}, long before SIGKILL",
            early.request,
            moment(early.ended_ms)
        ));
        return Ok(());
    }
    judgement.excuse(&["request-lost", "keep-alive-reset"]);
    if let Some((late, slowest)) = sat_on {
        judgement.fail(
            "request-sat-on",
            format!(
                "{} was sent at {} and had no answer at SIGKILL, {} later; the slowest that was answered took {}",
                late.request,
                moment(late.sent_ms),
                span(killed - late.sent_ms),
                span(slowest)
            ),
            "the process takes requests after the signal and does not answer them; until it leaves it has to \
             serve as always",
        );
    } else if all > 0 {
        judgement.warn(
            "killed-in-flight",
            format!("SIGKILL found {} under way", count(all, "request")),
            "they take longer than what was left; nothing in the process can save them, only clients that may \
             ask again",
        );
    }
    Ok(())
}

/// How long the slowest of this kind took that was answered, in milliseconds; `None` where none was, so that
/// nobody knows how long they take.
fn slowest(requests: &Requests, kind: &str) -> Option<f64> {
    let kind = requests.kinds.iter().find(|it| it.request == kind)?;
    let answered = [kind.latency_before, kind.latency_after];
    let answered = answered.iter().flatten().map(|latency| latency.max_ms);
    answered.reduce(f64::max)
}
