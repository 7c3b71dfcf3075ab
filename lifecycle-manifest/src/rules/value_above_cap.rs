//! A grace period that the platform refuses.

use super::Context;
use super::verdict::grace_place;
use crate::duration::{human, show};
use crate::figure::Figure;
use crate::finding::{Finding, Place};
use crate::platform::{Cap, Platform};
use crate::timeline::Timeline;

rule! {
    /// The written grace period is above the platform's limit.
    ///
    /// ## What it finds
    ///
    /// A `grace_period` that the platform would refuse or silently cut; on Fargate also the `timeout` of a sidecar, which becomes a `stopTimeout` of its own.
    ///
    /// ## Why it matters
    ///
    /// A deployment that is refused in the middle of a release, or a kill that comes earlier than anybody planned.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   ecs: { launch_type: fargate, grace_period: 600s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// At most the platform's limit, and steps that fit into it.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   ecs: { launch_type: fargate, grace_period: 120s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `grace_period` under the platform.
    /// - `launch_type: ec2` under `ecs`: no limit is documented there.
    ///
    /// ## When to allow it
    ///
    /// Never.
    ///
    /// ## Source
    ///
    /// Fargate takes at most 120 seconds: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>, `stopTimeout`.
    pub(super) RULE = "LC107", "value-above-cap", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let Some(cap) = line.terms.cap.as_ref().filter(|cap| !cap.fixed) else {
            continue;
        };
        for sidecar in line.terms.after.iter().filter(|it| it.value > cap.limit) {
            findings.extend(of_sidecar(line, sidecar, cap));
        }
        if line.grace().value <= cap.limit {
            continue;
        }
        let message = format!(
            "{} refuses a grace period of {}: at most {}",
            line.facts.name,
            human(line.grace().value),
            human(cap.limit)
        );
        let place = grace_place(context, line);
        let mut finding = Finding::new(&RULE, message, place.clone())
            .on(line.platform())
            .label(cap.because);
        let launch_type = context
            .on(Platform::ecs)
            .and_then(|(_, ecs)| ecs.launch_type.as_ref());
        if let Some(written) = launch_type {
            let place = Place::Value(written.route.clone());
            finding = finding.related(place, "this launch type has the limit");
        }
        let most = show(cap.limit);
        finding = match line.needed() <= cap.limit {
            true => finding.fix(format!("write `{most}` or less"), place, most),
            false => finding.fix(
                format!("write `{most}`, and shorten the steps here: the plan needs more too"),
                place,
                most,
            ),
        };
        findings.push(finding);
    }
}

/// A container that stops after the program has the same limit, for itself.
fn of_sidecar(line: &Timeline, sidecar: &Figure, cap: &Cap) -> Option<Finding> {
    let place = Place::Value(sidecar.origin.route()?.clone());
    let message = format!(
        "{} refuses a stop timeout of {} for the {}: at most {}",
        line.facts.name,
        human(sidecar.value),
        sidecar.label,
        human(cap.limit)
    );
    let most = show(cap.limit);
    Some(
        Finding::new(&RULE, message, place.clone())
            .on(line.platform())
            .label(cap.because)
            .fix(format!("write `{most}` or less"), place, most),
    )
}
