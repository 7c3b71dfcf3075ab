//! What the pictures say and how their marks are called, the same in each of them.

use std::time::Duration;

use lifecycle_manifest::duration::human;

use super::scene::{Bar, Group, Moment, Panel, Scene, Shape, What};

/// The picture in words.
pub(super) fn description(scene: &Scene) -> String {
    let panels = scene.platforms.iter().map(|panel| {
        let path = match panel.longest_path.is_empty() {
            true => String::new(),
            false => format!(" Longest path: {}.", panel.longest_path.join(", then ")),
        };
        let ended = panel.ended.as_ref();
        let ended = ended.map_or(String::new(), |ended| format!(" {}", ended.words));
        format!(
            "{}: {}.{path} {}{ended}",
            panel.name,
            headline(panel),
            panel.sum
        )
    });
    panels.collect::<Vec<_>>().join(" ")
}

/// What is needed of what there is.
pub(super) fn headline(panel: &Panel) -> String {
    format!(
        "needs {} of {} grace period ({})",
        ms(panel.needed_ms),
        ms(panel.grace_ms),
        panel.grace_origin
    )
}

/// What is left, or missing.
pub(super) fn verdict(panel: &Panel) -> (String, &'static str) {
    let time = ms(panel.spare_ms.unsigned_abs());
    match panel.spare_ms < 0 {
        true => (format!("{time} missing"), "bad"),
        false => (format!("{time} to spare"), "good"),
    }
}

/// Milliseconds for people.
pub(super) fn ms(time: u64) -> String {
    human(Duration::from_millis(time))
}

/// The words of a moment, with its time.
pub(super) fn moment_words(moment: &Moment) -> String {
    match moment.what {
        What::Exit if moment.label.ends_with(" by") => {
            format!("{} {}", moment.label, ms(moment.at_ms))
        }
        _ => format!("{} at {}", moment.label, ms(moment.at_ms)),
    }
}

/// The same, with an arrow where it lies beyond the end.
pub(super) fn moment_label(moment: &Moment, end_ms: u64) -> String {
    let words = moment_words(moment);
    match moment.at_ms > end_ms {
        true => format!("{words} \u{2192}"),
        false => words,
    }
}

/// The moments that are drawn, of those that there are.
pub(super) fn drawn(panel: &Panel) -> impl Iterator<Item = &Moment> {
    panel.moments.iter().filter(|moment| match moment.what {
        What::Signal | What::Kill => true,
        // Who is killed is gone at SIGKILL.
        What::Exit => panel.kill_ms() != Some(moment.at_ms),
        What::IntakeStops | What::Watchdog => false,
    })
}

/// The class of a moment's line, and that of its words.
pub(super) fn moment_classes(panel: &Panel, what: What) -> (&'static str, &'static str) {
    let is_bad = match &panel.ended {
        Some(ended) => ended.exit_code != 0,
        None => panel.moment(What::Exit) > panel.kill_ms(),
    };
    match what {
        What::Exit if is_bad => ("moment moment-exit moment-bad", "bad"),
        What::Signal => ("moment moment-signal", "strong"),
        What::Exit => ("moment moment-exit", "good"),
        What::Kill => ("moment moment-kill", "bad strong"),
        What::IntakeStops | What::Watchdog => ("moment", "muted"),
    }
}

/// The classes of a bar.
pub(super) fn bar_class(bar: &Bar, on_path: bool) -> String {
    let group = bar.group.as_str();
    match bar.shape {
        Shape::Time if on_path => format!("bar {group} path"),
        Shape::Time => format!("bar {group}"),
        Shape::Unwind => format!("bar {group} unwind"),
        shape => format!("bar {}", shape.as_str()),
    }
}

/// What a bar says when it is pointed at.
pub(super) fn bar_title(bar: &Bar) -> String {
    format!(
        "{}: {}, from {} to {}",
        bar.label,
        ms(bar.end_ms.saturating_sub(bar.start_ms)),
        ms(bar.start_ms),
        ms(bar.end_ms)
    )
}

/// What a group is called in a picture.
pub(super) const fn group_label(group: Group) -> &'static str {
    match group {
        Group::Platform => "PLATFORM",
        Group::Traffic => "TRAFFIC",
        Group::Drain => "DRAIN",
        Group::Flush => "FLUSH",
        Group::Close => "CLOSE",
        Group::End => "MARGIN",
    }
}

/// The marks that a scene uses, and what each means.
pub(super) fn legend(scene: &Scene) -> Vec<(&'static str, &'static str)> {
    let lanes = || scene.platforms.iter().flat_map(|panel| &panel.lanes);
    let has = |shape: Shape| {
        let bars = lanes().flat_map(|lane| &lane.bars);
        bars.into_iter().any(|bar| bar.shape == shape)
    };
    let steps = || lanes().filter(|lane| lane.kind.is_some());
    let of = |group: Group| lanes().any(|lane| lane.group == group);
    let all = [
        (
            of(Group::Platform),
            "bar platform path",
            "the platform's own time",
        ),
        (of(Group::Traffic), "bar traffic", "requests still arrive"),
        (
            steps().any(|lane| lane.on_longest_path),
            "bar drain path",
            "on the longest path",
        ),
        (
            steps().any(|lane| !lane.on_longest_path),
            "bar drain",
            "beside it",
        ),
        (
            has(Shape::Unwind),
            "bar drain unwind",
            "unwind: cancelled work lets go",
        ),
        (has(Shape::Planned), "bar planned", "as planned"),
        (has(Shape::GivenUp), "bar given-up", "cut off"),
        (has(Shape::Failed), "bar failed", "failed"),
        (
            has(Shape::Reserve),
            "bar reserve",
            "reserve: nothing is planned for it",
        ),
        (has(Shape::Spare), "bar spare", "left before SIGKILL"),
        (has(Shape::Missing), "bar missing", "planned beyond SIGKILL"),
    ];
    let used = all.into_iter().filter(|(used, ..)| *used);
    used.map(|(_, class, words)| (class, words)).collect()
}
