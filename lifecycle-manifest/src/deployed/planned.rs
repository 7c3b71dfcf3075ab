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
pub fn grace_seconds(line: &Timeline) -> u64 {
    seconds_up(line.grace().value)
}

/// What runs before the signal; `None` for no hook.
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
