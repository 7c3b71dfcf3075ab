//! How a deploy goes on: how many instances are added and taken at a time.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A rolling deploy, as its platform does it.
///
/// One more is started before one leaves; without that, one has to be missing for a while:
///
/// ```
/// # use std::sync::Arc;
/// use std::time::Duration;
/// use lifecycle_drill::rolling::{self, Balancing, Rolling};
/// # use lifecycle_drill::{Endpoint, Load, Progress, RequestSpec, Script, Subject, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let one_by_one = Rolling {
///     replicas: 3,
///     surge: 1,
///     unavailable: 0,
///     waits_for_the_end: false,
///     balancing: Balancing::Connections,
///     probe_period: Duration::from_secs(2),
///     probe_failures: 1,
///     min_ready: Duration::ZERO,
///     propagation: Duration::from_secs(1),
///     last_resort: true,
///     holds: Duration::ZERO,
/// };
/// let none_to_spare = Rolling { surge: 0, ..one_by_one };
///
/// # let target = Target {
/// #     subject: Subject::Command(vec!["./shop".to_owned()]),
/// #     directory: None,
/// #     env: Vec::new(),
/// #     base: Some(Endpoint::on_port(8080, "/")),
/// #     finds_port: false,
/// #     ready: Some(Endpoint::on_port(8080, "/ready")),
/// #     live: None,
/// #     start_timeout: Duration::from_secs(10),
/// # };
/// # let script = Script::new("shop", "Kubernetes", Duration::from_secs(30));
/// # let load = Load { requests: vec![RequestSpec::get("/")], ..Load::default() };
/// # let progress: Progress = Arc::new(|_| {});
/// let deploy = rolling::run(&target, &script, &load, &none_to_spare, &progress);
/// let error = deploy.await.unwrap_err().to_string();
/// assert!(error.ends_with("nothing can be replaced"));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rolling {
    /// How many instances serve when nothing happens; at least 1.
    pub replicas: u32,
    /// How many may be started beside them.
    pub surge: u32,
    /// How many of them may be missing.
    pub unavailable: u32,
    /// A new instance is started only once an old one is gone: it has its name, its machine or its place.
    pub waits_for_the_end: bool,
    /// Who hands out the requests, and how.
    pub balancing: Balancing,
    /// How often the platform asks an instance whether it is ready.
    pub probe_period: Duration,
    /// How many bad answers in a row it takes to be not ready.
    pub probe_failures: u32,
    /// How long a new instance must have been ready to count.
    pub min_ready: Duration,
    /// How long the balancer takes to learn that an instance is ready, or not ready any more.
    ///
    /// That an instance was asked to stop it learns after the script's routing lag.
    pub propagation: Duration,
    /// With nobody else left, instances that were asked to stop and still say ready get requests, as
    /// kube-proxy does it.
    pub last_resort: bool,
    /// How long a balancer of requests keeps one waiting while there is nobody to send it to.
    pub holds: Duration,
}

/// How requests are handed out.
///
/// ```
/// use lifecycle_drill::rolling::Balancing;
///
/// let balancing: Balancing = serde_json::from_str(r#""requests""#)?;
/// assert_eq!(balancing, Balancing::Requests);
/// assert_eq!(balancing.words(), "request, as an Application Load Balancer does");
/// assert_eq!(Balancing::Connections.words(), "connection, as kube-proxy does");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Balancing {
    /// Each connection goes to one instance, at random, and stays there, whatever becomes of the
    /// instance: kube-proxy and other balancers of TCP. What the instance closes or refuses, the client
    /// sees.
    Connections,
    /// Each request goes to the next instance, over connections that the balancer keeps to each: a load
    /// balancer of HTTP. Of an instance that does not answer, the client sees a 502; nothing is sent
    /// twice.
    Requests,
}

impl Balancing {
    /// In words, after "balanced by".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Connections => "connection, as kube-proxy does",
            Self::Requests => "request, as an Application Load Balancer does",
        }
    }
}

/// What stands at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Old instances that were not asked to stop.
    pub(super) old: u32,
    /// New instances.
    pub(super) new: u32,
    /// Of both, those that count as ready.
    pub(super) available: u32,
    /// Old ones that do not count as ready, though nobody asked them to stop.
    pub(super) old_unready: u32,
    /// New ones that do not count as ready.
    pub(super) new_unready: u32,
    /// Old instances that were asked to stop and are not gone.
    pub(super) stopping: u32,
}

/// How many to start and how many to ask to stop, now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) start: u32,
    pub(super) stop: u32,
}

impl Rolling {
    /// What happens next: what a Deployment's controller does (kubernetes
    /// `pkg/controller/deployment/rolling.go`), and what the others do when its numbers are theirs.
    pub(super) fn next(&self, standing: Standing) -> Move {
        let Standing {
            old,
            new,
            available,
            old_unready,
            new_unready,
            stopping,
        } = standing;
        let held = match self.waits_for_the_end {
            true => stopping,
            false => 0,
        };
        let most = self.replicas + self.surge;
        let fewest = self.replicas.saturating_sub(self.unavailable);
        // Old ones that are not ready go first: they would hold up the others, and nobody misses them.
        let unready = old_unready.min((old + new).saturating_sub(fewest + new_unready));
        Move {
            start: most
                .saturating_sub(old + new + held)
                .min(self.replicas.saturating_sub(new)),
            stop: (unready + available.saturating_sub(fewest)).min(old),
        }
    }

    /// The most instances that there are in a whole deploy, the old ones included.
    pub(super) const fn instances(&self) -> usize {
        self.replicas as usize * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rolling(replicas: u32, surge: u32, unavailable: u32, waits_for_the_end: bool) -> Rolling {
        Rolling {
            replicas,
            surge,
            unavailable,
            waits_for_the_end,
            balancing: Balancing::Connections,
            probe_period: Duration::ZERO,
            probe_failures: 1,
            min_ready: Duration::ZERO,
            propagation: Duration::ZERO,
            last_resort: false,
            holds: Duration::ZERO,
        }
    }

    /// Plays a deploy in which a new instance is ready after 2 ticks, and an old one gone after 3; gives
    /// the fewest that were available, the most that ran, and how many ticks it took.
    fn played(rolling: &Rolling) -> (u32, u32, u32) {
        let (mut old, mut new, mut stopping) = (rolling.replicas, Vec::new(), Vec::new());
        let (mut fewest, mut most) = (u32::MAX, 0);
        let number = |list: &[u32]| u32::try_from(list.len()).unwrap();
        for tick in 0_u32..1_000 {
            stopping.retain(|since| since + 3 > tick);
            let ready = new.iter().filter(|since| **since + 2 <= tick).count();
            let standing = Standing {
                old,
                new: number(&new),
                available: old + u32::try_from(ready).unwrap(),
                old_unready: 0,
                new_unready: number(&new) - u32::try_from(ready).unwrap(),
                stopping: number(&stopping),
            };
            if old == 0 && stopping.is_empty() && standing.available == rolling.replicas {
                return (fewest, most, tick);
            }
            let step = rolling.next(standing);
            new.extend((0..step.start).map(|_| tick));
            stopping.extend((0..step.stop).map(|_| tick));
            old -= step.stop;
            fewest = fewest.min(standing.available - step.stop);
            most = most.max(old + number(&new) + number(&stopping));
        }
        panic!("it never ends: {rolling:?}");
    }

    #[test]
    fn no_more_run_and_no_fewer_serve_than_was_said() {
        for replicas in 1..6 {
            for (surge, unavailable) in [(1, 0), (0, 1), (2, 1), (replicas, 0), (0, replicas)] {
                let unavailable = unavailable.min(replicas);
                let what = format!("{replicas} +{surge} -{unavailable}");
                let (fewest, _, _) = played(&rolling(replicas, surge, unavailable, false));
                assert!(fewest >= replicas - unavailable, "{what}: {fewest}");
            }
            let (fewest, most, _) = played(&rolling(replicas, 0, 1, true));
            assert_eq!((fewest, most), (replicas - 1, replicas));
        }
    }

    #[test]
    fn old_instances_that_are_not_ready_go_first_and_hold_nothing_up() {
        let three = rolling(3, 1, 0, false);
        // One of three has failed: there is a new one in its place, and nothing to spare.
        let standing = Standing {
            old: 3,
            new: 1,
            available: 3,
            old_unready: 1,
            ..Standing::default()
        };
        assert_eq!(three.next(standing), Move { start: 0, stop: 1 });
        // The new one is not ready yet: it may be that the old one comes back first.
        let standing = Standing {
            available: 2,
            new_unready: 1,
            ..standing
        };
        assert_eq!(three.next(standing), Move { start: 0, stop: 0 });
        let one_less = rolling(3, 0, 1, true);
        let standing = Standing {
            old: 3,
            available: 2,
            old_unready: 1,
            ..Standing::default()
        };
        assert_eq!(one_less.next(standing), Move { start: 0, stop: 1 });
    }

    #[test]
    fn one_by_one_takes_longer_than_all_at_once() {
        let ticks = |surge, unavailable| played(&rolling(4, surge, unavailable, false)).2;
        assert!(ticks(1, 0) > ticks(4, 0));
        assert_eq!(ticks(4, 0), 2 + 3);
    }
}
