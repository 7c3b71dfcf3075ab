//! Somebody who takes nodes away does not wait as long as the pod may need.

use super::Context;
use super::shorter::timeouts_within;
use super::verdict::grace_place;
use crate::duration::{human, show};
use crate::finding::{Confidence, Finding, Place};
use crate::platform::{Platform, usual_limit};

rule! {
    /// The node goes before the grace period is over.
    ///
    /// ## What it finds
    ///
    /// A grace period, or a sum, that is longer than somebody who takes nodes away waits for a pod: the Cluster Autoscaler, Karpenter, or the kubelet when its node shuts down.
    /// The shortest of them decides.
    /// Where neither autoscaler is named, a sum above the Cluster Autoscaler's default of ten minutes is found too, with low confidence.
    ///
    /// ## Why it matters
    ///
    /// The grace period is what the pod asks for, not what it gets.
    /// When the node goes, what still runs is killed, and no event at the pod says why.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   exports: { kind: task, timeout: 5m }
    /// platforms:
    ///   kubernetes:
    ///     grace_period: 310s
    ///     limits: { karpenter: 300s, node_shutdown: 60s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Steps that fit into the shortest limit; or a longer limit, where the cluster is yours.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   exports: { kind: task, timeout: 50s }
    /// platforms:
    ///   kubernetes:
    ///     grace_period: 60s
    ///     limits: { karpenter: 300s, node_shutdown: 60s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `platforms.kubernetes.limits.cluster_autoscaler`: its `--max-graceful-termination-sec`.
    /// - `platforms.kubernetes.limits.karpenter`: the `NodePool`'s `terminationGracePeriod`.
    /// - `platforms.kubernetes.limits.node_shutdown`: the kubelet's `shutdownGracePeriod` less its `shutdownGracePeriodCriticalPods`.
    ///
    /// ## When to allow it
    ///
    /// When the work is handed back and resumed, or nodes are only taken away while nothing runs on them.
    ///
    /// ## Source
    ///
    /// Cluster Autoscaler: `cluster-autoscaler/FAQ.md` of kubernetes/autoscaler.
    /// Karpenter: <https://karpenter.sh/docs/concepts/disruption/>.
    /// Kubelet: <https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/>.
    pub(super) RULE = "LC111", "node-leaves-first", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, kubernetes)) = context.on(Platform::kubernetes) else {
        return;
    };
    let (grace, needed) = (line.grace().value, line.needed());
    let mut limits = kubernetes.limits.written();
    limits.retain(|limit| limit.figure.value < grace.max(needed));
    let autoscaler = &kubernetes.limits;
    let guessed = autoscaler.cluster_autoscaler.is_none()
        && autoscaler.karpenter.is_none()
        && needed > usual_limit().figure.value;
    if guessed {
        limits.push(usual_limit());
    }
    let Some(worst) = limits.iter().min_by_key(|limit| limit.figure.value) else {
        return;
    };
    let waits = match worst.figure.value.is_zero() {
        true => format!("{} waits for no pod", worst.who),
        false if worst.figure.origin.route().is_none() => format!(
            "{} would wait {} for a pod",
            worst.who,
            human(worst.figure.value)
        ),
        false => format!(
            "{} waits {} for a pod",
            worst.who,
            human(worst.figure.value)
        ),
    };
    let cut = needed > worst.figure.value;
    let message = match cut {
        true => format!("shutdown needs {}, and {waits}", human(needed)),
        false => format!("the grace period is {}, and {waits}", human(grace)),
    };
    let of_grace = match cut {
        true => "the grace period does not help there",
        false => "a program that hangs is killed before this",
    };
    let grace_place = grace_place(context, line);
    let mut finding = match worst.figure.origin.route() {
        Some(route) => {
            let finding = Finding::new(&RULE, message, Place::Value(route.clone()))
                .label("then the node goes");
            match line.grace().origin.route() {
                Some(_) => finding.related(grace_place.clone(), of_grace),
                None => finding,
            }
        }
        None => Finding::new(&RULE, message, grace_place.clone()).label(of_grace),
    };
    finding = finding.on(line.platform());
    for other in &limits {
        if let Some(route) = other.figure.origin.route()
            && other.who != worst.who
        {
            let text = format!("{} is too short as well", human(other.figure.value));
            finding = finding.related(Place::Value(route.clone()), text);
        }
    }
    if guessed && worst.figure.origin.route().is_none() {
        finding.confidence = Confidence::Low;
        finding = finding
            .note(format!(
                "{} ({})",
                human(worst.figure.value),
                worst.figure.origin
            ))
            .help("say what holds in your cluster, such as `limits: { cluster_autoscaler: 15m }`");
    }
    let raise = format!("raise {}", worst.setting);
    if cut {
        finding = finding.note(format!("sum: {}", line.sum()));
        let shorter = timeouts_within(context, line, worst.figure.value);
        finding.help.extend(shorter);
        findings.push(finding.or_help(&raise));
        return;
    }
    let smallest = line.smallest_grace().map(show);
    findings.push(match (smallest, line.grace().origin.route()) {
        (Some(text), Some(_)) => finding.fix(
            format!("`grace_period: {text}` holds the plan"),
            grace_place,
            text,
        ),
        _ => finding.or_help(&raise),
    });
}
