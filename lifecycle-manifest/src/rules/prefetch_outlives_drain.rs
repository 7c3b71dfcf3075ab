//! More jobs are claimed than can be finished.

use super::Context;
use super::jobs::consumers;
use crate::duration::{human, show};
use crate::finding::{Finding, Place};

rule! {
    /// More jobs are claimed at once than can be finished after the signal.
    ///
    /// ## What it finds
    ///
    /// A queue consumer whose `prefetch` times `longest_job` is above its step's timeout.
    ///
    /// ## Why it matters
    ///
    /// What was claimed and not begun is given back late, or not at all: it waits until its lease ends, while other instances have nothing to do.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: mailer
    /// resources:
    ///   emails: { kind: queue-consumer, timeout: 15s, prefetch: 10, longest_job: 3s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// As many as can be finished; or a timeout for all of them.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: mailer
    /// resources:
    ///   emails: { kind: queue-consumer, timeout: 15s, prefetch: 5, longest_job: 3s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## Options
    ///
    /// - `prefetch`: how many claimed jobs are held at most, worked on one after another.
    ///   With several workers side by side, write how many each of them holds.
    /// - `longest_job`: how long one of them may take.
    ///
    /// ## When to allow it
    ///
    /// When jobs that have not begun are handed back at the signal.
    ///
    /// ## Source
    ///
    /// `RabbitMQ`: a channel that closes gives all unacknowledged deliveries back at once, so only the work that is cut off is lost.
    /// SQS: a batch of up to ten messages, each with its own visibility timeout from the receive on.
    pub(super) RULE = "LC604", "prefetch-outlives-drain", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for consumer in consumers(context) {
        let jobs = &consumer.resource.jobs;
        let (Some(prefetch), Some(longest)) = (&jobs.prefetch, &jobs.longest) else {
            continue;
        };
        let (Some(claimed), Some(route)) = (consumer.claimed(), consumer.timeout.origin.route())
        else {
            continue;
        };
        let timeout = consumer.timeout.value;
        // One job that is too long by itself is a finding of its own.
        if claimed <= timeout || longest.value > timeout {
            continue;
        }
        let message = format!(
            "`{}` may hold {} jobs of {} each, and its step has {}",
            consumer.resource.name,
            prefetch.value,
            human(longest.value),
            human(timeout)
        );
        let place = Place::Value(prefetch.route.clone());
        let step = Place::Value(route.clone());
        let mut finding = Finding::new(&RULE, message, place.clone())
            .label("claimed, and not all of them finished")
            .related(Place::Value(longest.route.clone()), "each takes up to this")
            .related(step.clone(), "all the time there is")
            .note(format!(
                "{} × {} = {}, timeout {}",
                prefetch.value,
                human(longest.value),
                human(claimed),
                human(timeout)
            ));
        finding.platform = consumer.platform;
        let fitting = timeout.as_nanos() / longest.value.as_nanos().max(1);
        finding = finding.fix(
            format!("claim as many as can be finished: `prefetch: {fitting}`"),
            place,
            fitting.to_string(),
        );
        if consumer.may_take(context, claimed) {
            let text = show(claimed);
            let help = format!("or give it the time for all of them: `timeout: {text}`");
            finding = finding.fix(help, step, text);
        }
        findings.push(finding);
    }
}
