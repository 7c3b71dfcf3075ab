//! Docker Compose: `stop_grace_period`, and the hooks that come before it.
//!
//! Sources: <https://docs.docker.com/reference/compose-file/services/#stop_grace_period>, the same
//! page's `pre_stop`, and docker/compose (`pkg/compose/{down,stop,hook,convert}.go`). A hook is waited
//! for without limit, before the grace period begins; one that fails ends the attempt to stop its
//! container. Compose hands the engine whole seconds, the rest cut off: what is generated is whole.

use std::time::Duration;

use super::docker::{Published, STOP_TIMEOUT, settle};
use super::health_check::health_check;
use super::{Common, Facts, HealthCheck, Own, Signal, Terms, held};
use crate::figure::{Figure, Origin};
use crate::manifest::{Manifest, Written};
use crate::read::{OtherName, Table, Zero};
use crate::text::{Node, Route, Value};

/// The first release that knows `pre_stop` (October 2024).
pub const COMPOSE_HOOKS_SINCE: &str = "2.30";

pub(crate) static FACTS: Facts = Facts {
    key: "compose",
    name: "Compose",
    nicknames: &["docker_compose"],
    // What the engine gives where Compose says nothing.
    default_grace: STOP_TIMEOUT,
    // `toSeconds` in `pkg/compose/convert.go`: an integer by truncation.
    unit: Duration::from_secs(1),
    kill_floor: Duration::ZERO,
    runs_images: true,
    other_names: &[
        OtherName::new("stop_grace_period", "grace_period"),
        OtherName::new("healthcheck", "health_check"),
        OtherName::new("scale", "replicas"),
    ],
};

/// `platforms.compose`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 5s }
/// platforms:
///   compose: { init: true, ports: ['80:8080'], depends_on: [db] }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let compose = platforms.iter().find_map(Platform::compose).unwrap();
/// assert_eq!(compose.init.as_ref().map(|it| it.value), Some(true));
/// assert_eq!(compose.ports[0].host, Some(80));
/// assert_eq!(compose.depends_on[0].value, "db");
/// assert!(compose.pre_stop.is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct Compose {
    /// The knobs that every platform has.
    pub common: Common,
    /// `stop_signal`; SIGTERM when not written.
    pub stop_signal: Option<Written<Signal>>,
    /// `init`: a small init is the container's first process, and passes signals on.
    pub init: Option<Written<bool>>,
    /// `replicas`; one when not written.
    pub replicas: Option<Written<u32>>,
    /// `ports`: what is published on the host.
    pub ports: Vec<Published>,
    /// `depends_on`: the services that the program needs while it stops; they stop after it.
    pub depends_on: Vec<Written<String>>,
    /// `pre_stop`: what runs in the container before the signal.
    pub pre_stop: Vec<PreStop>,
    /// `health_check`: how Docker asks the container itself; none when not written.
    pub health_check: Option<HealthCheck>,
    /// `supervisor_timeout`: how long what runs `compose down` waits for it.
    pub supervisor_timeout: Option<Written<Duration>>,
}

/// One entry of `pre_stop`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 5s }
/// platforms:
///   compose: { pre_stop: { exec: [./leave, --now], timeout: 3s } }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let compose = platforms.iter().find_map(Platform::compose).unwrap();
/// let hook = &compose.pre_stop[0];
/// let words: Vec<&str> = hook.command.iter().map(|word| word.value.as_str()).collect();
/// assert_eq!(words, ["./leave", "--now"]);
/// assert_eq!(hook.bound().unwrap().term(), "3s pre_stop");
/// ```
#[derive(Debug, Clone)]
pub struct PreStop {
    /// Where it stands.
    pub route: Route,
    /// The program and its arguments; no shell is implied.
    pub command: Vec<Written<String>>,
    /// How long it may take; without end when not written.
    pub timeout: Option<Written<Duration>>,
}

impl PreStop {
    /// Its timeout in whole seconds, which is what bounds it.
    pub fn bound(&self) -> Option<Figure> {
        self.timeout
            .as_ref()
            .map(|timeout| held(timeout, "pre_stop", FACTS.unit))
    }

    /// One entry, or a list of them.
    fn read(table: &mut Table<'_, '_>) -> Vec<Self> {
        let Some(entry) = table.entry("pre_stop") else {
            return Vec::new();
        };
        let route = table.route().key("pre_stop");
        let items: Vec<(Route, &Node)> = match &entry.value.value {
            Value::Sequence(items) => items
                .iter()
                .enumerate()
                .map(|(at, item)| (route.index(at), item))
                .collect(),
            _ => vec![(route, &entry.value)],
        };
        let one = |(route, item): (Route, &Node)| {
            let mut table = Table::new(item, route.clone(), table.findings())?;
            let command: Vec<_> = table
                .items("exec", "a list: the command and its arguments")
                .into_iter()
                .filter_map(|(route, item)| table.scalar(item, route, "text"))
                .collect();
            let timeout = table.duration("timeout", Zero::Refused);
            if command.is_empty() {
                table.missing(
                    "exec",
                    "add `exec: [PROGRAM, ARGUMENT]`: what runs in the container",
                );
            }
            table.finish();
            (!command.is_empty()).then_some(Self {
                route,
                command,
                timeout,
            })
        };
        items.into_iter().filter_map(one).collect()
    }
}

impl Compose {
    pub(super) fn read(common: Common, table: &mut Table<'_, '_>) -> Self {
        Self {
            common,
            stop_signal: table.word("stop_signal", "a signal", Signal::WORDS),
            init: table.boolean("init"),
            replicas: table.number("replicas", 0..=10_000),
            ports: Published::read(table),
            depends_on: table.names("depends_on").unwrap_or_default(),
            pre_stop: PreStop::read(table),
            health_check: health_check(table),
            supervisor_timeout: table.duration("supervisor_timeout", Zero::Refused),
        }
    }

    pub(super) fn terms(&self, manifest: &Manifest) -> Terms {
        Terms {
            grace: self.common.grace(&FACTS),
            cap: None,
            signal: self
                .stop_signal
                .as_ref()
                .map_or_else(Signal::default, |it| it.value),
            outside: self.hooks(),
            hook: None,
            // Nobody is told that the container leaves while its hooks run.
            paid_before_signal: Duration::ZERO,
            routing_lags: false,
            settle: settle(manifest),
            sidecars: Vec::new(),
            after: Vec::new(),
        }
    }

    /// What the hooks take, one after another, as far as they have an end.
    fn hooks(&self) -> Option<Figure> {
        let mut bounds = self.pre_stop.iter().filter_map(PreStop::bound);
        let first = bounds.next()?;
        let rest: Vec<Figure> = bounds.collect();
        if rest.is_empty() {
            return Some(first);
        }
        let all = std::iter::once(&first).chain(&rest);
        let total = all.map(|figure| figure.value).sum();
        Some(Figure::new(
            total,
            "pre_stop",
            Origin::Derived("its hooks, one after another"),
        ))
    }
}

impl Own for Compose {
    fn written_signal(&self) -> Option<&Written<Signal>> {
        self.stop_signal.as_ref()
    }

    #[cfg(feature = "deployed")]
    fn forget_signal(&mut self) {
        self.stop_signal = None;
    }
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "compose",
    rename = "Compose",
    description = "How the service stops under Docker Compose."
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct Schema {
    #[schemars(flatten)]
    common: crate::schema::CommonSchema,
    /// The container's image. Unset: another platform's, or what `gen --image` says.
    #[schemars(extend("examples" = ["registry.example.com/checkout:1.4.2"]))]
    image: Option<String>,
    /// What asks the program to stop; `SIGTERM` when not written.
    stop_signal: Option<Signal>,
    /// A small init is the container's first process and passes signals on; `false` when not written.
    init: Option<bool>,
    /// How many containers; 1 when not written.
    replicas: Option<u32>,
    /// What is published on the host, as `[[ADDRESS:]HOST:]PORT`. Unset: nothing is.
    #[schemars(extend("examples" = [["80:8080"]]))]
    ports: Option<Vec<String>>,
    /// The services that the program needs while it stops: Compose stops them after it. Unset: none.
    #[schemars(extend("examples" = [["db"]]))]
    depends_on: Option<crate::schema::NamesSchema>,
    /// Commands that Compose runs in the container before the signal, outside of the grace period. Unset: none.
    #[schemars(extend("examples" = [{ "exec": ["./leave"], "timeout": "5s" }]))]
    pre_stop: Option<PreStopsSchema>,
    /// How Docker asks the container itself. `runtime`: the program asks itself, whatever else the image has; only a program built with the lifecycle runtime can. None when not written.
    health_check: Option<super::health_check::HealthCheckSchema>,
    /// How long what runs `compose down`, such as a systemd unit or a job of CI, waits until it kills. Unset: not known.
    supervisor_timeout: Option<crate::schema::DurationSchema>,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(untagged, rename = "ComposePreStops")]
#[allow(dead_code, reason = "only its shape is read")]
enum PreStopsSchema {
    /// One command.
    #[schemars(title = "one")]
    One(PreStopSchema),
    /// Several, one after another.
    #[schemars(title = "several")]
    Several(Vec<PreStopSchema>),
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, rename = "ComposePreStop", title = "hook")]
#[allow(dead_code, reason = "only its shape is read")]
struct PreStopSchema {
    /// The program and its arguments; no shell is implied.
    #[schemars(length(min = 1))]
    exec: Vec<String>,
    /// How long it may take; what is generated ends it then. Unset: Compose waits for it without end.
    timeout: Option<crate::schema::DurationSchema>,
}
