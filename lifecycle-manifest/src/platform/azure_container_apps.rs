//! Azure Container Apps: the template's grace period, and an ingress with clocks of its own.
//!
//! Sources: <https://learn.microsoft.com/azure/container-apps/application-lifecycle-management>, the
//! resource's reference (`ContainerAppTemplate`, `ContainerAppProbe`) and
//! <https://learn.microsoft.com/azure/container-apps/premium-ingress>. A replica gets SIGTERM when its
//! revision is deactivated or scaled in; no hook runs before.

use std::ops::RangeInclusive;
use std::time::Duration;

#[cfg(feature = "deployed")]
use super::Taken;
use super::beside::Beside;
use super::bounds::within;
use super::{Common, Facts, Own, Signal, Terms, held, owed_settle};
use crate::figure::{Figure, Origin};
use crate::manifest::{Manifest, Written};
use crate::read::{OtherName, Table, Zero};
use crate::text::Route;

pub(crate) static FACTS: Facts = Facts {
    key: "azure_container_apps",
    name: "Azure Container Apps",
    nicknames: &["aca", "azure", "container_apps"],
    // `ContainerAppTemplate.terminationGracePeriodSeconds`.
    default_grace: Duration::from_secs(30),
    // int64 seconds.
    unit: Duration::from_secs(1),
    kill_floor: Duration::ZERO,
    runs_images: true,
    other_names: &[
        OtherName::seconds("terminationGracePeriodSeconds", "grace_period"),
        OtherName::seconds("termination_grace_period_seconds", "grace_period"),
        OtherName::new("minReplicas", "min_replicas"),
        OtherName::new("maxReplicas", "max_replicas"),
        OtherName::new("replicas", "min_replicas"),
    ],
};

/// The longest grace period that is in wide use. No limit is documented.
pub(crate) const LONGEST_KNOWN_GRACE: Duration = Duration::from_secs(600);

/// What a probe takes for `terminationGracePeriodSeconds` (`ContainerAppProbe`).
pub(crate) const PROBE_GRACE: RangeInclusive<Duration> =
    Duration::ZERO..=Duration::from_secs(3_600);

/// The two as the platform's files have them; the first has no limit that is documented.
#[cfg(feature = "deployed")]
pub(crate) static GRACE_SECONDS: Taken = Taken {
    range: 0..=i64::MAX,
    expected: "a whole number that is not negative",
    as_text: false,
};
/// See [`GRACE_SECONDS`].
#[cfg(feature = "deployed")]
pub(crate) static PROBE_GRACE_SECONDS: Taken = Taken {
    range: 0..=3_600,
    expected: "a whole number from 0 to 3600",
    as_text: false,
};

/// What a probe takes for `periodSeconds` and `failureThreshold` (`ContainerAppProbe`).
pub const PROBE_PERIOD: RangeInclusive<u64> = 1..=240;
/// See [`PROBE_PERIOD`].
pub const PROBE_FAILURES: RangeInclusive<u32> = 1..=10;

/// After how much silence the ingress ends a request: `requestIdleTimeout` of the premium ingress, whole
/// minutes. That the ordinary one has the same default is usual, and not documented.
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(4 * 60);
const IDLE_TIMEOUT: RangeInclusive<Duration> = DEFAULT_IDLE_TIMEOUT..=Duration::from_secs(30 * 60);
const IDLE_TIMEOUT_UNIT: Duration = Duration::from_secs(60);

/// What the premium ingress takes for its own `terminationGracePeriodSeconds`.
const INGRESS_GRACE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3_600);

/// `platforms.azure_container_apps`.
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
///   azure_container_apps: { min_replicas: 3, liveness_grace_period: 2500ms }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let azure = platforms.iter().find_map(Platform::azure_container_apps).unwrap();
/// assert_eq!(azure.min_replicas.as_ref().map(|it| it.value), Some(3));
/// // The platform counts whole seconds.
/// assert_eq!(azure.liveness_grace().unwrap().term(), "3s liveness grace period");
/// assert_eq!(azure.idle_timeout().origin.to_string(), "the Azure Container Apps default");
/// ```
#[derive(Debug, Clone)]
pub struct AzureContainerApps {
    /// The knobs that every platform has.
    pub common: Common,
    /// `min_replicas`; 2 when not written, the fewest with which one can leave and one still serves.
    pub min_replicas: Option<Written<u32>>,
    /// `max_replicas`.
    pub max_replicas: Option<Written<u32>>,
    /// `external`: its ingress takes requests from outside of the environment.
    pub external: Option<Written<bool>>,
    /// `environment_id`: the resource of the environment it runs in.
    pub environment_id: Option<Written<String>>,
    /// `liveness_grace_period`: how long a replica has that liveness has given up.
    pub liveness_grace_period: Option<Written<Duration>>,
    /// `premium_ingress`: what the environment's ingress has of its own.
    pub premium_ingress: Option<PremiumIngress>,
    /// `sidecars`: containers that get the signal together with the program's.
    pub sidecars: Vec<Beside>,
}

/// `premium_ingress`: settings of the environment, not of the app.
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
///   azure_container_apps: { grace_period: 30s, premium_ingress: { grace_period: 60s, idle_timeout: 10m } }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let azure = platforms.iter().find_map(Platform::azure_container_apps).unwrap();
/// let ingress = azure.premium_ingress.as_ref().unwrap();
/// assert_eq!(ingress.grace_period.as_ref().map(|it| it.value.as_secs()), Some(60));
/// assert_eq!(azure.idle_timeout().term(), "600s idle timeout of the ingress");
/// ```
#[derive(Debug, Clone)]
pub struct PremiumIngress {
    /// Where the block stands.
    pub route: Route,
    /// `grace_period`: how long the ingress itself has to let go of connections.
    pub grace_period: Option<Written<Duration>>,
    /// `idle_timeout`: after how much silence it ends a request, in whole minutes.
    pub idle_timeout: Option<Written<Duration>>,
}

static INGRESS_NAMES: &[OtherName] = &[
    OtherName::seconds("terminationGracePeriodSeconds", "grace_period"),
    OtherName {
        theirs: "requestIdleTimeout",
        ours: "idle_timeout",
        unit: Some("m"),
    },
];

impl PremiumIngress {
    fn read(mut table: Table<'_, '_>) -> Self {
        table.other_names(INGRESS_NAMES);
        let whose = "the premium ingress";
        let grace_period = table.duration("grace_period", Zero::Allowed);
        let idle_timeout = table.duration("idle_timeout", Zero::Refused);
        let ingress = Self {
            route: table.route().clone(),
            grace_period: within(grace_period, &INGRESS_GRACE, whose, &mut table),
            idle_timeout: within(idle_timeout, &IDLE_TIMEOUT, whose, &mut table),
        };
        table.finish();
        ingress
    }
}

impl AzureContainerApps {
    pub(super) fn read(common: Common, table: &mut Table<'_, '_>) -> Self {
        let liveness_grace = table.duration("liveness_grace_period", Zero::Refused);
        Self {
            common,
            min_replicas: table.number("min_replicas", 0..=1_000),
            max_replicas: table.number("max_replicas", 1..=1_000),
            external: table.boolean("external"),
            environment_id: table.text("environment_id"),
            liveness_grace_period: within(liveness_grace, &PROBE_GRACE, FACTS.name, table),
            premium_ingress: table.table("premium_ingress").map(PremiumIngress::read),
            sidecars: Beside::read(table),
        }
    }

    /// How long a replica has that liveness has given up, in whole seconds; `None`: the grace period.
    pub fn liveness_grace(&self) -> Option<Figure> {
        let written = self.liveness_grace_period.as_ref()?;
        Some(held(written, "liveness grace period", FACTS.unit))
    }

    /// After how much silence the ingress ends a request.
    pub fn idle_timeout(&self) -> Figure {
        let ingress = self.premium_ingress.as_ref();
        match ingress.and_then(|ingress| ingress.idle_timeout.as_ref()) {
            Some(written) => held(written, "idle timeout of the ingress", IDLE_TIMEOUT_UNIT),
            None => Figure::new(
                DEFAULT_IDLE_TIMEOUT,
                "idle timeout of the ingress",
                Origin::PlatformDefault(FACTS.name),
            ),
        }
    }

    pub(super) fn terms(&self, manifest: &Manifest) -> Terms {
        Terms {
            signal: Signal::Term,
            grace: self.common.grace(&FACTS),
            // None is documented; what is beyond all that is in use is a finding of its own.
            cap: None,
            outside: None,
            hook: None,
            paid_before_signal: Duration::ZERO,
            routing_lags: true,
            settle: owed_settle(manifest, true),
            // In which order the containers of a replica are signalled is not documented: at once, as far as
            // is known, so that they take nothing from the program.
            sidecars: Vec::new(),
            after: Vec::new(),
        }
    }
}

impl Own for AzureContainerApps {
    fn beside(&self) -> &[Beside] {
        &self.sidecars
    }

    #[cfg(feature = "deployed")]
    fn has_one_ingress_port(&self) -> bool {
        true
    }
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "azure_container_apps",
    rename = "AzureContainerApps",
    description = "How the service stops on Azure Container Apps."
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct Schema {
    #[schemars(flatten)]
    common: crate::schema::CommonSchema,
    /// The container's image. Unset: another platform's, or what `gen --image` says.
    #[schemars(extend("examples" = ["registry.example.com/checkout:1.4.2"]))]
    image: Option<String>,
    /// The fewest replicas; 2 when not written, with which one can leave and one still serves.
    min_replicas: Option<u32>,
    /// The most replicas. Unset: none is written, and Azure takes 10.
    max_replicas: Option<u32>,
    /// The ingress takes requests from outside of the environment; `false` when not written.
    external: Option<bool>,
    /// The resource id of the environment the app runs in. Unset: none is written; an app that exists keeps its own.
    environment_id: Option<String>,
    /// How long a replica has that the liveness probe has given up, 1h at most. Unset: the whole grace period.
    liveness_grace_period: Option<crate::schema::DurationSchema>,
    /// The environment's premium ingress, which has clocks of its own. Unset: the ordinary one.
    premium_ingress: Option<PremiumIngressSchema>,
    /// Containers beside the program's. They get the signal together with it. Unset: none.
    #[schemars(extend("examples" = [[{ "name": "proxy", "timeout": "5s" }]]))]
    sidecars: Option<Vec<super::beside::Schema>>,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, title = "premium ingress")]
#[allow(dead_code, reason = "only its shape is read")]
struct PremiumIngressSchema {
    /// How long the ingress itself has to let go of connections, 1h at most; 480s when not written. No replica gets it.
    grace_period: Option<crate::schema::DurationSchema>,
    /// After how much silence it ends a request, in whole minutes from 4m to 30m; 4m when not written.
    idle_timeout: Option<crate::schema::DurationSchema>,
}
