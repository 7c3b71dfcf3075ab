use std::time::Duration;

use super::{DEFAULT_RESERVE, Timeline};
use crate::{Analysis, Origin};

/// The timeline of a program with one step, and an unwind of 250 ms.
fn timeline(timeout: &str, platform: &str) -> Timeline {
    let text = format!(
        "lifecycle: 1\nservice: shop\nresources: {{ jobs: {{ kind: task, timeout: {timeout} }} }}\n\
         platforms: {{ {platform} }}\n"
    );
    let analysis = Analysis::of(&text);
    let resolved = analysis
        .resolved
        .unwrap_or_else(|| panic!("{text}: {:?}", analysis.findings));
    resolved.timelines.into_iter().next().unwrap()
}

#[test]
fn the_reserve_is_the_formats_own_from_twenty_seconds_of_work_on() {
    let less = timeline("19s749ms", "kubernetes: {}");
    assert_eq!(less.reserve.value, Duration::from_secs(5));
    assert!(matches!(less.reserve.origin, Origin::Derived(_)));
    let enough = timeline("19s750ms", "kubernetes: {}");
    assert_eq!(enough.reserve.value, DEFAULT_RESERVE);
    assert!(matches!(enough.reserve.origin, Origin::FormatDefault));
}

#[test]
fn a_grace_period_of_just_the_platforms_most_would_do() {
    // ECS on Fargate gives two minutes at most.
    let just = timeline("114s750ms", "ecs: {}");
    assert_eq!(just.needed(), Duration::from_secs(120));
    assert_eq!(just.smallest_grace(), Some(Duration::from_secs(120)));
    let more = timeline("114s751ms", "ecs: {}");
    assert_eq!(more.smallest_grace(), None);
    // What is fixed is not to be had in any other size.
    assert_eq!(timeline("1s", "heroku: {}").smallest_grace(), None);
}
