//! A lease that ends while its job is still being worked on.

use std::time::Duration;

use super::Context;
use super::jobs::consumers;
use super::timed::Timed;
use crate::duration::{human, show};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::round_up;

rule! {
    /// The lease of a job ends while the job is still being worked on.
    ///
    /// ## What it finds
    ///
    /// A `lease` shorter than `longest_job` (times `prefetch`, where several are claimed at once).
    /// Where the longest job is not written: one shorter than the time that its step lets a job take after the signal, `timeout` and `unwind` together.
    /// Nothing is found where the consumer renews: `renews_lease: true`.
    ///
    /// ## Why it matters
    ///
    /// When the lease (a visibility timeout, a lock) ends, the queue gives the job to somebody else: it is done twice.
    /// In a drain that is the rule rather than the exception, because the slow jobs are the ones that are waited for.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: mailer
    /// resources:
    ///   emails: { kind: queue-consumer, timeout: 60s, lease: 30s }
    /// platforms:
    ///   kubernetes: { grace_period: 70s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A lease as long as the work, a shorter timeout, or a consumer that renews.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: mailer
    /// resources:
    ///   emails: { kind: queue-consumer, timeout: 60s, lease: 61s }
    /// platforms:
    ///   kubernetes: { grace_period: 70s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `lease`: how long a claimed job stays claimed without renewal.
    /// - `longest_job` and `prefetch`: how long a job may take, and how many are claimed at once.
    /// - `renews_lease`: the consumer renews a lease while it works.
    ///
    /// ## When to allow it
    ///
    /// When doing a job twice does no harm, and costs little.
    ///
    /// ## Source
    ///
    /// SQS: 30 seconds of visibility unless it is set, counted from the receive; `ChangeMessageVisibility` counts anew from the call.
    /// `BullMQ`: `lockDuration` 30 seconds, renewed at half of it.
    pub(super) RULE = "LC602", "lease-expires-at-work", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut done: Option<usize> = None;
    let mut consumers = consumers(context);
    // Of several timeouts the longest is the worst; a consumer's stand side by side.
    consumers.sort_by_key(|consumer| (consumer.step, std::cmp::Reverse(consumer.timeout.value)));
    for consumer in &consumers {
        if done.replace(consumer.step) == Some(consumer.step) {
            continue;
        }
        findings.extend(finding(context, consumer));
    }
}

fn finding(context: &Context<'_>, consumer: &Timed<'_>) -> Option<Finding> {
    let resource = consumer.resource;
    let jobs = &resource.jobs;
    let lease = resource.lease.as_ref()?;
    if jobs
        .renews_lease
        .as_ref()
        .is_some_and(|renews| renews.value)
    {
        return None;
    }
    let drain = consumer.timeout.value + context.plan.unwind.value;
    let work = consumer.claimed().unwrap_or(drain);
    if lease.value >= work {
        return None;
    }
    let what = work_in_words(consumer, work);
    let ends = match consumer.held() {
        held if held > 1 && jobs.longest.is_some() => "their leases end",
        _ => "its lease ends",
    };
    let message = format!("{what}, and {ends} after {}", human(lease.value));
    let place = Place::Value(lease.route.clone());
    let mut finding = Finding::new(&RULE, message, place.clone())
        .label("then the queue gives the job to somebody else");
    finding.platform = consumer.platform;
    let finding = sum(context, consumer, work, lease.value, finding);
    let text = show(round_up(work, Duration::from_secs(1)));
    let renew = match &jobs.renews_lease {
        Some(written) => Edit::replace(Place::Value(written.route.clone()), "true"),
        None => Edit::insert(resource.route.clone(), "renews_lease", "true"),
    };
    Some(
        finding
            .fix(
                format!("a lease as long as the work: `lease: {text}`"),
                place,
                text,
            )
            .fix_with(
                "or renew it while a job is worked on, and say so: `renews_lease: true`",
                Fix::new(Safety::Unsafe, [renew]),
            ),
    )
}

/// What may take how long.
fn work_in_words(consumer: &Timed<'_>, work: Duration) -> String {
    let resource = consumer.resource;
    match (&resource.jobs.longest, consumer.held()) {
        (Some(longest), 1) => {
            format!(
                "a job of `{}` may take {}",
                resource.name,
                human(longest.value)
            )
        }
        (Some(longest), held) => format!(
            "{held} jobs of `{}`, {} each, may take {}",
            resource.name,
            human(longest.value),
            human(work)
        ),
        (None, _) => format!(
            "a job of `{}` may still be worked on {} after the last claim",
            resource.name,
            human(work)
        ),
    }
}

/// Adds how the time of the work comes about.
fn sum(
    context: &Context<'_>,
    consumer: &Timed<'_>,
    work: Duration,
    lease: Duration,
    finding: Finding,
) -> Finding {
    let jobs = &consumer.resource.jobs;
    let Some(longest) = &jobs.longest else {
        let finding = match consumer.timeout.origin.route() {
            Some(route) => {
                let text = "its step lets a job take this long";
                finding.related(Place::Value(route.clone()), text)
            }
            None => finding,
        };
        return finding.note(format!(
            "{} + {} unwind ({}) = {}",
            consumer.timeout.term(),
            human(context.plan.unwind.value),
            context.plan.unwind.origin,
            human(work)
        ));
    };
    let finding = finding.related(Place::Value(longest.route.clone()), "the longest job");
    let Some(prefetch) = &jobs.prefetch else {
        return finding;
    };
    let text = "so many are claimed at once";
    finding
        .related(Place::Value(prefetch.route.clone()), text)
        .note(format!(
            "{} × {} = {}, lease {}",
            prefetch.value,
            human(longest.value),
            human(work),
            human(lease)
        ))
}
