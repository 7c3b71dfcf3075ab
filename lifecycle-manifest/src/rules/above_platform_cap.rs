//! What the plan needs, the platform cannot give.

use super::Context;
use super::verdict::{Verdict, platform_place, with, with_longest_steps};
use crate::duration::human;
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
    /// No setting helps. What is still running at the limit is killed.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// resources:
    ///   calls: { kind: stream, timeout: 10m }
    /// platforms:
    ///   ecs: { launch_type: fargate, grace_period: 120s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Shorter steps on this platform (`timeouts:` under it), work that can be handed back and resumed, or another platform.
    ///
    /// ## When to allow it
    ///
    /// Never.
    ///
    /// ## Source
    ///
    /// Fargate: API reference of `ContainerDefinition.stopTimeout`. Cloud Run: container contract.
    pub(super) RULE = "LC106", "above-platform-cap", Error, check
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
        let example = path.first().map_or(String::new(), |step| {
            format!(", such as `timeouts: {{ {step}: … }}`")
        });
        findings.push(
            finding
                .help(format!(
                    "take {} from the longest path on this platform ({}){example}",
                    human(line.needed().saturating_sub(cap.limit)),
                    path.join(" → "),
                ))
                .help("or make the work resumable and hand it back at the signal, or run it elsewhere"),
        );
    }
}
