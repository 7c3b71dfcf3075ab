//! A job takes longer than its consumer has to finish it.

use super::Context;
use super::jobs::consumers;
use crate::duration::{human, show};
use crate::finding::{Finding, Place};

rule! {
    /// A job may take longer than its consumer has to finish it.
    ///
    /// ## What it finds
    ///
    /// A queue consumer's `longest_job` above its step's timeout.
    ///
    /// ## Why it matters
    ///
    /// A job that was claimed just before the stop is cancelled half done at every deploy that meets one.
    /// If it is not handed back, nobody works on it until its lease ends.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: mailer
    /// resources:
    ///   emails: { kind: queue-consumer, timeout: 10s, longest_job: 15s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A timeout as long as the longest job; or jobs that are cut into shorter ones.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: mailer
    /// resources:
    ///   emails: { kind: queue-consumer, timeout: 15s, longest_job: 15s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## Options
    ///
    /// - `longest_job`: how long a job may take; without it nothing is found.
    ///
    /// ## When to allow it
    ///
    /// When a job that is cancelled saves how far it has come, or hands itself back, within `budget.unwind`.
    ///
    /// ## Source
    ///
    /// `BullMQ`: `worker.close()` waits for running jobs without any bound, <https://docs.bullmq.io/guide/workers/graceful-shutdown>; a job killed there is tried again once its lock has expired.
    pub(super) RULE = "LC601", "longest-job-outlives-drain", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for consumer in consumers(context) {
        let Some(longest) = &consumer.resource.jobs.longest else {
            continue;
        };
        let (timeout, Some(route)) = (consumer.timeout, consumer.timeout.origin.route()) else {
            continue;
        };
        // Without any time at all, that is the fault.
        if longest.value <= timeout.value || timeout.value.is_zero() {
            continue;
        }
        let message = format!(
            "a job of `{}` may take {}, and its step has {}",
            consumer.resource.name,
            human(longest.value),
            human(timeout.value)
        );
        let place = Place::Value(route.clone());
        let mut finding = Finding::new(&RULE, message, place.clone())
            .label("it is cancelled here")
            .related(Place::Value(longest.route.clone()), "the longest job");
        finding.platform = consumer.platform;
        let other = "let a cancelled job hand itself back, and cut long jobs into shorter ones";
        findings.push(match consumer.may_take(context, longest.value) {
            true => {
                let text = show(longest.value);
                finding
                    .fix(format!("give it as long: `timeout: {text}`"), place, text)
                    .help(format!("or {other}"))
            }
            false => finding.help(other),
        });
    }
}
