//! Google Cloud Run: ten seconds, and nothing to set.
//!
//! Source: <https://docs.cloud.google.com/run/docs/container-contract>. SIGTERM goes to all
//! containers of the instance at once, SIGKILL follows ten seconds later. That page speaks of services,
//! jobs and worker pools alike; that the window of a worker pool is the same is taken from there.

use std::ops::RangeInclusive;
use std::time::Duration;

#[cfg(feature = "deployed")]
use super::Taken;
use super::beside::Beside;
use super::bounds::{misplaced, within};
use super::{Cap, Common, Facts, Own, Signal, Terms, held, owed_settle};
use crate::figure::{Figure, Origin};
use crate::manifest::{Manifest, Written};
use crate::read::{OtherName, Table, Zero};

pub(crate) static FACTS: Facts = Facts {
    key: "cloud_run",
    name: "Cloud Run",
    nicknames: &["gcp", "google_cloud_run", "run"],
    default_grace: WINDOW,
    unit: Duration::from_secs(1),
    kill_floor: Duration::ZERO,
    runs_images: true,
    other_names: &[
        OtherName::seconds("timeoutSeconds", "request_timeout"),
        OtherName::new("containerConcurrency", "concurrency"),
        OtherName::new("minScale", "min_instances"),
        OtherName::new("maxScale", "max_instances"),
        OtherName::new("maxRetries", "max_retries"),
        OtherName::new("taskCount", "tasks"),
        OtherName::seconds("terminationGracePeriodSeconds", "grace_period"),
    ],
};

/// From SIGTERM to SIGKILL; fixed.
const WINDOW: Duration = Duration::from_secs(10);

/// How long a service may take to answer when nothing is said, and what it takes for that
/// (<https://docs.cloud.google.com/run/docs/configuring/request-timeout>).
pub(crate) const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(300);
/// See [`DEFAULT_REQUEST_TIMEOUT`].
pub(crate) const REQUEST_TIMEOUT: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(3_600);

/// How long one try of a job's task may take when nothing is said, and what it takes for that
/// (<https://docs.cloud.google.com/run/docs/configuring/task-timeout>).
const DEFAULT_TASK_TIMEOUT: Duration = Duration::from_secs(600);
/// See [`DEFAULT_TASK_TIMEOUT`].
pub(crate) const TASK_TIMEOUT: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(168 * 3_600);

/// The two as the platform's files have them.
#[cfg(feature = "deployed")]
pub(crate) static SERVICE_SECONDS: Taken = Taken {
    range: 1..=3_600,
    expected: "a whole number from 1 to 3600",
    as_text: false,
};
/// See [`SERVICE_SECONDS`]. It has 64 bits there, which are text in the API's JSON.
#[cfg(feature = "deployed")]
pub(crate) static TASK_SECONDS: Taken = Taken {
    range: 1..=604_800,
    expected: "a whole number from 1 to 604800",
    as_text: true,
};

/// How often a task that failed is tried again when nothing is said, and the most there is
/// (<https://docs.cloud.google.com/run/docs/configuring/max-retries>).
const DEFAULT_MAX_RETRIES: u32 = 3;
const MAX_RETRIES: u32 = 10;

/// The most requests at once that an instance can be given
/// (<https://docs.cloud.google.com/run/docs/about-concurrency>).
const CONCURRENCY: u32 = 1_000;

/// Which parts of the manifest's health a probe takes (discovery document `run.v1`, `Probe`): seconds
/// between two questions, of the startup probe and of the liveness probe.
///
/// The startup probe's is above one second: its timeout, one second when not written, is to be less.
pub const STARTUP_PERIOD: RangeInclusive<u64> = 2..=240;
/// See [`STARTUP_PERIOD`].
pub const LIVENESS_PERIOD: RangeInclusive<u64> = 2..=3_600;

/// `platforms.cloud_run`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::RunKind;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 5s }
/// platforms:
///   cloud_run: { kind: job, task_timeout: 30m, max_retries: 1 }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let cloud_run = platforms.iter().find_map(Platform::cloud_run).unwrap();
/// assert_eq!(cloud_run.kind(), RunKind::Job);
/// assert_eq!(cloud_run.task_timeout().unwrap().term(), "1800s task timeout");
/// assert_eq!(cloud_run.tries(), 2);
/// assert!(cloud_run.request_timeout().is_none());
/// ```
#[derive(Debug, Clone)]
pub struct CloudRun {
    /// The knobs that every platform has.
    pub common: Common,
    /// `kind`; a service when not written.
    pub kind: Option<Written<RunKind>>,
    /// A service's `min_instances`.
    pub min_instances: Option<Written<u32>>,
    /// A service's `max_instances`.
    pub max_instances: Option<Written<u32>>,
    /// A service's `concurrency`: how many requests an instance is given at once.
    pub concurrency: Option<Written<u32>>,
    /// A service's `request_timeout`.
    pub request_timeout: Option<Written<Duration>>,
    /// A service's `cpu_throttling`: it has the processor only while it answers requests.
    pub cpu_throttling: Option<Written<bool>>,
    /// A job's `task_timeout`.
    pub task_timeout: Option<Written<Duration>>,
    /// A job's `max_retries`.
    pub max_retries: Option<Written<u32>>,
    /// A job's `tasks`.
    pub tasks: Option<Written<u32>>,
    /// A worker pool's `instances`.
    pub instances: Option<Written<u32>>,
    /// `sidecars`: containers that get the signal together with the program's.
    pub sidecars: Vec<Beside>,
}

/// `kind`: what Cloud Run runs.
///
/// ```
/// use lifecycle_manifest::platform::RunKind;
/// assert_eq!(RunKind::default(), RunKind::Service);
/// assert_eq!(RunKind::WorkerPool.word(), "worker-pool");
/// assert_eq!(RunKind::WorkerPool.words(), "a worker pool");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum RunKind {
    /// Answers requests.
    #[default]
    Service,
    /// Runs to its end.
    Job,
    /// Takes its work by itself.
    WorkerPool,
}

impl RunKind {
    const WORDS: [(&'static str, Self); 3] = [
        ("service", Self::Service),
        ("job", Self::Job),
        ("worker-pool", Self::WorkerPool),
    ];

    /// Its word in the manifest.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Job => "job",
            Self::WorkerPool => "worker-pool",
        }
    }

    /// `service`, `worker pool`.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Job => "job",
            Self::WorkerPool => "worker pool",
        }
    }

    /// `a service`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Service => "a service",
            Self::Job => "a job",
            Self::WorkerPool => "a worker pool",
        }
    }
}

/// Keys that only one kind has.
const OWNERS: [(&str, RunKind); 9] = [
    ("min_instances", RunKind::Service),
    ("max_instances", RunKind::Service),
    ("concurrency", RunKind::Service),
    ("request_timeout", RunKind::Service),
    ("cpu_throttling", RunKind::Service),
    ("task_timeout", RunKind::Job),
    ("max_retries", RunKind::Job),
    ("tasks", RunKind::Job),
    ("instances", RunKind::WorkerPool),
];

impl CloudRun {
    pub(super) fn read(common: Common, table: &mut Table<'_, '_>) -> Self {
        let whose = FACTS.name;
        let request_timeout = table.duration("request_timeout", Zero::Refused);
        let task_timeout = table.duration("task_timeout", Zero::Refused);
        let run = Self {
            common,
            kind: table.word("kind", "a kind of Cloud Run resource", &RunKind::WORDS),
            min_instances: table.number("min_instances", 0..=100_000),
            max_instances: table.number("max_instances", 1..=100_000),
            concurrency: table.number("concurrency", 1..=CONCURRENCY),
            request_timeout: within(request_timeout, &REQUEST_TIMEOUT, whose, table),
            cpu_throttling: table.boolean("cpu_throttling"),
            task_timeout: within(task_timeout, &TASK_TIMEOUT, whose, table),
            max_retries: table.number("max_retries", 0..=MAX_RETRIES),
            tasks: table.number("tasks", 1..=10_000),
            instances: table.number("instances", 0..=100_000),
            sidecars: Beside::read(table),
        };
        // Of a kind that could not be read, nothing is known.
        if run.kind.is_none() && table.entry("kind").is_some() {
            return run;
        }
        let kind = run.kind();
        for (key, owner) in OWNERS.into_iter().filter(|(_, owner)| *owner != kind) {
            if table.entry(key).is_some() {
                misplaced(key, kind.words(), owner.words(), table);
            }
        }
        run
    }

    /// What it runs, a service when not written.
    pub fn kind(&self) -> RunKind {
        self.kind
            .as_ref()
            .map_or_else(RunKind::default, |kind| kind.value)
    }

    /// How long a request may take before Cloud Run ends it, in whole seconds; `None` where there are
    /// none.
    pub fn request_timeout(&self) -> Option<Figure> {
        let written = self.request_timeout.as_ref();
        (self.kind() == RunKind::Service)
            .then(|| limit(written, "request timeout", DEFAULT_REQUEST_TIMEOUT))
    }

    /// How long one try of a task may take before Cloud Run ends it, in whole seconds; `None` where
    /// there are none.
    pub fn task_timeout(&self) -> Option<Figure> {
        let written = self.task_timeout.as_ref();
        (self.kind() == RunKind::Job).then(|| limit(written, "task timeout", DEFAULT_TASK_TIMEOUT))
    }

    /// How often a task is tried at most.
    pub fn tries(&self) -> u32 {
        let retries = self.max_retries.as_ref();
        1 + retries.map_or(DEFAULT_MAX_RETRIES, |retries| retries.value)
    }

    /// It has the processor only while it answers requests, as a service has by default.
    pub(crate) fn is_throttled(&self) -> bool {
        let throttled = self.cpu_throttling.as_ref();
        self.kind() == RunKind::Service && throttled.is_none_or(|throttled| throttled.value)
    }

    #[allow(clippy::unused_self, reason = "the registry asks every platform alike")]
    pub(super) fn terms(&self, manifest: &Manifest) -> Terms {
        Terms {
            signal: Signal::Term,
            // A written grace period is fiction here and a finding of its own.
            grace: Figure::new(
                WINDOW,
                "grace period",
                Origin::Derived("Cloud Run's fixed window"),
            ),
            cap: Some(Cap {
                limit: WINDOW,
                because: "Cloud Run gives every instance 10s, and there is nothing to set",
                fixed: true,
            }),
            outside: None,
            hook: None,
            paid_before_signal: Duration::ZERO,
            // The router and the instance manager are one system; that it stops routing first is not
            // documented, so a settle time that the manifest writes is still paid, by the program.
            routing_lags: false,
            settle: owed_settle(manifest, false),
            // They stop at the same time as the program, and take nothing from it.
            sidecars: Vec::new(),
            after: Vec::new(),
        }
    }
}

impl Own for CloudRun {
    fn beside(&self) -> &[Beside] {
        &self.sidecars
    }

    #[cfg(feature = "deployed")]
    fn has_one_ingress_port(&self) -> bool {
        true
    }
}

fn limit(written: Option<&Written<Duration>>, label: &str, default: Duration) -> Figure {
    match written {
        Some(written) => held(written, label, FACTS.unit),
        None => Figure::new(default, label, Origin::PlatformDefault(FACTS.name)),
    }
}

/// Which keys only one kind has.
#[cfg(feature = "schema")]
fn for_kinds() -> serde_json::Value {
    let rules = OWNERS.iter().map(|(key, owner)| {
        // A pattern, as an enumeration would be shown in the hover of every kind.
        let kind = serde_json::json!({ "pattern": format!("^{}$", owner.word()) });
        let mut of_owner = serde_json::json!({ "properties": { "kind": kind } });
        // What is not written is a service.
        if *owner != RunKind::default() {
            of_owner["required"] = serde_json::json!(["kind"]);
        }
        let message = format!("`{key}` belongs to {}", owner.words());
        serde_json::json!({
            "if": of_owner,
            "else": { "properties": { (*key): false }, "errorMessage": message },
        })
    });
    rules.collect()
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "cloud_run",
    rename = "CloudRun",
    description = "How the service stops on Google Cloud Run.",
    extend("allOf" = for_kinds())
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct Schema {
    #[schemars(flatten)]
    common: crate::schema::CommonSchema,
    /// The container's image. Unset: another platform's, or what `gen --image` says.
    #[schemars(extend("examples" = ["registry.example.com/checkout:1.4.2"]))]
    image: Option<String>,
    /// What Cloud Run runs; `service` when not written.
    kind: Option<RunKind>,
    /// A service's instances that are kept when there are no requests; 0 when not written.
    min_instances: Option<u32>,
    /// The most instances of a service. Unset: none is written.
    max_instances: Option<u32>,
    /// How many requests an instance of a service is given at once, 1000 at most. Unset: none is written, and Cloud Run gives 80.
    concurrency: Option<u32>,
    /// How long a service may take to answer a request, 1h at most; 5m when not written.
    request_timeout: Option<crate::schema::DurationSchema>,
    /// A service has the processor only while it answers requests. `false`: always, which work in the background needs. `true` when not written.
    cpu_throttling: Option<bool>,
    /// How long one try of a job's task may take, 168h at most; 10m when not written.
    task_timeout: Option<crate::schema::DurationSchema>,
    /// How often a job's task that failed is tried again, 10 at most; 3 when not written.
    max_retries: Option<u32>,
    /// How many tasks a job has; 1 when not written.
    tasks: Option<u32>,
    /// How many instances a worker pool has. Unset: none is written.
    instances: Option<u32>,
    /// Containers beside the program's. They get the signal together with it. Unset: none.
    #[schemars(extend("examples" = [[{ "name": "proxy", "timeout": "5s" }]]))]
    sidecars: Option<Vec<super::beside::Schema>>,
}
