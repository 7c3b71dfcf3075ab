//! Kubernetes: the pod's grace period, its preStop hook, its sidecars.
//!
//! Sources: the API types (`core/v1/types.go`), <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination>
//! and the kubelet of v1.36 (`pkg/kubelet/kuberuntime`). What runs before the signal runs inside the
//! grace period: hook, program and native sidecars share it, one after another.

mod balancer;
mod job;
mod limits;
mod mesh;
mod pre_stop;
mod rollout;
mod security;
mod selector;
mod sidecar;
mod workload;

use std::time::Duration;

pub use balancer::Balancer;
pub use job::{Concurrency, Job, Successor, is_schedule};
pub(crate) use limits::usual as usual_limit;
pub use limits::{Limits, Spot};
pub use mesh::{Mesh, Proxy};
pub use pre_stop::PreStop;
#[cfg(feature = "deployed")]
pub(crate) use rollout::DEFAULT_MAX_UNAVAILABLE;
pub use rollout::{Replacement, Rolling, Share};
pub use security::SecurityContext;
pub use selector::{NAME_LABEL, Selector};
pub use sidecar::Sidecar;
pub use workload::{Autoscaler, Controller};

use super::{Common, Facts, Own, Signal, Terms, held, owed_settle, round_up};
use crate::figure::{Figure, Origin};
use crate::finding::{Finding, Place};
use crate::manifest::{Manifest, Written};
use crate::read::{OtherName, Table, Zero, unusable};
use crate::rules::shape;

pub(crate) static FACTS: Facts = Facts {
    key: "kubernetes",
    name: "Kubernetes",
    nicknames: &["k8s", "kube"],
    // `DefaultTerminationGracePeriodSeconds` in core/v1/types.go.
    default_grace: Duration::from_secs(30),
    // int64 seconds.
    unit: Duration::from_secs(1),
    // Kubelet v1.36 `minimumGracePeriodInSeconds`: a floor, not an addition.
    kill_floor: Duration::from_secs(2),
    runs_images: true,
    other_names: &[
        OtherName::seconds("terminationGracePeriodSeconds", "grace_period"),
        OtherName::seconds("termination_grace_period_seconds", "grace_period"),
        OtherName::new("termination_grace_period", "grace_period"),
        OtherName::new("preStop", "pre_stop"),
        OtherName::new("matchLabels", "selector"),
        OtherName::seconds("minReadySeconds", "rollout: { min_ready }"),
        OtherName::seconds("progressDeadlineSeconds", "rollout: { progress_deadline }"),
        OtherName::seconds("activeDeadlineSeconds", "job: { deadline }"),
        OtherName::new("schedule", "job: { schedule }"),
        OtherName::new("updateStrategy", "rollout: { strategy }"),
    ],
};

/// The minor version from which `preStop.sleep` works without a feature gate (beta, on by default).
/// Kubernetes, KEP-3960.
pub(crate) const NATIVE_SLEEP_SINCE: u32 = 30;

/// The minor version from which native sidecars work without a feature gate (beta, on by default).
/// Kubernetes, KEP-753.
pub(crate) const NATIVE_SIDECARS_SINCE: u32 = 29;

/// The minor version from which a `StatefulSet`'s `maxUnavailable` is known and on by default; it was
/// beta in 1.35, and switched off from 1.35.4 on and in 1.36 (kubernetes/kubernetes#137904, #139466).
pub(crate) const SET_UNAVAILABLE_SINCE: u32 = 37;

/// The minor versions whose kubelets do not run a readiness command while a pod stops: 1.35, and 1.36
/// from its third patch on (kubernetes/kubernetes#140509, #140882).
#[cfg(feature = "deployed")]
pub(crate) const EXEC_READINESS_FROZEN: std::ops::RangeInclusive<u32> = 35..=36;

/// The minor version from which a Job's `podReplacementPolicy` works without a feature gate (beta, on
/// by default). Kubernetes, KEP-3939.
pub(crate) const POD_REPLACEMENT_SINCE: u32 = 29;

/// The minor version from which a `ValidatingAdmissionPolicy` is served as `v1`, and the one from which
/// as `v1beta1` (KEP-3488).
pub const ADMISSION_POLICY_SINCE: u32 = 30;
/// See [`ADMISSION_POLICY_SINCE`].
pub const ADMISSION_POLICY_BETA_SINCE: u32 = 28;

/// How often the kubelet probes, and how many failures it takes, when nothing is said
/// (core/v1/types.go, `Probe`).
pub const DEFAULT_PROBE_PERIOD: Duration = Duration::from_secs(10);
/// See [`DEFAULT_PROBE_PERIOD`].
pub const DEFAULT_PROBE_FAILURES: u32 = 3;

/// The longest name of a `StatefulSet` and a `CronJob`: what is hung on it must still be a label, and the
/// API server refuses a longer one of a `CronJob` (kubernetes `pkg/apis/batch/validation`).
pub const WORKLOAD_NAME_LONGEST: usize = 52;

/// The longest name of a port (RFC 6335, which Kubernetes holds ports to).
pub const PORT_NAME_LONGEST: usize = 15;

/// `platforms.kubernetes`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::Controller;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { workload: stateful-set, replicas: 3, namespace: shops }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// assert_eq!(kubernetes.controller(), Controller::StatefulSet);
/// assert_eq!(kubernetes.replicas.as_ref().map(|it| it.value), Some(3));
/// assert_eq!(kubernetes.namespace.as_ref().map(|it| it.value.as_str()), Some("shops"));
/// // What is not written has its default.
/// assert_eq!(kubernetes.progress_deadline().term(), "600s progress deadline");
/// ```
#[derive(Debug, Clone)]
pub struct Kubernetes {
    /// The knobs that every platform has.
    pub common: Common,
    /// `workload`: which controller runs the pods; a Deployment when not written.
    pub workload: Option<Written<Controller>>,
    /// `rollout`: how a new version takes the old one's place.
    pub rollout: Rolling,
    /// `job`: what a Job and a `CronJob` have beside other workloads.
    pub job: Job,
    /// `autoscaler`: it, and no file, says how many pods there are.
    pub autoscaler: Option<Autoscaler>,
    /// `replicas`; 2 when not written, the fewest with which a rollout can keep serving.
    pub replicas: Option<Written<u32>>,
    /// `namespace`.
    pub namespace: Option<Written<String>>,
    /// `version`: the oldest cluster the manifests must work on.
    pub version: Option<Written<Version>>,
    /// `pre_stop`: unset, a native sleep of the settle time.
    pub pre_stop: Option<PreStop>,
    /// `sidecars`.
    pub sidecars: Vec<Sidecar>,
    /// `mesh`.
    pub mesh: Option<Written<Mesh>>,
    /// What `mesh` says of its proxy.
    pub proxy: Proxy,
    /// `liveness_grace_period`: how long a pod has that liveness has given up.
    pub liveness_grace_period: Option<Written<Duration>>,
    /// `limits`: how long those who take nodes away wait for a pod.
    pub limits: Limits,
    /// `spot`: the notice that bounds every grace period on such nodes.
    pub spot: Option<Written<Spot>>,
    /// `load_balancer`: one in front of the cluster that follows the pod on its own.
    pub load_balancer: Option<Balancer>,
    /// `security_context`: what the program's container may do; the least when not written.
    pub security_context: Option<Written<SecurityContext>>,
    /// `selector`: the labels by which the pods are known; the service's name when not written.
    pub selector: Option<Selector>,
}

/// `version`: a minor release such as `1.34`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::Version;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { version: '1.28' }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// let version = kubernetes.version.as_ref().unwrap().value;
/// assert_eq!(version, Version { minor: 28 });
/// assert!(version > Version { minor: 9 });
/// assert!(!kubernetes.has_pod_replacement());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The minor number.
    pub minor: u32,
}

impl Kubernetes {
    pub(super) fn read(common: Common, table: &mut Table<'_, '_>) -> Self {
        let (mesh, proxy) = mesh::read(table);
        let kubernetes = Self {
            workload: table.word("workload", "a workload", Controller::WORDS),
            rollout: table
                .table("rollout")
                .map(Rolling::read)
                .unwrap_or_default(),
            job: table.table("job").map(Job::read).unwrap_or_default(),
            autoscaler: table.table("autoscaler").and_then(Autoscaler::read),
            mesh,
            proxy,
            liveness_grace_period: table.duration("liveness_grace_period", Zero::Refused),
            limits: table.table("limits").map(Limits::read).unwrap_or_default(),
            replicas: table.number("replicas", 0..=10_000),
            namespace: namespace(table),
            version: version(table),
            pre_stop: PreStop::read(table),
            sidecars: sidecar::read(table),
            spot: table.word(
                "spot",
                "a kind of Spot node",
                &[("aws", Spot::Aws), ("gke", Spot::Gke)],
            ),
            load_balancer: table.table("load_balancer").map(Balancer::read),
            security_context: table.word(
                "security_context",
                "a security context",
                SecurityContext::WORDS,
            ),
            selector: Selector::read(table),
            common,
        };
        kubernetes.hold_against_workload(table);
        kubernetes
    }

    /// What the program's container may do.
    pub fn security(&self) -> SecurityContext {
        let written = self.security_context.as_ref();
        written.map_or_else(SecurityContext::default, |written| written.value)
    }

    /// How long a pod has that liveness has given up, in whole seconds; `None`: the grace period.
    pub fn liveness_grace(&self) -> Option<Figure> {
        let written = self.liveness_grace_period.as_ref()?;
        Some(held(written, "liveness grace period", FACTS.unit))
    }

    /// The cluster has native sidecars.
    pub(crate) fn has_native_sidecars(&self) -> bool {
        self.version
            .as_ref()
            .is_none_or(|version| version.value.minor >= NATIVE_SIDECARS_SINCE)
    }

    /// The cluster has `preStop.sleep`.
    pub(crate) fn has_native_sleep(&self) -> bool {
        self.version
            .as_ref()
            .is_none_or(|version| version.value.minor >= NATIVE_SLEEP_SINCE)
    }

    /// The cluster knows a Job's `podReplacementPolicy`.
    pub fn has_pod_replacement(&self) -> bool {
        self.version
            .as_ref()
            .is_none_or(|version| version.value.minor >= POD_REPLACEMENT_SINCE)
    }

    pub(super) fn terms(&self, manifest: &Manifest) -> Terms {
        let settle = owed_settle(manifest, true);
        let hook = self.hook(&settle);
        Terms {
            signal: Signal::Term,
            grace: self.common.grace(&FACTS),
            cap: None,
            outside: None,
            // A command or a request may take its whole time and may return at once: it pays for nothing.
            paid_before_signal: match (&self.pre_stop, &hook) {
                (None | Some(PreStop::Sleep(_)), Some(hook)) => hook.value,
                _ => Duration::ZERO,
            },
            hook,
            routing_lags: true,
            settle,
            sidecars: self
                .sidecars
                .iter()
                .filter(|sidecar| sidecar.native)
                .map(|sidecar| {
                    Figure::new(
                        sidecar.timeout.value,
                        format!("sidecar {}", sidecar.name.value),
                        Origin::Written(sidecar.timeout.route.clone()),
                    )
                })
                .collect(),
            after: Vec::new(),
        }
    }

    /// What the hook takes from the grace period, in whole seconds.
    fn hook(&self, settle: &Figure) -> Option<Figure> {
        match &self.pre_stop {
            Some(PreStop::Sleep(written)) => {
                (!written.value.is_zero()).then(|| held(written, "preStop sleep", FACTS.unit))
            }
            Some(PreStop::Exec { timeout, .. }) => Some(Figure::new(
                timeout.value,
                "preStop command",
                Origin::Written(timeout.route.clone()),
            )),
            Some(PreStop::Http { timeout, .. }) => Some(Figure::new(
                timeout.value,
                "preStop request",
                Origin::Written(timeout.route.clone()),
            )),
            None if self.has_native_sleep() => {
                let app = self
                    .common
                    .app_settle
                    .as_ref()
                    .map_or(Duration::ZERO, |app| app.value);
                let rest = round_up(settle.value.saturating_sub(app), FACTS.unit);
                let origin = match &settle.origin {
                    Origin::Written(_) => Origin::Derived("traffic.settle, in whole seconds"),
                    _ => Origin::Derived("the default settle time"),
                };
                (!rest.is_zero()).then(|| Figure::new(rest, "preStop sleep", origin))
            }
            None => None,
        }
    }
}

impl Own for Kubernetes {
    // <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-stop-signals>
    fn signal_is_the_images(&self) -> bool {
        true
    }
}

fn namespace(table: &mut Table<'_, '_>) -> Option<Written<String>> {
    let namespace = table.text("namespace")?;
    if let Some(finding) = unusable(
        &namespace.value,
        Place::Value(namespace.route.clone()),
        None,
    ) {
        table.push(finding);
    }
    Some(namespace)
}

fn version(table: &mut Table<'_, '_>) -> Option<Written<Version>> {
    let text = table.text("version")?;
    let minor = text
        .value
        .strip_prefix("1.")
        .and_then(|minor| minor.split('.').next()?.parse::<u32>().ok());
    if let Some(minor) = minor {
        return Some(text.map(|_| Version { minor }));
    }
    let finding = Finding::new(
        &shape::WRONG_TYPE,
        format!(
            "`{}` takes a Kubernetes version, and this is `{}`",
            text.route,
            text.value.chars().take(40).collect::<String>()
        ),
        Place::Value(text.route),
    );
    table.push(finding.help("write it in quotes, such as `\"1.34\"`"));
    None
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "kubernetes",
    rename = "Kubernetes",
    extend("allOf" = workload::for_workloads()),
    description = "How the service stops on Kubernetes."
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct Schema {
    #[schemars(flatten)]
    common: crate::schema::CommonSchema,
    /// The container's image, such as `registry.example.com/checkout:1.4.2`. Unset: another platform's, or what `gen --image` says.
    #[schemars(extend("examples" = ["registry.example.com/checkout:1.4.2"]))]
    image: Option<String>,
    /// Which of Kubernetes' controllers runs the pods; `deployment` when not written.
    workload: Option<Controller>,
    /// How a new version takes the old one's place. Unset: a new pod is ready before an old one leaves, one at a time.
    rollout: Option<rollout::RolloutSchema>,
    /// What a Job and a `CronJob` have beside other workloads. Unset: nothing.
    job: Option<job::JobSchema>,
    /// A `HorizontalPodAutoscaler` says how many pods there are. Unset: `replicas` does.
    autoscaler: Option<workload::AutoscalerSchema>,
    /// How many pods of a Deployment or a `StatefulSet`; 2 when not written.
    replicas: Option<u32>,
    /// The namespace the objects are written for. Unset: none is written.
    namespace: Option<String>,
    /// The oldest cluster the manifests must work on, such as `"1.34"`. Below 1.30 there is no native sleep, and the program pays the settle time itself. Unset: a cluster that has everything.
    #[schemars(extend("examples" = ["1.34"]))]
    version: Option<String>,
    /// What runs before the signal, inside the grace period. Unset: a native sleep of the settle time. `0s`: nothing, and the program pays the settle time itself.
    pre_stop: Option<pre_stop::Schema>,
    /// Containers beside the program's. Native ones stop after it, one after another, inside the same grace period. Unset: none.
    #[schemars(extend("examples" = [[{ "name": "proxy", "timeout": "5s" }]]))]
    sidecars: Option<Vec<sidecar::SidecarSchema>>,
    /// The service mesh, whose proxy is a native sidecar unless something else is said. Unset: none.
    mesh: Option<mesh::MeshSchema>,
    /// How long a pod has that the liveness probe has given up. Unset: the whole grace period.
    liveness_grace_period: Option<crate::schema::DurationSchema>,
    /// How long those who take nodes away wait for a pod, whatever its grace period says. Unset: not known; only a sum above the ten minutes of the Cluster Autoscaler is a finding.
    limits: Option<limits::LimitsSchema>,
    /// The pods run on interruptible nodes, whose notice bounds every grace period. Unset: they do not.
    spot: Option<Spot>,
    /// A load balancer in front of the cluster that follows the pod on its own. Unset: none.
    load_balancer: Option<balancer::BalancerSchema>,
    /// What the program's container may do on its node. Unset: `restricted`, so not as root, without capabilities, and its root is only read but for `/tmp`.
    security_context: Option<SecurityContext>,
    /// The labels by which the workload and its Service know their pods. Unset: `app.kubernetes.io/name` with the service's name. Kubernetes lets nobody change them once the workload is there, so for one that is deployed already they are its own.
    #[schemars(extend("examples" = [{ "app": "checkout" }]))]
    selector: Option<selector::SelectorSchema>,
}
