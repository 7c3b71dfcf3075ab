//! Work beside requests, on a service that has the processor only for them.

use super::Context;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::kind::Kind;
use crate::platform::Platform;

rule! {
    /// Work goes on in the background of a service that has the processor only while it answers requests.
    ///
    /// ## What it finds
    ///
    /// On Cloud Run, a queue consumer, a scheduler, a task, blocking work or a child process in a service whose `cpu_throttling` is not `false`.
    ///
    /// ## Why it matters
    ///
    /// Between requests such an instance stands nearly still: jobs are claimed and not worked on, leases run out, and what should have been flushed is still there when SIGTERM comes.
    /// An instance without requests is also taken away, fifteen minutes after the last one at the latest.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 4s }
    ///   emails: { kind: queue-consumer, timeout: 4s }
    /// platforms:
    ///   cloud_run: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A processor at all times, and at least one instance; or a worker pool for the work.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 4s }
    ///   emails: { kind: queue-consumer, timeout: 4s }
    /// platforms:
    ///   cloud_run: { cpu_throttling: false, min_instances: 1 }
    /// ```
    ///
    /// ## Options
    ///
    /// - `cpu_throttling` under `cloud_run` (`true` when not written).
    /// - `kind: worker-pool` under `cloud_run`.
    ///
    /// ## When to allow it
    ///
    /// When the work goes on only inside of requests.
    ///
    /// ## Source
    ///
    /// With request-based billing an instance has its processor while it answers, starts and stops: <https://docs.cloud.google.com/run/docs/configuring/billing-settings>.
    /// Idle instances are kept for fifteen minutes at most: <https://docs.cloud.google.com/run/docs/container-contract>.
    pub(super) RULE = "LC412", "throttled-in-background", Warning, Medium, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let Some(Platform::CloudRun(run)) = context.entry(line) else {
            continue;
        };
        if !run.is_throttled() {
            continue;
        }
        let works = |kind| {
            matches!(
                kind,
                Kind::QueueConsumer
                    | Kind::Scheduler
                    | Kind::Task
                    | Kind::BlockingWork
                    | Kind::ChildProcess
            )
        };
        let mut working = context.manifest.resources.iter();
        let Some(first) = working.find(|resource| works(resource.kind.value)) else {
            continue;
        };
        let others = working
            .filter(|resource| works(resource.kind.value))
            .count();
        let message = format!(
            "`{}` works in the background of a service that has the processor only for requests",
            first.name
        );
        let mut finding = Finding::new(&RULE, message, Place::Value(first.kind.route.clone()))
            .on(line.platform())
            .label("between requests it stands still");
        finding = match others {
            0 => finding,
            1 => finding.note("so does 1 other resource"),
            others => finding.note(format!("so do {others} other resources")),
        };
        let text = "let it have the processor at all times: `cpu_throttling: false`";
        let edit = match &run.cpu_throttling {
            Some(written) => {
                let place = Place::Value(written.route.clone());
                finding = finding.related(place.clone(), "only for requests, by this");
                Edit::replace(place, "false")
            }
            None => {
                finding = finding.related(
                    Place::Key(run.common.route.clone()),
                    "no `cpu_throttling` here: only for requests, the Cloud Run default",
                );
                Edit::insert(run.common.route.clone(), "cpu_throttling", "false")
            }
        };
        findings.push(
            finding
                .fix_with(text, Fix::new(Safety::Unsafe, [edit]))
                .help("or run it as `kind: worker-pool`, which answers no requests"),
        );
    }
}
