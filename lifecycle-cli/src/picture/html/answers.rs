//! What a page knows beforehand: what comes of it if a step hangs or fails, for its script to show.

use std::collections::{BTreeMap, HashMap};

use lifecycle_manifest::duration::millis;
use lifecycle_manifest::{Ending, Plan, Timeline, WhatIf};
use serde::Serialize;

use super::super::scene::{Lane, Panel, What};
use super::super::what_if::{self, Cases, Others};

/// What the script reads.
#[derive(Serialize)]
pub(super) struct Data {
    pub(super) end: u64,
    pub(super) panels: Vec<Answers>,
}

#[derive(Serialize)]
pub(super) struct Answers {
    /// When the process is gone by the plan.
    exit: u64,
    /// What that is called.
    by: String,
    /// When it is gone in what the page shows without a script.
    drawn: u64,
    kill: u64,
    lanes: Vec<LaneData>,
    variants: BTreeMap<String, Variant>,
}

#[derive(Serialize)]
struct LaneData {
    name: String,
    group: &'static str,
    path: bool,
    start: u64,
    limit: u64,
    end: u64,
}

/// What comes of it.
#[derive(Serialize)]
struct Variant {
    exit: u64,
    code: u8,
    left: u64,
    words: String,
    /// By lane: start, end, and how it ended. Without those that are as in `whole` or `at-once`.
    steps: BTreeMap<usize, (u64, u64, u8)>,
}

/// Every answer of one platform.
pub(super) fn answers(
    plan: &Plan,
    line: &Timeline,
    (panel, shown): (&Panel, &Panel),
    cases: &Cases,
    askable: &[String],
) -> Answers {
    let names: HashMap<&str, usize> = plan
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| (step.name.as_str(), at))
        .collect();
    let lanes: Vec<&Lane> = panel
        .lanes
        .iter()
        .filter(|lane| lane.kind.is_some())
        .collect();
    let steps: Vec<usize> = lanes
        .iter()
        .filter_map(|lane| names.get(lane.name.as_str()).copied())
        .collect();
    let signal = millis(line.stop_to_signal());
    let variant = |cases: &Cases, base: Option<&Variant>| {
        let courses = cases.courses(plan).unwrap_or_default();
        let happened = WhatIf::of(plan, line, &courses);
        let mut all = BTreeMap::new();
        for (lane, &step) in steps.iter().enumerate() {
            let it = &happened.steps[step];
            let place = (
                signal + millis(it.start),
                signal + millis(it.end),
                code(it.ending),
            );
            if base.is_none_or(|base| base.steps.get(&lane) != Some(&place)) {
                all.insert(lane, place);
            }
        }
        let exit = signal + millis(happened.exit.at);
        Variant {
            exit,
            code: happened.exit.code,
            left: millis(happened.left()),
            words: what_if::words(plan, &happened, std::time::Duration::from_millis(exit)),
            steps: all,
        }
    };
    let whole = variant(&Cases::default(), None);
    let at_once = variant(&Cases::all(false), None);
    let mut variants = BTreeMap::new();
    for name in askable {
        for (key, hangs) in [("hang", true), ("fail", false)] {
            let of = |others, base| variant(&Cases::one(name, hangs, others), Some(base));
            variants.insert(format!("{key}:{name}"), of(Others::WholeTimeout, &whole));
            variants.insert(
                format!("{key}:{name} at-once"),
                of(Others::AtOnce, &at_once),
            );
        }
    }
    variants.insert("hang:*".to_owned(), variant(&Cases::all(true), None));
    variants.insert("whole".to_owned(), whole);
    variants.insert("at-once".to_owned(), at_once);
    if !cases.is_empty() {
        variants.insert("asked".to_owned(), variant(cases, None));
    }
    let lane_data = |(lane, &step): (&&Lane, &usize)| {
        let window = &line.windows[step];
        LaneData {
            name: lane.name.clone(),
            group: lane.group.as_str(),
            path: lane.on_longest_path,
            start: signal + millis(window.start),
            limit: signal + millis(window.start + window.timeout.value),
            end: signal + millis(window.end),
        }
    };
    Answers {
        exit: panel.moment(What::Exit).unwrap_or(0),
        by: panel
            .moments
            .iter()
            .find(|moment| moment.what == What::Exit)
            .map_or(String::new(), |moment| moment.label.clone()),
        drawn: shown.moment(What::Exit).unwrap_or(0),
        kill: panel.kill_ms().unwrap_or(0),
        lanes: lanes.iter().zip(&steps).map(lane_data).collect(),
        variants,
    }
}

/// As the script counts them.
const fn code(ending: Ending) -> u8 {
    match ending {
        Ending::Done => 0,
        Ending::Failed => 1,
        Ending::Cancelled => 2,
        Ending::Abandoned => 3,
        Ending::Cut => 4,
        Ending::NeverBegan => 5,
    }
}
