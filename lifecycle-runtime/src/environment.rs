//! What the deployment says: the platform, the plan it was generated from, where the report goes.

use std::path::PathBuf;
use std::time::Duration;

use crate::plan::{Plan, Timeline};

const PLATFORM: &str = "LIFECYCLE_PLATFORM";
const DIGEST: &str = "LIFECYCLE_DIGEST";
const GRACE_MS: &str = "LIFECYCLE_GRACE_MS";
const REPORT: &str = "LIFECYCLE_REPORT";
const FAULTS: &str = "LIFECYCLE_FAULTS";
const HEALTH_PORT: &str = "LIFECYCLE_HEALTH_PORT";
const AWS: &str = "LIFECYCLE_AWS";
/// Whether the first process of a container takes its duties: not with `off`.
#[cfg(all(unix, feature = "process"))]
pub(crate) const INIT: &str = "LIFECYCLE_INIT";

/// What is said to this process alone, by its deployment, by systemd (`sd_notify(3)`,
/// `sd_watchdog_enabled(3)`, `sd_listen_fds(3)`) and by `systemfd`. A program that it starts would take
/// the plan, the port, the report and the sockets for its own.
#[cfg(all(unix, feature = "process"))]
pub(crate) const OF_THIS_PROCESS: [&str; 16] = [
    PLATFORM,
    DIGEST,
    GRACE_MS,
    REPORT,
    FAULTS,
    HEALTH_PORT,
    AWS,
    INIT,
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "LISTEN_FDNAMES",
    "LISTEN_FDS_FIRST_FD",
];

/// What the environment tells the process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    /// `LIFECYCLE_PLATFORM`: the platform's key in the manifest.
    pub(crate) platform: Option<String>,
    /// `LIFECYCLE_DIGEST`: of the plan that the deployment was generated from.
    pub(crate) digest: Option<String>,
    /// `LIFECYCLE_GRACE_MS`: the deployment's grace period.
    pub(crate) grace_ms: Option<String>,
    /// `LIFECYCLE_REPORT`: where the report goes.
    pub(crate) report: Option<PathBuf>,
    /// `LIFECYCLE_FAULTS`: what goes wrong on purpose.
    pub(crate) faults: Option<String>,
    /// `LIFECYCLE_HEALTH_PORT`: where health is answered instead.
    pub(crate) health_port: Option<String>,
    /// `LIFECYCLE_AWS`: what AWS is asked.
    pub(crate) aws: Option<String>,
}

/// The part of the plan that this deployment runs.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) platform: Option<String>,
    pub(crate) timeline: Timeline,
    /// In what the deployment and the plan differ, a sentence each.
    pub(crate) drift: Vec<String>,
}

impl Environment {
    /// What this process was started with. An empty variable counts as unset.
    pub(crate) fn read() -> Self {
        let text = |name| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
            // What is not Unicode matches no name and no digest, and is reported as it looks.
            Some(value.to_string_lossy().into_owned())
        };
        Self {
            platform: text(PLATFORM),
            digest: text(DIGEST),
            grace_ms: text(GRACE_MS),
            report: std::env::var_os(REPORT)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
            faults: text(FAULTS),
            health_port: text(HEALTH_PORT),
            aws: text(AWS),
        }
    }

    /// The port where health is answered and asked for; `None`: there is none, and this instance
    /// cannot have one of its own.
    pub(crate) fn health_port(&self, plan: &Plan) -> Result<Option<u16>, String> {
        let planned = plan.health.as_ref().and_then(|health| health.port);
        match (planned, &self.health_port) {
            (Some(_), Some(written)) => match written.parse() {
                Ok(0) | Err(_) => Err(format!(
                    "{HEALTH_PORT} is `{written}`, which is no port: give a number from 1 to 65535"
                )),
                Ok(port) => Ok(Some(port)),
            },
            _ => Ok(planned),
        }
    }

    /// The timeline to run by, and how the deployment differs from the plan.
    pub(crate) fn choose(&self, plan: &Plan) -> Chosen {
        let mut drift = Vec::new();
        if let Some(digest) = self
            .digest
            .as_deref()
            .filter(|digest| *digest != plan.digest)
        {
            drift.push(format!(
                "the deployment was generated from plan {digest}, the program was built with plan {}",
                plan.digest
            ));
        }
        let known = self.platform.as_deref().and_then(|name| {
            plan.timelines
                .iter()
                .find(|timeline| timeline.platform == name)
        });
        if let (Some(name), None) = (&self.platform, known) {
            let platforms: Vec<&str> = plan
                .timelines
                .iter()
                .map(|timeline| &*timeline.platform)
                .collect();
            drift.push(format!(
                "the deployment is for the platform `{name}`, the program knows {}",
                if platforms.is_empty() {
                    "none".to_owned()
                } else {
                    platforms.join(", ")
                }
            ));
        }
        if let (Some(timeline), Some(written)) = (known, &self.grace_ms) {
            let grace = timeline.grace.as_millis();
            if written.parse().ok() != Some(grace) {
                drift.push(format!(
                    "the deployment's grace period is {}, the program was built for {}",
                    written
                        .parse()
                        .map_or_else(|_| format!("`{written}`"), in_words),
                    in_words(u64::try_from(grace).unwrap_or(u64::MAX)),
                ));
            }
        }
        Chosen {
            platform: self.platform.clone(),
            timeline: known.unwrap_or(&plan.unmanaged).clone(),
            drift,
        }
    }
}

fn in_words(millis: u64) -> String {
    format!("{:?}", Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Drift;

    fn timeline(platform: &'static str, grace: u64) -> Timeline {
        Timeline {
            platform: platform.into(),
            settle: Duration::ZERO,
            timeouts: Vec::new().into(),
            unwind: Duration::ZERO,
            deadline: Duration::ZERO,
            grace: Duration::from_millis(grace),
            kill: Duration::from_millis(grace),
        }
    }

    fn plan() -> Plan {
        Plan {
            service: "shop".into(),
            digest: "00112233aabbccdd".into(),
            health: None,
            keep_alive: None,
            drift: Drift::Warn,
            steps: Vec::new().into(),
            timelines: vec![timeline("kubernetes", 45_000), timeline("ecs", 30_000)].into(),
            unmanaged: timeline("unmanaged", 0),
        }
    }

    fn chosen(platform: Option<&str>, digest: Option<&str>, grace_ms: Option<&str>) -> Chosen {
        let text = |value: Option<&str>| value.map(str::to_owned);
        let environment = Environment {
            platform: text(platform),
            digest: text(digest),
            grace_ms: text(grace_ms),
            ..Environment::default()
        };
        environment.choose(&plan())
    }

    #[test]
    fn without_a_platform_the_program_is_on_its_own() {
        let chosen = chosen(None, None, Some("1"));
        assert_eq!(chosen.timeline.platform, "unmanaged");
        assert_eq!(chosen.platform, None);
        assert_eq!(chosen.drift, Vec::<String>::new());
    }

    #[test]
    fn a_deployment_of_the_same_plan_is_no_drift() {
        let chosen = chosen(Some("ecs"), Some("00112233aabbccdd"), Some("30000"));
        assert_eq!(chosen.timeline.platform, "ecs");
        assert_eq!(chosen.drift, Vec::<String>::new());
    }

    #[test]
    fn every_difference_is_named_with_both_sides() {
        let different = chosen(Some("kubernetes"), Some("ffffffffffffffff"), Some("30500"));
        assert_eq!(
            different.drift,
            [
                "the deployment was generated from plan ffffffffffffffff, \
                 the program was built with plan 00112233aabbccdd",
                "the deployment's grace period is 30.5s, the program was built for 45s",
            ]
        );
        assert_eq!(
            chosen(Some("kubernetes"), None, Some("soon")).drift,
            ["the deployment's grace period is `soon`, the program was built for 45s"]
        );
    }

    #[test]
    fn an_unknown_platform_is_drift_and_the_program_is_on_its_own() {
        let chosen = chosen(Some("mainframe"), None, Some("1"));
        assert_eq!(chosen.timeline.platform, "unmanaged");
        assert_eq!(
            chosen.drift,
            ["the deployment is for the platform `mainframe`, the program knows kubernetes, ecs"]
        );
    }
}
