//! What a manifest that is about to be written shall say.
//!
//! A draft cannot hold what a manifest refuses: names are names, paths are paths, numbers are within
//! their bounds. So whatever is drafted can be read back.

use std::time::Duration;

use lifecycle_manifest::duration::LONGEST;
use lifecycle_manifest::platform::{
    Concurrency, Controller, LaunchType, Mesh, Replacement, SecurityContext, Selector, Share, Spot,
    Successor,
};
use lifecycle_manifest::{Kind, is_label};

use super::shown::Other;

/// A key of the manifest: what it holds, if it is written at all, and what is said beside it.
#[derive(Debug, Clone)]
pub(super) struct Slot<T> {
    pub(super) value: Option<T>,
    pub(super) note: Option<String>,
}

impl<T> Default for Slot<T> {
    /// Not written; the template shows its default.
    fn default() -> Self {
        Self {
            value: None,
            note: None,
        }
    }
}

impl<T> Slot<T> {
    pub(super) fn of(value: T) -> Self {
        Self {
            value: Some(value),
            note: None,
        }
    }

    pub(super) fn noted(value: T, note: impl Into<String>) -> Self {
        Self {
            value: Some(value),
            note: Some(note.into()),
        }
    }

    /// Not written, and why.
    pub(super) fn unsaid(note: impl Into<String>) -> Self {
        Self {
            value: None,
            note: Some(note.into()),
        }
    }
}

/// A name that a manifest takes: a DNS label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    pub(super) fn of(text: &str) -> Option<Self> {
        is_label(text).then(|| Self(text.to_owned()))
    }

    /// The nearest legal name to any text; `otherwise` where nothing of it can be used.
    pub(super) fn near(text: &str, otherwise: &'static str) -> Self {
        let words: Vec<String> = text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        let mut label = words.join("-");
        label = label
            .trim_start_matches(|c: char| c == '-' || c.is_ascii_digit())
            .to_owned();
        label.truncate(63);
        Self::of(label.trim_end_matches('-')).unwrap_or_else(|| Self(otherwise.to_owned()))
    }

    /// The name of a resource: one that can also be a field, and that no other one has.
    pub(super) fn of_resource(text: &str, otherwise: &'static str, taken: &[Resource]) -> Self {
        let plain = Self::near(text, otherwise);
        let is_free = |name: &str| {
            !RESERVED.contains(&name) && taken.iter().all(|other| other.name.as_str() != name)
        };
        if is_free(plain.as_str()) {
            return plain;
        }
        let mut stem = plain.0;
        stem.truncate(56);
        let stem = stem.trim_end_matches('-');
        (2_u32..=1_000_000)
            .map(|number| format!("{stem}-{number}"))
            .find(|name| is_free(name))
            .map_or_else(|| Self(otherwise.to_owned()), Self)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Words that cannot become a field of a program.
const RESERVED: [&str; 3] = ["self", "super", "crate"];

/// A path of a health answer, or of a hook's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(String);

impl Path {
    /// `None` for what a manifest refuses: a query, spaces, anything that does not begin with `/`.
    pub(super) fn of(text: &str) -> Option<Self> {
        let readable = text.starts_with('/')
            && text
                .chars()
                .all(|c| c.is_ascii_graphic() && c != '#' && c != '?');
        readable.then(|| Self(text.to_owned()))
    }

    /// The path of a hook's request, which may have a query; what does not begin with `/` is taken to.
    pub(super) fn of_request(text: &str) -> Option<Self> {
        let readable = text.chars().all(|c| c.is_ascii_graphic() && c != '#');
        let path = match text.starts_with('/') {
            true => text.to_owned(),
            false => format!("/{text}"),
        };
        readable.then_some(Self(path))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A duration that a manifest takes.
pub(super) fn bounded(duration: Duration) -> Option<Duration> {
    (duration <= LONGEST).then_some(duration)
}

/// A whole manifest to be.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// The files it was read from, as they are called in comments.
    pub(super) origin: Vec<String>,
    pub(super) service: Slot<Name>,
    /// What is deployed was generated from a plan, which cannot be this one: nobody knows its timeouts.
    pub(super) generated: bool,
    pub(super) settle: Slot<Duration>,
    pub(super) keep_alive: Slot<Duration>,
    pub(super) health: Slot<Health>,
    /// At least one is active.
    pub(super) resources: Vec<Resource>,
    pub(super) kubernetes: Option<Kubernetes>,
    pub(super) ecs: Option<Ecs>,
    /// The entries of all other platforms.
    pub(super) others: Vec<Other>,
}

impl Draft {
    /// Of a service without anything yet.
    pub(super) fn new(service: Slot<Name>) -> Self {
        Self {
            origin: Vec::new(),
            service,
            generated: false,
            settle: Slot::default(),
            keep_alive: Slot::default(),
            health: Slot::default(),
            resources: Vec::new(),
            kubernetes: None,
            ecs: None,
            others: Vec::new(),
        }
    }
}

impl Draft {
    /// The entry of a platform, made where it is not there yet.
    pub(super) fn add(&mut self, key: &'static str) {
        match key {
            "kubernetes" => drop(self.kubernetes.get_or_insert_default()),
            "ecs" => drop(self.ecs.get_or_insert_default()),
            key if self.others.iter().any(|other| other.key == key) => {}
            key => self.others.push(Other::new(key)),
        }
    }

    /// The knobs that every platform has, of each entry by its key.
    pub(super) fn commons(&mut self) -> impl Iterator<Item = (&'static str, &mut Common)> {
        let kubernetes = self.kubernetes.iter_mut();
        let kubernetes = kubernetes.map(|entry| ("kubernetes", &mut entry.common));
        let ecs = self.ecs.iter_mut().map(|entry| ("ecs", &mut entry.common));
        let others = self.others.iter_mut();
        kubernetes
            .chain(ecs)
            .chain(others.map(|other| (other.key, &mut other.common)))
    }

    /// What the files that it was read from cannot tell: the key that holds a guess, and the question.
    pub(super) fn questions(&self) -> Vec<(&str, &str)> {
        let resources = self
            .resources
            .iter()
            .filter(|resource| resource.active)
            .map(|resource| (resource.name.as_str(), &resource.note));
        let kubernetes = self.kubernetes.iter().flat_map(|entry| {
            [
                ("kubernetes.pre_stop", &entry.pre_stop.note),
                ("kubernetes.sidecars", &entry.sidecars.note),
            ]
        });
        let ecs = self.ecs.iter().flat_map(|entry| {
            [
                ("ecs.launch_type", &entry.launch_type.note),
                ("ecs.load_balancer", &entry.load_balancer.note),
                ("ecs.sidecars", &entry.sidecars.note),
            ]
        });
        let others = self.others.iter().flat_map(|other| {
            let notes = other.values.iter().map(|(key, slot)| (*key, &slot.note));
            notes.chain([("grace_period", &other.common.grace.note)])
        });
        let health = std::iter::once(("traffic.health", &self.health.note));
        resources
            .chain(health)
            .chain(kubernetes)
            .chain(ecs)
            .chain(others)
            .filter_map(|(key, note)| {
                let (_, rest) = note.as_deref()?.split_once("not in ")?;
                let (_, question) = rest.split_once(": ")?;
                let end = question.find('?')?;
                Some((key, &question[..=end]))
            })
            .collect()
    }

    /// A platform has the program ask itself for health.
    pub(super) fn asks_itself(&self) -> bool {
        let ecs = self
            .ecs
            .as_ref()
            .and_then(|ecs| ecs.health_check.value.as_ref());
        let others = self.others.iter().flat_map(|other| &other.values);
        let mut checks = others.filter(|(key, _)| *key == "health_check");
        matches!(ecs, Some(HealthCheck::Runtime))
            || checks.any(|(_, slot)| slot.value.as_deref() == Some("runtime"))
    }
}

/// `traffic.health`.
#[derive(Debug, Clone, Default)]
pub(super) struct Health {
    pub(super) port: Option<u16>,
    pub(super) ready: Option<Path>,
    pub(super) live: Option<Path>,
    /// At least a second.
    pub(super) period: Option<Duration>,
    /// 1 to 1,000.
    pub(super) failures: Option<u32>,
}

/// One of `resources`.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) name: Name,
    pub(super) kind: Kind,
    pub(super) timeout: Duration,
    /// The timeout was asked for, and is not to be fitted to a grace period.
    pub(super) fixed: bool,
    pub(super) port: Option<u16>,
    pub(super) best_effort: bool,
    /// Written as a key, and not only shown in a comment.
    pub(super) active: bool,
    pub(super) note: Option<String>,
}

impl Resource {
    /// With the usual timeout of its kind.
    pub(super) fn new(name: Name, kind: Kind) -> Self {
        Self {
            name,
            kind,
            timeout: usual_timeout(kind),
            fixed: false,
            port: None,
            best_effort: kind == Kind::Telemetry,
            active: true,
            note: None,
        }
    }
}

/// What a step of this kind is given when nobody has said: long enough for most services, short
/// enough that one of each fits the default grace period of most platforms, or nearly so.
pub(super) fn usual_timeout(kind: Kind) -> Duration {
    Duration::from_secs(match kind {
        Kind::HttpServer | Kind::GrpcServer | Kind::Websocket | Kind::Stream => 15,
        Kind::QueueConsumer
        | Kind::Scheduler
        | Kind::Task
        | Kind::BlockingWork
        | Kind::ChildProcess => 10,
        Kind::CriticalSection | Kind::Database | Kind::Custom => 5,
        Kind::AuditLog | Kind::MessageBroker => 3,
        Kind::Telemetry | Kind::Cache | Kind::File => 2,
    })
}

/// The port of the first server, when nobody has said.
pub(super) const USUAL_PORT: u16 = 8080;

/// What every platform has.
#[derive(Debug, Clone, Default)]
pub(super) struct Common {
    pub(super) grace: Slot<Duration>,
    pub(super) image: Slot<String>,
    /// Steps that are shorter here.
    pub(super) timeouts: Vec<(Name, Duration)>,
}

/// `platforms.kubernetes`.
#[derive(Debug, Clone, Default)]
pub(super) struct Kubernetes {
    pub(super) common: Common,
    /// A `CronJob` has a schedule in `job`.
    pub(super) workload: Slot<Controller>,
    /// Only what its workload has, and nothing that Kubernetes refuses.
    pub(super) rollout: Slot<Rolling>,
    /// Only what its workload has.
    pub(super) job: Slot<Job>,
    /// At most 10,000.
    pub(super) replicas: Slot<u32>,
    pub(super) namespace: Slot<Name>,
    pub(super) pre_stop: Slot<PreStop>,
    pub(super) sidecars: Slot<Vec<Sidecar>>,
    pub(super) mesh: Slot<Proxy>,
    pub(super) spot: Slot<Spot>,
    /// `load_balancer`, by its deregistration delay.
    pub(super) load_balancer: Slot<Duration>,
    /// Not zero.
    pub(super) liveness_grace: Slot<Duration>,
    pub(super) security_context: Slot<SecurityContext>,
    pub(super) selector: Slot<Selector>,
}

/// `rollout`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rolling {
    pub(super) strategy: Option<Replacement>,
    pub(super) max_surge: Option<Share>,
    pub(super) max_unavailable: Option<Share>,
    pub(super) min_ready: Option<Duration>,
    /// Above `min_ready`.
    pub(super) progress_deadline: Option<Duration>,
}

/// `job`.
#[derive(Debug, Clone, Default)]
pub(super) struct Job {
    /// One that a manifest takes.
    pub(super) schedule: Option<String>,
    /// Not zero.
    pub(super) deadline: Option<Duration>,
    pub(super) replacement: Option<Successor>,
    pub(super) concurrency: Option<Concurrency>,
}

/// `mesh`, and what is special about its proxy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proxy {
    pub(super) mesh: Mesh,
    pub(super) native: Option<bool>,
    pub(super) drain: Option<Duration>,
}

/// `pre_stop`.
#[derive(Debug, Clone)]
pub(super) enum PreStop {
    /// Zero for none.
    Sleep(Duration),
    Exec {
        /// Not empty.
        command: Vec<String>,
        /// Not zero.
        timeout: Duration,
    },
    /// A request that the kubelet sends to the container.
    Http {
        path: Path,
        port: u16,
        /// Not zero.
        timeout: Duration,
    },
}

/// One of `sidecars`.
#[derive(Debug, Clone)]
pub(super) struct Sidecar {
    pub(super) name: Name,
    pub(super) timeout: Duration,
    pub(super) native: bool,
    pub(super) image: Option<String>,
    /// Empty without an image.
    pub(super) command: Vec<String>,
    /// Empty without an image.
    pub(super) args: Vec<String>,
}

/// `platforms.ecs`.
#[derive(Debug, Clone, Default)]
pub(super) struct Ecs {
    pub(super) common: Common,
    pub(super) launch_type: Slot<LaunchType>,
    pub(super) spot: Slot<bool>,
    /// At most 10,000.
    pub(super) desired_count: Slot<u32>,
    /// 128 to 196,608.
    pub(super) cpu: Slot<u32>,
    /// 6 to 3,145,728.
    pub(super) memory: Slot<u32>,
    pub(super) cluster: Slot<String>,
    pub(super) execution_role_arn: Slot<String>,
    pub(super) subnets: Slot<Vec<String>>,
    pub(super) security_groups: Slot<Vec<String>>,
    pub(super) load_balancer: Slot<LoadBalancer>,
    pub(super) health_check: Slot<HealthCheck>,
    /// Names and times, none of them zero.
    pub(super) sidecars: Slot<Vec<(String, Duration)>>,
}

/// `load_balancer` of ECS.
#[derive(Debug, Clone, Default)]
pub(super) struct LoadBalancer {
    /// At most an hour.
    pub(super) deregistration_delay: Option<Duration>,
    /// 1 to 4,000 seconds.
    pub(super) idle_timeout: Option<Duration>,
    pub(super) target_group_arn: Option<String>,
}

/// `health_check` of ECS.
#[derive(Debug, Clone)]
pub(super) enum HealthCheck {
    Runtime,
    /// Begins with `CMD` or `CMD-SHELL`, and has at least one word behind it.
    Command(Vec<String>),
}
