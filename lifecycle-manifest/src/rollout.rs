//! A rollout on Kubernetes: how long a new version takes to stand in the old one's place, and how many
//! pods there are meanwhile. Every old pod is given its whole grace period.

use std::time::Duration;

use crate::duration::human;
use crate::figure::Figure;
use crate::platform::{Controller, Kubernetes, Replacement, SET_UNAVAILABLE_SINCE, Share};
use crate::timeline::Timeline;

/// The fewest pods with which one can leave and one still serves.
pub(crate) const REPLICAS: u32 = 2;

/// A rollout, reckoned.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform, Rollout};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   jobs: { kind: task, timeout: 5s }
/// platforms:
///   kubernetes:
///     grace_period: 40s
///     replicas: 3
///     rollout: { start_time: 20s, min_ready: 10s }
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let platform = resolved.manifest.platforms.get("kubernetes").and_then(Platform::kubernetes);
/// let rollout = Rollout::of(platform.unwrap(), &resolved.timelines[0]).unwrap();
/// assert_eq!(
///     rollout.sum(),
///     "3 × (20s start time + 10s min ready) + 40s grace period = 130s",
/// );
/// assert_eq!(rollout.fewest_ready(), Some(3));
/// ```
#[derive(Debug, Clone)]
pub struct Rollout {
    /// What runs the pods.
    pub controller: Controller,
    /// Who goes first.
    pub replacement: Replacement,
    /// How many pods are asked for; `None` for one on every node, however many there are.
    pub pods: Option<u32>,
    /// How many pods are replaced at a time.
    pub batch: u32,
    /// How many pods there may be beside those that are asked for.
    pub surge: u32,
    /// How many of those that are asked for may be missing.
    pub missing: u32,
    /// From the creation of a pod until it is ready; `None` where the manifest does not say it.
    pub start: Option<Figure>,
    /// How long a new pod must have been ready.
    pub min_ready: Figure,
    /// How long an old pod has to stop.
    pub stop: Figure,
}

impl Rollout {
    /// `None` where nothing is rolled out: Jobs, and what waits until somebody deletes its pods.
    pub fn of(kubernetes: &Kubernetes, line: &Timeline) -> Option<Self> {
        Self::of_pods(kubernetes, line, None)
    }

    /// The same with so many pods instead of what the manifest asks for. Where there is one on every node,
    /// it changes nothing.
    pub fn of_pods(kubernetes: &Kubernetes, line: &Timeline, pods: Option<u32>) -> Option<Self> {
        let controller = kubernetes.controller();
        let replacement = kubernetes.replacement();
        if controller.finishes() || replacement == Replacement::OnDelete {
            return None;
        }
        let written = controller.has_replicas().then(|| kubernetes.most_pods());
        let pods = written.map(|written| pods.unwrap_or(written));
        let (surge, missing) = kubernetes.shares();
        let (surge, missing) = match (controller, replacement) {
            (_, Replacement::Recreate) => (0, pods.unwrap_or(1)),
            (Controller::StatefulSet, _) => (0, set_at_once(kubernetes, missing, pods)),
            (Controller::DaemonSet, _) => match surge.is_nothing() {
                true => (0, missing.up(1).max(1)),
                false => (surge.up(1).max(1), 0),
            },
            _ => at_once(surge, missing, pods.unwrap_or(1)),
        };
        Some(Self {
            controller,
            replacement,
            pods,
            batch: surge.saturating_add(missing).max(1),
            surge,
            missing,
            start: kubernetes.start_time(),
            min_ready: kubernetes.min_ready(),
            stop: line.grace().clone(),
        })
    }

    /// A new pod waits for an old one's end: it has its name, its node or its place.
    pub fn waits_for_the_end(&self) -> bool {
        match self.controller {
            Controller::Deployment => self.replacement == Replacement::Recreate,
            _ => self.surge == 0,
        }
    }

    /// From the creation of a pod until it counts.
    fn coming(&self) -> Duration {
        let start = self.start.as_ref().map_or(Duration::ZERO, |it| it.value);
        start + self.min_ready.value
    }

    /// How long one batch takes until the next one begins.
    pub(crate) fn one_batch(&self) -> Duration {
        match self.waits_for_the_end() {
            true => self.stop.value + self.coming(),
            false => self.coming(),
        }
    }

    /// How many batches there are; one for a whole set that stops at once, and for one node.
    pub fn batches(&self) -> u32 {
        match (self.pods, self.replacement) {
            (Some(pods), Replacement::Rolling) => pods.div_ceil(self.batch),
            (Some(0), _) => 0,
            _ => 1,
        }
    }

    /// After how many batches the last old pods are asked to stop: what may be missing goes at once.
    fn batches_until_the_last_stop(&self) -> u32 {
        match self.pods {
            Some(pods) => pods.saturating_sub(self.missing).div_ceil(self.batch),
            None => 1,
        }
    }

    /// How many batches are waited for, and whether the last old pods' end is waited for after them.
    fn last(&self) -> (u32, bool) {
        let batches = self.batches();
        if self.waits_for_the_end() || batches == 0 {
            return (batches, false);
        }
        let before = self.batches_until_the_last_stop();
        let rest = self
            .one_batch()
            .saturating_mul(batches - before.min(batches));
        match rest > self.stop.value {
            true => (batches, false),
            false => (before, true),
        }
    }

    /// Until every new pod counts and every old one is gone.
    pub fn takes(&self) -> Duration {
        let (batches, stops) = self.last();
        let batches = self.one_batch().saturating_mul(batches);
        match stops {
            true => batches + self.stop.value,
            false => batches,
        }
    }

    /// How long a Deployment may stand without progress when all is well: until a batch counts, and
    /// where no pod may be added, until an old one's place is free.
    pub fn longest_stand(&self) -> Duration {
        match self.surge {
            0 => self.stop.value + self.coming(),
            _ => self.coming(),
        }
    }

    /// The most pods there are at once, those that still stop among them: pods that stop are counted by
    /// no controller. `None` where it is not known how long a new one takes.
    pub fn most_pods(&self) -> Option<u32> {
        let pods = self.pods?;
        if self.waits_for_the_end() {
            return Some(pods);
        }
        let coming = self.coming().as_millis();
        self.start.as_ref()?;
        if coming == 0 || pods == 0 {
            return None;
        }
        // So many batches of old pods stop at the same time.
        let stopping = self.stop.value.as_millis().div_ceil(coming);
        let stopping = u32::try_from(stopping).unwrap_or(u32::MAX);
        let batches = self.batches();
        let added = |batches: u32| batches.saturating_mul(self.batch).min(pods);
        // Old pods that are not asked to stop when so many batches count.
        let left = |counting: u32| {
            pods.saturating_sub(self.missing)
                .saturating_sub(added(counting))
        };
        let most = (0..=batches).map(|at| {
            let before = match at.checked_sub(stopping) {
                Some(before) => left(before),
                None => pods,
            };
            // Live and new, old and left alone, old and stopping.
            added(at.saturating_add(1)) + left(at) + (before - left(at))
        });
        most.max()
    }

    /// The fewest pods that are ready at any time.
    pub fn fewest_ready(&self) -> Option<u32> {
        self.pods.map(|pods| pods.saturating_sub(self.missing))
    }

    /// The sum in words: `3 × (20s start time + 10s min ready) + 45s grace period = 135s`.
    pub fn sum(&self) -> String {
        format!("{} = {}", self.terms(), human(self.takes()))
    }

    /// The sum's terms without what they come to, which means little where a start takes nobody knows how
    /// long.
    pub fn terms(&self) -> String {
        let mut batch: Vec<String> = Vec::new();
        if self.waits_for_the_end() {
            batch.push(self.stop.term());
        }
        batch.extend(self.start.as_ref().map(Figure::term));
        if !self.min_ready.value.is_zero() {
            batch.push(self.min_ready.term());
        }
        let (batches, stops) = self.last();
        let one = match (batch.len(), batches) {
            (_, 1) | (1, _) => batch.join(" + "),
            _ => format!("({})", batch.join(" + ")),
        };
        let mut terms = match batches {
            _ if batch.is_empty() => Vec::new(),
            0 => Vec::new(),
            1 => vec![one],
            batches => vec![format!("{batches} × {one}")],
        };
        if stops {
            terms.push(self.stop.term());
        }
        if terms.is_empty() {
            terms.push("no pods".to_owned());
        }
        terms.join(" + ")
    }
}

impl Kubernetes {
    /// How many pods there are at most: what the autoscaler may ask for, or the replicas.
    pub fn most_pods(&self) -> u32 {
        match (&self.autoscaler, &self.replicas) {
            (Some(autoscaler), _) => autoscaler.max.value,
            (None, Some(replicas)) => replicas.value,
            (None, None) => REPLICAS,
        }
    }

    /// How many pods there are at least: what the autoscaler may go down to, or the replicas.
    pub fn fewest_pods(&self) -> u32 {
        match &self.autoscaler {
            Some(autoscaler) => autoscaler.min.as_ref().map_or(1, |min| min.value),
            None => self.most_pods(),
        }
    }
}

/// What a Deployment adds and takes at once. Shares of what may be missing round down, of what may be
/// added up; where both come to nothing, one pod is taken (kubernetes `pkg/controller/deployment/util`,
/// `ResolveFenceposts`).
fn at_once(surge: Share, missing: Share, pods: u32) -> (u32, u32) {
    let (surge, missing) = (surge.up(pods), missing.down(pods).min(pods));
    match (surge, missing) {
        (0, 0) => (0, 1.min(pods)),
        both => both,
    }
}

/// What a `StatefulSet` takes at once: one, where the cluster does not surely know `maxUnavailable`.
fn set_at_once(kubernetes: &Kubernetes, missing: Share, pods: Option<u32>) -> u32 {
    let knows = kubernetes
        .version
        .as_ref()
        .is_some_and(|version| version.value.minor >= SET_UNAVAILABLE_SINCE);
    match knows {
        true => missing.up(pods.unwrap_or(1)).max(1),
        false => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::Rollout;
    use crate::{Analysis, Platform};

    fn rollout(keys: &str) -> Option<Rollout> {
        let text = format!(
            "lifecycle: 1\nservice: shop\nresources: {{ jobs: {{ kind: task, timeout: 5s }} }}\n\
             platforms: {{ kubernetes: {{ grace_period: 40s, {keys} }} }}\n"
        );
        let analysis = Analysis::of(&text);
        let resolved = analysis
            .resolved
            .unwrap_or_else(|| panic!("{keys}: {:?}", analysis.findings));
        let Some(Platform::Kubernetes(kubernetes)) = resolved.manifest.platforms.get("kubernetes")
        else {
            unreachable!()
        };
        Rollout::of(kubernetes, &resolved.timelines[0])
    }

    /// A Deployment's controller, pod by pod and second by second, after `reconcileNewReplicaSet`,
    /// `reconcileOldReplicaSets` and `cleanupUnhealthyReplicas` of kubernetes' rolling.go: what is
    /// reckoned is held against what it does.
    fn played(pods: u32, surge: u32, missing: u32, coming: u64, stop: u64) -> (u64, u32) {
        let (mut old, mut time, mut most) = (pods, 0, 0);
        let mut new: Vec<u64> = Vec::new();
        let mut leaving: Vec<u64> = Vec::new();
        loop {
            let count = |new: &[u64]| u32::try_from(new.len()).unwrap();
            leaving.retain(|&since| since + stop > time);
            let available =
                u32::try_from(new.iter().filter(|&&since| since + coming <= time).count()).unwrap();
            if available == pods && old == 0 && leaving.is_empty() {
                return (time, most);
            }
            // Until nothing moves any more within this second.
            loop {
                let add = (pods + surge)
                    .saturating_sub(old + count(&new))
                    .min(pods - count(&new));
                new.extend((0..add).map(|_| time));
                let floor = pods - missing;
                let take = (available + old).saturating_sub(floor).min(old);
                leaving.extend((0..take).map(|_| time));
                old -= take;
                if add == 0 && take == 0 {
                    break;
                }
            }
            most = most.max(old + count(&new) + u32::try_from(leaving.len()).unwrap());
            time += 1;
        }
    }

    #[test]
    fn a_deployment_takes_as_long_and_as_many_pods_as_its_controller_does() {
        for pods in [1, 2, 3, 5, 8, 10] {
            for (surge, missing) in [(1, 0), (0, 1), (1, 1), (2, 0), (3, 2), (10, 10)] {
                for start in [1, 7, 40, 90] {
                    let missing = missing.min(pods);
                    let reckoned = rollout(&format!(
                        "replicas: {pods}, rollout: {{ max_surge: {surge}, max_unavailable: {missing}, start_time: {start}s }}"
                    ))
                    .unwrap();
                    let (takes, most) = played(pods, surge, missing, start, 40);
                    let what = format!("{pods} pods, +{surge} -{missing}, {start}s");
                    assert_eq!(reckoned.takes().as_secs(), takes, "{what}");
                    assert_eq!(reckoned.most_pods(), Some(most), "{what}");
                }
            }
        }
    }

    #[test]
    fn the_sum_says_what_is_waited_for() {
        for (keys, sum) in [
            ("rollout: {}", "40s grace period = 40s"),
            (
                "replicas: 3, rollout: { start_time: 20s, min_ready: 10s }",
                "3 × (20s start time + 10s min ready) + 40s grace period = 130s",
            ),
            (
                "replicas: 10, rollout: { start_time: 20s, max_surge: 25%, max_unavailable: 25% }",
                "2 × 20s start time + 40s grace period = 80s",
            ),
            (
                "rollout: { strategy: recreate, start_time: 20s }",
                "40s grace period + 20s start time = 60s",
            ),
            (
                "workload: stateful-set, replicas: 3, rollout: { start_time: 20s }",
                "3 × (40s grace period + 20s start time) = 180s",
            ),
            (
                "workload: stateful-set, replicas: 4, version: \"1.37\", rollout: { max_unavailable: 50% }",
                "2 × 40s grace period = 80s",
            ),
            (
                "workload: stateful-set, replicas: 4, rollout: { max_unavailable: 50% }",
                "4 × 40s grace period = 160s",
            ),
            (
                "workload: daemon-set, rollout: { start_time: 20s }",
                "40s grace period + 20s start time = 60s",
            ),
            (
                "workload: daemon-set, rollout: { max_surge: 1, start_time: 20s }",
                "20s start time + 40s grace period = 60s",
            ),
            (
                "autoscaler: { min: 2, max: 4 }, rollout: { start_time: 20s }",
                "4 × 20s start time + 40s grace period = 120s",
            ),
            // The last new pod counts at the moment the last old one is gone.
            (
                "replicas: 10, rollout: { start_time: 40s, max_surge: 10, max_unavailable: 10 }",
                "40s grace period = 40s",
            ),
            ("replicas: 0, rollout: { start_time: 20s }", "no pods = 0s"),
            (
                "replicas: 0, rollout: { strategy: recreate, start_time: 20s }",
                "no pods = 0s",
            ),
        ] {
            assert_eq!(rollout(keys).unwrap().sum(), sum, "{keys}");
        }
        assert!(rollout("workload: job").is_none());
        assert!(rollout("workload: stateful-set, rollout: { strategy: on-delete }").is_none());
    }

    #[test]
    fn a_daemon_set_adds_to_its_nodes_or_takes_from_them() {
        for (keys, both) in [
            ("rollout: {}", (0, 1)),
            ("rollout: { max_unavailable: 3 }", (0, 3)),
            ("rollout: { max_surge: 2 }", (2, 0)),
        ] {
            let rollout = rollout(&format!("workload: daemon-set, {keys}")).unwrap();
            assert_eq!((rollout.surge, rollout.missing), both, "{keys}");
        }
    }

    #[test]
    fn without_pods_or_a_start_time_nobody_knows_how_many_there_are_at_most() {
        let most = |keys: &str| rollout(keys).unwrap().most_pods();
        assert_eq!(most("replicas: 3"), None);
        assert_eq!(most("replicas: 3, rollout: { start_time: 0s }"), None);
        assert_eq!(most("replicas: 0, rollout: { start_time: 20s }"), None);
        // The new one waits for the old one's end.
        assert_eq!(
            most("replicas: 3, rollout: { strategy: recreate }"),
            Some(3)
        );
    }
}
