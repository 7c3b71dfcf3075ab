//! The hook alone is longer than the grace period.

use super::Context;
use super::verdict::{
    Verdict, grace_label, grace_place, with, with_floor, with_hook, with_shorter_hook,
    with_sum_and_grace,
};
use crate::duration::human;
use crate::finding::Finding;

rule! {
    /// The preStop hook takes longer than the whole grace period.
    ///
    /// ## What it finds
    ///
    /// A hook that has not ended when the grace period is over: a sleep, a command's `timeout`, or the sleep that is derived from the settle time.
    ///
    /// ## Why it matters
    ///
    /// The hook runs inside the grace period.
    /// When it outlives it, the program gets its signal when all time is used up, and SIGKILL two seconds later: all of its own shutdown is lost.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { pre_stop: 35s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A grace period that holds the hook, the steps and the reserve; the help has the number.
    /// Or a hook that only waits until routing has noticed.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { pre_stop: 35s, grace_period: 56s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `pre_stop` under `kubernetes`: a sleep such as `10s`, or a command with its `timeout`. Not written, it is a sleep of the settle time.
    /// - `traffic.settle` (5s when not written).
    ///
    /// ## When to allow it
    ///
    /// Never: the API server refuses a native sleep longer than the grace period, and a command is cut off.
    ///
    /// ## Source
    ///
    /// Kubelet v1.36, `kuberuntime_container.go`: the hook is bounded by the grace period, and 2 seconds are the floor for what follows.
    pub(super) RULE = "LC102", "hook-outlives-grace", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in with(context, Verdict::HookOutlives) {
        let Some(hook) = &line.terms.hook else {
            continue;
        };
        let message = format!(
            "the {} takes {}, longer than the grace period of {}",
            hook.label,
            human(hook.value),
            human(line.grace().value)
        );
        let finding = Finding::new(&RULE, message, grace_place(context, line))
            .on(line.platform())
            .label(grace_label(line));
        let finding = with_hook(finding, line, "the signal would come after this");
        let finding = with_sum_and_grace(with_floor(finding, line), line);
        findings.push(with_shorter_hook(finding, context, line));
    }
}
