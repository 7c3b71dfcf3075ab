//! A step without any time: by its own timeout, or because all of the grace period is spoken for.

use std::collections::HashSet;
use std::time::Duration;

use super::Context;
use super::verdict::{
    Verdict, beside_steps, grace_label, grace_place, terms, with, with_sum_and_grace,
};
use crate::duration::human;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::manifest::Written;

rule! {
    /// No time is left to finish what is in flight.
    ///
    /// ## What it finds
    ///
    /// A step whose timeout is zero; or a grace period that the hook, the settle time, sidecars and the reserve use up before any step begins.
    ///
    /// ## Why it matters
    ///
    /// Work that is in flight at the signal is cancelled at once, at every deploy.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   emails: { kind: queue-consumer, timeout: 0s }
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 10s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A timeout as long as the work may take, and a grace period that holds it.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   emails: { kind: queue-consumer, timeout: 10s }
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 26s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `timeout` of each resource, and `timeouts` under a platform.
    /// - `budget.reserve`, `traffic.settle`, `pre_stop`: what is taken from the grace period before a step begins.
    ///
    /// ## When to allow it
    ///
    /// When the work is safe to lose at any moment.
    /// A short timeout such as `1s` says so too, and costs nothing.
    ///
    /// ## Source
    ///
    /// Libraries with a default of zero exist: the Temporal SDK's `shutdownGraceTime` (dust-tt/dust#27048).
    pub(super) RULE = "LC104", "no-drain-time", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut seen = HashSet::new();
    let base = context.plan.steps.iter().map(|step| &step.timeout);
    let everywhere = context.timelines.iter().flat_map(|line| &line.windows);
    for timeout in base.chain(everywhere.map(|window| &window.timeout)) {
        let Some(route) = timeout.origin.route() else {
            continue;
        };
        if timeout.value.is_zero() && seen.insert(route) {
            let name = &timeout.label;
            let message = format!("`{name}` has no time to finish: its timeout is 0s");
            let finding = Finding::new(&RULE, message, Place::Value(route.clone()))
                .label("work in flight is cancelled at once");
            findings.push(
                match own_timeout(context, name).filter(|own| own.route != *route) {
                    Some(own) => finding.fix_with(
                        format!("take this away: `{name}` then has {}", human(own.value)),
                        Fix::new(
                            Safety::Unsafe,
                            [Edit::Remove {
                                entry: route.clone(),
                            }],
                        ),
                    ),
                    None => finding.help("write how long its work may take, such as `15s`"),
                },
            );
        }
    }
    for line in with(context, Verdict::NoRoom) {
        let taken = beside_steps(line);
        let message = format!(
            "after {} nothing is left of {}'s {} for the steps",
            terms(&taken),
            line.facts.name,
            human(line.grace().value)
        );
        let mut finding = Finding::new(&RULE, message, grace_place(context, line))
            .on(line.platform())
            .label(grace_label(line));
        for figure in taken {
            if let Some(route) = figure.origin.route() {
                let text = format!("takes {} of it", human(figure.value));
                finding = finding.related(Place::Value(route.clone()), text);
            }
        }
        findings.push(with_sum_and_grace(finding, line));
    }
}

/// The resource's own timeout, where it has any time in it.
fn own_timeout<'a>(context: &'a Context<'_>, name: &str) -> Option<&'a Written<Duration>> {
    let own = context.manifest.resources.iter().find(|r| r.name == name)?;
    Some(&own.timeout).filter(|timeout| !timeout.value.is_zero())
}
