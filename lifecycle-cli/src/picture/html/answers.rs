//! What a page knows beforehand: what comes of it if a step hangs or fails, for its script to show.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

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
    let asked = Asked::of(plan, line, panel);
    Answers {
        exit: panel.moment(What::Exit).unwrap_or(0),
        by: panel
            .moments
            .iter()
            .find(|moment| moment.what == What::Exit)
            .map_or(String::new(), |moment| moment.label.clone()),
        drawn: shown.moment(What::Exit).unwrap_or(0),
        kill: panel.kill_ms().unwrap_or(0),
        lanes: asked.lanes(),
        variants: asked.variants(cases, askable),
    }
}

/// A platform's plan, of which is asked what comes of it.
struct Asked<'a> {
    plan: &'a Plan,
    line: &'a Timeline,
    /// Its steps' lanes, each with the step's place in the plan.
    lanes: Vec<(&'a Lane, usize)>,
    /// Milliseconds from the stop to the signal.
    signal: u64,
}

impl<'a> Asked<'a> {
    fn of(plan: &'a Plan, line: &'a Timeline, panel: &'a Panel) -> Self {
        let names = plan.steps.iter().enumerate();
        let names: HashMap<&str, usize> =
            names.map(|(at, step)| (step.name.as_str(), at)).collect();
        let lanes = panel.lanes.iter().filter(|lane| lane.kind.is_some());
        Self {
            plan,
            line,
            lanes: lanes
                .filter_map(|lane| Some((lane, *names.get(lane.name.as_str())?)))
                .collect(),
            signal: millis(line.stop_to_signal()),
        }
    }

    fn lanes(&self) -> Vec<LaneData> {
        let data = |&(lane, step): &(&Lane, usize)| {
            let window = &self.line.windows[step];
            LaneData {
                name: lane.name.clone(),
                group: lane.group.as_str(),
                path: lane.on_longest_path,
                start: self.signal + millis(window.start),
                limit: self.signal + millis(window.start + window.timeout.value),
                end: self.signal + millis(window.end),
            }
        };
        self.lanes.iter().map(data).collect()
    }

    /// Every answer, by its question as the script writes it.
    fn variants(&self, cases: &Cases, askable: &[String]) -> BTreeMap<String, Variant> {
        let whole = self.variant(&Cases::default(), None);
        let at_once = self.variant(&Cases::all(false), None);
        let mut variants = BTreeMap::new();
        for name in askable {
            for (key, hangs) in [("hang", true), ("fail", false)] {
                let of = |others, base| self.variant(&Cases::one(name, hangs, others), Some(base));
                variants.insert(format!("{key}:{name}"), of(Others::WholeTimeout, &whole));
                variants.insert(
                    format!("{key}:{name} at-once"),
                    of(Others::AtOnce, &at_once),
                );
            }
        }
        variants.insert("hang:*".to_owned(), self.variant(&Cases::all(true), None));
        variants.insert("whole".to_owned(), whole);
        variants.insert("at-once".to_owned(), at_once);
        if !cases.is_empty() {
            variants.insert("asked".to_owned(), self.variant(cases, None));
        }
        variants
    }

    /// One answer, without what is as in `base`.
    fn variant(&self, cases: &Cases, base: Option<&Variant>) -> Variant {
        let courses = cases.courses(self.plan).unwrap_or_default();
        let happened = WhatIf::of(self.plan, self.line, &courses);
        let mut steps = BTreeMap::new();
        for (lane, &(_, step)) in self.lanes.iter().enumerate() {
            let it = &happened.steps[step];
            let place = (
                self.signal + millis(it.start),
                self.signal + millis(it.end),
                code(it.ending),
            );
            if base.is_none_or(|base| base.steps.get(&lane) != Some(&place)) {
                steps.insert(lane, place);
            }
        }
        let exit = self.signal + millis(happened.exit.at);
        Variant {
            exit,
            code: happened.exit.code,
            left: millis(happened.left()),
            words: what_if::words(self.plan, &happened, Duration::from_millis(exit)),
            steps,
        }
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
