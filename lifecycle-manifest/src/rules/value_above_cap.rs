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
    /// A `grace_period` that the platform would refuse or silently cut; on Fargate and on Nomad also the `timeout` of a sidecar, which has a limit of its own.
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
    /// - `max_kill_timeout` under `nomad`: the clients' own setting, 30s when not written.
    ///
    /// ## When to allow it
    ///
    /// Never.
    ///
    /// ## Source
    ///
    /// Fargate takes at most 120 seconds: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>, `stopTimeout`.
    /// A Nomad client cuts a `kill_timeout` to its `max_kill_timeout`: <https://developer.hashicorp.com/nomad/docs/configuration/client>.
    /// Fly.io takes at most 300 seconds: <https://fly.io/docs/reference/configuration/>, `kill_timeout`.
    pub(super) RULE = "LC107", "value-above-cap", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let Some(cap) = line.terms.cap.as_ref().filter(|cap| !cap.fixed) else {
            continue;
        };
        for sidecar in line.terms.after.iter().filter(|it| it.value > cap.limit) {
            findings.extend(of_sidecar(context, line, sidecar, cap));
        }
        if line.grace().value <= cap.limit {
            continue;
        }
        let platform = context.entry(line);
        let message = format!(
            "{} {} a grace period of {}: at most {}",
            line.facts.name,
            does(platform),
            human(line.grace().value),
            human(cap.limit)
        );
        let place = grace_place(context, line);
        let mut finding = Finding::new(&RULE, message, place.clone())
            .on(line.platform())
            .label(cap.because);
        let launch_type = platform.and_then(|it| it.ecs()?.launch_type.as_ref());
        if let Some(written) = launch_type {
            let place = Place::Value(written.route.clone());
            finding = finding.related(place, "this launch type has the limit");
        }
        let clients = platform.and_then(|it| it.nomad()?.max_kill_timeout.as_ref());
        if let Some(written) = clients {
            let place = Place::Value(written.route.clone());
            finding = finding.related(place, "the clients have this limit");
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
        if platform.is_some_and(|it| it.nomad().is_some()) {
            finding = finding.help(format!(
                "or raise `max_kill_timeout` on the clients, and say so under `nomad`: `max_kill_timeout: {}`",
                show(line.grace().value)
            ));
        }
        findings.push(finding);
    }
}

/// What a platform does with a value above its limit.
fn does(platform: Option<&Platform>) -> &'static str {
    match platform.and_then(Platform::nomad) {
        Some(_) => "cuts",
        None => "refuses",
    }
}

/// A container that stops after the program has the same limit, for itself.
fn of_sidecar(
    context: &Context<'_>,
    line: &Timeline,
    sidecar: &Figure,
    cap: &Cap,
) -> Option<Finding> {
    let place = Place::Value(sidecar.origin.route()?.clone());
    let message = format!(
        "{} {} a stop timeout of {} for the {}: at most {}",
        line.facts.name,
        does(context.entry(line)),
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
