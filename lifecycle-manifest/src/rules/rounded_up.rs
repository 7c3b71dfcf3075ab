//! A number that the platform cannot hold as it is written.

use super::Context;
use super::verdict::Verdict;
use crate::duration::{human, show};
use crate::figure::Figure;
use crate::finding::{Finding, Place};
use crate::platform::{ComposeHook, Platform};
use crate::timeline::Timeline;

rule! {
    /// A written duration has a fraction of the platform's unit, and is held as more.
    ///
    /// ## What it finds
    ///
    /// A grace period, a preStop sleep, a liveness grace period, a proxy's drain, a deregistration delay, an idle timeout, a container's own stop timeout or the timeout of a hook under Compose with a fraction of a second.
    /// Kubernetes, ECS, Docker and Compose count whole seconds; what is generated for them is rounded up, so that nobody gets less than was written.
    ///
    /// ## Why it matters
    ///
    /// The file says one number and the platform does another.
    /// Whoever compares the deployment with the manifest looks for a value that is nowhere.
    /// Compose cuts a fraction off by itself: `900ms` in its own file are none, and SIGKILL comes with the signal.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   job: { kind: task, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 24s500ms }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The whole second that the platform holds; `--fix` writes it, and what runs does not change.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   job: { kind: task, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 25s }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// While one manifest is being moved from a platform that counts milliseconds.
    ///
    /// ## Source
    ///
    /// Kubernetes: `core/v1/types.go`, every duration of a pod is an integer of seconds.
    /// ECS: `stopTimeout` is an integer of seconds, <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>.
    /// Compose: `pkg/compose/convert.go` of docker/compose makes an integer of seconds of it, by truncation.
    pub(super) RULE = "LC109", "rounded-up", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        for figure in held(context, line) {
            let (Some(from), Some(route)) = (figure.origin.rounded_from(), figure.origin.route())
            else {
                continue;
            };
            let text = show(figure.value);
            let place = Place::Value(route.clone());
            let unit = match line.facts.unit.as_millis() {
                1_000 => "whole seconds".to_owned(),
                _ => format!("in steps of {}", human(line.facts.unit)),
            };
            let message = format!(
                "{} counts {unit}: the {} of {} is held as {}",
                line.facts.name,
                figure.label,
                human(from),
                human(figure.value)
            );
            findings.push(
                Finding::new(&RULE, message, place.clone())
                    .on(line.platform())
                    .label(format!("held as {}", human(figure.value)))
                    .safe_fix(format!("write `{text}`"), place, text),
            );
        }
    }
}

/// What the platform holds in its own unit. A grace period that does not fit, or that the platform
/// refuses, is a finding of its own that says so.
fn held(context: &Context<'_>, line: &Timeline) -> Vec<Figure> {
    let cap = line.terms.cap.as_ref();
    let refuses = |figure: &Figure| cap.is_some_and(|cap| figure.value > cap.limit);
    let mut figures = Vec::new();
    if Verdict::of(line) == Verdict::Fits && !refuses(line.grace()) {
        figures.push(line.grace().clone());
    }
    figures.extend(line.terms.hook.iter().cloned());
    match context.manifest.platforms.get(line.platform()) {
        Some(Platform::Kubernetes(kubernetes)) => {
            figures.extend(kubernetes.liveness_grace());
            figures.extend(kubernetes.proxy_drain());
            figures.extend([kubernetes.min_ready(), kubernetes.progress_deadline()]);
            figures.extend(kubernetes.job_deadline());
        }
        Some(Platform::Ecs(ecs)) => {
            if let Some(balancer) = &ecs.load_balancer {
                figures.extend([balancer.deregistration_delay(), balancer.idle_timeout()]);
            }
            let after = line.terms.after.iter().filter(|it| !refuses(it)).cloned();
            figures.extend(after.map(|mut figure| {
                figure.label = format!("stop timeout of the {}", figure.label);
                figure
            }));
        }
        Some(Platform::Compose(compose)) => {
            figures.extend(compose.pre_stop.iter().filter_map(ComposeHook::bound));
        }
        _ => {}
    }
    figures
}
