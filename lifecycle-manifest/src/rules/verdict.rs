//! How a timeline stands to its grace period: one verdict, read by the rules of the budget, so that
//! one fault is one finding.

use std::time::Duration;

use super::Context;
use crate::duration::{human, show};
use crate::figure::{Figure, Origin};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::{Platform, PreStop};
use crate::text::Route;
use crate::timeline::Timeline;

/// The most specific thing that can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It fits.
    Fits,
    /// The platform cannot give that much, whatever is written.
    AboveCap,
    /// The grace period is written to be nothing.
    Nothing,
    /// Milliseconds are written, and seconds would fit.
    WrongUnit,
    /// The hook alone is longer than the grace period.
    HookOutlives,
    /// The hook alone is as long as the grace period.
    HookTakesWhole,
    /// Nothing is left for the steps.
    NoRoom,
    /// Something is left, and it is not enough.
    TooShort,
}

impl Verdict {
    pub(super) fn of(line: &Timeline) -> Self {
        let grace = line.grace().value;
        let hook = line.signal_at();
        if line
            .terms
            .cap
            .as_ref()
            .is_some_and(|cap| line.needed() > cap.limit)
        {
            return Self::AboveCap;
        }
        if grace.is_zero() && line.grace().origin.is_written() {
            return Self::Nothing;
        }
        if line.missing().is_zero() {
            return Self::Fits;
        }
        if super::grace_in_wrong_unit::meant(line).is_some() {
            return Self::WrongUnit;
        }
        let sidecars: Duration = line
            .terms
            .sidecars
            .iter()
            .map(|sidecar| sidecar.value)
            .sum();
        let taken = hook + line.app_settle.value + sidecars + line.reserve.value;
        if hook > grace {
            Self::HookOutlives
        } else if hook == grace && !hook.is_zero() {
            Self::HookTakesWhole
        } else if taken >= grace {
            Self::NoRoom
        } else {
            Self::TooShort
        }
    }
}

/// The timelines with this verdict.
pub(super) fn with<'a>(
    context: &'a Context<'_>,
    verdict: Verdict,
) -> impl Iterator<Item = &'a Timeline> {
    context
        .timelines
        .iter()
        .filter(move |line| Verdict::of(line) == verdict)
}

/// Where a platform's grace period stands, or would stand.
pub(super) fn grace_place(context: &Context<'_>, line: &Timeline) -> Place {
    match line.grace().origin.route() {
        Some(route) => Place::Value(route.clone()),
        None => platform_place(context, line),
    }
}

/// The platform's key.
pub(super) fn platform_place(context: &Context<'_>, line: &Timeline) -> Place {
    let platform = context.manifest.platforms.get(line.platform());
    Place::Key(
        platform
            .map(|platform| platform.common().route.clone())
            .unwrap_or_default(),
    )
}

/// What the grace period is, for its label.
pub(super) fn grace_label(line: &Timeline) -> String {
    let grace = line.grace();
    match &grace.origin {
        Origin::Written(_) => format!("SIGKILL comes {} after the stop", human(grace.value)),
        Origin::Rounded { .. } => format!(
            "SIGKILL comes {} after the stop ({})",
            human(grace.value),
            grace.origin
        ),
        Origin::Unset { .. } => format!("held as {}, {}", human(grace.value), grace.origin),
        _ => format!(
            "no `grace_period` here: {}, {}",
            human(grace.value),
            grace.origin
        ),
    }
}

/// `grace period 30s (the Kubernetes default)`.
pub(super) fn grace_words(line: &Timeline) -> String {
    format!(
        "grace period {} ({})",
        human(line.grace().value),
        line.grace().origin
    )
}

/// Adds the place that makes the hook as long as it is: its own, or the settle time's that it pays.
pub(super) fn with_hook(finding: Finding, line: &Timeline, text: &str) -> Finding {
    let Some(hook) = &line.terms.hook else {
        return finding;
    };
    if let Some(route) = hook.origin.route() {
        return finding.related(Place::Value(route.clone()), text);
    }
    match line.terms.settle.origin.route() {
        Some(route) => finding.related(
            Place::Value(route.clone()),
            "the hook pays this settle time",
        ),
        None => finding.note(format!(
            "no hook is written: it pays the settle time, {} ({})",
            human(line.terms.settle.value),
            line.terms.settle.origin
        )),
    }
}

/// Adds what the program is left with when the hook has used all time up: where a hook counts against
/// the grace period, which is on Kubernetes, there is such a floor.
pub(super) fn with_floor(finding: Finding, line: &Timeline) -> Finding {
    finding.note(format!(
        "the program is left with {}: {} gives no less between the signal and SIGKILL",
        human(line.facts.kill_floor),
        line.facts.name
    ))
}

/// Adds the other way out: a sleep that is no longer than it must be.
pub(super) fn with_shorter_hook(
    finding: Finding,
    context: &Context<'_>,
    line: &Timeline,
) -> Finding {
    let settle = &line.terms.settle;
    let hook = context
        .on(Platform::kubernetes)
        .and_then(|(_, it)| it.pre_stop.as_ref());
    match hook {
        Some(PreStop::Sleep(sleep)) if !settle.value.is_zero() && sleep.value > settle.value => {
            finding.help(format!(
                "or let it sleep no longer than routing needs: {} ({})",
                human(settle.value),
                settle.origin
            ))
        }
        // What a command does beside waiting is not known.
        _ => finding,
    }
}

/// What the grace period has to hold beside the steps.
pub(super) fn beside_steps(line: &Timeline) -> Vec<&Figure> {
    let hook = line.terms.hook.iter();
    hook.chain([&line.app_settle])
        .chain(&line.terms.sidecars)
        .chain([&line.reserve])
        .filter(|figure| !figure.value.is_zero())
        .collect()
}

/// `5s settle and 5s reserve`.
pub(super) fn terms(figures: &[&Figure]) -> String {
    let terms: Vec<String> = figures.iter().map(|figure| figure.term()).collect();
    match terms.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Adds the sum, and the way out by a longer grace period.
pub(super) fn with_sum_and_grace(mut finding: Finding, line: &Timeline) -> Finding {
    finding = finding.note(format!("sum: {}, {}", line.sum(), grace_words(line)));
    let Some(smallest) = line.smallest_grace() else {
        return finding;
    };
    let text = show(smallest);
    match line.grace().origin.route() {
        Some(route) => finding.safe_fix(
            format!("set `grace_period: {text}`, the smallest that fits"),
            Place::Value(route.clone()),
            text,
        ),
        None => {
            let platform = Route::keys(["platforms", line.platform()]);
            let edit = Edit::insert(platform, "grace_period", text.as_str());
            finding.fix_with(
                format!(
                    "set `grace_period: {text}` under `{}`, the smallest that fits",
                    line.platform()
                ),
                Fix::new(Safety::Safe, [edit]),
            )
        }
    }
}

/// Adds labels for the steps of the longest path, the longest first, at most three.
pub(super) fn with_longest_steps(mut finding: Finding, line: &Timeline) -> Finding {
    let mut steps: Vec<_> = line
        .longest_path
        .iter()
        .map(|&step| &line.windows[step])
        .collect();
    steps.sort_by_key(|window| std::cmp::Reverse(window.timeout.value));
    for (rank, window) in steps.into_iter().take(3).enumerate() {
        let Some(route) = window.timeout.origin.route() else {
            continue;
        };
        let text = match rank {
            0 if line.longest_path.len() > 1 => "the longest step of the longest path",
            0 => "the longest step",
            _ => "on the longest path too",
        };
        finding = finding.related(Place::Value(route.clone()), text);
    }
    finding
}
