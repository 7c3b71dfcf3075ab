//! A platform's picture, from its timeline or from what comes of it.

use std::time::Duration;

use lifecycle_manifest::duration::millis;
use lifecycle_manifest::{Course, Ending, Plan, Timeline, WhatIf};

use super::super::what_if;
use super::lanes::lanes;
use super::row::{Row, left_over};
use super::{Bar, Ended, Group, Moment, Panel, Shape, What};

/// Where the scale ends: after the last bar and the last SIGKILL, unless that one lies so far away that
/// nothing could be told apart before it.
pub(super) fn end(panels: &[Panel]) -> u64 {
    let bars = panels
        .iter()
        .flat_map(|panel| panel.lanes.iter().flat_map(|lane| &lane.bars))
        .filter(|bar| !matches!(bar.shape, Shape::Spare | Shape::Grace));
    let busy = bars.map(|bar| bar.end_ms).max().unwrap_or(0);
    let kill = panels.iter().filter_map(Panel::kill_ms).max().unwrap_or(0);
    match kill > busy.saturating_mul(4) && busy > 0 {
        true => busy.saturating_mul(2),
        false => busy.max(kill).max(1),
    }
}

pub(super) fn panel(plan: &Plan, line: &Timeline, courses: Option<&[Course]>) -> Panel {
    let at = Clock::of(line);
    let happened = courses.map(|courses| WhatIf::of(plan, line, courses));
    let exit = happened
        .as_ref()
        .map_or(line.steps_end(), |happened| happened.exit.at);
    let spare = match line.spare() {
        Some(spare) => i64::try_from(millis(spare)).unwrap_or(i64::MAX),
        None => -i64::try_from(millis(line.missing())).unwrap_or(i64::MAX),
    };
    let ended = happened.as_ref().map(|happened| ended(plan, &at, happened));
    Panel {
        platform: line.platform(),
        name: line.facts.name,
        grace_ms: millis(line.grace().value),
        grace_origin: line.grace().origin.to_string(),
        needed_ms: millis(line.needed()),
        spare_ms: spare,
        sum: line.sum(),
        longest_path: line
            .longest_path_names(plan)
            .into_iter()
            .map(str::to_owned)
            .collect(),
        moments: moments(line, &at, exit, ended.as_ref()),
        path: path(plan, line, &at),
        lanes: lanes(plan, line, &at, happened.as_ref()),
        ended,
    }
}

/// Milliseconds since the stop.
pub(super) struct Clock {
    signal: Duration,
}

impl Clock {
    fn of(line: &Timeline) -> Self {
        Self {
            signal: line.stop_to_signal(),
        }
    }

    /// Of a moment counted from the signal.
    pub(super) fn ms(&self, since_signal: Duration) -> u64 {
        millis(self.signal + since_signal)
    }
}

fn moments(line: &Timeline, at: &Clock, exit: Duration, ended: Option<&Ended>) -> Vec<Moment> {
    let moment = |what, since_signal, label: &str| Moment {
        what,
        at_ms: at.ms(since_signal),
        label: label.to_owned(),
    };
    let gone = match ended {
        None if exit > line.signal_to_kill() => "would exit by".to_owned(),
        None => "exits by".to_owned(),
        Some(ended) if ended.exit_code == lifecycle_manifest::KILLED => "killed".to_owned(),
        Some(ended) => format!("exits with {}", ended.exit_code),
    };
    let mut moments = vec![
        moment(What::Signal, Duration::ZERO, line.terms.signal.name()),
        moment(What::IntakeStops, line.app_settle.value, "intake stops"),
        moment(What::Exit, exit, &gone),
        moment(What::Watchdog, line.deadline(), "watchdog"),
        moment(What::Kill, line.signal_to_kill(), "SIGKILL"),
    ];
    moments.sort_by_key(|moment| moment.at_ms);
    moments
}

/// The sum as bars.
fn path(plan: &Plan, line: &Timeline, at: &Clock) -> Vec<Bar> {
    let mut row = Row::default();
    row.extend(line.terms.outside.iter(), Group::Platform);
    row.extend(line.terms.hook.iter(), Group::Platform);
    if !line.app_settle.value.is_zero() {
        row.extend([&line.app_settle], Group::Traffic);
    }
    for &step in &line.longest_path {
        let group = Group::of(plan.steps[step].phase);
        row.extend([&line.windows[step].timeout], group);
        row.push(Shape::Unwind, group, line.unwind, "unwind");
    }
    row.extend(&line.terms.sidecars, Group::Platform);
    row.push(Shape::Reserve, Group::End, line.reserve.value, "reserve");
    let kill = at.ms(line.signal_to_kill());
    if let Some(bar) = left_over(row.at, kill) {
        row.bars.push(bar);
    }
    row.bars
}

fn ended(plan: &Plan, at: &Clock, happened: &WhatIf) -> Ended {
    let lost = plan
        .steps
        .iter()
        .zip(&happened.steps)
        .filter(|(_, it)| it.ending != Ending::Done)
        .map(|(step, _)| step.name.clone());
    Ended {
        exit_ms: at.ms(happened.exit.at),
        exit_code: happened.exit.code,
        left_ms: millis(happened.left()),
        lost: lost.collect(),
        words: what_if::words(
            plan,
            happened,
            Duration::from_millis(at.ms(happened.exit.at)),
        ),
    }
}
