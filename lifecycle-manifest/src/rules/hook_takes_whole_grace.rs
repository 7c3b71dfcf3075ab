//! The hook is exactly as long as the grace period.

use super::Context;
use super::verdict::{
    Verdict, grace_label, grace_place, with, with_floor, with_hook, with_shorter_hook,
    with_sum_and_grace,
};
use crate::duration::human;
use crate::finding::Finding;

rule! {
    /// The preStop hook takes the whole grace period.
    ///
    /// ## What it finds
    ///
    /// A hook exactly as long as the grace period: the API server accepts that, and nothing is left.
    ///
    /// ## Why it matters
    ///
    /// The program gets its signal when the grace period is over, and is killed two seconds later.
    /// Every stop loses what was in flight, and the manifest looks careful.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 30s, pre_stop: 30s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A grace period that holds the hook, the steps and the reserve; the help has the number.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 51s, pre_stop: 30s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `pre_stop` under `kubernetes`. Not written, it is a sleep of the settle time.
    /// - `traffic.settle` (5s when not written).
    ///
    /// ## When to allow it
    ///
    /// Never.
    ///
    /// ## Source
    ///
    /// Kubernetes, `validation.go`: a sleep above the grace period is refused, an equal one is accepted.
    /// A platform team's default of 30s in both left every service without time (Yelp/paasta#3909).
    pub(super) RULE = "LC103", "hook-takes-whole-grace", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in with(context, Verdict::HookTakesWhole) {
        let Some(hook) = &line.terms.hook else {
            continue;
        };
        let message = format!(
            "the {} takes all {} of the grace period: nothing is left for the program",
            hook.label,
            human(hook.value)
        );
        let finding = Finding::new(&RULE, message, grace_place(context, line))
            .on(line.platform())
            .label(grace_label(line));
        let finding = with_hook(finding, line, "the signal comes after this");
        let finding = with_sum_and_grace(with_floor(finding, line), line);
        findings.push(with_shorter_hook(finding, context, line));
    }
}
