//! A grace period that systemd takes for no limit.

use super::Context;
use super::verdict::{grace_place, with_sum_and_grace};
use crate::figure::Origin;
use crate::finding::Finding;

rule! {
    /// A grace period of nothing is no limit at all.
    ///
    /// ## What it finds
    ///
    /// A `grace_period` of `0s` under `systemd`.
    ///
    /// ## Why it matters
    ///
    /// systemd takes 0 for infinity: a program that hangs is never killed.
    /// `systemctl stop` then waits for ever, and so does a host that is to be shut down.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   systemd: { grace_period: 0s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A grace period that holds the plan; the help has the number.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   systemd: { grace_period: 30s }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: a very long limit can be written as what it is.
    ///
    /// ## Source
    ///
    /// systemd, `src/core/load-fragment.c`: a `TimeoutStopSec=` of 0 becomes `infinity`.
    pub(super) RULE = "LC117", "grace-without-end", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        if !matches!(line.grace().origin, Origin::Endless { .. }) {
            continue;
        }
        let message = format!(
            "{} takes a grace period of 0s for no limit: a program that hangs is never killed",
            line.facts.name
        );
        let finding = Finding::new(&RULE, message, grace_place(context, line))
            .on(line.platform())
            .label("no limit, and not none");
        findings.push(with_sum_and_grace(finding, line));
    }
}
