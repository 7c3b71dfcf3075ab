//! What runs containers: only what matters when it stops, each value with its place.

use std::time::Duration;

use super::UnitFile;
use crate::manifest::Written;
use crate::text::Route;

/// Names with their texts, in the order of the file: labels, annotations.
#[derive(Debug, Clone, Default)]
pub struct Pairs(pub(super) Vec<(String, Written<String>)>);

impl Pairs {
    /// The text under a name.
    pub fn get(&self, name: &str) -> Option<&Written<String>> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Written<String>)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Every one of these is here with the same text; false where there are none.
    pub fn hold(&self, wanted: &Self) -> bool {
        let is_here = |(key, value): (&str, &Written<String>)| {
            self.get(key).is_some_and(|here| here.value == value.value)
        };
        !wanted.0.is_empty() && wanted.iter().all(is_here)
    }
}

/// What runs containers: a Deployment, a pod, a task definition.
#[derive(Debug, Clone)]
pub struct Workload {
    /// The platform's key in a manifest, such as `kubernetes`.
    pub platform: &'static str,
    /// `Deployment`, `CronJob`, `task definition`.
    pub kind: String,
    /// The object.
    pub route: Route,
    /// Its name; a task definition's family.
    pub name: Option<Written<String>>,
    /// Its namespace.
    pub namespace: Option<Written<String>>,
    /// Its labels; a task definition's tags.
    pub labels: Pairs,
    /// Its annotations.
    pub annotations: Pairs,
    /// What made it: a `ReplicaSet`'s Deployment, a pod's `ReplicaSet`.
    pub owner: Option<Owner>,
    /// The labels of its pods.
    pub pod_labels: Pairs,
    /// The annotations of its pods.
    pub pod_annotations: Pairs,
    /// Where the containers and the grace period stand: the pod's `spec`, the task definition.
    pub spec: Route,
    /// Kubernetes: `terminationGracePeriodSeconds`. ECS has one a container.
    pub grace: Option<Written<i64>>,
    /// The containers.
    pub containers: Vec<Container>,
    /// Kubernetes: the init containers; those with `restartPolicy: Always` are native sidecars.
    pub init_containers: Vec<Container>,
    /// Kubernetes: `spec.replicas`.
    pub replicas: Option<Written<i64>>,
    /// Kubernetes: how a rollout replaces pods.
    pub strategy: Option<Strategy>,
    /// Kubernetes: `spec.os.name`.
    pub os: Option<Written<String>>,
    /// Kubernetes: `spec.minReadySeconds`.
    pub min_ready: Option<Written<i64>>,
    /// Kubernetes: `spec.progressDeadlineSeconds`.
    pub progress_deadline: Option<Written<i64>>,
    /// A Job's `podReplacementPolicy`.
    pub replacement_policy: Option<Written<String>>,
    /// A Job's `activeDeadlineSeconds`.
    pub active_deadline: Option<Written<i64>>,
    /// A `CronJob`'s `schedule`.
    pub schedule: Option<Written<String>>,
    /// A `CronJob`'s `concurrencyPolicy`.
    pub concurrency: Option<Written<String>>,
    /// ECS: `requiresCompatibilities`.
    pub compatibilities: Vec<Written<String>>,
    /// ECS: `revision`, in what is described.
    pub revision: Option<i64>,
    /// A grace period is written where the platform has none to set.
    pub not_settable: Option<Route>,
    /// What the manifest's own keys of the platform would say.
    pub settings: Settings,
}

/// What a workload says that a manifest has a key for, under the names of those keys: for describing
/// it anew.
#[derive(Debug, Clone, Default)]
pub struct Settings(Vec<(&'static str, Written<String>)>);

impl Settings {
    pub(super) fn word(&mut self, key: &'static str, written: Option<Written<String>>) {
        self.0.extend(written.map(|written| (key, written)));
    }

    pub(super) fn number(&mut self, key: &'static str, written: Option<Written<i64>>) {
        self.word(key, written.map(|it| it.map(|number| number.to_string())));
    }

    /// The text under a key; of a duration, its seconds.
    pub fn get(&self, key: &str) -> Option<&Written<String>> {
        let found = self.0.iter().find(|(own, _)| *own == key);
        found.map(|(_, written)| written)
    }
}

/// What made an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl Workload {
    /// One of which nothing is known but what it is and where it stands.
    pub(super) fn at(platform: &'static str, kind: &str, route: Route) -> Self {
        Self {
            platform,
            kind: kind.to_owned(),
            spec: route.clone(),
            route,
            name: None,
            namespace: None,
            labels: Pairs::default(),
            annotations: Pairs::default(),
            owner: None,
            pod_labels: Pairs::default(),
            pod_annotations: Pairs::default(),
            grace: None,
            containers: Vec::new(),
            init_containers: Vec::new(),
            replicas: None,
            strategy: None,
            os: None,
            min_ready: None,
            progress_deadline: None,
            replacement_policy: None,
            active_deadline: None,
            schedule: None,
            concurrency: None,
            compatibilities: Vec::new(),
            revision: None,
            not_settable: None,
            settings: Settings::default(),
        }
    }

    /// `Deployment shop`, or the kind where there is no name.
    pub fn title(&self) -> String {
        match &self.name {
            Some(name) => format!("{} {}", self.kind, name.value),
            None => format!("{} without a name", self.kind),
        }
    }

    /// Its native sidecars: init containers that are restarted always.
    pub fn native_sidecars(&self) -> impl Iterator<Item = &Container> {
        self.init_containers
            .iter()
            .filter(|container| container.restarts_always)
    }
}

/// How a rollout replaces pods.
#[derive(Debug, Clone)]
pub struct Strategy {
    /// Where the block stands.
    pub route: Route,
    /// `RollingUpdate`, `Recreate`, `OnDelete`.
    pub kind: Option<Written<String>>,
    /// A number or a share, as text.
    pub max_unavailable: Option<Written<String>>,
    /// A number or a share, as text.
    pub max_surge: Option<Written<String>>,
}

/// A container.
#[derive(Debug, Clone)]
pub struct Container {
    /// Where it stands.
    pub route: Route,
    /// Its name.
    pub name: Option<Written<String>>,
    /// Its image.
    pub image: Option<Written<String>>,
    /// The program that is started; of an image what replaces its entry point: Kubernetes' `command`,
    /// ECS' `entryPoint`.
    pub entry: Vec<Written<String>>,
    /// What replaces the image's arguments: Kubernetes' `args`, ECS' `command`.
    pub args: Vec<Written<String>>,
    /// `lifecycle.preStop`.
    pub pre_stop: Option<Hook>,
    /// What asks it to stop, where the file says so: Kubernetes' `lifecycle.stopSignal`, systemd's
    /// `KillSignal=`.
    pub stop_signal: Option<Written<String>>,
    /// `readinessProbe`.
    pub readiness: Option<Probe>,
    /// `livenessProbe`.
    pub liveness: Option<Probe>,
    /// `startupProbe`.
    pub startup: Option<Probe>,
    /// The ports it opens.
    pub ports: Vec<Port>,
    /// Its environment.
    pub environment: Vec<Variable>,
    /// An init container with `restartPolicy: Always`: a native sidecar.
    pub restarts_always: bool,
    /// ECS: `stopTimeout`.
    pub stop_timeout: Option<Written<i64>>,
    /// From the signal to SIGKILL, on platforms that say a duration a program.
    pub grace: Option<Written<Duration>>,
    /// Docker and Compose: where it says that SIGKILL never comes.
    pub endless: Option<Route>,
    /// What is waited for before the signal, outside of the grace period.
    pub outside: Option<Written<Duration>>,
    /// systemd: what a unit says besides.
    pub unit: Option<Box<UnitFile>>,
    /// Compose: `pre_stop`, what runs before the signal, outside of the grace period.
    pub hooks: Vec<Hook>,
    /// ECS: `dependsOn`.
    pub depends_on: Vec<DependsOn>,
    /// ECS: `essential`.
    pub essential: Option<Written<bool>>,
    /// ECS: `healthCheck`.
    pub health_check: Option<HealthCheck>,
    /// Kubernetes: `terminationMessagePath`.
    pub message_path: Option<Written<String>>,
    /// PM2: what its app says beside.
    pub pm2: Option<Box<super::Pm2App>>,
}

impl Container {
    /// One of which nothing is known but its place.
    pub(super) fn at(route: Route) -> Self {
        Self {
            route,
            name: None,
            image: None,
            entry: Vec::new(),
            args: Vec::new(),
            pre_stop: None,
            stop_signal: None,
            readiness: None,
            liveness: None,
            startup: None,
            ports: Vec::new(),
            environment: Vec::new(),
            restarts_always: false,
            stop_timeout: None,
            grace: None,
            endless: None,
            outside: None,
            unit: None,
            hooks: Vec::new(),
            depends_on: Vec::new(),
            essential: None,
            health_check: None,
            message_path: None,
            pm2: None,
        }
    }

    /// Its name, or nothing.
    pub fn name(&self) -> &str {
        self.name.as_ref().map_or("", |name| name.value.as_str())
    }

    /// Its image without tag and digest, or nothing.
    pub fn repository(&self) -> &str {
        self.image
            .as_ref()
            .map_or("", |image| repository(&image.value))
    }

    /// A variable of its environment.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.environment
            .iter()
            .rfind(|variable| variable.name.value == name)
    }

    /// The number of a port, be it by number or by a name of this container's.
    pub fn port(&self, number_or_name: &str) -> Option<i64> {
        if let Ok(number) = number_or_name.parse() {
            return Some(number);
        }
        let named = |port: &&Port| {
            let name = port.name.as_ref();
            name.is_some_and(|name| name.value == number_or_name)
        };
        let port = self.ports.iter().find(named)?;
        Some(port.number.value)
    }
}

/// An image without its tag and its digest.
pub(crate) fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let name = image.rfind('/').map_or(0, |slash| slash + 1);
    match image[name..].find(':') {
        Some(colon) => &image[..name + colon],
        None => image,
    }
}

/// `lifecycle.preStop`: what runs before the signal.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Where the block stands.
    pub route: Route,
    /// What it does.
    pub action: Action,
}

/// What a hook does.
#[derive(Debug, Clone)]
pub enum Action {
    /// `sleep.seconds`.
    Sleep(Written<i64>),
    /// `exec.command`, no shell implied.
    Exec(Vec<Written<String>>),
    /// `httpGet`.
    Http {
        /// Where the block stands.
        route: Route,
        /// `path`.
        path: Option<Written<String>>,
        /// `port`: a number or a name.
        port: Option<Written<String>>,
    },
    /// `tcpSocket`, which the API takes and the kubelet does not run.
    Tcp(Route),
    /// Nothing that is known here, or a value that could not be read.
    Unknown,
}

/// A probe.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Where the block stands.
    pub route: Route,
    /// How it asks.
    pub action: ProbeAction,
    /// `periodSeconds`.
    pub period: Option<Written<i64>>,
    /// `timeoutSeconds`.
    pub timeout: Option<Written<i64>>,
    /// `failureThreshold`.
    pub failures: Option<Written<i64>>,
    /// `terminationGracePeriodSeconds`.
    pub grace: Option<Written<i64>>,
}

/// How a probe asks.
#[derive(Debug, Clone)]
pub enum ProbeAction {
    /// `httpGet`.
    Http {
        /// `path`.
        path: Option<Written<String>>,
        /// `port`: a number or a name.
        port: Option<Written<String>>,
    },
    /// `tcpSocket`.
    Tcp(Option<Written<String>>),
    /// `exec`.
    Exec(Vec<Written<String>>),
    /// `grpc`.
    Grpc(Option<Written<String>>),
    /// Nothing that is known here.
    Unknown,
}

impl ProbeAction {
    /// In words: `a command`, `an HTTP request`.
    pub const fn words(&self) -> &'static str {
        match self {
            Self::Http { .. } => "an HTTP request",
            Self::Tcp(_) => "a TCP connection",
            Self::Exec(_) => "a command",
            Self::Grpc(_) => "a gRPC call",
            Self::Unknown => "something unknown",
        }
    }
}

/// A port of a container.
#[derive(Debug, Clone)]
pub struct Port {
    /// `name`.
    pub name: Option<Written<String>>,
    /// `containerPort`.
    pub number: Written<i64>,
}

/// A variable of a container's environment.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name.
    pub name: Written<String>,
    /// Its value; `None` where it comes from elsewhere.
    pub value: Option<Written<String>>,
}

/// ECS: another container that must have come this far before this one starts; it stops after it.
#[derive(Debug, Clone)]
pub struct DependsOn {
    /// `containerName`.
    pub container: Written<String>,
    /// `condition`.
    pub condition: Option<Written<String>>,
}

/// ECS: `healthCheck`.
#[derive(Debug, Clone)]
pub struct HealthCheck {
    /// Where the block stands.
    pub route: Route,
    /// `command`.
    pub command: Vec<Written<String>>,
    /// `interval`, in seconds.
    pub interval: Option<Written<i64>>,
}
