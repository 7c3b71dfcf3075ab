//! A container, a process or a machine of a workload: what it runs, what stops it, and what asks after it.

use std::time::Duration;

use super::{Pm2App, UnitFile};
use crate::manifest::Written;
use crate::text::Route;

/// A container.
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Pod
/// metadata: { name: shop }
/// spec:
///   containers:
///     - name: shop
///       image: registry.example:5000/shop:1.2
///       ports: [{ name: web, containerPort: 8080 }]
/// ");
/// let container = &deployed.workloads[0].containers[0];
/// assert_eq!((container.name(), container.repository()), ("shop", "registry.example:5000/shop"));
/// assert_eq!(container.port("web"), Some(8080));
/// assert!(container.pre_stop.is_none());
/// ```
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
    /// There are variables that nobody sees here, such as those of a file.
    pub has_more_variables: bool,
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
    /// Compose: keys whose values are not known here, because a variable or a service of another file
    /// says them.
    pub elsewhere: Vec<&'static str>,
    /// ECS: `dependsOn`.
    pub depends_on: Vec<DependsOn>,
    /// ECS: `healthCheck`.
    pub health_check: Option<HealthCheck>,
    /// PM2: what its app says beside.
    pub pm2: Option<Box<Pm2App>>,
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
            has_more_variables: false,
            restarts_always: false,
            stop_timeout: None,
            grace: None,
            endless: None,
            outside: None,
            unit: None,
            hooks: Vec::new(),
            elsewhere: Vec::new(),
            depends_on: Vec::new(),
            health_check: None,
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

    /// It depends on the one with this name, itself or by way of others, whom `named` knows by theirs.
    pub(crate) fn leads_to<'a>(
        &'a self,
        name: &str,
        named: impl Fn(&str) -> Option<&'a Self>,
    ) -> bool {
        let mut known: Vec<&str> = Vec::new();
        let mut next: Vec<&Self> = vec![self];
        while let Some(container) = next.pop() {
            for depends in &container.depends_on {
                let on = depends.container.value.as_str();
                if on == name {
                    return true;
                }
                if !known.contains(&on) {
                    known.push(on);
                    next.extend(named(on));
                }
            }
        }
        false
    }
}

/// An image without its tag and its digest.
pub(crate) fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        // What has a slash in it is no tag: the colon is before the registry's port.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

/// `lifecycle.preStop`: what runs before the signal.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::deployed::{Deployed, Lasts};
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Pod
/// metadata: { name: shop }
/// spec:
///   containers:
///     - { name: shop, lifecycle: { preStop: { sleep: { seconds: 5 } } } }
/// ");
/// let hook = deployed.workloads[0].containers[0].pre_stop.as_ref().unwrap();
/// assert_eq!(hook.route.to_string(), "[0].spec.containers[0].lifecycle.preStop");
/// assert_eq!(hook.lasts(), Lasts::Exactly(Duration::from_secs(5)));
/// ```
#[derive(Debug, Clone)]
pub struct Hook {
    /// Where the block stands.
    pub route: Route,
    /// What it does.
    pub action: Action,
}

/// What a hook does.
///
/// ```
/// use lifecycle_manifest::deployed::{Action, Deployed};
///
/// let action = |hook: &str| {
///     let pod = format!("\
/// kind: Pod
/// metadata: {{ name: shop }}
/// spec: {{ containers: [{{ name: shop, lifecycle: {{ preStop: {hook} }} }}] }}
/// ");
///     let mut deployed = Deployed::named("shop.yaml", &pod);
///     deployed.workloads[0].containers[0].pre_stop.take().unwrap().action
/// };
/// assert!(matches!(action("{ sleep: { seconds: 5 } }"), Action::Sleep(it) if it.value == 5));
/// assert!(matches!(action("{ exec: { command: [nginx, -s, quit] } }"), Action::Exec(_)));
/// assert!(matches!(action("{ tcpSocket: { port: 80 } }"), Action::Tcp(_)));
/// ```
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
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Pod
/// metadata: { name: shop }
/// spec:
///   containers:
///     - name: shop
///       readinessProbe: { httpGet: { path: /ready, port: 8080 }, periodSeconds: 5 }
/// ");
/// let probe = deployed.workloads[0].containers[0].readiness.as_ref().unwrap();
/// assert_eq!(probe.action.words(), "an HTTP request");
/// assert_eq!(probe.period.as_ref().map(|it| it.value), Some(5));
/// assert_eq!(probe.failures, None);
/// ```
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
///
/// ```
/// use lifecycle_manifest::deployed::{Deployed, ProbeAction};
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Pod
/// metadata: { name: shop }
/// spec:
///   containers:
///     - name: shop
///       livenessProbe: { tcpSocket: { port: web } }
/// ");
/// let probe = deployed.workloads[0].containers[0].liveness.as_ref().unwrap();
/// assert!(matches!(&probe.action, ProbeAction::Tcp(Some(port)) if port.value == "web"));
/// assert_eq!(probe.action.words(), "a TCP connection");
/// ```
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
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Pod
/// metadata: { name: shop }
/// spec:
///   containers:
///     - { name: shop, ports: [{ name: web, containerPort: 8080 }] }
/// ");
/// let port = &deployed.workloads[0].containers[0].ports[0];
/// assert_eq!(port.name.as_ref().map(|it| it.value.as_str()), Some("web"));
/// assert_eq!(port.number.value, 8080);
/// ```
#[derive(Debug, Clone)]
pub struct Port {
    /// `name`.
    pub name: Option<Written<String>>,
    /// `containerPort`.
    pub number: Written<i64>,
}

/// A variable of a container's environment.
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Pod
/// metadata: { name: shop }
/// spec:
///   containers:
///     - name: shop
///       env:
///         - { name: PORT, value: \"8080\" }
///         - { name: TOKEN, valueFrom: { secretKeyRef: { name: shop, key: token } } }
/// ");
/// let container = &deployed.workloads[0].containers[0];
/// let value = |name| container.variable(name)?.value.as_ref().map(|it| it.value.as_str());
/// assert_eq!((value("PORT"), value("TOKEN")), (Some("8080"), None));
/// assert_eq!(container.environment[1].name.value, "TOKEN");
/// ```
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name.
    pub name: Written<String>,
    /// Its value; `None` where it comes from elsewhere.
    pub value: Option<Written<String>>,
}

/// ECS and Cloud Run: another container that must have come this far before this one starts; on ECS it
/// stops after it.
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("task.json", r#"{ "family": "shop", "containerDefinitions": [
///   { "name": "shop", "dependsOn": [
///     { "containerName": "envoy", "condition": "HEALTHY" },
///     { "containerName": "migrate", "condition": "SUCCESS" }
///   ] }
/// ] }"#);
/// let depends = &deployed.workloads[0].containers[0].depends_on;
/// assert_eq!((depends[0].container.value.as_str(), depends[0].has_ended()), ("envoy", false));
/// assert_eq!((depends[1].container.value.as_str(), depends[1].has_ended()), ("migrate", true));
/// ```
#[derive(Debug, Clone)]
pub struct DependsOn {
    /// `containerName`.
    pub container: Written<String>,
    /// `condition`; Cloud Run has none.
    pub condition: Option<Written<String>>,
}

impl DependsOn {
    /// The other must have ended before this one starts: it is gone when this one stops.
    pub fn has_ended(&self) -> bool {
        let condition = self.condition.as_ref().map(|it| it.value.as_str());
        matches!(condition, Some("COMPLETE" | "SUCCESS"))
    }
}

/// ECS: `healthCheck`.
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("task.json", r#"{ "family": "shop", "containerDefinitions": [
///   { "name": "shop", "healthCheck": { "command": ["CMD", "/shop", "ready"], "interval": 10 } }
/// ] }"#);
/// let check = deployed.workloads[0].containers[0].health_check.as_ref().unwrap();
/// assert_eq!(check.command[1].value, "/shop");
/// assert_eq!(check.interval.as_ref().map(|it| it.value), Some(10));
/// ```
#[derive(Debug, Clone)]
pub struct HealthCheck {
    /// Where the block stands.
    pub route: Route,
    /// `command`.
    pub command: Vec<Written<String>>,
    /// `interval`, in seconds.
    pub interval: Option<Written<i64>>,
}
