//! A platform's lanes, from the top: platform, traffic, the steps, what comes after them.

use std::time::Duration;

use lifecycle_manifest::duration::{human, millis};
use lifecycle_manifest::{Ending, Figure, Origin, Plan, Timeline, WhatIf};

use super::build::Clock;
use super::row::{Row, left_over};
use super::{Bar, End, Group, Lane, Shape};

pub(super) fn lanes(
    plan: &Plan,
    line: &Timeline,
    at: &Clock,
    happened: Option<&WhatIf>,
) -> Vec<Lane> {
    let mut lanes = Vec::new();
    let mut row = Row::default();
    if let Some(outside) = &line.terms.outside {
        let says = "before the grace period begins, and before any signal";
        lanes.push(platforms_lane(outside, row.at, says));
        row.extend([outside], Group::Platform);
    }
    let grace = lane(
        Group::Platform,
        "grace period",
        line.grace().value,
        vec![Bar {
            shape: Shape::Grace,
            group: Group::Platform,
            start_ms: row.at,
            end_ms: at.ms(line.signal_to_kill()),
            label: "grace period".to_owned(),
        }],
    );
    if let Some(hook) = &line.terms.hook {
        let says = "inside the grace period, before the signal";
        lanes.push(platforms_lane(hook, row.at, says));
    }
    lanes.push(Lane {
        says: format!(
            "from the platform's stop to SIGKILL; {}",
            line.grace().origin
        ),
        ..grace
    });
    lanes.extend(traffic(line, at));
    let mut steps: Vec<usize> = (0..plan.steps.len()).collect();
    steps.sort_by_key(|&step| (plan.steps[step].phase, line.windows[step].start));
    let steps = steps.into_iter().map(|step| match happened {
        None => planned(plan, line, at, step),
        Some(happened) => played(plan, line, at, step, happened),
    });
    lanes.extend(steps);
    lanes.extend(end_lanes(line, at, happened));
    lanes
}

fn platforms_lane(figure: &Figure, start: u64, says: &str) -> Lane {
    let bar = Bar {
        shape: Shape::Time,
        group: Group::Platform,
        start_ms: start,
        end_ms: start + millis(figure.value),
        label: figure.label.clone(),
    };
    Lane {
        on_longest_path: true,
        says: format!("{says}; {}", figure.origin),
        ..lane(Group::Platform, &figure.label, figure.value, vec![bar])
    }
}

fn lane(group: Group, name: &str, takes: Duration, bars: Vec<Bar>) -> Lane {
    Lane {
        group,
        name: name.to_owned(),
        kind: None,
        takes: human(takes),
        says: String::new(),
        on_longest_path: false,
        best_effort: false,
        ending: None,
        bars,
    }
}

/// How long requests may still arrive, and how long the program itself waits for that.
fn traffic(line: &Timeline, at: &Clock) -> Vec<Lane> {
    let mut lanes = Vec::new();
    let bar = |start_ms, end_ms, label: &str| Bar {
        shape: Shape::Time,
        group: Group::Traffic,
        start_ms,
        end_ms,
        label: label.to_owned(),
    };
    let settle = &line.terms.settle;
    if !settle.value.is_zero() {
        let bars = vec![bar(0, millis(settle.value), "still arrive")];
        lanes.push(Lane {
            says: format!(
                "may still arrive while routing notices that the instance leaves; {}",
                settle.origin
            ),
            ..lane(Group::Traffic, "requests", settle.value, bars)
        });
    }
    let own = &line.app_settle;
    if !own.value.is_zero() {
        let bars = vec![bar(at.ms(Duration::ZERO), at.ms(own.value), "settle")];
        lanes.push(Lane {
            on_longest_path: true,
            says: format!("the program serves on, with readiness down; {}", own.origin),
            ..lane(Group::Traffic, "settle", own.value, bars)
        });
    }
    lanes
}

/// A step as it may be at most.
fn planned(plan: &Plan, line: &Timeline, at: &Clock, step: usize) -> Lane {
    let window = &line.windows[step];
    let it = &plan.steps[step];
    let group = Group::of(it.phase);
    let limit = window.start + window.timeout.value;
    let bar = |shape, start, end, label: &str| Bar {
        shape,
        group,
        start_ms: at.ms(start),
        end_ms: at.ms(end),
        label: label.to_owned(),
    };
    let mut bars = vec![bar(Shape::Time, window.start, limit, &it.name)];
    if window.end > limit {
        bars.push(bar(Shape::Unwind, limit, window.end, "unwind"));
    }
    Lane {
        kind: Some(it.kind.as_str()),
        says: says(plan, step, &window.timeout.origin),
        on_longest_path: line.longest_path.contains(&step),
        best_effort: it.best_effort,
        ..lane(group, &it.name, window.timeout.value, bars)
    }
}

/// A step as it was.
fn played(plan: &Plan, line: &Timeline, at: &Clock, step: usize, happened: &WhatIf) -> Lane {
    let plans = planned(plan, line, at, step);
    let it = &happened.steps[step];
    let window = &line.windows[step];
    let bar = |shape, start, end, label: &str| Bar {
        shape,
        group: plans.group,
        start_ms: at.ms(start),
        end_ms: at.ms(end),
        label: label.to_owned(),
    };
    let mut bars = vec![bar(Shape::Planned, window.start, window.end, "planned")];
    let took = human(it.end.saturating_sub(it.start));
    let takes = match it.ending {
        Ending::Done => {
            bars.push(bar(Shape::Time, it.start, it.end, "done"));
            took
        }
        Ending::Failed => {
            bars.push(bar(Shape::Failed, it.start, it.end, "failed"));
            format!("{took}, failed")
        }
        Ending::Cancelled => {
            bars.push(bar(Shape::GivenUp, it.start, it.end, "cancelled"));
            format!("{took}, cancelled")
        }
        Ending::Abandoned => {
            let limit = it.start + window.timeout.value;
            bars.push(bar(Shape::GivenUp, it.start, limit, "cancelled"));
            bars.push(bar(Shape::Unwind, limit, it.end, "given up"));
            format!("{took}, given up")
        }
        Ending::Cut => {
            bars.push(bar(Shape::GivenUp, it.start, it.end, "killed"));
            format!("{took}, killed")
        }
        Ending::NeverBegan => "never began".to_owned(),
    };
    Lane {
        takes,
        ending: Some(End::of(it.ending)),
        bars,
        ..plans
    }
}

/// Of a step: its kind, its timeout's origin, what it waits for.
fn says(plan: &Plan, step: usize, origin: &Origin) -> String {
    const SHOWN: usize = 4;
    let it = &plan.steps[step];
    let mut words = vec![it.kind.as_str().to_owned(), format!("timeout {origin}")];
    let waits: Vec<&str> = plan
        .waits_for(step)
        .into_iter()
        .map(|other| plan.steps[other].name.as_str())
        .collect();
    if waits.is_empty() {
        words.push("waits for no other".to_owned());
    } else {
        let shown = waits[..waits.len().min(SHOWN)].join(", ");
        let more = match waits.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        words.push(format!("after {shown}{more}"));
    }
    if it.best_effort {
        words.push("best effort".to_owned());
    }
    words.join("; ")
}

/// What comes after the process, and what is left.
fn end_lanes(line: &Timeline, at: &Clock, happened: Option<&WhatIf>) -> Vec<Lane> {
    let exit = happened.map_or(line.steps_end(), |it| it.exit.at);
    let mut lanes = Vec::new();
    let mut row = Row {
        at: at.ms(exit),
        bars: Vec::new(),
    };
    let killed = happened.is_some_and(WhatIf::is_killed);
    if !killed {
        for sidecar in &line.terms.sidecars {
            let says = "inside the grace period, once the program is gone";
            lanes.push(platforms_lane(sidecar, row.at, says));
            row.extend([sidecar], Group::Platform);
        }
    }
    let kill = at.ms(line.signal_to_kill());
    let left = |start, bars| {
        let says = "from the end of the last process to SIGKILL".to_owned();
        let time = Duration::from_millis(kill.saturating_sub(start));
        Lane {
            says,
            ..lane(Group::End, "left before SIGKILL", time, bars)
        }
    };
    match happened {
        Some(_) if killed => {}
        Some(_) => {
            let bars = left_over(row.at, kill).into_iter().collect();
            lanes.push(left(row.at, bars));
        }
        None => {
            let start = row.at;
            row.push(Shape::Reserve, Group::End, line.reserve.value, "reserve");
            lanes.push(Lane {
                says: format!(
                    "nothing is planned for it: room for the report and for late clocks; {}",
                    line.reserve.origin
                ),
                on_longest_path: true,
                ..lane(
                    Group::End,
                    "reserve",
                    line.reserve.value,
                    row.bars
                        .iter()
                        .filter(|bar| bar.start_ms >= start && bar.shape == Shape::Reserve)
                        .cloned()
                        .collect(),
                )
            });
            if let Some(bar) = left_over(row.at, kill) {
                let (name, says) = match bar.shape {
                    Shape::Missing => ("missing", "planned beyond SIGKILL"),
                    _ => ("to spare", "left of the grace period"),
                };
                let time = Duration::from_millis(bar.end_ms - bar.start_ms);
                lanes.push(Lane {
                    says: says.to_owned(),
                    ..lane(Group::End, name, time, vec![bar])
                });
            }
        }
    }
    for after in &line.terms.after {
        let says = "on a clock of its own, once the program is gone";
        lanes.push(Lane {
            on_longest_path: false,
            ..platforms_lane(after, at.ms(exit), says)
        });
    }
    lanes.sort_by_key(|lane| lane.group == Group::End);
    lanes
}
