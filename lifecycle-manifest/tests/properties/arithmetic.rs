//! The sums against sums done by hand, over every path.

use std::time::Duration;

use lifecycle_manifest::{Analysis, Plan, Platform, Severity, Timeline};
use proptest::prelude::*;

use crate::model::{self, Common, Model, PLAIN, Settle};
use crate::yaml::{Style, write};

fn analysis(model: &Model) -> Analysis {
    Analysis::of(&write(&model::tree(model), Style::new(Vec::new())).text)
}

fn seconds_up(millis: u64) -> u64 {
    millis.div_ceil(1_000) * 1_000
}

/// The longest way to the end of a step, by trying every one.
fn longest_to(plan: &Plan, step: usize, cost: &dyn Fn(usize) -> u64) -> u64 {
    let before = plan
        .waits_for(step)
        .into_iter()
        .map(|other| longest_to(plan, other, cost))
        .max();
    before.unwrap_or(0) + cost(step)
}

/// What a platform makes of a manifest: grace, hook, the program's settle time, sidecars.
struct Terms {
    grace: u64,
    cap: Option<u64>,
    hook: u64,
    settle: u64,
    sidecars: u64,
}

fn terms(model: &Model, platform: &str) -> (Terms, Common) {
    let traffic = model.resources.iter().any(model::Resource::takes_traffic);
    let owed = |lags: bool| {
        let written = model.settle.filter(|_| traffic);
        written.unwrap_or(if lags && traffic { 5_000 } else { 0 })
    };
    match platform {
        "kubernetes" => {
            let kubernetes = model.kubernetes.clone().expect("it is in the manifest");
            let common = kubernetes.common.clone();
            let app = common.app_settle;
            let hook = match (kubernetes.pre_stop, kubernetes.old) {
                (Some(pre_stop), _) => seconds_up(pre_stop),
                (None, true) => 0,
                (None, false) => seconds_up(owed(true).saturating_sub(app.unwrap_or(0))),
            };
            let terms = Terms {
                grace: seconds_up(common.grace.unwrap_or(30_000)),
                cap: None,
                hook,
                settle: app.unwrap_or_else(|| owed(true).saturating_sub(hook)),
                sidecars: kubernetes
                    .sidecars
                    .iter()
                    .filter(|(_, native)| native.unwrap_or(true))
                    .map(|(timeout, _)| timeout)
                    .sum(),
            };
            (terms, common)
        }
        "ecs" => {
            let ecs = model.ecs.clone().expect("it is in the manifest");
            let drained_first = ecs.balancer.is_some() && ecs.spot != Some(true);
            let before = match &ecs.balancer {
                Some(balancer) if drained_first => seconds_up(balancer.delay.unwrap_or(300_000)),
                _ => 0,
            };
            let terms = Terms {
                grace: seconds_up(ecs.common.grace.unwrap_or(30_000)),
                cap: (!ecs.ec2).then_some(120_000),
                hook: 0,
                settle: ecs
                    .common
                    .app_settle
                    .unwrap_or_else(|| owed(!drained_first).saturating_sub(before)),
                sidecars: 0,
            };
            (terms, ecs.common)
        }
        "compose" => {
            let (common, _) = model.compose.clone().expect("it is in the manifest");
            let terms = Terms {
                grace: seconds_up(common.grace.unwrap_or(10_000)),
                cap: None,
                hook: 0,
                settle: common.app_settle.unwrap_or_else(|| owed(false)),
                sidecars: 0,
            };
            (terms, common)
        }
        key => {
            let (at, common) = model.plain.clone().expect("it is in the manifest");
            let plain = &PLAIN[at];
            assert_eq!(plain.key, key);
            let grace = common.grace.unwrap_or(plain.grace);
            let settle = match plain.settle {
                Settle::AsWritten => owed(false),
                Settle::Program => owed(true),
                Settle::Platform => 0,
            };
            let terms = Terms {
                grace: grace.div_ceil(plain.unit) * plain.unit,
                cap: plain.cap,
                hook: 0,
                settle: common.app_settle.unwrap_or(settle),
                sidecars: 0,
            };
            (terms, common)
        }
    }
}

/// Every platform is held against sums done by hand.
#[test]
fn no_platform_is_left_out() {
    let own = ["kubernetes", "ecs", "compose"].into_iter();
    let mut keys: Vec<&str> = own.chain(PLAIN.iter().map(|plain| plain.key)).collect();
    let mut all = Platform::KEYS.to_vec();
    keys.sort_unstable();
    all.sort_unstable();
    assert_eq!(keys, all, "each platform has a line in `model::PLAIN`");
}

/// All that must fit inside the grace period.
fn needed(model: &Model, plan: &Plan, line: &Timeline) -> u64 {
    let (terms, common) = terms(model, line.platform());
    let unwind = model.unwind.unwrap_or(250);
    let cost = |step: usize| {
        let at: usize = plan.steps[step].name[1..].parse().expect("r and a number");
        common.timeouts[at].unwrap_or(model.resources[at].timeout) + unwind
    };
    let path = (0..plan.steps.len())
        .map(|step| longest_to(plan, step, &cost))
        .max()
        .unwrap_or(0);
    let work = terms.hook + terms.settle + path + terms.sidecars;
    work + model.reserve.unwrap_or_else(|| work.div_ceil(4).min(5_000))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn what_is_needed_is_the_longest_way(model in model::manifest()) {
        let analysis = analysis(&model);
        let resolved = analysis.resolved.as_ref().expect("a readable manifest");
        for line in &resolved.timelines {
            let by_hand = needed(&model, &resolved.plan, line);
            prop_assert_eq!(line.needed(), Duration::from_millis(by_hand), "{}", line.sum());
            let (terms, _) = terms(&model, line.platform());
            prop_assert_eq!(line.grace().value, Duration::from_millis(terms.grace));
            prop_assert_eq!(line.signal_at(), Duration::from_millis(terms.hook));
            // The sum that is shown is the sum that is meant.
            let shown: Duration = line.terms_of_needed().iter().map(|term| term.value).sum();
            let unwinds = line.unwind * u32::try_from(line.longest_path.len()).expect("few steps");
            prop_assert_eq!(shown + unwinds, line.needed(), "{}", line.sum());
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error_and_what_fits_is_none(model in model::manifest()) {
        let analysis = analysis(&model);
        let resolved = analysis.resolved.as_ref().expect("a readable manifest");
        for line in &resolved.timelines {
            let (terms, _) = terms(&model, line.platform());
            let by_hand = needed(&model, &resolved.plan, line);
            let fits = by_hand <= terms.grace && terms.cap.is_none_or(|cap| by_hand <= cap);
            let budget = ["LC101", "LC102", "LC103", "LC104", "LC106", "LC122"];
            let refused = analysis.findings.iter().any(|finding| {
                finding.severity == Severity::Error
                    && finding.platform == Some(line.platform())
                    && budget.contains(&finding.rule.code)
            });
            prop_assert_eq!(fits, !refused, "{}: {}", line.platform(), line.sum());
        }
    }

    #[test]
    fn the_smallest_grace_fits_and_a_second_less_does_not(model in model::manifest()) {
        let before = analysis(&model);
        let resolved = before.resolved.as_ref().expect("a readable manifest");
        for line in resolved.timelines.iter().filter(|line| line.platform() == "kubernetes") {
            let smallest = line.smallest_grace().expect("Kubernetes has no cap");
            let smallest = u64::try_from(smallest.as_millis()).expect("a short time");
            let mut model = model.clone();
            for (grace, fits) in [(smallest, true), (smallest.saturating_sub(1_000), false)] {
                model.kubernetes.as_mut().expect("it is there").common.grace = Some(grace);
                let after = analysis(&model);
                let line = &after.resolved.as_ref().expect("a readable manifest").timelines[0];
                prop_assert_eq!(line.missing().is_zero(), fits, "{}", line.sum());
            }
        }
    }

    #[test]
    fn the_watchdog_waits_for_every_step_and_is_done_before_the_kill(model in model::manifest()) {
        let analysis = analysis(&model);
        let resolved = analysis.resolved.as_ref().expect("a readable manifest");
        for line in &resolved.timelines {
            for window in &line.windows {
                prop_assert!(window.start + window.timeout.value + line.unwind == window.end);
                prop_assert!(window.end <= line.deadline());
            }
            if line.missing().is_zero() {
                let sidecars: Duration = line.terms.sidecars.iter().map(|s| s.value).sum();
                prop_assert!(line.signal_at() + line.deadline() + sidecars <= line.grace().value);
            }
        }
    }
}
