//! How a platform replaces its instances, and who hands out the requests there.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use lifecycle_drill::rolling::{Balancing, Rolling};
use lifecycle_manifest::plan::Health;
use lifecycle_manifest::platform::{FLY_MAX_UNAVAILABLE, FlyStrategy, HEROKU_ROUTER_HOLDS};
use lifecycle_manifest::{Platform, Resolved, Rollout, Timeline};

use crate::cli::{BalancerKind, DrillArgs};

/// Instances where neither the command line nor the manifest says how many.
const REPLICAS: u32 = 3;

/// How a platform goes about it.
#[derive(Debug, Clone, Copy)]
struct Manner {
    replicas: Option<u32>,
    /// How many are added and taken at a time.
    pace: Pace,
    waits_for_the_end: bool,
    balancing: Balancing,
}

/// How many instances are added and taken at a time.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// So many more, and so many missing.
    Of { surge: u32, unavailable: u32 },
    /// All new ones beside all old ones.
    Doubled,
    /// Old ones first, this share of them at a time, and at least one.
    Share(f64),
    /// All old ones at once.
    AllAtOnce,
}

impl Pace {
    fn of(self, replicas: u32) -> (u32, u32) {
        match self {
            Self::Of { surge, unavailable } => (surge, unavailable.min(replicas)),
            Self::Doubled => (replicas, 0),
            Self::Share(share) => {
                let part = (f64::from(replicas) * share).floor();
                // At most `replicas`, and that is small.
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of a number of instances"
                )]
                (0, (part as u32).clamp(1, replicas.max(1)))
            }
            Self::AllAtOnce => (0, replicas),
        }
    }
}

/// What the engine is told of the deploy.
pub(super) fn rolling(
    args: &DrillArgs,
    resolved: &Resolved,
    line: &Timeline,
    routing_lag: Duration,
) -> Result<Rolling> {
    let Some(platform) = resolved.manifest.platforms.get(line.platform()) else {
        bail!("the manifest says nothing of `{}`", line.platform());
    };
    let manner = manner(platform, line)?;
    let replicas = args.replicas.or(manner.replicas).unwrap_or(REPLICAS);
    ensure!(
        replicas > 0,
        "with no replica there is nothing to replace: `--replicas 3` says how many"
    );
    let (surge, unavailable) = match (args.surge, platform.kubernetes()) {
        (Some(0), _) => (0, 1),
        (Some(surge), _) => (surge, 0),
        (None, Some(kubernetes)) => match Rollout::of_pods(kubernetes, line, Some(replicas)) {
            Some(rollout) => (rollout.surge, rollout.missing),
            None => manner.pace.of(replicas),
        },
        (None, None) => manner.pace.of(replicas),
    };
    let health = resolved.plan.health.as_ref();
    let balancing = match args.balancer {
        Some(BalancerKind::Connections) => Balancing::Connections,
        Some(BalancerKind::Requests) => Balancing::Requests,
        None => manner.balancing,
    };
    let kubernetes = platform.kubernetes();
    Ok(Rolling {
        replicas,
        surge,
        unavailable,
        waits_for_the_end: manner.waits_for_the_end && surge == 0,
        balancing,
        probe_period: health.map_or(Health::DEFAULT_PERIOD, |health| health.period),
        probe_failures: health.map_or(Health::DEFAULT_FAILURES, |health| health.failures),
        min_ready: kubernetes.map_or(Duration::ZERO, |kubernetes| kubernetes.min_ready().value),
        // What tells kube-proxy that a pod is ready is what tells it that one leaves.
        propagation: match kubernetes {
            Some(_) => routing_lag,
            None => Duration::ZERO,
        },
        last_resort: kubernetes.is_some() && balancing == Balancing::Connections,
        holds: match platform {
            Platform::Heroku(_) => HEROKU_ROUTER_HOLDS,
            _ => Duration::ZERO,
        },
    })
}

/// How a platform replaces its instances when nobody says otherwise, and what is before them.
fn manner(platform: &Platform, line: &Timeline) -> Result<Manner> {
    let one_more = Pace::Of {
        surge: 1,
        unavailable: 0,
    };
    let one_less = Pace::Of {
        surge: 0,
        unavailable: 1,
    };
    let by = |balancing, pace, waits_for_the_end, replicas| Manner {
        replicas,
        pace,
        waits_for_the_end,
        balancing,
    };
    let written = |count: &Option<lifecycle_manifest::Written<u32>>| {
        count.as_ref().map(|written| written.value)
    };
    Ok(match platform {
        Platform::Kubernetes(kubernetes) => {
            let Some(rollout) = Rollout::of(kubernetes, line) else {
                bail!(
                    "{} rolls nothing out: its pods end by themselves, or wait until somebody deletes them",
                    line.facts.name
                );
            };
            let balancing = match kubernetes.load_balancer {
                Some(_) => Balancing::Requests,
                None => Balancing::Connections,
            };
            let pace = Pace::Of {
                surge: rollout.surge,
                unavailable: rollout.missing,
            };
            let replicas = kubernetes.replicas.as_ref().map(|it| it.value);
            by(balancing, pace, rollout.waits_for_the_end(), replicas)
        }
        // `minimumHealthyPercent` 100 and `maximumPercent` 200, which `lifecycle gen` writes too.
        Platform::Ecs(ecs) => by(
            Balancing::Requests,
            Pace::Doubled,
            false,
            written(&ecs.desired_count),
        ),
        // The new revision takes over once it is ready.
        Platform::CloudRun(_) | Platform::AzureContainerApps(_) => {
            by(Balancing::Requests, Pace::Doubled, false, None)
        }
        Platform::Fly(fly) => {
            let strategy = fly.strategy.as_ref().map(|it| it.value).unwrap_or_default();
            let (pace, waits) = match strategy {
                FlyStrategy::Bluegreen => (Pace::Doubled, false),
                FlyStrategy::Immediate => (Pace::AllAtOnce, true),
                // A Machine is stopped, changed and started again; a canary is one before the others.
                FlyStrategy::Rolling | FlyStrategy::Canary => {
                    (Pace::Share(FLY_MAX_UNAVAILABLE), true)
                }
            };
            by(Balancing::Requests, pace, waits, None)
        }
        // Without preboot, which nobody has unless it was asked for: all dynos are signalled at once, and
        // the new ones start in that moment.
        Platform::Heroku(_) => by(Balancing::Requests, Pace::AllAtOnce, false, None),
        // `update { max_parallel = 1 }`, which `lifecycle gen` writes: an allocation is stopped, and
        // its successor placed meanwhile.
        Platform::Nomad(nomad) => by(
            Balancing::Connections,
            one_less,
            false,
            written(&nomad.count),
        ),
        // `pm2 reload` starts the new process before it stops the old one.
        Platform::Pm2(_) => by(Balancing::Connections, one_more, false, None),
        // `deploy.update_config.order` is stop-first, one at a time.
        Platform::Compose(compose) => by(
            Balancing::Connections,
            one_less,
            true,
            written(&compose.replicas),
        ),
        // Whoever replaces containers or units one by one has one place for each.
        Platform::Docker(_) | Platform::Systemd(_) => {
            by(Balancing::Connections, one_less, true, None)
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use lifecycle_manifest::Analysis;

    use super::*;
    use crate::cli::{Cli, Command};

    /// The deploy of a manifest with this platform entry, and these flags.
    fn told(platform: &str, entry: &str, flags: &[&str]) -> Rolling {
        let text = format!(
            "lifecycle: 1\nservice: shop\ntraffic: {{ settle: 3s }}\nresources: {{ http: {{ kind: \
             http-server, port: 8080, timeout: 3s }} }}\nplatforms: {{ {platform}: {entry} }}\n"
        );
        let analysis = Analysis::of(&text);
        let resolved = analysis
            .resolved
            .unwrap_or_else(|| panic!("{entry}: {:?}", analysis.findings));
        let words = ["lifecycle", "drill", "--rolling"];
        let cli = Cli::try_parse_from(words.iter().chain(flags)).unwrap();
        let Command::Drill(args) = cli.command else {
            unreachable!()
        };
        let lag = Duration::from_secs(3);
        rolling(&args, &resolved, &resolved.timelines[0], lag).unwrap()
    }

    fn pace(rolling: &Rolling) -> (u32, u32, u32, bool) {
        let Rolling {
            replicas,
            surge,
            unavailable,
            waits_for_the_end,
            ..
        } = *rolling;
        (replicas, surge, unavailable, waits_for_the_end)
    }

    #[test]
    fn each_platform_replaces_in_its_own_way() {
        for (platform, entry, expected, balancing) in [
            (
                "kubernetes",
                "{ replicas: 4 }",
                (4, 1, 0, false),
                Balancing::Connections,
            ),
            (
                "ecs",
                "{ desired_count: 2 }",
                (2, 2, 0, false),
                Balancing::Requests,
            ),
            ("cloud_run", "{}", (3, 3, 0, false), Balancing::Requests),
            (
                "fly",
                "{ kill_signal: SIGTERM }",
                (3, 0, 1, true),
                Balancing::Requests,
            ),
            (
                "fly",
                "{ strategy: bluegreen }",
                (3, 3, 0, false),
                Balancing::Requests,
            ),
            (
                "fly",
                "{ strategy: immediate }",
                (3, 0, 3, true),
                Balancing::Requests,
            ),
            ("heroku", "{}", (3, 0, 3, false), Balancing::Requests),
            (
                "azure_container_apps",
                "{}",
                (3, 3, 0, false),
                Balancing::Requests,
            ),
            (
                "nomad",
                "{ count: 5 }",
                (5, 0, 1, false),
                Balancing::Connections,
            ),
            (
                "pm2",
                "{ grace_period: 10s }",
                (3, 1, 0, false),
                Balancing::Connections,
            ),
            (
                "compose",
                "{ replicas: 2 }",
                (2, 0, 1, true),
                Balancing::Connections,
            ),
            ("systemd", "{}", (3, 0, 1, true), Balancing::Connections),
            ("docker", "{}", (3, 0, 1, true), Balancing::Connections),
        ] {
            let told = told(platform, entry, &[]);
            assert_eq!(pace(&told), expected, "{platform} {entry}");
            assert_eq!(told.balancing, balancing, "{platform} {entry}");
        }
    }

    #[test]
    fn kubernetes_arithmetic_is_that_of_the_manifest_with_the_replicas_asked_for() {
        let entry = "{ replicas: 2, rollout: { max_surge: 25%, max_unavailable: 25% } }";
        assert_eq!(pace(&told("kubernetes", entry, &[])), (2, 1, 0, false));
        let told = |flags: &[&str]| pace(&told("kubernetes", entry, flags));
        assert_eq!(told(&["--replicas", "8"]), (8, 2, 2, false));
        assert_eq!(told(&["--replicas", "8", "--surge", "5"]), (8, 5, 0, false));
        assert_eq!(told(&["--surge", "0"]), (2, 0, 1, false));
    }

    #[test]
    fn preboot_is_asked_for_and_only_herokus_router_lets_requests_wait() {
        let asked_for = told("heroku", "{}", &["--surge", "3"]);
        assert_eq!(pace(&asked_for), (3, 3, 0, false));
        assert_eq!(asked_for.holds, Duration::from_secs(75));
        for other in ["ecs", "fly", "kubernetes"] {
            assert_eq!(told(other, "{}", &[]).holds, Duration::ZERO, "{other}");
        }
    }

    #[test]
    fn kube_proxy_learns_of_pods_as_late_as_it_learns_that_they_leave() {
        let told_of = |platform, flags: &[&str]| {
            let told = told(platform, "{}", flags);
            (told.propagation, told.last_resort)
        };
        let lag = Duration::from_secs(3);
        assert_eq!(told_of("kubernetes", &[]), (lag, true));
        assert_eq!(
            told_of("kubernetes", &["--balancer", "requests"]),
            (lag, false)
        );
        assert_eq!(told_of("ecs", &[]), (Duration::ZERO, false));
    }
}
