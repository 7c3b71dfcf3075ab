//! A grace period that is deployed where the platform has none to set.

#[cfg(feature = "deployed")]
use crate::deployed::View;
#[cfg(feature = "deployed")]
use crate::finding::{Finding, Place};
#[cfg(feature = "deployed")]
use crate::platform::Platform;

rule! {
    /// A deployed file sets a grace period where there is none to set.
    ///
    /// ## What it finds
    ///
    /// `terminationGracePeriodSeconds` in a Cloud Run service, job or worker pool.
    ///
    /// ## Why it matters
    ///
    /// Cloud Run does not know the key: it refuses the file, or the number is fiction and SIGKILL comes ten seconds after SIGTERM all the same.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apiVersion: serving.knative.dev/v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   template:
    ///     spec:
    ///       terminationGracePeriodSeconds: 60
    ///       containers: [{ name: shop, image: shop }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Take it away, and let the shutdown fit into ten seconds.
    ///
    /// ```yaml deployed
    /// apiVersion: serving.knative.dev/v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   template:
    ///     spec:
    ///       containers: [{ name: shop, image: shop }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never.
    ///
    /// ## Source
    ///
    /// The API's discovery document, `run.v1`: neither `RevisionSpec` nor `TaskSpec` has such a key.
    /// The window: <https://docs.cloud.google.com/run/docs/container-contract>.
    pub(super) RULE = "LC833", "deployed-grace-not-settable", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        let Some(route) = &seen.workload.not_settable else {
            continue;
        };
        let facts = Platform::facts_of(seen.workload.platform);
        let name = facts.map_or(seen.workload.platform, |facts| facts.name);
        let message = format!(
            "{} sets a grace period, and {name} has none to set",
            seen.workload.title()
        );
        findings.push(
            seen.finding(&RULE, message, Place::Key(route.clone()))
                .label("not a key that is known there")
                .help("take it away, and let the shutdown fit into the fixed window"),
        );
    }
}
