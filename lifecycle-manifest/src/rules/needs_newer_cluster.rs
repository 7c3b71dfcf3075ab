//! A hook or a sidecar that the declared cluster does not have.

use super::Context;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::{Controller, Platform, PreStop, Share, Successor};

rule! {
    /// The manifest relies on something that the declared Kubernetes version does not have.
    ///
    /// ## What it finds
    ///
    /// A native sleep below 1.30; a native sidecar, or a Job's `replacement: after-end`, below 1.29; a `StatefulSet` that may miss more than one pod below 1.37.
    ///
    /// ## Why it matters
    ///
    /// The API server refuses the object, or drops the field: the hook does nothing and the signal comes at once; the sidecar keeps the pod from ever ending.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { version: "1.28", pre_stop: 5s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Leave `pre_stop` away: below 1.30 the program waits by itself after the signal.
    /// A sidecar takes `native: false`.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   kubernetes: { version: "1.28" }
    /// ```
    ///
    /// ## Options
    ///
    /// - `version` under `kubernetes`: the oldest cluster that the manifests must work on. Not written, it is new enough.
    ///
    /// ## When to allow it
    ///
    /// When the feature gate is on in that cluster.
    ///
    /// ## Source
    ///
    /// KEP-3960: `preStop.sleep` is on by default from 1.30.
    /// KEP-753: native sidecars are on by default from 1.29.
    /// KEP-3939: `podReplacementPolicy` is on by default from 1.29.
    /// KEP-961: `maxUnavailable` of a `StatefulSet` was beta in 1.35, is off in 1.36 (kubernetes/kubernetes#137904), and on again from 1.37.
    pub(super) RULE = "LC404", "needs-newer-cluster", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, kubernetes)) = context.on(Platform::kubernetes) else {
        return;
    };
    let Some(version) = &kubernetes.version else {
        return;
    };
    let finding = |what: &str, since: u32, place: Place| {
        let message = format!("Kubernetes 1.{} has no {what}", version.value.minor);
        Finding::new(&RULE, message, place)
            .on(line.platform())
            .label(format!("needs Kubernetes 1.{since}"))
            .related(
                Place::Value(version.route.clone()),
                "the oldest cluster it must work on",
            )
    };
    if let Some(PreStop::Sleep(sleep)) = &kubernetes.pre_stop
        && !sleep.value.is_zero()
        && !kubernetes.has_native_sleep()
    {
        let place = Place::Value(sleep.route.clone());
        findings.push(
            finding("native sleep", crate::platform::NATIVE_SLEEP_SINCE, place).fix_with(
                "take `pre_stop` away: the program then serves on after the signal instead",
                Fix::new(
                    Safety::Unsafe,
                    [Edit::Remove {
                        entry: sleep.route.clone(),
                    }],
                ),
            ),
        );
    }
    if let Some(written) = &kubernetes.job.replacement
        && written.value == Successor::AfterEnd
        && !kubernetes.has_pod_replacement()
    {
        let place = Place::Value(written.route.clone());
        let since = crate::platform::POD_REPLACEMENT_SINCE;
        findings.push(
            finding("`podReplacementPolicy`", since, place)
                .help("take it away: a replacement then starts while the old pod still stops"),
        );
    }
    if let Some(written) = &kubernetes.rollout.max_unavailable
        && kubernetes.controller() == Controller::StatefulSet
        && !matches!(written.value, Share::Pods(0 | 1) | Share::Percent(0))
        && version.value.minor < crate::platform::SET_UNAVAILABLE_SINCE
    {
        let place = Place::Value(written.route.clone());
        let since = crate::platform::SET_UNAVAILABLE_SINCE;
        findings.push(
            finding(
                "`maxUnavailable` of a StatefulSet that is on by default",
                since,
                place,
            )
            .help("take it away: the pods are then replaced one by one"),
        );
    }
    if kubernetes.has_native_sidecars() {
        return;
    }
    for sidecar in kubernetes.sidecars.iter().filter(|sidecar| sidecar.native) {
        let place = Place::Value(sidecar.name.route.clone());
        let since = crate::platform::NATIVE_SIDECARS_SINCE;
        let finding = finding("native sidecars", since, place);
        let Some(entry) = sidecar.name.route.parent() else {
            continue;
        };
        let edit = Edit::insert(entry, "native", "false");
        findings.push(finding.fix_with(
            "write `native: false`, and give it a drain as long as the program's",
            Fix::new(Safety::Unsafe, [edit]),
        ));
    }
}
