//! A program that hangs keeps the grace period that was meant for one that works.

use std::time::Duration;

use super::Context;
use super::verdict::{grace_label, grace_place};
use crate::duration::{human, show};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::{Platform, round_up};

rule! {
    /// A pod that liveness has given up on is waited for as long as one that shuts down.
    ///
    /// ## What it finds
    ///
    /// A liveness probe and a grace period above a minute, without a `liveness_grace_period`; or a `liveness_grace_period` that is longer than the grace period, or that no probe can use.
    ///
    /// ## Why it matters
    ///
    /// When liveness fails, the container is stopped like any other: hook, signal, grace period.
    /// A program that hangs does not answer the signal, so it stands there, not ready and not restarted, until the grace period is over.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { health: { port: 9090 } }
    /// resources:
    ///   exports: { kind: task, timeout: 80s }
    /// platforms:
    ///   kubernetes: { grace_period: 90s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A grace period for this case alone, long enough for the hook and a short farewell.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { health: { port: 9090 } }
    /// resources:
    ///   exports: { kind: task, timeout: 80s }
    /// platforms:
    ///   kubernetes: { grace_period: 90s, liveness_grace_period: 30s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `platforms.kubernetes.liveness_grace_period`: generated as `terminationGracePeriodSeconds` of the liveness probe.
    ///
    /// ## When to allow it
    ///
    /// When liveness fails only for programs that still finish their work.
    ///
    /// ## Source
    ///
    /// KEP-2238: the probe's own grace period, stable since Kubernetes 1.28; one above the pod's is accepted and only logged.
    pub(super) RULE = "LC405", "liveness-waits-whole-grace", Warning, Medium, check
}

/// Above this a hung program is missed.
const LONG: Duration = Duration::from_secs(60);
/// What a pod gets where nothing is said, and enough for one that hangs.
const USUAL: Duration = Duration::from_secs(30);
/// After a hook, for whatever of the program still answers.
const FAREWELL: Duration = Duration::from_secs(10);

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, kubernetes)) = context.on(Platform::kubernetes) else {
        return;
    };
    let grace = line.grace();
    let asked = context.plan.health_port(context.manifest);
    let health = context.manifest.traffic.health.as_ref();
    let probe = health.filter(|_| asked.is_some());
    let written = kubernetes.liveness_grace_period.as_ref();
    let liveness = kubernetes.liveness_grace();
    match (probe, liveness.zip(written)) {
        (Some(health), None) if grace.value > LONG => {
            let message = format!(
                "a pod that liveness has given up on is waited for {}",
                human(grace.value)
            );
            let place = match &health.live {
                Some(path) => Place::Value(path.route.clone()),
                None => Place::Key(health.route.clone()),
            };
            let hook = round_up(line.signal_at(), line.facts.unit);
            let text = show(USUAL.max(hook + FAREWELL));
            let edit = Edit::insert(
                kubernetes.common.route.clone(),
                "liveness_grace_period",
                text.as_str(),
            );
            findings.push(
                Finding::new(&RULE, message, grace_place(context, line))
                    .on(line.platform())
                    .label("a program that hangs is started again after this")
                    .related(place, "liveness is asked here")
                    .fix_with(
                        format!("write `liveness_grace_period: {text}` under `kubernetes`"),
                        Fix::new(Safety::Unsafe, [edit]),
                    ),
            );
        }
        (Some(_), Some((liveness, written))) if liveness.value > grace.value => {
            let message = format!(
                "a pod that liveness has given up on is waited for {}, longer than the grace period of {}",
                human(liveness.value),
                human(grace.value)
            );
            let place = Place::Value(written.route.clone());
            let edit = Edit::Remove {
                entry: written.route.clone(),
            };
            findings.push(
                Finding::new(&RULE, message, place)
                    .on(line.platform())
                    .label("a program that hangs has more time than one that shuts down")
                    .related(grace_place(context, line), grace_label(line))
                    .fix_with(
                        "take it away: the grace period then holds for both",
                        Fix::new(Safety::Unsafe, [edit]),
                    ),
            );
        }
        (None, Some((_, written))) => {
            let message = "there is no liveness probe that this grace period could belong to";
            findings.push(
                Finding::new(&RULE, message, Place::Value(written.route.clone()))
                    .on(line.platform())
                    .label("used by nobody")
                    .help("add `traffic: { health: { port: 9090 } }`, or take it away"),
            );
        }
        _ => {}
    }
}
