//! What ends a pod from outside, whatever its own grace period says.

use std::time::Duration;

use super::Kubernetes;
use crate::figure::{Figure, Origin};
use crate::manifest::Written;
use crate::read::{Table, Zero};

/// How long the Cluster Autoscaler waits for a pod when nothing is said
/// (`--max-graceful-termination-sec`; kubernetes/autoscaler, `cluster-autoscaler/FAQ.md`); after that the
/// node goes.
pub(crate) const CLUSTER_AUTOSCALER: Duration = Duration::from_secs(600);

/// `limits`: how long those who take nodes away wait for a pod.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 10s }
/// platforms:
///   kubernetes: { spot: gke, limits: { karpenter: 5m, spot_notice: 25s } }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// let limits = &kubernetes.limits;
/// assert_eq!(limits.karpenter.as_ref().map(|it| it.value.as_secs()), Some(300));
/// assert!(limits.node_shutdown.is_none());
/// let (whose, notice) = kubernetes.spot_notice().unwrap();
/// assert_eq!((whose, notice.term().as_str()), ("GKE Spot", "25s notice"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// `cluster_autoscaler`: its `--max-graceful-termination-sec`.
    pub cluster_autoscaler: Option<Written<Duration>>,
    /// `karpenter`: the `terminationGracePeriod` of its `NodePool`.
    pub karpenter: Option<Written<Duration>>,
    /// `node_shutdown`: the kubelet's `shutdownGracePeriod` less its `shutdownGracePeriodCriticalPods`.
    pub node_shutdown: Option<Written<Duration>>,
    /// `spot_notice`: instead of what the kind of Spot node usually gives.
    pub spot_notice: Option<Written<Duration>>,
}

/// One who takes nodes away.
#[derive(Debug, Clone)]
pub(crate) struct Limit {
    /// Who, at the beginning of a sentence's second half: `the Cluster Autoscaler`.
    pub who: &'static str,
    /// The setting to raise, in the words of whoever has it.
    pub setting: &'static str,
    /// How long a pod is waited for.
    pub figure: Figure,
}

impl Limits {
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let limits = Self {
            cluster_autoscaler: table.duration("cluster_autoscaler", Zero::Allowed),
            karpenter: table.duration("karpenter", Zero::Allowed),
            node_shutdown: table.duration("node_shutdown", Zero::Allowed),
            spot_notice: table.duration("spot_notice", Zero::Refused),
        };
        table.finish();
        limits
    }

    /// The written ones but for Spot, whose notice is a sum of its own.
    pub(crate) fn written(&self) -> Vec<Limit> {
        let limit = |who, setting, written: &Option<Written<Duration>>| {
            let written = written.as_ref()?;
            let origin = Origin::Written(written.route.clone());
            Some(Limit {
                who,
                setting,
                figure: Figure::new(written.value, who, origin),
            })
        };
        let limits = [
            limit(
                "the Cluster Autoscaler",
                "`--max-graceful-termination-sec`",
                &self.cluster_autoscaler,
            ),
            limit(
                "Karpenter",
                "the `NodePool`'s `terminationGracePeriod`",
                &self.karpenter,
            ),
            limit(
                "a node's shutdown",
                "the kubelet's `shutdownGracePeriod`",
                &self.node_shutdown,
            ),
        ];
        limits.into_iter().flatten().collect()
    }
}

/// The Cluster Autoscaler with its default, where the manifest says nothing of who takes nodes away.
pub(crate) fn usual() -> Limit {
    Limit {
        who: "the Cluster Autoscaler",
        setting: "`--max-graceful-termination-sec`",
        figure: Figure::new(
            CLUSTER_AUTOSCALER,
            "the Cluster Autoscaler",
            Origin::PlatformDefault("Cluster Autoscaler"),
        ),
    }
}

/// `spot`: whose interruptible nodes.
///
/// ```
/// use lifecycle_manifest::platform::Spot;
/// assert_eq!(Spot::Aws.notice().as_secs(), 120);
/// assert_eq!(Spot::Gke.notice().as_secs(), 15);
/// assert_eq!(Spot::Gke.name(), "GKE Spot");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum Spot {
    /// EC2 Spot: two minutes of notice.
    Aws,
    /// GKE Spot: 15 seconds for ordinary pods by default.
    Gke,
}

impl Spot {
    /// How long a pod has from the notice.
    ///
    /// EC2: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html>.
    /// GKE: <https://docs.cloud.google.com/kubernetes-engine/docs/concepts/spot-vms>, 30 s of notice of
    /// which ordinary pods get 15.
    pub const fn notice(self) -> Duration {
        match self {
            Self::Aws => Duration::from_secs(120),
            Self::Gke => Duration::from_secs(15),
        }
    }

    /// In sentences.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "EC2 Spot",
            Self::Gke => "GKE Spot",
        }
    }
}

impl Kubernetes {
    /// How long a pod has from the notice that its node is interrupted, and whose nodes they are.
    pub fn spot_notice(&self) -> Option<(&'static str, Figure)> {
        let kind = self.spot.as_ref();
        let name = kind.map_or("a Spot node", |spot| spot.value.name());
        let figure = match (&self.limits.spot_notice, kind) {
            (Some(written), _) => Figure::new(
                written.value,
                "notice",
                Origin::Written(written.route.clone()),
            ),
            (None, Some(spot)) => Figure::new(
                spot.value.notice(),
                "notice",
                Origin::PlatformDefault(spot.value.name()),
            ),
            (None, None) => return None,
        };
        Some((name, figure))
    }
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, title = "limits")]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct LimitsSchema {
    /// How long the Cluster Autoscaler waits for a pod before it takes the node away: its `--max-graceful-termination-sec`. Unset: not known; 600s is its own default.
    cluster_autoscaler: Option<crate::schema::DurationSchema>,
    /// How long Karpenter waits for a pod: `terminationGracePeriod` of the `NodePool`. Unset: none, or not known; Karpenter waits without end where its own setting is unset.
    karpenter: Option<crate::schema::DurationSchema>,
    /// How long the kubelet waits for ordinary pods when the node itself shuts down: `shutdownGracePeriod` less `shutdownGracePeriodCriticalPods`. Unset: not known; both are 0 by default, and then the kubelet waits for no pod.
    node_shutdown: Option<crate::schema::DurationSchema>,
    /// How long a pod has from a Spot notice, where it is not the usual: 25s on GKE Autopilot, or an extended notice. Unset: what `spot` usually gives.
    spot_notice: Option<crate::schema::DurationSchema>,
}
