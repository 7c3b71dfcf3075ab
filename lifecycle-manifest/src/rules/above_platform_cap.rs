//! What the plan needs, the platform cannot give.

use std::time::Duration;

use super::Context;
use super::verdict::{Verdict, platform_place, with, with_longest_steps};
use crate::duration::{human, show};
use crate::finding::Finding;

rule! {
    /// Shutdown needs more time than the platform can give at all.
    ///
    /// ## What it finds
    ///
    /// A sum above the platform's own limit: 120 seconds on Fargate, ten on Cloud Run.
    ///
    /// ## Why it matters
    ///
    /// No setting helps.
    /// What is still running at the limit is killed.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    ///   emails: { kind: queue-consumer, timeout: 10s }
    /// platforms:
    ///   cloud_run: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Shorter steps on this platform, under `timeouts`; the help has some that fit.
    /// Work that cannot be that short is made resumable and handed back at the signal, or runs elsewhere.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    ///   emails: { kind: queue-consumer, timeout: 10s }
    /// platforms:
    ///   cloud_run: { timeouts: { http: 2s, emails: 2s } }
    /// ```
    ///
    /// ## Options
    ///
    /// - `timeouts` under the platform: steps that are tighter there.
    /// - `budget.reserve` (5s when not written, or a quarter of the work where that is less).
    /// - `launch_type: ec2` under `ecs`: no limit is documented there.
    ///
    /// ## When to allow it
    ///
    /// Never: work is cut off as written.
    ///
    /// ## Source
    ///
    /// Fargate: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>, `stopTimeout`.
    /// Cloud Run: <https://docs.cloud.google.com/run/docs/container-contract>.
    pub(super) RULE = "LC106", "above-platform-cap", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in with(context, Verdict::AboveCap) {
        let Some(cap) = &line.terms.cap else { continue };
        let message = format!(
            "shutdown needs {}, and {} cannot give more than {}",
            human(line.needed()),
            line.facts.name,
            human(cap.limit)
        );
        let finding = Finding::new(&RULE, message, platform_place(context, line))
            .on(line.platform())
            .label(cap.because);
        let finding = with_longest_steps(finding, line).note(format!(
            "sum: {}, at most {}",
            line.sum(),
            human(cap.limit)
        ));
        let path = line.longest_path_names(context.plan);
        let excess = line.needed().saturating_sub(cap.limit);
        let longest = line
            .longest_path
            .iter()
            .max_by_key(|&&step| line.windows[step].timeout.value);
        let example = longest
            .map(|&step| {
                (
                    &context.plan.steps[step].name,
                    line.windows[step].timeout.value,
                )
            })
            .and_then(|(name, timeout)| Some((name, whole(timeout.checked_sub(excess)?)?)))
            .map_or(String::new(), |(name, rest)| {
                format!(", such as `timeouts: {{ {name}: {} }}`", show(rest))
            });
        findings.push(
            finding
                .help(format!(
                    "take {} from the longest path on this platform ({}){example}",
                    human(excess),
                    path.join(" → "),
                ))
                .help("or make the work resumable and hand it back at the signal, or run it elsewhere"),
        );
    }
}

/// A timeout that people write: whole seconds, where there is one left.
fn whole(timeout: Duration) -> Option<Duration> {
    let seconds = Duration::from_secs(timeout.as_secs());
    (!seconds.is_zero()).then_some(seconds)
}
