//! Nomad: deregistration and `shutdown_delay`, the signal, and SIGKILL at `kill_timeout`.
//!
//! Sources: <https://developer.hashicorp.com/nomad/docs/job-specification/task>,
//! <https://developer.hashicorp.com/nomad/docs/job-specification/group>,
//! <https://developer.hashicorp.com/nomad/docs/configuration/client>, and Nomad 2.0.5
//! (`client/allocrunner/alloc_runner.go`, `client/allocrunner/taskrunner/task_runner.go`,
//! `drivers/docker/handle.go`, `nomad/structs/structs.go`).
//! An allocation's services are deregistered first, then the delay of its group passes, then that of the
//! task, and only then the signal is sent: both delays are outside of `kill_timeout`.

#[cfg(feature = "schema")]
mod schema;

use std::time::Duration;

use super::{Cap, Common, Facts, Own, Signal, Terms, held, owed_settle};
use crate::duration::millis;
use crate::figure::{Figure, Origin};
use crate::manifest::{Manifest, Written};
use crate::read::{OtherName, Table, Zero};
use crate::text::{Route, Value};

#[cfg(feature = "schema")]
pub(crate) use schema::Schema;

pub(crate) static FACTS: Facts = Facts {
    key: "nomad",
    name: "Nomad",
    nicknames: &[],
    // `DefaultKillTimeout` in `nomad/structs/structs.go`.
    default_grace: Duration::from_secs(5),
    // What the Docker driver hands to the engine where no `kill_signal` is written; the other drivers
    // hold any duration.
    unit: Duration::from_secs(1),
    kill_floor: Duration::ZERO,
    runs_images: true,
    other_names: &[
        OtherName::new("kill_timeout", "grace_period"),
        OtherName::new("replicas", "count"),
    ],
};

/// What a client cuts every `kill_timeout` to, without a word, when its `max_kill_timeout` is not set
/// (`command/agent/config.go`).
const MAX_KILL_TIMEOUT: Duration = Duration::from_secs(30);

/// `update { progress_deadline }` when it is not set
/// (<https://developer.hashicorp.com/nomad/docs/job-specification/update>).
const PROGRESS_DEADLINE: Duration = Duration::from_secs(600);

/// `update { healthy_deadline }` and `update { min_healthy_time }` when they are not set, each of which must
/// be below the next and the first below `progress_deadline` (`UpdateStrategy.Validate` in
/// `nomad/structs/structs.go`).
const HEALTHY_DEADLINE: Duration = Duration::from_secs(300);
const MIN_HEALTHY_TIME: Duration = Duration::from_secs(10);

/// How long a drained node waits for its allocations when nothing is said
/// (<https://developer.hashicorp.com/nomad/commands/node/drain>, `-deadline`).
const DRAIN_DEADLINE: Duration = Duration::from_secs(3_600);

/// The least that Nomad takes for a check's `interval` and `timeout` (`nomad/structs/services.go`).
pub const NOMAD_CHECK: Duration = Duration::from_secs(1);

/// `platforms.nomad`.
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
///   nomad: { grace_period: 25s, driver: raw_exec, command: [/bin/shop], progress_deadline: 2m }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let nomad = platforms.iter().find_map(Platform::nomad).unwrap();
/// // What this driver sends where nothing is written.
/// assert_eq!(nomad.signal(), Signal::Int);
/// assert_eq!(nomad.max_kill_timeout().origin.to_string(), "the Nomad client default");
/// // It must be shorter than the progress deadline, and Nomad's own is not.
/// assert_eq!(nomad.healthy_times().0.unwrap().as_secs(), 108);
/// ```
#[derive(Debug, Clone)]
pub struct Nomad {
    /// The knobs that every platform has.
    pub common: Common,
    /// `driver`; Docker when not written.
    pub driver: Option<Written<Driver>>,
    /// `command`: the program and its arguments, for drivers that run no image.
    pub command: Vec<Written<String>>,
    /// `count`; 2 when not written.
    pub count: Option<Written<u32>>,
    /// `kill_signal`; the driver's own when not written.
    pub kill_signal: Option<Written<Signal>>,
    /// `max_kill_timeout`: the clients' setting; 30s when not written.
    pub max_kill_timeout: Option<Written<Duration>>,
    /// `shutdown_delay`; the settle time, at the group, when not written.
    pub shutdown_delay: Option<ShutdownDelay>,
    /// `progress_deadline`; 10m when not written.
    pub progress_deadline: Option<Written<Duration>>,
    /// `drain_deadline`: how long a drained node waits; 1h when not written.
    pub drain_deadline: Option<Written<Duration>>,
    /// `service_provider`; Consul when not written.
    pub service_provider: Option<Written<ServiceProvider>>,
    /// `namespace`.
    pub namespace: Option<Written<String>>,
    /// `datacenters`.
    pub datacenters: Vec<Written<String>>,
    /// `cpu`, in MHz.
    pub cpu: Option<Written<u32>>,
    /// `memory`, in MB.
    pub memory: Option<Written<u32>>,
    /// `sidecars`: tasks that stop once the program has.
    pub sidecars: Vec<Sidecar>,
}

/// `driver`: what runs the task.
///
/// ```
/// use lifecycle_manifest::platform::{NomadDriver, Signal};
/// assert_eq!(NomadDriver::named("raw_exec"), Some(NomadDriver::RawExec));
/// assert_eq!(NomadDriver::RawExec.signal(), Signal::Int);
/// assert!(NomadDriver::Podman.runs_images());
/// assert_eq!(NomadDriver::default().name(), "docker");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(rename_all = "snake_case", rename = "NomadDriver")
)]
pub enum Driver {
    /// A container of the Docker engine. It is sent SIGTERM, unless its image says otherwise.
    #[default]
    Docker,
    /// A container of Podman.
    Podman,
    /// A program in a chroot of its own. It is sent SIGINT.
    Exec,
    /// A program as it is. It is sent SIGINT.
    RawExec,
}

impl Driver {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("docker", Self::Docker),
        ("podman", Self::Podman),
        ("exec", Self::Exec),
        ("raw_exec", Self::RawExec),
    ];

    /// Its name in a job file.
    pub fn name(self) -> &'static str {
        let named = Self::WORDS.iter().find(|(_, driver)| *driver == self);
        named.map_or("docker", |(name, _)| name)
    }

    /// The driver that a job file names.
    pub fn named(text: &str) -> Option<Self> {
        let named = Self::WORDS.iter().find(|(name, _)| *name == text);
        named.map(|(_, driver)| *driver)
    }

    /// It runs a container image.
    pub fn runs_images(self) -> bool {
        matches!(self, Self::Docker | Self::Podman)
    }

    /// What it sends where no `kill_signal` is written: the engines their own, the executor SIGINT
    /// (`drivers/shared/executor/executor.go`).
    pub fn signal(self) -> Signal {
        match self.runs_images() {
            true => Signal::Term,
            false => Signal::Int,
        }
    }

    /// Without a `kill_signal`, it counts a `kill_timeout` in whole seconds and drops the rest
    /// (`drivers/docker/handle.go`).
    pub(crate) fn counts_whole_seconds(self) -> bool {
        self == Self::Docker
    }
}

/// `shutdown_delay`: what passes between deregistration and the signal.
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
///   nomad: { grace_period: 25s, shutdown_delay: { group: 5s, task: 2s } }
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let nomad = resolved.manifest.platforms.iter().find_map(Platform::nomad).unwrap();
/// let delay = nomad.shutdown_delay.as_ref().unwrap();
/// assert_eq!(delay.group.as_ref().map(|it| it.value.as_secs()), Some(5));
/// assert_eq!(delay.task.as_ref().map(|it| it.value.as_secs()), Some(2));
/// // Both pass before the signal, and outside of the grace period.
/// assert_eq!(resolved.timelines[0].terms.outside.as_ref().unwrap().value.as_secs(), 7);
/// ```
#[derive(Debug, Clone)]
pub struct ShutdownDelay {
    /// Where it stands.
    pub route: Route,
    /// Of the group: once, before any of its tasks is asked to stop.
    pub group: Option<Written<Duration>>,
    /// Of the task, before its signal.
    pub task: Option<Written<Duration>>,
}

/// `service_provider`: where services are registered.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::ServiceProvider;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   nomad: { grace_period: 25s, service_provider: nomad }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let nomad = platforms.iter().find_map(Platform::nomad).unwrap();
/// assert_eq!(nomad.service_provider(), ServiceProvider::Nomad);
/// assert_eq!(ServiceProvider::default().name(), "consul");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum ServiceProvider {
    /// Consul.
    #[default]
    Consul,
    /// Nomad itself.
    Nomad,
}

impl ServiceProvider {
    /// Its name in a job file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Consul => "consul",
            Self::Nomad => "nomad",
        }
    }
}

/// One entry of `sidecars`: a task with `lifecycle { sidecar = true }`, which Nomad asks to stop once
/// the main tasks are gone. Its own `kill_timeout` begins then.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// # use std::time::Duration;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 10s }
/// platforms:
///   nomad: { sidecars: [{ name: envoy, timeout: 5s }] }
/// ");
/// let platforms = &analysis.resolved.unwrap().manifest.platforms;
/// let nomad = platforms.get("nomad").and_then(Platform::nomad).unwrap();
/// let sidecar = &nomad.sidecars[0];
/// assert_eq!(sidecar.name.value, "envoy");
/// assert_eq!(sidecar.timeout.value, Duration::from_secs(5));
/// ```
#[derive(Debug, Clone)]
pub struct Sidecar {
    /// Its name.
    pub name: Written<String>,
    /// How long it takes to stop.
    pub timeout: Written<Duration>,
}

impl Nomad {
    pub(super) fn read(common: Common, table: &mut Table<'_, '_>) -> Self {
        let providers = [
            ("consul", ServiceProvider::Consul),
            ("nomad", ServiceProvider::Nomad),
        ];
        Self {
            common,
            driver: table.word("driver", "a task driver", Driver::WORDS),
            command: table.names("command").unwrap_or_default(),
            count: table.number("count", 0..=10_000),
            kill_signal: table.word("kill_signal", "a signal", Signal::WORDS),
            max_kill_timeout: table.duration("max_kill_timeout", Zero::Refused),
            shutdown_delay: shutdown_delay(table),
            progress_deadline: table.duration("progress_deadline", Zero::Allowed),
            drain_deadline: table.duration("drain_deadline", Zero::Refused),
            service_provider: table.word("service_provider", "a provider of services", &providers),
            namespace: table.text("namespace"),
            datacenters: table.names("datacenters").unwrap_or_default(),
            cpu: table.number("cpu", 1..=1_000_000),
            memory: table.number("memory", 10..=1_000_000),
            sidecars: sidecars(table),
        }
    }

    /// The driver, Docker when not written.
    pub fn driver(&self) -> Driver {
        self.driver
            .as_ref()
            .map_or_else(Driver::default, |it| it.value)
    }

    /// Where services are registered, Consul when not written.
    pub fn service_provider(&self) -> ServiceProvider {
        let written = self.service_provider.as_ref();
        written.map_or_else(ServiceProvider::default, |it| it.value)
    }

    /// What asks the program to stop. It is always written into what is generated, so that neither an
    /// image nor a driver decides it.
    pub fn signal(&self) -> Signal {
        let written = self.kill_signal.as_ref();
        written.map_or_else(|| self.driver().signal(), |it| it.value)
    }

    /// What the clients cut every `kill_timeout` to.
    pub fn max_kill_timeout(&self) -> Figure {
        let default = Origin::PlatformDefault("Nomad client");
        figure(
            self.max_kill_timeout.as_ref(),
            "max_kill_timeout",
            MAX_KILL_TIMEOUT,
            default,
        )
    }

    /// How long an allocation has to become healthy in a deployment; none where it is zero.
    pub fn progress_deadline(&self) -> Figure {
        let default = Origin::PlatformDefault(FACTS.name);
        figure(
            self.progress_deadline.as_ref(),
            "progress_deadline",
            PROGRESS_DEADLINE,
            default,
        )
    }

    /// `healthy_deadline` and `min_healthy_time`, where a job cannot leave them at Nomad's defaults: it is
    /// refused unless they are shorter than its `progress_deadline`.
    pub fn healthy_times(&self) -> (Option<Duration>, Option<Duration>) {
        let below = |limit: Duration| Duration::from_millis(millis(limit) * 9 / 10);
        let progress = self.progress_deadline().value;
        if progress.is_zero() || progress > HEALTHY_DEADLINE {
            return (None, None);
        }
        let deadline = below(progress);
        let least = (deadline <= MIN_HEALTHY_TIME).then(|| below(deadline));
        (Some(deadline), least)
    }

    /// How long a drained node waits for what runs on it.
    pub fn drain_deadline(&self) -> Figure {
        let default = Origin::PlatformDefault(FACTS.name);
        figure(
            self.drain_deadline.as_ref(),
            "drain deadline",
            DRAIN_DEADLINE,
            default,
        )
    }

    /// The delays before the signal, as they stand in a job file: the group's and the task's.
    pub fn shutdown_delays(&self, manifest: &Manifest) -> (Figure, Option<Figure>) {
        let Some(written) = &self.shutdown_delay else {
            let mut settle = owed_settle(manifest, true);
            "shutdown_delay".clone_into(&mut settle.label);
            // What the program waits for itself is not waited for twice.
            let by_program = self.common.app_settle.as_ref();
            settle.value = settle
                .value
                .saturating_sub(by_program.map_or(Duration::ZERO, |it| it.value));
            settle.origin = Origin::Derived(match by_program {
                Some(_) => "the settle time, without what the program waits",
                None => "as long as the settle time",
            });
            return (settle, None);
        };
        let none = Origin::Derived("none at the group");
        (
            figure(
                written.group.as_ref(),
                "shutdown_delay",
                Duration::ZERO,
                none.clone(),
            ),
            written
                .task
                .as_ref()
                .map(|task| figure(Some(task), "shutdown_delay", Duration::ZERO, none)),
        )
    }

    pub(super) fn terms(&self, manifest: &Manifest) -> Terms {
        let (mut outside, task) = self.shutdown_delays(manifest);
        if let (Some(task), Some(written)) = (task, &self.shutdown_delay) {
            outside.value = outside.value.saturating_add(task.value);
            outside.origin = Origin::Written(written.route.clone());
        }
        Terms {
            grace: self.grace(),
            cap: Some(Cap {
                limit: self.max_kill_timeout().value,
                because: "a Nomad client cuts `kill_timeout` to its `max_kill_timeout` without a word",
                fixed: false,
            }),
            signal: self.signal(),
            paid_before_signal: outside.value,
            outside: (!outside.value.is_zero()).then_some(outside),
            hook: None,
            // Whoever asks Consul or a proxy hears of it later.
            routing_lags: true,
            settle: owed_settle(manifest, true),
            sidecars: Vec::new(),
            // Sidecar tasks are asked side by side, once all others are gone.
            after: self
                .sidecars
                .iter()
                .max_by_key(|sidecar| sidecar.timeout.value)
                .map(|sidecar| {
                    let label = format!("sidecar {}", sidecar.name.value);
                    held(&sidecar.timeout, &label, Duration::from_millis(1))
                })
                .into_iter()
                .collect(),
        }
    }

    /// The grace period as the driver holds it.
    fn grace(&self) -> Figure {
        let whole = self.kill_signal.is_none() && self.driver().counts_whole_seconds();
        match &self.common.grace_period {
            Some(written) if !whole => held(written, "grace period", Duration::from_millis(1)),
            _ => self.common.grace(&FACTS),
        }
    }
}

impl Own for Nomad {
    fn written_signal(&self) -> Option<&Written<Signal>> {
        self.kill_signal.as_ref()
    }

    #[cfg(feature = "deployed")]
    fn forget_signal(&mut self) {
        self.kill_signal = None;
    }
}

fn figure(
    written: Option<&Written<Duration>>,
    label: &str,
    default: Duration,
    origin: Origin,
) -> Figure {
    match written {
        Some(written) => Figure::new(written.value, label, Origin::Written(written.route.clone())),
        None => Figure::new(default, label, origin),
    }
}

/// A duration, which is the group's, or a mapping of both.
fn shutdown_delay(table: &mut Table<'_, '_>) -> Option<ShutdownDelay> {
    let entry = table.entry("shutdown_delay")?;
    let route: Route = table.route().key("shutdown_delay");
    let Value::Mapping(_) = &entry.value.value else {
        let group = table.duration_of(&entry.value, route, Zero::Allowed)?;
        return Some(ShutdownDelay {
            route: group.route.clone(),
            group: Some(group),
            task: None,
        });
    };
    let mut inner = Table::new(&entry.value, route.clone(), table.findings())?;
    let delay = ShutdownDelay {
        route,
        group: inner.duration("group", Zero::Allowed),
        task: inner.duration("task", Zero::Allowed),
    };
    inner.finish();
    Some(delay)
}

fn sidecars(table: &mut Table<'_, '_>) -> Vec<Sidecar> {
    super::beside::sidecars(table, "task", Zero::Refused)
        .map(|(name, timeout)| Sidecar { name, timeout })
        .collect()
}
