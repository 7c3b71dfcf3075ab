//! Shorter steps: the way out where a longer grace period does not help.

use std::time::Duration;

use super::Context;
use crate::duration::show;
use crate::finding::{Edit, Fix, Help, Place, Safety};
use crate::timeline::Timeline;

/// More names than this are no help that anybody pastes.
const MOST_NAMED: usize = 6;

/// As a way out, timeouts for this platform with which its shutdown needs at most `limit`: no step
/// longer than so many whole seconds. `None` where even a second each is too much.
pub(super) fn timeouts_within(
    context: &Context<'_>,
    line: &Timeline,
    limit: Duration,
) -> Option<Help> {
    let most = longest_that_fits(context, line, limit)?;
    let text = show(most);
    let steps = context.plan.steps.iter().zip(&line.windows);
    let longer: Vec<&str> = steps
        .filter(|(_, window)| window.timeout.value > most)
        .map(|(step, _)| step.name.as_str())
        .collect();
    if longer.len() > MOST_NAMED {
        return Some(Help {
            text: format!(
                "let no step take longer than {text} here: `timeouts` under `{}`",
                line.platform()
            ),
            fix: None,
        });
    }
    let entries: Vec<String> = longer
        .iter()
        .map(|name| format!("{name}: {text}"))
        .collect();
    let block = format!("{{ {} }}", entries.join(", "));
    let edits = edits(context, line, &longer, &text, &block);
    Some(Help {
        text: format!(
            "let the steps be shorter here: `timeouts: {block}` under `{}`",
            line.platform()
        ),
        fix: edits.map(|edits| Fix::new(Safety::Unsafe, edits)),
    })
}

/// The same as edits: values that stand there are replaced, and those that do not are added.
fn edits(
    context: &Context<'_>,
    line: &Timeline,
    longer: &[&str],
    text: &str,
    block: &str,
) -> Option<Vec<Edit>> {
    let common = context.manifest.platforms.get(line.platform())?.common();
    if common.timeouts.is_empty() {
        return Some(vec![Edit::insert(common.route.clone(), "timeouts", block)]);
    }
    let timeouts = common.route.key("timeouts");
    let edits = longer.iter().map(|name| {
        let written = common.timeouts.iter().find(|(own, _)| own == name);
        match written {
            Some((_, written)) => Edit::replace(Place::Value(written.route.clone()), text),
            None => Edit::insert(timeouts.clone(), *name, text),
        }
    });
    Some(edits.collect())
}

/// In whole seconds, as people write them.
fn longest_that_fits(context: &Context<'_>, line: &Timeline, limit: Duration) -> Option<Duration> {
    let fits = |seconds: u64| {
        let most = Duration::from_secs(seconds);
        let shorter = line.with_steps_within(context.manifest, context.plan, most);
        shorter.needed() <= limit
    };
    let longest = line
        .windows
        .iter()
        .map(|window| window.timeout.value)
        .max()?;
    let (mut low, mut high) = (1, longest.as_secs().max(1));
    if !fits(low) {
        return None;
    }
    // The longest that fits lies between what fits and what does not.
    while low < high {
        let middle = high - (high - low) / 2;
        match fits(middle) {
            true => low = middle,
            false => high = middle - 1,
        }
    }
    Some(Duration::from_secs(low))
}
