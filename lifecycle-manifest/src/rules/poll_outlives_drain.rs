//! A receive that waits for jobs while the drain's time runs.

use super::Context;
use super::jobs::consumers;
use crate::duration::{human, show};
use crate::finding::{Finding, Place};

rule! {
    /// A long poll takes the time that its consumer has to finish.
    ///
    /// ## What it finds
    ///
    /// A queue consumer's `poll` that takes all of its step's timeout, or is more than that together with the `longest_job` after it.
    ///
    /// ## Why it matters
    ///
    /// A receive that cannot be given up is waited for: it may bring a job in its last moment, and that job then has what is left.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: mailer
    /// resources:
    ///   emails: { kind: queue-consumer, timeout: 15s, poll: 20s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A receive that asks shortly, or one that is dropped at the signal (then there is no `poll` to write); or a timeout that holds both.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: mailer
    /// resources:
    ///   emails: { kind: queue-consumer, timeout: 15s, poll: 1s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## Options
    ///
    /// - `poll`: how long one receive waits, where it cannot be given up at the signal.
    /// - `longest_job`: how long the job that it brings may take.
    ///
    /// ## When to allow it
    ///
    /// When the queue takes jobs back at once from a receiver that has gone.
    ///
    /// ## Source
    ///
    /// SQS waits up to 20 seconds for a message (`WaitTimeSeconds`); a message that it hides for a receiver that has gone is back only after the visibility timeout.
    pub(super) RULE = "LC603", "poll-outlives-drain", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for consumer in consumers(context) {
        let jobs = &consumer.resource.jobs;
        let (Some(poll), Some(route)) = (&jobs.poll, consumer.timeout.origin.route()) else {
            continue;
        };
        let timeout = consumer.timeout.value;
        let job = jobs.longest.as_ref().map(|longest| longest.value);
        // A job that is too long by itself is a finding of its own, and so is no time at all.
        if timeout.is_zero() || job.is_some_and(|job| job > timeout) {
            continue;
        }
        let total = poll.value.saturating_add(job.unwrap_or_default());
        let fits = match job {
            Some(_) => total <= timeout,
            None => total < timeout,
        };
        if fits {
            continue;
        }
        let message = match job {
            Some(job) => format!(
                "a receive of `{}` may wait {} and bring a job of {}, and its step has {}",
                consumer.resource.name,
                human(poll.value),
                human(job),
                human(timeout)
            ),
            None => format!(
                "a receive of `{}` may wait {}, and its step has {}",
                consumer.resource.name,
                human(poll.value),
                human(timeout)
            ),
        };
        let place = Place::Value(poll.route.clone());
        let step = Place::Value(route.clone());
        let mut finding = Finding::new(&RULE, message, place.clone())
            .label("this long nothing is finished")
            .related(step.clone(), "all the time there is");
        finding.platform = consumer.platform;
        if let Some(longest) = &jobs.longest {
            finding = finding
                .related(
                    Place::Value(longest.route.clone()),
                    "the job that it brings",
                )
                .note(format!(
                    "{} poll + {} longest_job = {}, timeout {}",
                    human(poll.value),
                    human(longest.value),
                    human(total),
                    human(timeout)
                ));
        }
        if job.is_some() && consumer.may_take(context, total) {
            let text = show(total);
            finding = finding.fix(
                format!("give it the time for both: `timeout: {text}`"),
                step,
                text,
            );
        }
        findings.push(
            finding
                .help(
                    "ask with a short wait, such as `WaitTimeSeconds: 1`, and write that as `poll`",
                )
                .help("or drop a receive that waits at the signal, and take `poll` away"),
        );
    }
}
