//! The sum of what must be done does not fit into the grace period.

use super::Context;
use super::verdict::{
    Verdict, grace_label, grace_place, with, with_longest_steps, with_sum_and_grace,
};
use crate::duration::human;
use crate::finding::Finding;

rule! {
    /// Shutdown needs more time than the platform allows before SIGKILL.
    ///
    /// ## What it finds
    ///
    /// The preStop hook, the settle time, the longest path through the steps (each with its timeout and its unwind time), sidecars and the reserve are added up, for each platform by its own rules.
    /// The sum is larger than the grace period, be it written or the platform's default.
    ///
    /// ## Why it matters
    ///
    /// Whatever is still running when the grace period ends is killed: requests are reset, jobs are half done, buffers are lost.
    /// Every step may keep to its own timeout and the whole may still be cut off, because the platform counts the sum.
    /// An unset grace period is the commonest cause: it is 30 seconds on Kubernetes and ECS, and 1.6 seconds under PM2, whatever the program needs.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 60s }
    ///   orders-db: { kind: database, timeout: 5s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The smallest grace period that fits is in the help.
    /// Or shorten the steps of the longest path: those beside it cost nothing, because they stop at the same time.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 60s }
    ///   orders-db: { kind: database, timeout: 5s }
    /// platforms:
    ///   kubernetes: { grace_period: 76s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `grace_period` under the platform: from its stop to SIGKILL.
    /// - `timeout` of each resource, and `timeouts` under a platform for tighter ones there.
    /// - `budget.unwind` (250ms when not written): how long a step has to let go after its timeout.
    /// - `budget.reserve` (5s when not written, or a quarter of the work where that is less): what is never planned for.
    ///
    /// ## When to allow it
    ///
    /// Never: work is cut off as written.
    ///
    /// ## Source
    ///
    /// Kubernetes: hook and program share the grace period, <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination>.
    /// ECS: `stopTimeout`, 30 seconds when not written, <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>.
    /// PM2: `kill_timeout`, 1600 milliseconds when not written, 7.0.3 `constants.js`.
    pub(super) RULE = "LC101", "grace-too-short", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in with(context, Verdict::TooShort) {
        let message = format!(
            "shutdown needs {}, and {} allows {}",
            human(line.needed()),
            line.facts.name,
            human(line.grace().value)
        );
        let finding = Finding::new(&RULE, message, grace_place(context, line))
            .on(line.platform())
            .label(grace_label(line));
        let finding = with_sum_and_grace(with_longest_steps(finding, line), line);
        findings.push(finding.help(format!(
            "or take {} from the steps of the longest path: {}",
            human(line.missing()),
            line.longest_path_names(context.plan).join(" → ")
        )));
    }
}
