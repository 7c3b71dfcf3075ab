//! A grace period that is best effort, planned to its end.

use super::Context;
use super::verdict::{Verdict, grace_label, grace_place};
use crate::duration::{human, show};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::fly::{self, BEST_EFFORT_MARGIN};
use crate::platform::round_up;

rule! {
    /// The plan counts on the last seconds of a grace period that is not promised whole.
    ///
    /// ## What it finds
    ///
    /// On Fly.io, less than five seconds between the end of the last step and SIGKILL.
    ///
    /// ## Why it matters
    ///
    /// Fly.io gives `kill_timeout` as best effort: a host that is in a hurry ends it earlier.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   emails: { kind: queue-consumer, timeout: 3s }
    /// platforms:
    ///   fly: { grace_period: 5s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A grace period with room behind the last step.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   emails: { kind: queue-consumer, timeout: 3s }
    /// platforms:
    ///   fly: { grace_period: 9s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `grace_period` under `fly` (5s when not written).
    /// - `budget.reserve`: five seconds of it are the room that is asked for.
    ///
    /// ## When to allow it
    ///
    /// When what the last steps do is done again at the next start.
    ///
    /// ## Source
    ///
    /// <https://fly.io/docs/reference/configuration/>, `kill_timeout`; <https://fly.io/docs/blueprints/long-running-tasks/>.
    pub(super) RULE = "LC121", "margin-too-thin", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        if line.platform() != fly::FACTS.key || Verdict::of(line) != Verdict::Fits {
            continue;
        }
        let work = line.needed().saturating_sub(line.reserve.value);
        let margin = line.grace().value.saturating_sub(work);
        if margin >= BEST_EFFORT_MARGIN {
            continue;
        }
        let message = format!(
            "{} is left behind the last step, and {} does not promise the end of its grace period",
            human(margin),
            line.facts.name
        );
        let place = grace_place(context, line);
        let mut finding = Finding::new(&RULE, message, place.clone())
            .on(line.platform())
            .label(grace_label(line))
            .note(format!("sum: {}", line.sum()));
        let enough = round_up(work + BEST_EFFORT_MARGIN, line.facts.unit);
        let text = show(enough);
        let fits = line
            .terms
            .cap
            .as_ref()
            .is_none_or(|cap| enough <= cap.limit);
        finding = match (fits, &place) {
            (true, Place::Value(_)) => finding.fix(format!("write `{text}`"), place, text),
            (true, _) => finding.fix_with(
                format!("write `grace_period: {text}` under `{}`", line.platform()),
                Fix::new(
                    Safety::Unsafe,
                    [Edit::insert(
                        crate::text::Route::keys(["platforms", line.platform()]),
                        "grace_period",
                        text.as_str(),
                    )],
                ),
            ),
            (false, _) => finding.help("shorten the steps: the grace period cannot be longer"),
        };
        findings.push(finding);
    }
}
