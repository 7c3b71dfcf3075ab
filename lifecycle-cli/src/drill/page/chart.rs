//! The picture of a run: its lanes over one axis, and the moments that go through all of them.

use serde::Serialize;

use lifecycle_drill::Measured;
use lifecycle_drill::measured::Zero;
use lifecycle_drill::words::{moment, span};

use super::lanes::{Lane, lanes};
use super::scale::{Scale, Tick, number};

/// A picture.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    /// Different for each on the page.
    pub(super) id: String,
    /// What is shown of the drill, for the switch between several.
    pub(super) name: &'static str,
    /// How far it reaches, in words.
    pub(super) reaches: String,
    pub(super) start_ms: String,
    pub(super) end_ms: String,
    /// It is the one to begin with.
    pub(super) first: bool,
    pub(super) ticks: Vec<Tick>,
    pub(super) marks: Vec<Mark>,
    /// How many rows the words of the marks need.
    pub(super) mark_rows: usize,
    pub(super) lanes: Vec<Lane>,
}

/// A moment, drawn through all lanes.
#[derive(Debug, Serialize)]
pub(super) struct Mark {
    /// In units of the drawing.
    pub(super) x: String,
    /// In percent.
    pub(super) left: String,
    /// The words stand to the left of it, since there is no room on its right.
    pub(super) before: bool,
    /// In which row its words stand, from 0.
    pub(super) row: usize,
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// The pictures of a run: of what was measured, and of the whole plan where that is much longer.
pub(super) fn charts(run: &Measured, id: &str) -> Vec<Chart> {
    let whole = whole(run);
    let close = close(run);
    let draw = |name, kind: &str, scale: Scale, first| {
        Chart::draw(run, name, &format!("{id}-{kind}"), scale, first)
    };
    match close {
        Some(close) if close.length() < whole.length() * 0.6 => vec![
            draw("What was measured", "close", close, true),
            draw("The whole plan, to SIGKILL", "whole", whole, false),
        ],
        _ => vec![draw("The whole drill", "whole", whole, true)],
    }
}

/// The same stretch of several runs, to be compared at a glance: only what differs from run to run.
pub(super) fn small(runs: &[&Measured], ids: &[String]) -> Vec<Chart> {
    let shown = runs
        .iter()
        .map(|run| close(run).unwrap_or_else(|| whole(run)));
    let common = shown.reduce(|one, other| {
        Scale::new(
            one.start_ms.min(other.start_ms),
            one.end_ms.max(other.end_ms),
        )
    });
    let Some(scale) = common else {
        return Vec::new();
    };
    let draw = |(run, id): (&&Measured, &String)| {
        let mut chart = Chart::draw(run, "", id, scale, true);
        let kept = |lane: &Lane| ["measured", "outcomes", "not served"].contains(&&*lane.name);
        chart.lanes.retain(kept);
        chart.keep_marks(&["signal", "exit", "kill"]);
        chart
    };
    runs.iter().zip(ids).map(draw).collect()
}

/// Two runs whole, over the same stretch.
pub(super) fn pair(runs: [&Measured; 2], ids: [&str; 2]) -> [Chart; 2] {
    let [one, other] = runs.map(|run| close(run).unwrap_or_else(|| whole(run)));
    let scale = Scale::new(
        one.start_ms.min(other.start_ms),
        one.end_ms.max(other.end_ms),
    );
    let [first, second] = [0, 1].map(|at| Chart::draw(runs[at], "", ids[at], scale, true));
    [first, second]
}

/// From the start of the load to SIGKILL, or to the end of what was measured.
fn whole(run: &Measured) -> Scale {
    let (times, plan) = (&run.timeline, &run.planned);
    let start = times.ready_ms.unwrap_or(times.started_ms);
    let start = start.min(times.asked_ms.unwrap_or(start));
    let end = last_seen(run);
    let end = match times.zero {
        Zero::Signal => end.max(plan.signal_to_kill_ms),
        Zero::Start => end,
    };
    Scale::new(start, end + (end - start) * 0.07)
}

/// From shortly before the stop to the end of what was measured; `None` where nobody asked for a stop.
fn close(run: &Measured) -> Option<Scale> {
    let times = &run.timeline;
    let asked = times.asked_ms?;
    let start = times.ready_ms.unwrap_or(times.started_ms);
    let end = last_seen(run);
    // A slice is drawn whole, so a stretch of a few of them would show requests where there were none.
    let slice = run.series.as_ref().map_or(0.0, |series| series.slice_ms);
    let before = ((end - asked) * 0.35).max(slice * 30.0);
    let after = ((end - asked) * 0.1).max(slice * 3.0);
    Some(Scale::new(start.max(asked - before), end + after))
}

fn last_seen(run: &Measured) -> f64 {
    let times = &run.timeline;
    let moments = [
        times.ended_ms,
        times.killed_ms,
        times.routing_ended_ms,
        times.signalled_ms,
        times.ready_ms,
    ];
    moments
        .into_iter()
        .flatten()
        .fold(times.started_ms, f64::max)
}

impl Chart {
    fn draw(run: &Measured, name: &'static str, id: &str, scale: Scale, first: bool) -> Self {
        let (marks, mark_rows) = marks(run, &scale);
        Self {
            id: id.to_owned(),
            name,
            reaches: span(scale.length()),
            start_ms: number(scale.start_ms),
            end_ms: number(scale.end_ms),
            first,
            ticks: scale.ticks(),
            marks,
            mark_rows,
            lanes: lanes(run, &scale),
        }
    }

    /// Without the marks of other classes, which keep their rows otherwise.
    fn keep_marks(&mut self, classes: &[&str]) {
        self.marks.retain(|mark| classes.contains(&mark.class));
        let mut rows: Vec<usize> = self.marks.iter().map(|mark| mark.row).collect();
        rows.sort_unstable();
        rows.dedup();
        for mark in &mut self.marks {
            mark.row = rows.iter().position(|row| *row == mark.row).unwrap_or(0);
        }
        self.mark_rows = rows.len();
    }
}

/// The moments that this scale shows, their words in as many rows as keep them apart.
fn marks(run: &Measured, scale: &Scale) -> (Vec<Mark>, usize) {
    let times = &run.timeline;
    let kill = times.killed_ms.is_none() && times.zero == Zero::Signal;
    let ended = match run.process.sigkill_needed {
        true => None,
        false => times.ended_ms,
    };
    let moments = [
        (times.asked_ms, "asked", "stop asked"),
        (times.signalled_ms, "signal", &*run.signal),
        (times.routing_ended_ms, "routing", "routing ends"),
        (ended, "exit", "exit"),
        (times.killed_ms, "kill", "SIGKILL"),
        (
            kill.then_some(run.planned.signal_to_kill_ms),
            "kill-planned",
            "SIGKILL planned",
        ),
    ];
    let mut shown: Vec<(f64, &'static str, String)> = moments
        .into_iter()
        .filter_map(|(at, class, words)| Some((at?, class, words)))
        .filter(|(at, ..)| scale.holds(*at))
        .map(|(at, class, words)| (at, class, format!("{words} {}", moment(at))))
        .collect();
    shown.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut rows: Vec<f64> = Vec::new();
    let marks = shown.into_iter().map(|(at, class, text)| {
        let x = scale.x(at);
        // As wide as on a phone.
        #[expect(clippy::cast_precision_loss, reason = "it is a few words")]
        let wide = text.len() as f64 * 20.0;
        let before = x + wide > 1_000.0;
        let (from, to) = match before {
            true => (x - wide, x),
            false => (x, x + wide),
        };
        let row = rows
            .iter()
            .position(|end| *end <= from)
            .unwrap_or(rows.len());
        if row == rows.len() {
            rows.push(to);
        } else {
            rows[row] = to;
        }
        Mark {
            x: number(x),
            left: scale.percent(at),
            before,
            row,
            class,
            text,
        }
    });
    let marks: Vec<Mark> = marks.collect();
    (marks, rows.len())
}
