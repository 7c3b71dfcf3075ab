//! The lanes of a run: what the platform did, what became of the requests, and the steps.

use serde::Serialize;

use lifecycle_drill::Measured;
use lifecycle_drill::measured::{Step, Zero};
use lifecycle_drill::probe::Change;
use lifecycle_drill::words::{count, moment, span};

use super::scale::{Scale, number};
use super::shapes::{Shape, bar};
use super::traffic;

/// More steps than this are not drawn; the table has them all.
pub(super) const MOST_STEPS: usize = 200;

/// One row of the picture.
#[derive(Debug, Default, Serialize)]
pub(super) struct Lane {
    /// Where a group begins: its name.
    pub(super) group: Option<&'static str>,
    pub(super) name: String,
    /// What it came to, in a few words.
    pub(super) value: String,
    /// How it came out: `good`, `bad`, `warn` or nothing.
    pub(super) class: &'static str,
    /// The whole lane in words, for whoever does not see it.
    pub(super) says: String,
    /// In units, which are pixels.
    pub(super) height: String,
    pub(super) shapes: Vec<Shape>,
    /// Words that stand in the lane.
    pub(super) words: Vec<Words>,
    /// Numbers at the height they stand for.
    pub(super) heights: Vec<Height>,
}

#[derive(Debug, Serialize)]
pub(super) struct Words {
    /// In percent of the width.
    pub(super) left: String,
    pub(super) width: String,
    pub(super) text: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Height {
    /// In percent from the top.
    pub(super) top: String,
    pub(super) text: String,
}

/// All lanes of a run.
pub(super) fn lanes(run: &Measured, scale: &Scale) -> Vec<Lane> {
    let mut lanes = platform(run, scale);
    if let Some(first) = lanes.first_mut() {
        first.group = Some("Platform");
    }
    let mut groups = [
        ("Requests", traffic::lanes(run, scale)),
        ("Health", health(run, scale)),
        ("Steps", steps(run, scale)),
    ];
    for (name, group) in &mut groups {
        if let Some(first) = group.first_mut() {
            first.group = Some(name);
        }
        lanes.append(group);
    }
    lanes
}

/// A stretch of the platform's doing.
struct Stretch {
    from: f64,
    to: f64,
    class: &'static str,
    name: &'static str,
}

fn platform(run: &Measured, scale: &Scale) -> Vec<Lane> {
    let mut lanes = Vec::new();
    if run.timeline.zero == Zero::Signal {
        lanes.push(planned(run, scale));
    }
    lanes.push(measured(run, scale));
    lanes
}

/// What the platform was to do.
fn planned(run: &Measured, scale: &Scale) -> Lane {
    let plan = &run.planned;
    let asked = -plan.asked_to_signal_ms;
    let grace = asked + plan.deregistration_ms.unwrap_or_default();
    let mut planned = Vec::new();
    if plan.deregistration_ms.is_some() {
        planned.push(Stretch {
            from: asked,
            to: grace,
            class: "plan",
            name: "deregistration",
        });
    }
    if plan.hook_ms.is_some() {
        planned.push(Stretch {
            from: grace,
            to: 0.0,
            class: "plan",
            name: "hook",
        });
    }
    let end = plan.deadline_ms.unwrap_or(plan.signal_to_kill_ms);
    planned.push(Stretch {
        from: 0.0,
        to: end,
        class: "plan",
        name: "the program stops",
    });
    if plan.deadline_ms.is_some() && end < plan.signal_to_kill_ms {
        let to = plan.signal_to_kill_ms;
        planned.push(Stretch {
            from: end,
            to,
            class: "plan-reserve",
            name: "to spare",
        });
    }
    let takes = plan.asked_to_signal_ms + plan.signal_to_kill_ms;
    stretches(
        "planned",
        format!("{} from stop to SIGKILL", span(takes)),
        &planned,
        scale,
    )
}

/// What it did.
fn measured(run: &Measured, scale: &Scale) -> Lane {
    let (plan, times) = (&run.planned, &run.timeline);
    let mut seen = Vec::new();
    let ended = times.ended_ms.unwrap_or(scale.end_ms);
    if let Some(ready) = times.ready_ms {
        let to = times.asked_ms.unwrap_or(ended);
        seen.push(Stretch {
            from: ready,
            to,
            class: "platform",
            name: "ready",
        });
    } else {
        seen.push(Stretch {
            from: times.started_ms,
            to: ended,
            class: "platform",
            name: "starting",
        });
    }
    if let Some(asked) = times.asked_ms {
        let grace = times.grace_ms.unwrap_or(ended);
        if plan.deregistration_ms.is_some() {
            seen.push(Stretch {
                from: asked,
                to: grace,
                class: "settle",
                name: "deregistration",
            });
        }
        let signalled = times.signalled_ms.unwrap_or(ended);
        if plan.hook_ms.is_some() && times.grace_ms.is_some() {
            seen.push(Stretch {
                from: grace,
                to: signalled,
                class: "settle",
                name: "hook",
            });
        }
    }
    if let Some(signalled) = times.signalled_ms {
        seen.push(Stretch {
            from: signalled,
            to: ended,
            class: "stopping",
            name: "stopping",
        });
    }
    let value = match (run.process.exit_ms, run.process.sigkill_needed) {
        (Some(exit), false) => format!("gone {} after {}", span(exit), run.signal),
        (Some(exit), true) => format!("killed {} after {}", span(exit), run.signal),
        (None, _) => "no signal was sent".to_owned(),
    };
    let mut lane = stretches("measured", value, &seen, scale);
    if run.process.sigkill_needed {
        lane.class = "bad";
    }
    lane
}

fn stretches(name: &str, value: String, stretches: &[Stretch], scale: &Scale) -> Lane {
    let mut lane = Lane {
        name: name.to_owned(),
        height: "20".to_owned(),
        value,
        ..Lane::default()
    };
    let mut said = Vec::new();
    for stretch in stretches {
        let Stretch {
            from,
            to,
            class,
            name,
        } = *stretch;
        let words = format!(
            "{name} {}, from {} to {}",
            span(to - from),
            moment(from),
            moment(to)
        );
        let (left, right) = (scale.x(from), scale.x(to));
        // Narrower than this no word fits, wherever it is looked at.
        if right - left > 60.0 {
            lane.words.push(Words {
                left: scale.percent(from),
                width: number((right - left) / 10.0),
                text: format!("{name} {}", span(to - from)),
            });
        }
        lane.shapes
            .extend(bar(scale, (from, to), (2.0, 18.0), class, words.clone()));
        said.push(words);
    }
    lane.says = format!("{}: {}", lane.name, said.join("; "));
    lane
}

fn health(run: &Measured, scale: &Scale) -> Vec<Lane> {
    let mut lanes = Vec::new();
    if let Some(ready) = run.readiness.as_ref().filter(|it| !it.changes.is_empty()) {
        use lifecycle_drill::probe::Flip;
        let (value, class) = match ready.flip {
            Flip::Flipped { at_ms } => (format!("down at {}", moment(at_ms)), ""),
            Flip::AlreadyDown => ("down before the stop".to_owned(), ""),
            Flip::Never => ("never went down".to_owned(), "bad"),
            Flip::NotSeen => ("not seen to go down".to_owned(), ""),
        };
        lanes.push(probe(run, "readiness", value, class, &ready.changes, scale));
    }
    if let Some(live) = run.liveness.as_ref().filter(|it| !it.changes.is_empty()) {
        let (value, class) = match live.failures {
            0 => ("held".to_owned(), ""),
            failures => (format!("failed {}", count(failures as u64, "time")), "bad"),
        };
        lanes.push(probe(run, "liveness", value, class, &live.changes, scale));
    }
    lanes
}

fn probe(
    run: &Measured,
    name: &str,
    value: String,
    class: &'static str,
    changes: &[Change],
    scale: &Scale,
) -> Lane {
    let end = run.timeline.ended_ms.unwrap_or(scale.end_ms);
    let mut said = Vec::new();
    let mut shapes = Vec::new();
    for (at, change) in changes.iter().take(Change::MOST).enumerate() {
        let until = changes.get(at + 1).map_or(end, |next| next.at_ms);
        // Nobody answers any more: not worth a box.
        if until <= change.at_ms && change.status.is_none() {
            continue;
        }
        let answered = match change.status {
            Some(status) => status.to_string(),
            None => "nobody answered".to_owned(),
        };
        let words = format!("{answered} from {}", moment(change.at_ms));
        let (class, edges) = match change.is_up() {
            true => ("up", (3.0, 13.0)),
            // Lower too, so that it is told apart without its colour.
            false => ("down", (8.0, 13.0)),
        };
        shapes.extend(bar(
            scale,
            (change.at_ms, until),
            edges,
            class,
            words.clone(),
        ));
        said.push(words);
    }
    Lane {
        name: name.to_owned(),
        class,
        says: format!("{name}, {value}: {}", said.join("; ")),
        value,
        height: "16".to_owned(),
        shapes,
        ..Lane::default()
    }
}

fn steps(run: &Measured, scale: &Scale) -> Vec<Lane> {
    run.steps
        .iter()
        .take(MOST_STEPS)
        .map(|it| step(run, it, scale))
        .collect()
}

fn step(run: &Measured, step: &Step, scale: &Scale) -> Lane {
    let mut shapes = Vec::new();
    let mut said = Vec::new();
    let planned = step.planned.map(|plan| span(plan.timeout_ms));
    if let Some(plan) = step.planned {
        let words = format!(
            "planned from {} to {}",
            moment(plan.start_ms),
            moment(plan.end_ms)
        );
        shapes.extend(bar(
            scale,
            (plan.start_ms, plan.end_ms),
            (1.5, 16.5),
            "plan",
            words.clone(),
        ));
        said.push(words);
    }
    let mut value = "not measured".to_owned();
    let mut class = "";
    if let Some(own) = &step.measured {
        let ended = run.timeline.ended_ms.unwrap_or(scale.end_ms);
        let class_of = outcome_class(&own.outcome);
        class = match class_of {
            "done" => "",
            "skipped" => "warn",
            _ => "bad",
        };
        let took = own.start_ms.map(|from| (from, own.end_ms.unwrap_or(ended)));
        value = match took {
            Some((from, to)) => span(to - from),
            None => "did not begin".to_owned(),
        };
        if own.outcome != "done" {
            value = format!("{}, {value}", own.outcome);
        }
        if let Some((from, to)) = took {
            let words = format!("{} from {} to {}", own.outcome, moment(from), moment(to));
            shapes.extend(bar(scale, (from, to), (4.5, 13.5), class_of, words.clone()));
            said.push(words);
        }
    }
    if let Some(planned) = planned {
        value = format!("{value} of {planned}");
    }
    Lane {
        name: step.name.clone(),
        class,
        says: format!("step {}, {}: {}", step.name, step.kind, said.join("; ")),
        value,
        height: "18".to_owned(),
        shapes,
        ..Lane::default()
    }
}

/// The style of a step by what the process said of it.
pub(super) fn outcome_class(outcome: &str) -> &'static str {
    match outcome {
        "done" => "done",
        "skipped" => "skipped",
        "running" => "running",
        _ => "failed",
    }
}
