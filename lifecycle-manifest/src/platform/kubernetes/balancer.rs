//! A load balancer in front of the cluster, which follows the pod on its own clock.

use std::time::Duration;

use crate::figure::{Figure, Origin};
use crate::manifest::Written;
use crate::read::{Table, Zero};

/// `load_balancer`: one in front of the cluster whose view of the pod lags.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { load_balancer: { propagation: 5s, idle_timeout: 60s } }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// let balancer = kubernetes.load_balancer.as_ref().unwrap();
/// assert_eq!(balancer.propagation.as_ref().map(|it| it.value.as_secs()), Some(5));
/// assert_eq!(balancer.idle_timeout.as_ref().map(|it| it.value.as_secs()), Some(60));
/// assert!(balancer.deregistration_delay.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Balancer {
    /// `propagation`: how long it keeps sending requests after the pod's stop.
    pub propagation: Option<Written<Duration>>,
    /// `deregistration_delay`: how long it lets requests it has sent finish.
    pub deregistration_delay: Option<Written<Duration>>,
    /// `idle_timeout`: after how much silence it closes a connection.
    pub idle_timeout: Option<Written<Duration>>,
}

impl Balancer {
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let balancer = Self {
            propagation: table.duration("propagation", Zero::Allowed),
            deregistration_delay: table.duration("deregistration_delay", Zero::Allowed),
            idle_timeout: table.duration("idle_timeout", Zero::Refused),
        };
        table.finish();
        balancer
    }

    /// The idle timeout, where it is written: which balancer it is, and its default, is not known.
    pub(crate) fn idle(&self) -> Option<Figure> {
        let written = self.idle_timeout.as_ref()?;
        let origin = Origin::Written(written.route.clone());
        Some(Figure::new(written.value, "idle timeout", origin))
    }

    /// The deregistration delay, where it is written.
    pub(crate) fn delay(&self) -> Option<Figure> {
        let written = self.deregistration_delay.as_ref()?;
        let origin = Origin::Written(written.route.clone());
        Some(Figure::new(written.value, "deregistration delay", origin))
    }
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, title = "load balancer")]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct BalancerSchema {
    /// How long it keeps sending requests after the pod's stop. Unset: not known, and nothing is compared with it.
    propagation: Option<crate::schema::DurationSchema>,
    /// How long it lets requests that it has sent finish. Unset: not known, and nothing is compared with it.
    deregistration_delay: Option<crate::schema::DurationSchema>,
    /// After how much silence it closes a connection; `traffic.keep_alive` must be longer. Unset: not known, and nothing is compared with it.
    idle_timeout: Option<crate::schema::DurationSchema>,
}
