//! The platforms: each one's facts, its knobs in the manifest, and its terms for a shutdown.
//!
//! A platform is one module and one line in the registry below. Every number about how a platform
//! ends a workload stands in that module, with its source, and nowhere else.

pub(crate) mod azure_container_apps;
mod beside;
mod bounds;
pub(crate) mod cloud_run;
mod command;
pub(crate) mod compose;
pub(crate) mod docker;
pub(crate) mod ecs;
pub(crate) mod fly;
mod health_check;
pub(crate) mod heroku;
pub(crate) mod kubernetes;
pub(crate) mod nomad;
mod own;
pub(crate) mod pm2;
mod signal;
pub(crate) mod systemd;

use std::collections::HashSet;
use std::time::Duration;

pub(crate) use azure_container_apps::LONGEST_KNOWN_GRACE;
pub use azure_container_apps::{AzureContainerApps, PROBE_FAILURES, PROBE_PERIOD, PremiumIngress};
pub use beside::Beside;
pub use cloud_run::{CloudRun, LIVENESS_PERIOD, RunKind, STARTUP_PERIOD};
pub(crate) use cloud_run::{REQUEST_TIMEOUT, TASK_TIMEOUT};
pub use command::Program;
pub use compose::{COMPOSE_HOOKS_SINCE, Compose, PreStop as ComposeHook};
pub(crate) use docker::ENGINE_MARGIN;
pub use docker::{Docker, Published};
pub(crate) use ecs::DEREGISTRATION_DELAY_CAP;
#[cfg(feature = "deployed")]
pub(crate) use ecs::FARGATE_CAP;
pub use ecs::{
    Ecs, HEALTH_CHECK_INTERVAL, LaunchType, LoadBalancer, LogicalIds, SPOT_NOTICE,
    Sidecar as EcsSidecar,
};
pub use fly::{AutoStop, FLY_MAX_UNAVAILABLE, Fly, FlyStrategy};
pub use health_check::HealthCheck;
pub use heroku::{HEROKU_ROUTER_HOLDS, Heroku};
pub use kubernetes::{
    ADMISSION_POLICY_BETA_SINCE, ADMISSION_POLICY_SINCE, Autoscaler, Balancer, Concurrency,
    Controller, DEFAULT_PROBE_FAILURES, DEFAULT_PROBE_PERIOD, Job, Kubernetes, Limits, Mesh,
    NAME_LABEL, PORT_NAME_LONGEST, PreStop, Proxy, Replacement, Rolling, SecurityContext, Selector,
    Share, Sidecar, Spot, Successor, Version, WORKLOAD_NAME_LONGEST, is_schedule,
};
#[cfg(feature = "deployed")]
pub(crate) use kubernetes::{DEFAULT_MAX_UNAVAILABLE, EXEC_READINESS_FROZEN};
pub(crate) use kubernetes::{
    NATIVE_SIDECARS_SINCE, NATIVE_SLEEP_SINCE, POD_REPLACEMENT_SINCE, SET_UNAVAILABLE_SINCE,
    usual_limit,
};
pub use nomad::{
    Driver as NomadDriver, NOMAD_CHECK, Nomad, ServiceProvider, ShutdownDelay,
    Sidecar as NomadSidecar,
};
use own::Own;
pub use pm2::{ExecMode, Pm2};
pub use signal::Signal;
pub use systemd::{ExecStop, KillMode, ServiceType, Systemd, seconds};

use crate::figure::{Figure, Origin};
use crate::finding::{Finding, Place};
use crate::manifest::{Manifest, Written};
use crate::read::{OtherName, Table, Zero, list, named_wrongly, nearest};
use crate::rules::shape;
use crate::text::Route;

/// What is true of a platform whatever the manifest says.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::Platform;
/// let pm2 = Platform::facts_of("pm2").unwrap();
/// assert_eq!(pm2.name, "PM2");
/// assert_eq!(pm2.default_grace, Duration::from_millis(1_600));
/// assert_eq!(pm2.unit, Duration::from_millis(1));
/// assert!(!pm2.runs_images);
/// ```
#[derive(Debug)]
pub struct Facts {
    /// Its key under `platforms`.
    pub key: &'static str,
    /// Its name in sentences.
    pub name: &'static str,
    /// What people write in place of its key.
    pub(crate) nicknames: &'static [&'static str],
    /// Its grace period when nothing is said.
    pub default_grace: Duration,
    /// The unit it counts the grace period in.
    pub unit: Duration,
    /// The least time between the signal and SIGKILL, however the grace period ran out.
    pub kill_floor: Duration,
    /// It runs container images, and so takes the key `image`.
    pub runs_images: bool,
    /// Keys of the platform's own files that people write here, and ours.
    pub(crate) other_names: &'static [OtherName],
}

/// The knobs that every platform has.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { grace_period: 45s, timeouts: { http: 20s } }
/// ");
/// let manifest = analysis.resolved.unwrap().manifest;
/// let common = manifest.platforms.get("kubernetes").unwrap().common();
/// assert_eq!(common.grace_period.as_ref().unwrap().value, Duration::from_secs(45));
/// let (step, timeout) = &common.timeouts[0];
/// assert_eq!((step.as_str(), timeout.value), ("http", Duration::from_secs(20)));
/// assert!(common.app_settle.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Common {
    /// Where the platform's entry stands.
    pub route: Route,
    /// `grace_period`: from the platform's stop to SIGKILL.
    pub grace_period: Option<Written<Duration>>,
    /// `app_settle`: how long the program itself keeps serving after the signal.
    pub app_settle: Option<Written<Duration>>,
    /// `timeouts`: steps that are tighter (or longer) on this platform.
    pub timeouts: Vec<(String, Written<Duration>)>,
    /// `image`, where the platform runs one.
    pub image: Option<Written<String>>,
}

impl Common {
    fn read(table: &mut Table<'_, '_>, facts: &Facts, resources: &[&str]) -> Self {
        let route = table.route().clone();
        let image = if facts.runs_images {
            table.text("image")
        } else {
            None
        };
        let grace_period = table.duration("grace_period", Zero::Allowed);
        let app_settle = table.duration("app_settle", Zero::Allowed);
        let mut timeouts = Vec::new();
        if let Some(mut inner) = table.table("timeouts") {
            let at = inner.route().clone();
            let known: HashSet<&str> = resources.iter().copied().collect();
            let written: HashSet<&str> = inner.entries().iter().map(|e| e.key.as_str()).collect();
            // Edit distances of thousands of names against thousands are not worth their time.
            let mut free: Vec<&str> = match written.len() + known.len() > 500 {
                true => Vec::new(),
                false => known.difference(&written).copied().collect(),
            };
            free.sort_unstable();
            for entry in inner.entries() {
                let here = at.key(&entry.key);
                if !known.contains(entry.key.as_str()) {
                    let shown: String = entry.key.chars().take(60).collect();
                    let message = format!("there is no resource `{shown}`");
                    let place = Place::Key(here.clone());
                    inner.push(named_wrongly(message, place, &entry.key, &free));
                }
                if let Some(timeout) = inner.duration_of(&entry.value, here, Zero::Allowed) {
                    timeouts.push((entry.key.clone(), timeout));
                }
            }
        }
        Self {
            route,
            grace_period,
            app_settle,
            timeouts,
            image,
        }
    }

    /// The grace period as the platform will hold it: in its unit, rounded up, with its origin.
    fn grace(&self, facts: &'static Facts) -> Figure {
        match &self.grace_period {
            None => Figure::new(
                facts.default_grace,
                "grace period",
                Origin::PlatformDefault(facts.name),
            ),
            Some(written) => held(written, "grace period", facts.unit),
        }
    }
}

/// The platform's side of a shutdown: its numbers, with their origins. The arithmetic over them is
/// the [`Timeline`](crate::Timeline)'s.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::platform::Signal;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { grace_period: 45s }
/// ");
/// let terms = &analysis.resolved.unwrap().timelines[0].terms;
/// assert_eq!(terms.grace.term(), "45s grace period");
/// // The hook sleeps through the settle time, and is paid out of the grace period.
/// assert_eq!(terms.hook.as_ref().unwrap().term(), "5s preStop sleep");
/// assert_eq!(terms.signal, Signal::Term);
/// assert!(terms.cap.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Terms {
    /// From the platform's stop to SIGKILL, in the platform's unit.
    pub grace: Figure,
    /// The most the grace period can be.
    pub cap: Option<Cap>,
    /// What asks the program to stop.
    pub signal: Signal,
    /// Paid before the grace period begins and before any signal.
    pub outside: Option<Figure>,
    /// Paid inside the grace period, before the signal.
    pub hook: Option<Figure>,
    /// How much of the settle time has passed when the signal comes.
    pub paid_before_signal: Duration,
    /// Requests may still arrive after the platform's stop.
    pub routing_lags: bool,
    /// How long routing needs to notice that the instance leaves.
    pub settle: Figure,
    /// Paid inside the grace period, after the program has exited.
    pub sidecars: Vec<Figure>,
    /// Paid after the program has exited, each on a clock of its own.
    pub after: Vec<Figure>,
}

/// The most a platform gives.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   ecs: {}
///   heroku: {}
/// ");
/// let timelines = analysis.resolved.unwrap().timelines;
/// let caps = timelines.iter().filter_map(|line| line.terms.cap.as_ref());
/// let caps: Vec<_> = caps.map(|cap| (cap.limit.as_secs(), cap.fixed)).collect();
/// assert_eq!(caps, [(120, false), (30, true)]);
/// ```
#[derive(Debug, Clone)]
pub struct Cap {
    /// How long.
    pub limit: Duration,
    /// Whose limit, for sentences: "Fargate ends a container after at most 120s".
    pub because: &'static str,
    /// The grace period cannot be set at all.
    pub fixed: bool,
}

/// A whole number as a platform's files have it.
#[cfg(feature = "deployed")]
#[derive(Debug)]
pub(crate) struct Taken {
    /// What the platform takes.
    pub(crate) range: std::ops::RangeInclusive<i64>,
    /// The same in words.
    pub(crate) expected: &'static str,
    /// It may be written as text too.
    pub(crate) as_text: bool,
}

/// The settle time when the manifest does not say, where routing lags behind the stop.
///
/// Endpoint removal takes from tens of milliseconds in a small cluster to seconds through ingress
/// controllers; teams that measured chose 3 to 10 seconds.
pub const DEFAULT_SETTLE: Duration = Duration::from_secs(5);

/// The settle time a platform owes: written, or the default where something takes traffic and the
/// platform's routing lags behind its stop.
pub(crate) fn owed_settle(manifest: &Manifest, routing_lags: bool) -> Figure {
    let takes_traffic = manifest
        .resources
        .iter()
        .any(|resource| resource.kind.value.takes_traffic());
    if let Some(written) = manifest.traffic.settle.as_ref().filter(|_| takes_traffic) {
        return Figure::new(
            written.value,
            "settle",
            Origin::Written(written.route.clone()),
        );
    }
    match takes_traffic && routing_lags {
        true => Figure::new(DEFAULT_SETTLE, "settle", Origin::FormatDefault),
        false => Figure::new(
            Duration::ZERO,
            "settle",
            Origin::Derived(match takes_traffic {
                true => "the platform stops routing before the signal",
                false => "no resource takes traffic",
            }),
        ),
    }
}

/// A written duration as a platform holds it: rounded up to its unit, and said to be.
pub(crate) fn held(written: &Written<Duration>, label: &str, unit: Duration) -> Figure {
    let value = round_up(written.value, unit);
    let route = written.route.clone();
    let origin = match value == written.value {
        true => Origin::Written(route),
        false => Origin::Rounded {
            route,
            from: written.value,
        },
    };
    Figure::new(value, label, origin)
}

/// The next whole multiple of `unit`.
pub(crate) fn round_up(duration: Duration, unit: Duration) -> Duration {
    let unit = unit.as_millis().max(1);
    let rounded = duration.as_nanos().div_ceil(unit * 1_000_000) * unit;
    Duration::from_millis(u64::try_from(rounded).unwrap_or(u64::MAX))
}

macro_rules! platforms {
    ($($key:ident: $Type:ident,)*) => {
        /// One platform's entry in the manifest.
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
        ///   kubernetes: { replicas: 3 }
        /// ");
        /// let manifest = analysis.resolved.unwrap().manifest;
        /// let Some(Platform::Kubernetes(kubernetes)) = manifest.platforms.iter().next() else {
        ///     panic!("another platform");
        /// };
        /// assert_eq!(kubernetes.replicas.as_ref().unwrap().value, 3);
        /// ```
        #[derive(Debug, Clone)]
        #[allow(clippy::large_enum_variant, reason = "a manifest has one a platform")]
        pub enum Platform { $(
            #[doc = concat!("`", stringify!($key), "`.")]
            $Type($Type),
        )* }

        impl Platform {
            /// The keys of all platforms.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($key),)*];

            /// What is true of the platform with this key.
            ///
            /// ```
            /// use lifecycle_manifest::Platform;
            /// assert_eq!(Platform::facts_of("ecs").unwrap().name, "ECS");
            /// assert!(Platform::facts_of("mainframe").is_none());
            /// ```
            pub fn facts_of(key: &str) -> Option<&'static Facts> {
                match key { $(stringify!($key) => Some(&$key::FACTS),)* _ => None }
            }

            /// What is true of it whatever the manifest says.
            ///
            /// ```
            /// # use lifecycle_manifest::Analysis;
            /// # let analysis = Analysis::of("\
            /// # lifecycle: 1
            /// # service: shop
            /// # resources:
            /// #   http: { kind: http-server, port: 8080, timeout: 15s }
            /// # platforms:
            /// #   systemd: { grace_period: 45s }
            /// # ");
            /// # let manifest = analysis.resolved.unwrap().manifest;
            /// // An entry `systemd: { grace_period: 45s }`.
            /// let systemd = manifest.platforms.get("systemd").unwrap();
            /// assert_eq!(systemd.facts().name, "systemd");
            /// assert_eq!(systemd.facts().default_grace.as_secs(), 90);
            /// ```
            pub fn facts(&self) -> &'static Facts {
                match self { $(Self::$Type(_) => &$key::FACTS,)* }
            }

            /// The knobs that every platform has.
            ///
            /// ```
            /// # use lifecycle_manifest::Analysis;
            /// # let analysis = Analysis::of("\
            /// # lifecycle: 1
            /// # service: shop
            /// # resources:
            /// #   http: { kind: http-server, port: 8080, timeout: 15s }
            /// # platforms:
            /// #   systemd: { grace_period: 45s }
            /// # ");
            /// # let manifest = analysis.resolved.unwrap().manifest;
            /// // An entry `systemd: { grace_period: 45s }`.
            /// let systemd = manifest.platforms.get("systemd").unwrap();
            /// let grace = systemd.common().grace_period.as_ref().unwrap();
            /// assert_eq!(grace.route.to_string(), "platforms.systemd.grace_period");
            /// ```
            pub fn common(&self) -> &Common {
                match self { $(Self::$Type(platform) => &platform.common,)* }
            }

            /// Its side of this manifest's shutdown.
            ///
            /// ```
            /// # use lifecycle_manifest::Analysis;
            /// # let analysis = Analysis::of("\
            /// # lifecycle: 1
            /// # service: shop
            /// # resources:
            /// #   http: { kind: http-server, port: 8080, timeout: 15s }
            /// # platforms:
            /// #   systemd: { grace_period: 45s }
            /// # ");
            /// # let manifest = analysis.resolved.unwrap().manifest;
            /// // An entry `systemd: { grace_period: 45s }`.
            /// let systemd = manifest.platforms.get("systemd").unwrap();
            /// let terms = systemd.terms(&manifest);
            /// assert_eq!(terms.grace.value.as_secs(), 45);
            /// assert_eq!(terms.signal.name(), "SIGTERM");
            /// ```
            pub fn terms(&self, manifest: &Manifest) -> Terms {
                match self { $(Self::$Type(platform) => platform.terms(manifest),)* }
            }

            /// Its signal goes to every process of the service, and not to the first alone.
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
            ///   kubernetes: {}
            ///   systemd: { kill_mode: control-group }
            ///   heroku: {}
            /// ");
            /// let platforms = analysis.resolved.unwrap().manifest.platforms;
            /// let everyone = platforms.iter().filter(|platform| platform.signals_everyone());
            /// assert_eq!(everyone.map(Platform::key).collect::<Vec<_>>(), ["systemd", "heroku"]);
            /// ```
            pub fn signals_everyone(&self) -> bool {
                self.own().signals_everyone()
            }

            /// An image that names a signal (`STOPSIGNAL`) is sent that one; no entry says another.
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
            ///   kubernetes: {}
            ///   ecs: {}
            ///   compose: {}
            /// ");
            /// let platforms = analysis.resolved.unwrap().manifest.platforms;
            /// let images = platforms.iter().filter(|platform| platform.signal_is_the_images());
            /// assert_eq!(images.map(Platform::key).collect::<Vec<_>>(), ["kubernetes", "ecs"]);
            /// ```
            pub fn signal_is_the_images(&self) -> bool {
                self.own().signal_is_the_images()
            }

            /// Its own answers, where they differ from the usual ones.
            fn own(&self) -> &dyn Own {
                match self { $(Self::$Type(platform) => platform,)* }
            }

            /// The same, for asking what would be.
            #[cfg(feature = "deployed")]
            fn own_mut(&mut self) -> &mut dyn Own {
                match self { $(Self::$Type(platform) => platform,)* }
            }

            /// The image it runs.
            ///
            /// ```
            /// use lifecycle_manifest::Analysis;
            ///
            /// let analysis = Analysis::of("\
            /// lifecycle: 1
            /// service: shop
            /// resources:
            ///   http: { kind: http-server, port: 8080, timeout: 15s }
            /// platforms:
            ///   kubernetes: { image: registry.example/shop:1.4 }
            ///   systemd: {}
            /// ");
            /// let platforms = analysis.resolved.unwrap().manifest.platforms;
            /// let image = |key| platforms.get(key).unwrap().image();
            /// assert_eq!(image("kubernetes"), Some("registry.example/shop:1.4"));
            /// assert_eq!(image("systemd"), None);
            /// ```
            pub fn image(&self) -> Option<&str> {
                self.common().image.as_ref().map(|image| image.value.as_str())
            }

            $(
                #[doc = concat!("Its entry, where this is `", stringify!($key), "`.")]
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
                #[doc = concat!("  ", stringify!($key), ": {}")]
                /// ");
                /// let manifest = analysis.resolved.unwrap().manifest;
                #[doc = concat!("let entry = manifest.platforms.iter().find_map(Platform::", stringify!($key), ").unwrap();")]
                #[doc = concat!("assert_eq!(entry.common.route.to_string(), \"platforms.", stringify!($key), "\");")]
                /// ```
                pub fn $key(&self) -> Option<&$Type> {
                    match self {
                        Self::$Type(platform) => Some(platform),
                        #[allow(unreachable_patterns, reason = "where there is one platform only")]
                        _ => None,
                    }
                }
            )*

            /// The key of what people call so.
            fn nicknamed(name: &str) -> Option<&'static str> {
                let name = name.to_lowercase().replace(['-', '.', ' '], "_");
                let all = [$(&$key::FACTS,)*];
                let known = all.into_iter().find(|it| it.nicknames.contains(&name.as_str()));
                known.map(|it| it.key)
            }

            fn read(key: &str, mut table: Table<'_, '_>, resources: &[&str]) -> Option<Self> {
                match key { $(stringify!($key) => {
                    table.other_names($key::FACTS.other_names);
                    let common = Common::read(&mut table, &$key::FACTS, resources);
                    let platform = $Type::read(common, &mut table);
                    table.finish();
                    Some(Self::$Type(platform))
                })* _ => None }
            }
        }

        /// The JSON Schema's view of `platforms`.
        #[cfg(feature = "schema")]
        #[derive(schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        #[allow(dead_code, reason = "only its shape is read")]
        pub(crate) struct PlatformsSchema { $(
            #[doc = "May be empty, for the platform's defaults."]
            #[schemars(default)]
            $key: Option<$key::Schema>,
        )* }
    };
}

platforms! {
    kubernetes: Kubernetes,
    ecs: Ecs,
    cloud_run: CloudRun,
    azure_container_apps: AzureContainerApps,
    docker: Docker,
    compose: Compose,
    systemd: Systemd,
    nomad: Nomad,
    pm2: Pm2,
    fly: Fly,
    heroku: Heroku,
}

impl Platform {
    /// Its key under `platforms`.
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
    ///   systemd: {}
    ///   cloud_run: {}
    /// ");
    /// let platforms = analysis.resolved.unwrap().manifest.platforms;
    /// let keys: Vec<&str> = platforms.iter().map(Platform::key).collect();
    /// assert_eq!(keys, ["systemd", "cloud_run"]);
    /// ```
    pub fn key(&self) -> &'static str {
        self.facts().key
    }

    /// Requests come in at one port, whatever others the program opens.
    #[cfg(feature = "deployed")]
    pub(crate) fn has_one_ingress_port(&self) -> bool {
        self.own().has_one_ingress_port()
    }

    /// The containers that get the signal together with the program's, where the platform signals all of
    /// them at once.
    ///
    /// ```
    /// use lifecycle_manifest::Analysis;
    ///
    /// let analysis = Analysis::of("\
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   cloud_run: { sidecars: [{ name: proxy, timeout: 3s }] }
    ///   ecs: { sidecars: [{ name: proxy, timeout: 3s }] }
    /// ");
    /// let platforms = analysis.resolved.unwrap().manifest.platforms;
    /// let beside = platforms.get("cloud_run").unwrap().beside();
    /// assert_eq!(beside[0].name.value, "proxy");
    /// assert_eq!(beside[0].timeout.value.as_secs(), 3);
    /// // ECS signals a sidecar once the program is gone.
    /// assert!(platforms.get("ecs").unwrap().beside().is_empty());
    /// ```
    pub fn beside(&self) -> &[Beside] {
        self.own().beside()
    }

    /// What its entry says of the signal by which a program is asked to stop.
    pub(crate) fn written_signal(&self) -> Option<&Written<Signal>> {
        self.own().written_signal()
    }

    /// What asks a program to stop where its entry does not say.
    #[cfg(feature = "deployed")]
    pub(crate) fn usual_signal(&self, manifest: &Manifest) -> Signal {
        let mut silent = self.clone();
        silent.own_mut().forget_signal();
        silent.terms(manifest).signal
    }
}

/// The manifest's `platforms`, in the order of the file.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   systemd: {}
///   kubernetes: { replicas: 3 }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// assert_eq!(platforms.iter().count(), 2);
/// let kubernetes = platforms.get("kubernetes").and_then(|it| it.kubernetes()).unwrap();
/// assert_eq!(kubernetes.replicas.as_ref().unwrap().value, 3);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Platforms(Vec<Platform>);

impl Platforms {
    pub(crate) fn read(mut table: Table<'_, '_>, resources: &[&str]) -> Self {
        let route = table.route().clone();
        let mut platforms = Vec::new();
        for entry in table.entries() {
            let here = route.key(&entry.key);
            if !Platform::KEYS.contains(&entry.key.as_str()) {
                let shown: String = entry.key.chars().take(60).collect();
                let place = Place::Key(here);
                let message = format!("there is no platform `{shown}`");
                let finding = Finding::new(&shape::UNKNOWN_KEY, message, place.clone());
                let near = Platform::nicknamed(&entry.key)
                    .or_else(|| nearest(&entry.key, Platform::KEYS.iter().copied()));
                let is_there = |key: &str| table.entries().iter().any(|entry| entry.key == key);
                let finding = match near {
                    Some(near) if is_there(near) => {
                        finding.help(format!("`{near}` stands here as well: keep one of them"))
                    }
                    Some(near) => finding.fix(format!("did you mean `{near}`?"), place, near),
                    None => {
                        let known = list(Platform::KEYS.iter().copied(), "and");
                        finding.note(format!("the platforms are {known}"))
                    }
                };
                table.push(finding);
                continue;
            }
            if let Some(inner) = Table::new(&entry.value, here, table.findings()) {
                platforms.extend(Platform::read(&entry.key, inner, resources));
            }
        }
        Self(platforms)
    }

    /// All of them.
    ///
    /// ```
    /// # use lifecycle_manifest::Analysis;
    /// # let analysis = Analysis::of("\
    /// # lifecycle: 1
    /// # service: shop
    /// # resources:
    /// #   http: { kind: http-server, port: 8080, timeout: 15s }
    /// # platforms:
    /// #   systemd: {}
    /// #   kubernetes: {}
    /// # ");
    /// # let platforms = analysis.resolved.unwrap().manifest.platforms;
    /// // `platforms: { systemd: {}, kubernetes: {} }`
    /// let names: Vec<&str> = platforms.iter().map(|platform| platform.facts().name).collect();
    /// assert_eq!(names, ["systemd", "Kubernetes"]);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = &Platform> {
        self.0.iter()
    }

    /// The one with this key.
    ///
    /// ```
    /// # use lifecycle_manifest::Analysis;
    /// # let analysis = Analysis::of("\
    /// # lifecycle: 1
    /// # service: shop
    /// # resources:
    /// #   http: { kind: http-server, port: 8080, timeout: 15s }
    /// # platforms:
    /// #   systemd: {}
    /// #   kubernetes: {}
    /// # ");
    /// # let platforms = analysis.resolved.unwrap().manifest.platforms;
    /// // `platforms: { systemd: {}, kubernetes: {} }`
    /// assert_eq!(platforms.get("kubernetes").unwrap().facts().name, "Kubernetes");
    /// assert!(platforms.get("ecs").is_none());
    /// ```
    pub fn get(&self, key: &str) -> Option<&Platform> {
        self.0.iter().find(|platform| platform.key() == key)
    }
}

#[cfg(test)]
mod tests;
