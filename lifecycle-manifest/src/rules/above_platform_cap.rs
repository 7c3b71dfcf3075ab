//! What the plan needs, the platform cannot give.

use std::time::Duration;

use super::Context;
use super::shorter::timeouts_within;
use super::verdict::{Verdict, beside_steps, platform_place, terms, with, with_longest_steps};
use crate::duration::{human, show};
use crate::finding::{Finding, Help};
use crate::platform::round_up;

rule! {
    /// Shutdown needs more time than the platform can give at all.
    ///
    /// ## What it finds
    ///
    /// A sum above the platform's own limit: 120 seconds on Fargate, ten on Cloud Run, thirty on Heroku, 300 on Fly.io, and on Nomad what its clients are set to.
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
    ///   cloud_run: { timeouts: { http: 7s, emails: 7s } }
    /// ```
    ///
    /// ## Options
    ///
    /// - `timeouts` under the platform: steps that are tighter there.
    /// - `budget.reserve` (5s when not written, or a quarter of the work where that is less).
    /// - `launch_type: ec2` under `ecs`: no limit is documented there.
    /// - `max_kill_timeout` under `nomad`: the clients' own setting, 30s when not written.
    ///
    /// ## When to allow it
    ///
    /// Never: work is cut off as written.
    ///
    /// ## Source
    ///
    /// Fargate: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>, `stopTimeout`.
    /// Cloud Run: <https://docs.cloud.google.com/run/docs/container-contract>.
    /// Nomad, whose clients cut every `kill_timeout` to their `max_kill_timeout`: <https://developer.hashicorp.com/nomad/docs/configuration/client>.
    /// Fly.io: <https://fly.io/docs/reference/configuration/>, `kill_timeout`.
    /// Heroku: <https://devcenter.heroku.com/articles/dyno-shutdown-behavior>.
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
        let mut finding = with_longest_steps(finding, line).note(format!(
            "sum: {}, at most {}",
            line.sum(),
            human(cap.limit)
        ));
        let by_steps = timeouts_within(context, line, cap.limit);
        finding.help.push(by_steps.unwrap_or_else(|| {
            let beside = beside_steps(line);
            let taken: Duration = beside.iter().map(|figure| figure.value).sum();
            let text = match taken >= cap.limit {
                true => format!(
                    "lower these first: {} leave nothing of the {} for the steps",
                    terms(&beside),
                    human(cap.limit)
                ),
                false => format!(
                    "even steps of 1s would not fit one after another: {}",
                    line.longest_path_names(context.plan).join(" → ")
                ),
            };
            Help { text, fix: None }
        }));
        if line.platform() == crate::platform::nomad::FACTS.key {
            finding = finding.help(format!(
                "or raise `max_kill_timeout` on the clients, and say so under `nomad`: `max_kill_timeout: {}`",
                show(round_up(line.needed(), line.facts.unit))
            ));
        }
        let hand_back =
            "or make the work resumable and hand it back at the signal, or run it elsewhere";
        findings.push(finding.help(hand_back));
    }
}
