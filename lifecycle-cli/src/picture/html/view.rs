//! One platform's chart as the template draws it: lanes, moments and a ruler, in hundredths of the width.

use serde::Serialize;

use super::super::scale::{Scale, share, ticks};
use super::super::scene::{Bar, End, Group, Lane, Panel, Shape, What};
use super::super::text::{Font, plain, width};
use super::super::words::{
    bar_class, bar_title, drawn, group_label, headline, moment_classes, moment_label, moment_words,
    ms, verdict,
};

/// One platform, as it is without a script.
#[derive(Serialize)]
pub(super) struct View {
    id: String,
    name: &'static str,
    label: String,
    headline: String,
    /// What the picture shows and nothing else says: for who does not see it.
    said: String,
    verdict: String,
    verdict_class: String,
    sum: String,
    outcome: String,
    is_bad: bool,
    path_takes: String,
    /// How wide the names are, in characters.
    names: usize,
    moments: Vec<MomentView>,
    moments_height: usize,
    ticks: Vec<Tick>,
    ticks_y: usize,
    path: Vec<Rect>,
    rows: Vec<RowView>,
}

#[derive(Serialize)]
struct MomentView {
    what: What,
    x: f64,
    top: usize,
    y: usize,
    dx: i32,
    anchor: &'static str,
    class: &'static str,
    label_class: &'static str,
    label: String,
}

#[derive(Serialize)]
struct Tick {
    x: f64,
    anchor: &'static str,
    label: String,
}

#[derive(Serialize)]
struct Rect {
    x: f64,
    width: f64,
    y: f64,
    height: f64,
    class: String,
    title: String,
}

#[derive(Serialize)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a class or an attribute of its own"
)]
struct RowView {
    group: &'static str,
    /// Where it begins a group.
    group_label: &'static str,
    name: String,
    kind: bool,
    says: String,
    takes: String,
    span: String,
    on_path: bool,
    is_bad: bool,
    /// The step, for the script.
    lane: Option<usize>,
    /// Shown with the plan only, or with what comes of it only.
    when: &'static str,
    is_after_exit: bool,
    hidden: bool,
    bars: Vec<Rect>,
}

pub(super) fn view(at: usize, plan: &Panel, shown: &Panel, names: usize, end_ms: u64) -> View {
    let (words, class) = verdict(shown);
    let ended = shown.ended.as_ref();
    // Room for labels of one line each, whatever the width.
    let moments: Vec<MomentView> = moments(shown, end_ms);
    let rows = moments.len();
    View {
        id: format!("platform-{at}"),
        name: plan.name,
        label: svg_label(plan),
        headline: headline(plan),
        said: plain(&said(plan)),
        verdict: words,
        verdict_class: format!("verdict-{class}"),
        sum: plan.sum.clone(),
        outcome: ended.map_or(String::new(), |ended| plain(&ended.words)),
        is_bad: ended.is_some_and(|ended| ended.exit_code != 0),
        path_takes: ms(plan.path_ms()),
        names,
        moments,
        moments_height: 16 * rows + 18,
        ticks: ruler(end_ms),
        ticks_y: 16 * rows + 13,
        path: plan
            .path
            .iter()
            .map(|bar| rect(bar, true, end_ms))
            .collect(),
        rows: rows_of(plan, shown, end_ms),
    }
}

/// The plan's moments and its longest path, in a sentence each.
fn said(plan: &Panel) -> String {
    let moments = drawn(plan).map(moment_words).collect::<Vec<_>>();
    let mut said = format!("As planned: {}.", moments.join(", "));
    if !plan.longest_path.is_empty() {
        said += " Longest path: ";
        said += &plan.longest_path.join(", then ");
        said.push('.');
    }
    said
}

fn svg_label(panel: &Panel) -> String {
    format!("What happens on {}, in the order of time", panel.name)
}

fn moments(panel: &Panel, end_ms: u64) -> Vec<MomentView> {
    let mut shown: Vec<_> = drawn(panel).collect();
    if !shown.iter().any(|moment| moment.what == What::Exit) {
        shown.extend(
            panel
                .moments
                .iter()
                .filter(|moment| moment.what == What::Exit),
        );
    }
    let views = shown.iter().enumerate().map(|(row, moment)| {
        let x = percent(moment.at_ms, end_ms);
        let (class, label_class) = moment_classes(panel, moment.what);
        let (anchor, dx) = match x > 50.0 {
            true => ("end", -5),
            false => ("start", 5),
        };
        let is_killed = panel
            .ended
            .as_ref()
            .is_some_and(|it| it.exit_code == lifecycle_manifest::KILLED);
        let hidden = moment.what == What::Exit && is_killed;
        MomentView {
            what: moment.what,
            x,
            top: 16 * row + 2,
            y: 16 * row + 12,
            dx,
            anchor,
            class,
            label_class,
            label: match hidden {
                true => String::new(),
                false => moment_label(moment, end_ms),
            },
        }
    });
    views.collect()
}

fn ruler(end_ms: u64) -> Vec<Tick> {
    // As on the narrowest screen.
    const NARROW: f64 = 330.0;
    let scale = Scale {
        from: 0.0,
        to: NARROW,
        end_ms,
    };
    let widest = width(&ms(end_ms), Font::Mono, 11.0, false);
    let ticks = ticks(&scale, widest.max(34.0) + 14.0);
    let view = |at_ms: u64| {
        let x = percent(at_ms, end_ms);
        Tick {
            x,
            anchor: match x {
                x if x < 1.0 => "start",
                x if x > 94.0 => "end",
                _ => "middle",
            },
            label: ms(at_ms),
        }
    };
    ticks.into_iter().map(view).collect()
}

/// The lanes; those of the plan's end and those of what comes of it, of which one is hidden.
fn rows_of(plan: &Panel, shown: &Panel, end_ms: u64) -> Vec<RowView> {
    let asked = shown.ended.is_some();
    let mut before = None;
    let mut steps = 0;
    let after = shown.moment(What::Exit).unwrap_or(u64::MAX);
    let mut rows = Vec::new();
    let is_end = |lane: &&Lane| lane.group == Group::End;
    let lanes = shown.lanes.iter().filter(|lane| !is_end(lane));
    for lane in lanes {
        let is_step = lane.kind.is_some();
        let start = lane.bars.first().map_or(0, |bar| bar.start_ms);
        let view = row(lane, before != Some(lane.group), end_ms);
        before = Some(lane.group);
        rows.push(RowView {
            lane: is_step.then_some(steps),
            is_after_exit: !is_step && steps > 0 && start >= after,
            ..view
        });
        steps += usize::from(is_step);
    }
    let ends = plan.lanes.iter().filter(is_end).enumerate();
    rows.extend(ends.map(|(at, lane)| RowView {
        when: "plan",
        hidden: asked,
        ..row(lane, at == 0, end_ms)
    }));
    let mut left = shown.lanes.iter().filter(|lane| asked && is_end(lane));
    let left = left.next().map(|lane| row(lane, true, end_ms));
    let hidden = left.is_none();
    rows.push(RowView {
        when: "played",
        hidden,
        ..left.unwrap_or_else(|| RowView {
            group: "end",
            group_label: group_label(Group::End),
            name: "left before SIGKILL".to_owned(),
            kind: false,
            says: "from the end of the last process to SIGKILL".to_owned(),
            takes: String::new(),
            span: String::new(),
            on_path: false,
            is_bad: false,
            lane: None,
            when: "played",
            is_after_exit: false,
            hidden: true,
            bars: Vec::new(),
        })
    });
    rows
}

fn row(lane: &Lane, is_first: bool, end_ms: u64) -> RowView {
    let drawn = lane.bars.iter().filter(|bar| bar.shape != Shape::Planned);
    let (start, end) = drawn.fold((u64::MAX, 0), |(start, end), bar| {
        (start.min(bar.start_ms), end.max(bar.end_ms))
    });
    let span = match start > end {
        true => String::new(),
        false => format!("from {} to {}", ms(start), ms(end)),
    };
    RowView {
        group: lane.group.as_str(),
        group_label: if is_first {
            group_label(lane.group)
        } else {
            ""
        },
        name: plain(&lane.name),
        kind: lane.kind.is_some(),
        says: plain(&lane.says),
        takes: lane.takes.clone(),
        span,
        on_path: lane.on_longest_path,
        is_bad: lane.ending.is_some_and(|ending| ending != End::Done),
        lane: None,
        when: "",
        is_after_exit: false,
        hidden: false,
        bars: lane
            .bars
            .iter()
            .filter(|bar| bar.start_ms < end_ms)
            .map(|bar| rect(bar, lane.on_longest_path, end_ms))
            .collect(),
    }
}

fn rect(bar: &Bar, on_path: bool, end_ms: u64) -> Rect {
    let is_frame = bar.shape == Shape::Grace;
    let x = percent(bar.start_ms, end_ms);
    Rect {
        x: x.min(99.75),
        width: (percent(bar.end_ms, end_ms) - x).max(0.25),
        y: if is_frame { 10.0 } else { 5.0 },
        height: if is_frame { 4.0 } else { 14.0 },
        class: bar_class(bar, on_path),
        title: plain(&bar_title(bar)),
    }
}

/// A place, in hundredths of the width, to a thousandth of that.
fn percent(at_ms: u64, end_ms: u64) -> f64 {
    (share(at_ms.min(end_ms), end_ms) * 100_000.0).round() / 1_000.0
}
