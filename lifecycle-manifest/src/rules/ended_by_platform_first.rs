//! Work that the platform ends by itself, before it can have finished.

use std::time::Duration;

use super::Context;
use crate::duration::{human, show};
use crate::figure::Figure;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::manifest::Written;
use crate::platform::{CloudRun, Platform, round_up};
use crate::timeline::Timeline;

rule! {
    /// The platform ends a request or a job before the longest one has finished.
    ///
    /// ## What it finds
    ///
    /// On Cloud Run, a `traffic.longest_request` above the request timeout of a service, or a `longest_job` above the task timeout of a job.
    /// On Azure Container Apps, a `traffic.longest_request` above the idle timeout of the ingress: it ends a request or a stream that says nothing for so long.
    ///
    /// ## Why it matters
    ///
    /// It happens without any stop, and looks like a fault of the program: a 504, or a task that is tried again from its beginning.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: reports
    /// resources:
    ///   pages: { kind: queue-consumer, timeout: 7s, longest_job: 15m }
    /// platforms:
    ///   cloud_run: { kind: job }
    /// lints:
    ///   longest-job-outlives-drain: { level: allow, reason: a page that is cancelled is taken up again }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A timeout of the platform that covers the longest one.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: reports
    /// resources:
    ///   pages: { kind: queue-consumer, timeout: 7s, longest_job: 15m }
    /// platforms:
    ///   cloud_run: { kind: job, task_timeout: 15m }
    /// lints:
    ///   longest-job-outlives-drain: { level: allow, reason: a page that is cancelled is taken up again }
    /// ```
    ///
    /// ## Options
    ///
    /// - `request_timeout` under `cloud_run` (5m when not written), `task_timeout` of a job there (10m).
    /// - `premium_ingress.idle_timeout` under `azure_container_apps` (4m when not written).
    /// - `traffic.longest_request` and `longest_job`: not written, nothing is compared.
    ///
    /// ## When to allow it
    ///
    /// On Azure Container Apps, when a long answer is sent piece by piece and never falls silent.
    ///
    /// ## Source
    ///
    /// <https://docs.cloud.google.com/run/docs/configuring/request-timeout> and <https://docs.cloud.google.com/run/docs/configuring/task-timeout>.
    /// <https://learn.microsoft.com/azure/container-apps/premium-ingress>: `requestIdleTimeout`; that the ordinary ingress has the same default is usual, and not documented.
    /// A job of Cloud Run also sees SIGTSTP ten seconds before it is moved to another machine and SIGCONT after it: a program that stops itself there loses that time too.
    pub(super) RULE = "LC411", "ended-by-platform-first", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let request = context.manifest.traffic.longest_request.as_ref();
    for line in context.timelines {
        match context.entry(line) {
            Some(Platform::CloudRun(run)) => {
                let limit = run.request_timeout();
                if let Some((longest, limit)) =
                    request.zip(limit).filter(|(l, f)| l.value > f.value)
                {
                    let finding = finding(line, "a request", longest, &limit);
                    findings.push(with_longer(
                        finding,
                        line,
                        "request_timeout",
                        longest,
                        &limit,
                    ));
                }
                findings.extend(jobs(context, line, run));
            }
            Some(Platform::AzureContainerApps(azure)) => {
                let limit = azure.idle_timeout();
                if let Some(longest) = request.filter(|longest| longest.value > limit.value) {
                    let mut finding = finding(line, "a request", longest, &limit).help(
                        "send something more often than that, answer at once and let the client ask again, or \
                         set a longer `premium_ingress: { idle_timeout: … }`",
                    );
                    finding.confidence = crate::finding::Confidence::Medium;
                    findings.push(finding);
                }
            }
            _ => {}
        }
    }
}

/// The longest job of each consumer, beside the time that one try of a task has.
fn jobs<'a>(
    context: &'a Context<'_>,
    line: &'a Timeline,
    run: &'a CloudRun,
) -> impl Iterator<Item = Finding> + 'a {
    let limit = run.task_timeout();
    let jobs = context.manifest.resources.iter();
    jobs.filter_map(move |resource| {
        let longest = resource.jobs.longest.as_ref()?;
        let limit = limit.as_ref().filter(|limit| longest.value > limit.value)?;
        let what = format!("a job of `{}`", resource.name);
        let finding = finding(line, &what, longest, limit).note(format!(
            "a task that fails is tried again from its beginning, up to {} times in all",
            run.tries()
        ));
        Some(with_longer(finding, line, "task_timeout", longest, limit))
    })
}

fn finding(line: &Timeline, what: &str, longest: &Written<Duration>, limit: &Figure) -> Finding {
    let message = format!(
        "{what} may take {}, and {} ends it after {}",
        human(longest.value),
        line.facts.name,
        human(limit.value)
    );
    let finding = Finding::new(&RULE, message, Place::Value(longest.route.clone()))
        .on(line.platform())
        .label("longer than it is let run");
    match limit.origin.route() {
        Some(route) => finding.related(Place::Value(route.clone()), "it is ended here"),
        None => finding.note(format!(
            "{}: {}, {}",
            limit.label,
            human(limit.value),
            limit.origin
        )),
    }
}

/// Adds the way out by a longer timeout of the platform, where it takes one.
fn with_longer(
    finding: Finding,
    line: &Timeline,
    key: &'static str,
    longest: &Written<Duration>,
    limit: &Figure,
) -> Finding {
    let enough = round_up(longest.value, line.facts.unit);
    let most = match key {
        "request_timeout" => *crate::platform::REQUEST_TIMEOUT.end(),
        _ => *crate::platform::TASK_TIMEOUT.end(),
    };
    if enough > most {
        return finding.help(format!(
            "{} lets it run for {} at most: cut it into shorter ones",
            line.facts.name,
            human(most)
        ));
    }
    let text = show(enough);
    let edit = match limit.origin.route() {
        Some(route) => Edit::replace(Place::Value(route.clone()), text.as_str()),
        None => Edit::insert(
            crate::text::Route::keys(["platforms", line.platform()]),
            key,
            text.as_str(),
        ),
    };
    finding.fix_with(
        format!("write `{key}: {text}`"),
        Fix::new(Safety::Unsafe, [edit]),
    )
}
