//! Kubernetes: the pod's grace period, its preStop hook, its sidecars.
//!
//! Sources: the API types (`core/v1/types.go`), <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination>
//! and the kubelet of v1.36 (`pkg/kubelet/kuberuntime`). What runs before the signal runs inside the
//! grace period: hook, program and native sidecars share it, one after another.

mod balancer;
mod limits;
mod mesh;
mod pre_stop;

use std::time::Duration;

pub use balancer::Balancer;
pub(crate) use limits::usual as usual_limit;
pub use limits::{Limits, Spot};
pub use mesh::{Mesh, Proxy};
pub use pre_stop::PreStop;

use super::{Common, Facts, Signal, Terms, held, owed_settle, round_up};
use crate::figure::{Figure, Origin};
use crate::finding::{Finding, Place};
use crate::manifest::{Manifest, Written};
use crate::read::{OtherName, Table, Zero, unusable, wrong_type};
use crate::rules::shape;
use crate::text::{Node, Value};

pub(crate) static FACTS: Facts = Facts {
    key: "kubernetes",
    name: "Kubernetes",
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
    ],
};

/// The minor version from which `preStop.sleep` works without a feature gate (beta, on by default).
/// Kubernetes, KEP-3960.
pub(crate) const NATIVE_SLEEP_SINCE: u32 = 30;

/// The minor version from which native sidecars work without a feature gate (beta, on by default).
/// Kubernetes, KEP-753.
pub(crate) const NATIVE_SIDECARS_SINCE: u32 = 29;

/// How often the kubelet probes, and how many failures it takes, when nothing is said
/// (core/v1/types.go, `Probe`).
pub const DEFAULT_PROBE_PERIOD: Duration = Duration::from_secs(10);
/// See [`DEFAULT_PROBE_PERIOD`].
pub const DEFAULT_PROBE_FAILURES: u32 = 3;

/// The longest name of a port (RFC 6335, which Kubernetes holds ports to).
pub const PORT_NAME_LONGEST: usize = 15;

/// `platforms.kubernetes`.
#[derive(Debug, Clone)]
pub struct Kubernetes {
    /// The knobs that every platform has.
    pub common: Common,
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
}

/// One entry of `sidecars`.
#[derive(Debug, Clone)]
pub struct Sidecar {
    /// Its name.
    pub name: Written<String>,
    /// How long it takes to stop.
    pub timeout: Written<Duration>,
    /// `native`: an init container with `restartPolicy: Always`, which stops after the program has
    /// exited. Otherwise it gets the signal together with the program.
    pub native: bool,
}

/// `version`: a minor release such as `1.34`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The minor number.
    pub minor: u32,
}

impl Kubernetes {
    pub(super) fn read(common: Common, table: &mut Table<'_, '_>) -> Self {
        let (mesh, proxy) = mesh::read(table);
        Self {
            mesh,
            proxy,
            liveness_grace_period: table.duration("liveness_grace_period", Zero::Refused),
            limits: table.table("limits").map(Limits::read).unwrap_or_default(),
            replicas: table.number("replicas", 0..=10_000),
            namespace: namespace(table),
            version: version(table),
            pre_stop: PreStop::read(table),
            sidecars: sidecars(table),
            spot: table.word(
                "spot",
                "a kind of Spot node",
                &[("aws", Spot::Aws), ("gke", Spot::Gke)],
            ),
            load_balancer: table.table("load_balancer").map(Balancer::read),
            common,
        }
    }

    /// How long a pod has that liveness has given up, in whole seconds; `None`: the grace period.
    pub fn liveness_grace(&self) -> Option<Figure> {
        let written = self.liveness_grace_period.as_ref()?;
        Some(held(written, "liveness grace period", FACTS.unit))
    }

    /// The cluster has native sidecars.
    pub fn has_native_sidecars(&self) -> bool {
        self.version
            .as_ref()
            .is_none_or(|version| version.value.minor >= NATIVE_SIDECARS_SINCE)
    }

    /// The cluster has `preStop.sleep`.
    pub fn has_native_sleep(&self) -> bool {
        self.version
            .as_ref()
            .is_none_or(|version| version.value.minor >= NATIVE_SLEEP_SINCE)
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

fn has(node: &Node, key: &str) -> bool {
    node.entry(key).is_some()
}

fn sidecars(table: &mut Table<'_, '_>) -> Vec<Sidecar> {
    let mut sidecars = Vec::new();
    for (route, item) in table.items("sidecars", "a list of `{ name, timeout }`") {
        if !matches!(item.value, Value::Mapping(_)) {
            table.push(wrong_type(
                &route,
                "a mapping with `name` and `timeout`",
                item,
            ));
            continue;
        }
        let Some(mut table) = Table::new(item, route, table.findings()) else {
            continue;
        };
        let name = table.text("name");
        let timeout = table.duration("timeout", Zero::Allowed);
        let native = table.boolean("native").is_none_or(|native| native.value);
        for (key, help) in [
            ("name", "add `name:` with the container's name"),
            ("timeout", "add `timeout:`: how long it takes to stop"),
        ] {
            if !has(item, key) {
                table.missing(key, help);
            }
        }
        if let Some(name) = &name
            && let Some(finding) = unusable(&name.value, Place::Value(name.route.clone()), None)
        {
            table.push(finding);
        }
        table.finish();
        if let (Some(name), Some(timeout)) = (name, timeout) {
            sidecars.push(Sidecar {
                name,
                timeout,
                native,
            });
        }
    }
    sidecars
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "kubernetes",
    rename = "Kubernetes",
    description = "How the service stops on Kubernetes."
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct Schema {
    #[schemars(flatten)]
    common: crate::schema::CommonSchema,
    /// The container's image, such as `registry.example.com/checkout:1.4.2`. Unset: another platform's, or what `gen --image` says.
    #[schemars(extend("examples" = ["registry.example.com/checkout:1.4.2"]))]
    image: Option<String>,
    /// How many pods; 2 when not written.
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
    sidecars: Option<Vec<SidecarSchema>>,
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
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, title = "sidecar")]
#[allow(dead_code, reason = "only its shape is read")]
struct SidecarSchema {
    /// The container's name.
    name: String,
    /// How long it takes to stop.
    timeout: crate::schema::DurationSchema,
    /// A native sidecar (an init container with `restartPolicy: Always`) stops after the program. `false`: it gets the signal together with the program. `true` when not written.
    native: Option<bool>,
}
