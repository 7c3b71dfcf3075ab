//! The picture as a gantt of Mermaid, for pages that render it: a README, a wiki, an issue.

use std::fmt::Write as _;

use super::scene::{Group, Panel, Scene, Shape, What};
use super::words::{headline, ms, verdict};

/// Longest times that a clock of one day shows.
const DAY: u64 = 24 * 3_600_000 - 1;

/// Writes the gantt.
pub(crate) fn write(scene: &Scene) -> String {
    let mut text = String::new();
    if !scene.what_if.is_empty() {
        let _ = writeln!(text, "%% if {}", plain(&scene.what_if.join(", ")));
    }
    let title = match scene.platforms.as_slice() {
        [panel] => format!(
            "{} on {} {}, {}",
            scene.service,
            panel.name,
            headline(panel),
            verdict(panel).0
        ),
        _ => format!("How {} stops", scene.service),
    };
    let end = scene.end_ms.min(DAY);
    // Without a date, times are those of today, and are shown as they were written wherever it is read.
    let _ = write!(
        text,
        "gantt\n    title {}\n    dateFormat HH:mm:ss.SSS\n    axisFormat {}\n    tickInterval {}\n    todayMarker off\n",
        plain(&title),
        if end < 3_600_000 { "%M:%S" } else { "%H:%M:%S" },
        interval(end)
    );
    for panel in &scene.platforms {
        write_panel(&mut text, panel, scene.platforms.len() > 1);
    }
    text
}

fn write_panel(text: &mut String, panel: &Panel, is_one_of_many: bool) {
    let mut section = None;
    let mut begin = |text: &mut String, group: Group| {
        if section == Some(group) {
            return;
        }
        section = Some(group);
        let name = match is_one_of_many {
            true => format!("{} {}", panel.platform, group.as_str()),
            false => group.as_str().to_owned(),
        };
        let _ = writeln!(text, "    section {name}");
    };
    begin(text, Group::Platform);
    if let Some(signal) = panel.moments.iter().find(|it| it.what == What::Signal) {
        milestone(text, &signal.label, signal.at_ms, "");
    }
    for lane in &panel.lanes {
        begin(text, lane.group);
        let bars = lane.bars.iter().filter(|bar| {
            // A gantt has one bar a line: what was planned is in the plan's own picture, and the unwind in
            // the step's.
            !matches!(bar.shape, Shape::Planned | Shape::Unwind | Shape::Grace)
        });
        for bar in bars {
            let tags = match bar.shape {
                Shape::GivenUp | Shape::Failed | Shape::Missing => "crit, ",
                Shape::Reserve | Shape::Spare => "done, ",
                _ if lane.on_longest_path => "active, ",
                _ => "",
            };
            let end = lane
                .bars
                .iter()
                .find(|it| it.shape == Shape::Unwind && it.start_ms == bar.end_ms);
            let end = end.map_or(bar.end_ms, |unwind| unwind.end_ms);
            let _ = writeln!(
                text,
                "    {} {} :{tags}{}, {}",
                task(&lane.name),
                plain(&lane.takes),
                clock(bar.start_ms),
                clock(end.max(bar.start_ms + 1))
            );
        }
    }
    begin(text, Group::End);
    if let Some(ended) = &panel.ended {
        let label = match ended.exit_code {
            lifecycle_manifest::KILLED => "killed".to_owned(),
            code => format!("exits with {code}"),
        };
        milestone(
            text,
            &label,
            ended.exit_ms,
            if ended.exit_code == 0 { "" } else { "crit, " },
        );
    }
    if let Some(kill) = panel.moments.iter().find(|it| it.what == What::Kill) {
        milestone(text, &kill.label, kill.at_ms, "crit, ");
    }
}

fn milestone(text: &mut String, label: &str, at_ms: u64, tags: &str) {
    let _ = writeln!(
        text,
        "    {} at {} :{tags}milestone, {}, 0s",
        task(label),
        ms(at_ms),
        clock(at_ms)
    );
}

/// Between two ticks, so that there are few.
fn interval(end: u64) -> String {
    const STEPS: [(u64, &str); 9] = [
        (10_000, "1second"),
        (50_000, "5second"),
        (100_000, "10second"),
        (300_000, "30second"),
        (600_000, "1minute"),
        (3_000_000, "5minute"),
        (6_000_000, "10minute"),
        (18_000_000, "30minute"),
        (36_000_000, "1hour"),
    ];
    let step = STEPS.iter().find(|(until, _)| end <= *until);
    step.map_or("3hour", |(_, words)| words).to_owned()
}

fn clock(at_ms: u64) -> String {
    let at = at_ms.min(DAY);
    let (hours, minutes) = (at / 3_600_000, at / 60_000 % 60);
    format!(
        "{hours:02}:{minutes:02}:{:02}.{:03}",
        at / 1_000 % 60,
        at % 1_000
    )
}

/// What begins a line: what Mermaid would take for a word of its own is told from it by a mark.
fn task(name: &str) -> String {
    // In its grammar these are followed by a blank, and the others by whatever is no letter.
    const WORDS: [&str; 12] = [
        "axisformat",
        "call",
        "click",
        "dateformat",
        "excludes",
        "href",
        "includes",
        "section",
        "tickinterval",
        "title",
        "todaymarker",
        "weekend",
    ];
    const ALONE: [&str; 5] = [
        "gantt",
        "inclusiveenddates",
        "topaxis",
        "accdescr",
        "acctitle",
    ];
    let name = plain(name);
    let lower = name.to_lowercase();
    let first = lower.split(' ').next().unwrap_or_default();
    let letters = lower.split(|c: char| !c.is_alphanumeric()).next();
    match WORDS.contains(&first) || ALONE.contains(&letters.unwrap_or_default()) {
        true => format!("\u{2023} {name}"),
        false => name,
    }
}

/// Text that ends neither its line nor its task: Mermaid has no way to quote it.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            ':' | ';' | '#' | '%' | '`' | '"' | '<' | '>' => ' ',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}
