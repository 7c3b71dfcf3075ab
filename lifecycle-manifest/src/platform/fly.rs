//! Fly.io: `kill_signal`, and SIGKILL at `kill_timeout`, which is best effort.
//!
//! Sources: <https://fly.io/docs/reference/configuration/>,
//! <https://fly.io/docs/machines/api/machines-resource/>, superfly/flyctl `internal/appconfig`.
//! The documentation contradicts itself on the default signal (SIGINT in the reference, SIGTERM in a
//! blueprint) and on what comes last: the signal is therefore always written, and the last is taken for
//! SIGKILL.

use std::time::Duration;

use super::{Cap, Common, Facts, Own, Signal, Terms, owed_settle};
use crate::manifest::{Manifest, Written};
use crate::read::{OtherName, Table};

pub(crate) static FACTS: Facts = Facts {
    key: "fly",
    name: "Fly.io",
    nicknames: &["fly_io", "flyio"],
    default_grace: Duration::from_secs(5),
    // A number is seconds; fractions in the textual form are not promised.
    unit: Duration::from_secs(1),
    kill_floor: Duration::ZERO,
    runs_images: true,
    other_names: &[
        OtherName::seconds("kill_timeout", "grace_period"),
        OtherName::new("auto_stop_machines", "auto_stop"),
        OtherName::new("min_machines_running", "min_machines"),
    ],
};

/// The most that `kill_timeout` may be (<https://fly.io/docs/reference/configuration/>).
const CAP: Duration = Duration::from_secs(300);

/// How much of a window that is best effort should stay unplanned: hosts have been seen to end it
/// seconds early.
pub(crate) const BEST_EFFORT_MARGIN: Duration = Duration::from_secs(5);

/// The share of an app's Machines that `fly deploy` takes at once when nothing is said
/// (<https://fly.io/docs/reference/configuration/>, `deploy.max_unavailable`).
pub const FLY_MAX_UNAVAILABLE: f64 = 0.33;

/// `platforms.fly`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::Signal;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   fly: { grace_period: 30s, primary_region: ams, min_machines: 2 }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let fly = platforms.iter().find_map(Platform::fly).unwrap();
/// assert_eq!(fly.primary_region.as_ref().map(|it| it.value.as_str()), Some("ams"));
/// assert_eq!(fly.min_machines.as_ref().map(|it| it.value), Some(2));
/// assert_eq!(fly.signal(), Signal::Int);
/// ```
#[derive(Debug, Clone)]
pub struct Fly {
    /// The knobs that every platform has.
    pub common: Common,
    /// `app`: the app's name; the service's when not written.
    pub app: Option<Written<String>>,
    /// `primary_region`.
    pub primary_region: Option<Written<String>>,
    /// `kill_signal`; SIGINT when not written.
    pub kill_signal: Option<Written<Signal>>,
    /// `strategy`: how a deployment replaces Machines; rolling when not written.
    pub strategy: Option<Written<FlyStrategy>>,
    /// `auto_stop`: the proxy stops Machines that have nothing to do; off when not written.
    pub auto_stop: Option<Written<AutoStop>>,
    /// `min_machines`: so many keep running; 1 when not written.
    pub min_machines: Option<Written<u32>>,
}

/// `strategy`: how a deployment replaces Machines.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::FlyStrategy;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   fly: { grace_period: 30s, strategy: canary }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let fly = platforms.iter().find_map(Platform::fly).unwrap();
/// let strategy = fly.strategy.as_ref().unwrap().value;
/// assert_eq!(strategy, FlyStrategy::Canary);
/// assert_eq!(strategy.name(), "canary");
/// assert_eq!(FlyStrategy::default().name(), "rolling");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum FlyStrategy {
    /// One after another.
    #[default]
    Rolling,
    /// All at once, without waiting for health.
    Immediate,
    /// One new Machine first, then the others one after another.
    Canary,
    /// New Machines beside the old ones, which stop once all are healthy. Needs a health check.
    Bluegreen,
}

impl FlyStrategy {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("rolling", Self::Rolling),
        ("immediate", Self::Immediate),
        ("canary", Self::Canary),
        ("bluegreen", Self::Bluegreen),
    ];

    /// Its name in `fly.toml`.
    pub fn name(self) -> &'static str {
        let named = Self::WORDS.iter().find(|(_, strategy)| *strategy == self);
        named.map_or("rolling", |(name, _)| name)
    }
}

/// `auto_stop`: what the proxy does with Machines that have nothing to do.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::AutoStop;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   fly: { grace_period: 30s, auto_stop: suspend }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let fly = platforms.iter().find_map(Platform::fly).unwrap();
/// let auto_stop = fly.auto_stop.as_ref().unwrap().value;
/// assert_eq!(auto_stop, AutoStop::Suspend);
/// assert_eq!(auto_stop.name(), "suspend");
/// assert_eq!(AutoStop::default().name(), "off");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum AutoStop {
    /// Nothing.
    #[default]
    Off,
    /// It stops them, by the signal and the grace period.
    Stop,
    /// It suspends them: no signal, and every connection is found broken on waking up.
    Suspend,
}

impl AutoStop {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("off", Self::Off),
        ("stop", Self::Stop),
        ("suspend", Self::Suspend),
    ];

    /// Its name in `fly.toml`.
    pub fn name(self) -> &'static str {
        let named = Self::WORDS.iter().find(|(_, stop)| *stop == self);
        named.map_or("off", |(name, _)| name)
    }
}

impl Fly {
    pub(super) fn read(common: Common, table: &mut Table<'_, '_>) -> Self {
        Self {
            common,
            app: table.text("app"),
            primary_region: table.text("primary_region"),
            kill_signal: table.word("kill_signal", "a signal", Signal::WORDS),
            strategy: table.word("strategy", "a strategy", FlyStrategy::WORDS),
            auto_stop: table.word("auto_stop", "a way to stop idle Machines", AutoStop::WORDS),
            min_machines: table.number("min_machines", 0..=10_000),
        }
    }

    /// What asks the program to stop; always written into what is generated.
    pub fn signal(&self) -> Signal {
        self.kill_signal.as_ref().map_or(Signal::Int, |it| it.value)
    }

    pub(super) fn terms(&self, manifest: &Manifest) -> Terms {
        Terms {
            grace: self.common.grace(&FACTS),
            cap: Some(Cap {
                limit: CAP,
                because: "Fly.io takes at most 300s for `kill_timeout`",
                fixed: false,
            }),
            signal: self.signal(),
            outside: None,
            hook: None,
            paid_before_signal: Duration::ZERO,
            // That the proxy stops sending requests before the signal is not documented.
            routing_lags: true,
            settle: owed_settle(manifest, true),
            sidecars: Vec::new(),
            after: Vec::new(),
        }
    }
}

impl Own for Fly {
    fn written_signal(&self) -> Option<&Written<Signal>> {
        self.kill_signal.as_ref()
    }

    #[cfg(feature = "deployed")]
    fn forget_signal(&mut self) {
        self.kill_signal = None;
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
    title = "fly",
    rename = "Fly",
    description = "How the service stops on Fly.io."
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct Schema {
    #[schemars(flatten)]
    common: crate::schema::CommonSchema,
    /// The container's image. Unset: another platform's, or what `gen --image` says.
    #[schemars(extend("examples" = ["registry.example.com/checkout:1.4.2"]))]
    image: Option<String>,
    /// The app's name. Unset: the service's.
    app: Option<String>,
    /// Where new Machines are made. Unset: none is written.
    #[schemars(extend("examples" = ["ams"]))]
    primary_region: Option<String>,
    /// What asks the program to stop; `SIGINT` when not written.
    kill_signal: Option<Signal>,
    /// How a deployment replaces Machines; `rolling` when not written.
    strategy: Option<FlyStrategy>,
    /// What the proxy does with Machines that have nothing to do; `off` when not written.
    auto_stop: Option<AutoStop>,
    /// So many Machines of the primary region keep running; 1 when not written.
    #[schemars(range(max = 10_000))]
    min_machines: Option<u32>,
}
