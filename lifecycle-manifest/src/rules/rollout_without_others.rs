//! A rollout, as the manifest has it, takes every pod or none.

use super::Context;
use crate::finding::{Finding, Place, Severity};
use crate::platform::{Controller, Kubernetes, Platform, Replacement, Share};
use crate::rollout::Rollout;

rule! {
    /// The manifest's rollout stops every pod that serves, or cannot go on at all.
    ///
    /// ## What it finds
    ///
    /// A service that takes requests, under a strategy or a `max_unavailable` that lets all its pods go at once. Shares that round to nothing, so that a pod is taken all the same. Numbers that Kubernetes refuses: neither a pod more nor a pod less, or both on a `DaemonSet`.
    ///
    /// ## Why it matters
    ///
    /// However well each pod stops: while none serves, requests fail.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   kubernetes: { replicas: 3, rollout: { max_surge: 0, max_unavailable: 100% } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Nothing, or a `max_unavailable` that leaves some.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   kubernetes: { replicas: 3, rollout: { max_surge: 0, max_unavailable: 1 } }
    /// ```
    ///
    /// ## Options
    ///
    /// - `rollout.strategy`, `rollout.max_surge`, `rollout.max_unavailable`, `replicas`, `autoscaler.min`: with an autoscaler, as many pods as it leaves.
    ///
    /// ## When to allow it
    ///
    /// When two versions must never serve side by side.
    ///
    /// ## Source
    ///
    /// Kubernetes, apps/v1/types.go and `pkg/apis/apps/validation`: shares of what may be missing round down and of what may be added up; a Deployment and a `DaemonSet` refuse 0 and 0, a `DaemonSet` refuses both above 0, a `StatefulSet` refuses 0.
    pub(super) RULE = "LC409", "rollout-without-others", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, kubernetes)) = context.on(Platform::kubernetes) else {
        return;
    };
    // Few pods leave the fewest to serve.
    let Some(rollout) = Rollout::of_pods(kubernetes, line, Some(kubernetes.fewest_pods())) else {
        return;
    };
    let resources = &context.manifest.resources;
    let serves = resources
        .iter()
        .any(|resource| resource.kind.value.takes_traffic());
    let kind = rollout.controller.kind();
    let (message, severity, help) = if let Some(why) = refused(kubernetes, &rollout) {
        let message = format!("Kubernetes refuses this rollout of a {kind}: {why}");
        let help = match rollout.controller {
            Controller::StatefulSet => "write `max_unavailable: 1`",
            _ => "write `max_unavailable: 1`, or a `max_surge` in its stead",
        };
        (message, Severity::Error, help)
    } else if !serves {
        return;
    } else if rollout.replacement == Replacement::Recreate {
        (
            "a rollout stops every pod before the first new one starts".to_owned(),
            Severity::Warning,
            "take `strategy: recreate` away: a new pod is then ready before an old one leaves",
        )
    } else if rounds_to_nothing(kubernetes, &rollout) {
        (
            "a rollout takes one pod all the same, because both shares round to nothing".to_owned(),
            Severity::Warning,
            "write `max_surge: 1`",
        )
    } else if rollout.fewest_ready() == Some(0) && rollout.pods > Some(0) {
        let message = match rollout.pods {
            Some(1) if kubernetes.autoscaler.is_some() => {
                "where the autoscaler leaves one pod, a rollout stops it before another is ready"
                    .to_owned()
            }
            Some(1) => "a rollout stops the only pod before another is ready".to_owned(),
            pods => format!(
                "a rollout may stop all {} pods before another is ready",
                pods.unwrap_or(0)
            ),
        };
        let help = match (rollout.controller, &kubernetes.autoscaler) {
            (Controller::StatefulSet, Some(_)) => {
                "write `min: 2` or more for the autoscaler, and let fewer be missing"
            }
            (Controller::StatefulSet, None) => {
                "write `replicas: 2` or more, and let fewer be missing"
            }
            _ => "write `max_unavailable: 0` and `max_surge: 1`",
        };
        (message, Severity::Warning, help)
    } else {
        return;
    };
    let mut finding = Finding::new(&RULE, message, place(kubernetes))
        .on(line.platform())
        .help(help);
    finding.severity = severity;
    findings.push(finding);
}

/// What decides it: the strategy, what may be missing, what may be added, the number of pods.
fn place(kubernetes: &Kubernetes) -> Place {
    let rolling = &kubernetes.rollout;
    let recreate = rolling.strategy.as_ref();
    let recreate = recreate.filter(|it| it.value == Replacement::Recreate);
    let autoscaler = kubernetes.autoscaler.as_ref();
    let routes = [
        recreate.map(|it| &it.route),
        rolling.max_unavailable.as_ref().map(|it| &it.route),
        rolling.max_surge.as_ref().map(|it| &it.route),
        kubernetes.replicas.as_ref().map(|it| &it.route),
        autoscaler.map(|it| it.min.as_ref().map_or(&it.max.route, |min| &min.route)),
    ];
    match routes.into_iter().flatten().next() {
        Some(route) => Place::Value(route.clone()),
        None => Place::Key(kubernetes.common.route.clone()),
    }
}

fn refused(kubernetes: &Kubernetes, rollout: &Rollout) -> Option<&'static str> {
    if rollout.replacement != Replacement::Rolling {
        return None;
    }
    let (surge, missing) = kubernetes.shares();
    match (rollout.controller, surge.is_nothing(), missing.is_nothing()) {
        (Controller::Deployment | Controller::DaemonSet, true, true) => {
            Some("it can take no pod and add none")
        }
        (Controller::DaemonSet, false, false) => {
            Some("a DaemonSet adds a pod to a node, or takes one from it, and not both")
        }
        (Controller::StatefulSet, _, true) => Some("none may be missing, and none is added"),
        _ => None,
    }
}

/// Shares of few pods: one is taken, which nobody has written.
fn rounds_to_nothing(kubernetes: &Kubernetes, rollout: &Rollout) -> bool {
    let (surge, missing) = kubernetes.shares();
    let pods = rollout.pods.unwrap_or(0);
    let share = matches!(missing, Share::Percent(1..));
    let nothing = surge.is_nothing() && missing.down(pods) == 0 && pods > 0;
    rollout.controller == Controller::Deployment && share && nothing
}
