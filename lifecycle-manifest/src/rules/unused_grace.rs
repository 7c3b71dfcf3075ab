//! Far more grace than the plan can use.

use std::time::Duration;

use super::Context;
use super::verdict::{grace_place, grace_words};
use crate::duration::{human, show};
use crate::finding::Finding;

rule! {
    /// The grace period is far longer than the plan can use.
    ///
    /// ## What it finds
    ///
    /// A written grace period that is at least twice what the plan needs, with a minute or more to spare.
    ///
    /// ## Why it matters
    ///
    /// A program that hangs is killed only when the grace period ends: a rollout, a node drain or a scale-in waits that long for each wedged instance.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 10m }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The smallest grace period that fits is in the help.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 26s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `grace_period` under the platform.
    /// - The thresholds are fixed: twice the need, and a minute.
    ///
    /// ## When to allow it
    ///
    /// While timeouts are about to be raised, or when the instance does work that the manifest does not list.
    ///
    /// ## Source
    ///
    /// The cluster autoscaler waits up to ten minutes for a pod and then takes the node, <https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md>; pods that are stopping hold their resources meanwhile.
    pub(super) RULE = "LC105", "unused-grace", Warning, Medium, check
}

const A_LOT: Duration = Duration::from_secs(60);

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let (grace, needed) = (line.grace(), line.needed());
        let Some(spare) = line.spare() else { continue };
        // A value that the platform refuses is a finding of its own, and so is a plan of nothing.
        let refused = line
            .terms
            .cap
            .as_ref()
            .is_some_and(|cap| grace.value > cap.limit);
        if !grace.origin.is_written() || refused || needed.is_zero() {
            continue;
        }
        if spare < A_LOT || grace.value < needed * 2 {
            continue;
        }
        let message = format!(
            "{} of {}'s grace period cannot be used by the plan",
            human(spare),
            line.facts.name
        );
        let place = grace_place(context, line);
        let finding = Finding::new(&RULE, message, place.clone())
            .on(line.platform())
            .label("a program that hangs blocks a rollout for this long")
            .note(format!("sum: {}, {}", line.sum(), grace_words(line)));
        findings.push(match line.smallest_grace() {
            Some(smallest) => {
                let text = show(smallest);
                finding.fix(format!("`grace_period: {text}` would do"), place, text)
            }
            None => finding,
        });
    }
}
