//! What a deployment of a plan says: written by `gen`, looked for by `check --against`.

use std::time::Duration;

use crate::duration::{seconds_down, seconds_up};
use crate::platform::{
    DEFAULT_PROBE_FAILURES, DEFAULT_PROBE_PERIOD, HealthCheck, Kubernetes, PORT_NAME_LONGEST,
    PreStop,
};
use crate::{Resolved, Timeline};

/// The fewest pods or tasks with which one can leave and one still serves.
pub const REPLICAS: u32 = crate::rollout::REPLICAS;

/// A port that is open.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::deployed::planned::{OpenPort, ports};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// traffic: { health: { port: 9000 } }
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// ");
/// assert_eq!(ports(&analysis.resolved.unwrap()), [
///     OpenPort { name: "http".to_owned(), number: 8080, takes_requests: true },
///     OpenPort { name: "health".to_owned(), number: 9000, takes_requests: false },
/// ]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenPort {
    /// A name that a platform takes.
    pub name: String,
    /// Its number.
    pub number: u16,
    /// A resource listens there; otherwise only health is answered.
    pub takes_requests: bool,
}

/// How the platform asks for health.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::deployed::planned::{Probes, probes};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// traffic: { health: { ready: /ready, period: 5s, failures: 2 } }
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// ");
/// assert_eq!(probes(&analysis.resolved.unwrap()), Some(Probes {
///     ready: "/ready",
///     live: "/health/live",
///     port: 8080,
///     period_seconds: 5,
///     failures: 2,
///     live_period_seconds: 10,
///     live_failures: 3,
/// }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probes<'a> {
    /// Path of the readiness answer.
    pub ready: &'a str,
    /// Path of the liveness answer.
    pub live: &'a str,
    /// The port of both.
    pub port: u16,
    /// Seconds from one question for readiness to the next.
    pub period_seconds: u64,
    /// How many bad answers in a row it takes.
    pub failures: u32,
    /// Seconds from one question for liveness to the next.
    pub live_period_seconds: u64,
    /// How many bad answers in a row it takes until the container is started again.
    pub live_failures: u32,
}

impl Probes<'_> {
    /// How long it takes until a program that is not ready is known to be so.
    pub(crate) fn noticed_after(&self) -> Duration {
        Duration::from_secs(self.period_seconds.saturating_mul(u64::from(self.failures)))
    }
}

/// The hook of a pod.
///
/// ```
/// use lifecycle_manifest::deployed::planned::{PlannedHook, hook};
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { grace_period: 30s, pre_stop: { exec: [/bin/leave, now], timeout: 5s } }
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let kubernetes = resolved.manifest.platforms.iter().find_map(Platform::kubernetes).unwrap();
/// let planned = hook(kubernetes, &resolved.timelines[0]);
/// assert_eq!(planned, Some(PlannedHook::Exec(vec!["/bin/leave", "now"])));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedHook<'a> {
    /// A native sleep of so many seconds.
    Sleep(u64),
    /// A command.
    Exec(Vec<&'a str>),
    /// A request.
    Http {
        /// Its path.
        path: &'a str,
        /// Its port.
        port: u16,
    },
}

/// Seconds of the grace period, in the unit that every platform here counts in.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::deployed::planned::grace_seconds;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { grace_period: 1m }
///   ecs: {}
/// ");
/// let timelines = analysis.resolved.unwrap().timelines;
/// assert_eq!(timelines.iter().map(grace_seconds).collect::<Vec<_>>(), [60, 30]);
/// ```
pub fn grace_seconds(line: &Timeline) -> u64 {
    seconds_up(line.grace().value)
}

/// What runs before the signal; `None` for no hook.
///
/// Where the manifest says nothing of it, the hook sleeps for the settle time:
///
/// ```
/// use lifecycle_manifest::deployed::planned::{PlannedHook, hook};
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let sleeps = |kubernetes: &str| {
///     let analysis = Analysis::of(&format!("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: {{ kind: http-server, port: 8080, timeout: 15s }}
/// platforms:
///   kubernetes: {kubernetes}
/// "));
///     let resolved = analysis.resolved.unwrap();
///     let kubernetes = resolved.manifest.platforms.iter().find_map(Platform::kubernetes)?;
///     match hook(kubernetes, &resolved.timelines[0])? {
///         PlannedHook::Sleep(seconds) => Some(seconds),
///         _ => None,
///     }
/// };
/// assert_eq!(sleeps("{}"), Some(5));
/// assert_eq!(sleeps("{ pre_stop: 8s }"), Some(8));
/// assert_eq!(sleeps("{ pre_stop: 0s }"), None);
/// ```
pub fn hook<'a>(kubernetes: &'a Kubernetes, line: &Timeline) -> Option<PlannedHook<'a>> {
    match &kubernetes.pre_stop {
        Some(PreStop::Exec { command, .. }) => Some(PlannedHook::Exec(
            command.iter().map(|word| word.value.as_str()).collect(),
        )),
        Some(PreStop::Http { path, port, .. }) => Some(PlannedHook::Http {
            path: &path.value,
            port: port.value,
        }),
        None | Some(PreStop::Sleep(_)) => {
            let hook = line.terms.hook.as_ref()?;
            Some(PlannedHook::Sleep(seconds_up(hook.value)))
        }
    }
}

/// The probes of a pod; `None` where the manifest says nothing of health, or nothing listens.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::deployed::planned::probes;
///
/// let with = |traffic: &str| {
///     let analysis = Analysis::of(&format!("\
/// lifecycle: 1
/// service: shop
/// traffic: {traffic}
/// resources:
///   http: {{ kind: http-server, port: 8080, timeout: 15s }}
/// "));
///     let resolved = analysis.resolved.unwrap();
///     probes(&resolved).map(|probes| (probes.port, probes.period_seconds))
/// };
/// assert_eq!(with("{ health: { period: 1s500ms } }"), Some((8080, 1)));
/// assert_eq!(with("{ health: { port: 9000, period: 5s } }"), Some((9000, 5)));
/// assert_eq!(with("{ settle: 5s }"), None);
/// ```
pub fn probes(resolved: &Resolved) -> Option<Probes<'_>> {
    let health = resolved.plan.health.as_ref()?;
    Some(Probes {
        ready: &health.ready,
        live: &health.live,
        port: resolved.plan.health_port(&resolved.manifest)?,
        period_seconds: seconds_down(health.period).max(1),
        failures: health.failures,
        live_period_seconds: seconds_up(DEFAULT_PROBE_PERIOD),
        live_failures: DEFAULT_PROBE_FAILURES,
    })
}

/// The command by which ECS asks a container for its health.
///
/// ```
/// use lifecycle_manifest::deployed::planned::health_command;
/// use lifecycle_manifest::platform::HealthCheck;
/// let command = health_command(&HealthCheck::Runtime);
/// assert_eq!(command, ["CMD", "/proc/1/exe", "--lifecycle-probe", "live"]);
/// ```
pub fn health_command(check: &HealthCheck) -> Vec<String> {
    match check {
        // PID 1 is the program itself, so that nothing else need be in the image.
        HealthCheck::Runtime => ["CMD", "/proc/1/exe", "--lifecycle-probe", "live"]
            .map(str::to_owned)
            .to_vec(),
        HealthCheck::Command(words) => words.iter().map(|word| word.value.clone()).collect(),
    }
}

/// The ports of the resources that listen, and health's own where it has one, each under a name that
/// a platform takes.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::deployed::planned::ports;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   public-http-server: { kind: http-server, port: 8080, timeout: 15s }
///   db: { kind: database, timeout: 2s }
/// ");
/// let ports = ports(&analysis.resolved.unwrap());
/// // Kubernetes takes fifteen characters.
/// assert_eq!(ports[0].name, "public-http-ser");
/// assert_eq!((ports[0].number, ports.len()), (8080, 1));
/// ```
pub fn ports(resolved: &Resolved) -> Vec<OpenPort> {
    let mut ports: Vec<OpenPort> = Vec::new();
    let listening =
        resolved.manifest.resources.iter().filter_map(|resource| {
            Some((resource.name.as_str(), resource.port.as_ref()?.value, true))
        });
    let health = resolved.plan.health.as_ref();
    let health = health.and_then(|health| Some(("health", health.port?, false)));
    for (name, number, takes_requests) in listening.chain(health) {
        if ports.iter().any(|port| port.number == number) {
            continue;
        }
        let name = port_name(name, |name| ports.iter().any(|port| port.name == name));
        ports.push(OpenPort {
            name,
            number,
            takes_requests,
        });
    }
    ports
}

/// As long as a platform takes, and not twice the same.
fn port_name(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let short = |room: usize| {
        name[..name.len().min(room)]
            .trim_end_matches('-')
            .to_owned()
    };
    let whole = short(PORT_NAME_LONGEST);
    if !taken(&whole) {
        return whole;
    }
    (2..=usize::from(u16::MAX))
        .map(|number| format!("{}-{number}", short(PORT_NAME_LONGEST - 6)))
        .find(|name| !taken(name))
        .unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Analysis;

    #[test]
    fn every_port_has_a_name_of_its_own_that_a_platform_takes() {
        let text = "\
lifecycle: 1
service: shop
traffic: { health: { port: 9000 } }
resources:
  public-http-server-of-old: { kind: http-server, port: 8080, timeout: 1s }
  public-http-server-of-new: { kind: http-server, port: 8081, timeout: 1s }
  public-http-server-of-ours: { kind: http-server, port: 8082, timeout: 1s }
platforms:
  kubernetes: {}
";
        let resolved = Analysis::of_bytes(text.as_bytes()).resolved.unwrap();
        let ports = ports(&resolved);
        let named: Vec<_> = ports
            .iter()
            .map(|port| (port.name.as_str(), port.number, port.takes_requests))
            .collect();
        assert_eq!(
            named,
            [
                ("public-http-ser", 8080, true),
                ("public-ht-2", 8081, true),
                ("public-ht-3", 8082, true),
                ("health", 9000, false),
            ]
        );
    }
}
