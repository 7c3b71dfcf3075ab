//! The deployment was generated from another plan.

#[cfg(feature = "deployed")]
use crate::{
    Finding, contract,
    deployed::Pair,
    finding::{Place, Severity, Side},
    manifest::Drift,
};

rule! {
    /// The deployment was generated from another plan than this manifest's.
    ///
    /// ## What it finds
    ///
    /// A digest in the environment, the annotations or the tags of a workload that is not this manifest's.
    /// Where the manifest says `drift: refuse`, it is an error.
    ///
    /// ## Why it matters
    ///
    /// Somebody has changed the manifest and not the deployment, or the other way round. The program compares the digest when it starts: it warns, or with `drift: refuse` it does not start.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   jobs: { kind: queue-consumer, timeout: 10s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: shop
    ///   annotations: { lifecycle/plan-digest: 0123456789abcdef }
    /// spec:
    ///   containers: [{ name: shop }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// What `lifecycle gen` writes from this manifest, deployed together with a program built from it.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: shop
    ///   annotations: { lifecycle/plan-digest: "1eb23e8625ca6fb5" }
    /// spec:
    ///   containers: [{ name: shop }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// While a rollout is under way, and what is deployed is one step behind what is committed.
    ///
    /// ## Source
    ///
    /// The digest counts what a shutdown does: steps, waits, times, the platforms' terms; not images or replicas.
    pub(super) RULE = "LC706", "digest-drift", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    let workload = pair.workload();
    let digest = &pair.resolved.digest;
    let variable = pair.container().variable(contract::DIGEST);
    let variable = variable.and_then(|variable| variable.value.as_ref());
    let labels = [
        workload.pod_annotations.get(contract::DIGEST_LABEL),
        workload.annotations.get(contract::DIGEST_LABEL),
        workload.labels.get(contract::DIGEST_LABEL),
    ];
    let stale: Vec<_> = std::iter::once(variable)
        .chain(labels)
        .flatten()
        .filter(|here| here.value != *digest)
        .collect();
    let Some((first, others)) = stale.split_first() else {
        return;
    };
    let shown: String = first.value.chars().take(32).collect();
    let message = format!(
        "{} was generated from plan `{shown}`, and the manifest is plan `{digest}`",
        pair.title()
    );
    let refuses =
        pair.resolved.plan.drift == Drift::Refuse && variable.is_some_and(|it| it.value != *digest);
    let service = pair.resolved.manifest.service.route.clone();
    let mut finding = pair
        .finding(&RULE, message, Place::Value(first.route.clone()))
        .label("another plan")
        .beside((Place::Value(service), format!("plan {digest}")));
    for other in others {
        let place = Place::Value(other.route.clone());
        finding = finding.related_in(Side::Deployed(pair.found.file), place, "here too");
    }
    if refuses {
        finding.severity = Severity::Error;
        finding = finding
            .note("the manifest says `drift: refuse`: a program built from it does not start here");
    }
    findings.push(finding.help(format!(
        "run `{}` anew, and deploy it together with the program",
        pair.regenerate()
    )));
}
