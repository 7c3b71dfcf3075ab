//! `workload`: which of Kubernetes' controllers runs the pods, and which keys it has.

use super::{Kubernetes, Replacement};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::read::{Table, list};
use crate::rules::shape;
use crate::text::Route;

/// `workload`: which of Kubernetes' controllers runs the pods.
///
/// ```
/// use lifecycle_manifest::platform::Controller;
/// assert_eq!(Controller::of_kind("CronJob"), Some(Controller::CronJob));
/// assert_eq!(Controller::CronJob.as_str(), "cron-job");
/// assert!(Controller::CronJob.finishes());
/// assert!(Controller::default().has_replicas());
/// assert!(!Controller::DaemonSet.has_replicas());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum Controller {
    /// Pods that are all alike; a rollout starts new ones beside the old.
    #[default]
    Deployment,
    /// Pods with names of their own; a rollout ends each before the next of its name starts.
    StatefulSet,
    /// A pod on every node.
    DaemonSet,
    /// Pods that run until their work is done.
    Job,
    /// A Job, again and again by the clock.
    CronJob,
}

impl Controller {
    /// All of them, with their names in the manifest.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("deployment", Self::Deployment),
        ("stateful-set", Self::StatefulSet),
        ("daemon-set", Self::DaemonSet),
        ("job", Self::Job),
        ("cron-job", Self::CronJob),
    ];

    /// The name in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "stateful-set",
            Self::DaemonSet => "daemon-set",
            Self::Job => "job",
            Self::CronJob => "cron-job",
        }
    }

    /// The `kind` of its object.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
        }
    }

    /// The controller whose objects have this `kind`.
    pub fn of_kind(kind: &str) -> Option<Self> {
        let all = Self::WORDS.iter().map(|(_, controller)| *controller);
        all.into_iter().find(|controller| controller.kind() == kind)
    }

    /// Its pods end by themselves when their work is done.
    pub const fn finishes(self) -> bool {
        matches!(self, Self::Job | Self::CronJob)
    }

    /// It is asked for a number of pods.
    pub const fn has_replicas(self) -> bool {
        matches!(self, Self::Deployment | Self::StatefulSet)
    }
}

/// Keys that only some controllers have: the way to each, and whose it is.
const OWNERS: &[(&[&str], &[Controller])] = {
    use Controller::{CronJob, DaemonSet, Deployment, Job, StatefulSet};
    &[
        (&["replicas"], &[Deployment, StatefulSet]),
        (&["autoscaler"], &[Deployment, StatefulSet]),
        (&["selector"], &[Deployment, StatefulSet, DaemonSet]),
        (
            &["rollout", "strategy"],
            &[Deployment, StatefulSet, DaemonSet],
        ),
        (&["rollout", "max_surge"], &[Deployment, DaemonSet]),
        (
            &["rollout", "max_unavailable"],
            &[Deployment, StatefulSet, DaemonSet],
        ),
        (
            &["rollout", "min_ready"],
            &[Deployment, StatefulSet, DaemonSet],
        ),
        (
            &["rollout", "start_time"],
            &[Deployment, StatefulSet, DaemonSet],
        ),
        (&["rollout", "progress_deadline"], &[Deployment]),
        (&["job", "schedule"], &[CronJob]),
        (&["job", "concurrency"], &[CronJob]),
        (&["job", "deadline"], &[Job, CronJob]),
        (&["job", "replacement"], &[Job, CronJob]),
    ]
};

/// How many pods an autoscaler may ask for.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { autoscaler: { max: 10 } }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// let autoscaler = kubernetes.autoscaler.as_ref().unwrap();
/// assert_eq!(autoscaler.max.value, 10);
/// assert!(autoscaler.min.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Autoscaler {
    /// `min`: the fewest; one where nothing is said (autoscaling/v2/types.go, `MinReplicas`).
    pub min: Option<crate::manifest::Written<u32>>,
    /// `max`: the most.
    pub max: crate::manifest::Written<u32>,
}

impl Autoscaler {
    /// The most pods that may be asked for.
    const MOST: u32 = 10_000;

    pub(super) fn read(mut table: Table<'_, '_>) -> Option<Self> {
        let min = table.number("min", 1..=Self::MOST);
        let max = table.number("max", 1..=Self::MOST);
        if max.is_none() && !table.entries().iter().any(|entry| entry.key == "max") {
            table.missing("max", "add `max:`: the most pods it may ask for");
        }
        if let (Some(min), Some(max)) = (&min, &max)
            && min.value > max.value
        {
            let message = format!(
                "an autoscaler cannot ask for {} pods at least and {} at most",
                min.value, max.value
            );
            let place = Place::Value(min.route.clone());
            let finding = Finding::new(&shape::OUT_OF_RANGE, message, place)
                .related(Place::Value(max.route.clone()), "at most");
            table.push(finding.help(format!("write {} or less", max.value)));
        }
        table.finish();
        Some(Self { min, max: max? })
    }
}

impl Kubernetes {
    /// Which controller runs the pods.
    pub fn controller(&self) -> Controller {
        let written = self.workload.as_ref();
        written.map_or(Controller::default(), |workload| workload.value)
    }

    /// Reports keys that this controller does not have, and those that it cannot do without.
    pub(super) fn hold_against_workload(&self, table: &mut Table<'_, '_>) {
        let here = self.controller();
        for (path, owners) in OWNERS {
            let (first, rest) = (path[0], &path[1..]);
            let Some(entry) = table.entries().iter().find(|entry| entry.key == first) else {
                continue;
            };
            let below = rest.iter().try_fold(&entry.value, |node, key| {
                node.entry(key).map(|entry| &entry.value)
            });
            if below.is_some() && !owners.contains(&here) {
                let route = table.route().clone();
                let route = path.iter().fold(route, |route, key| route.key(key));
                self.not_here(table, path[path.len() - 1], route, owners);
            }
        }
        let job = table.entries().iter().find(|entry| entry.key == "job");
        let schedule = job.and_then(|job| job.value.entry("schedule"));
        if here == Controller::CronJob && schedule.is_none() {
            self.without_schedule(table);
        }
        self.strategy_of_another(table);
        self.two_numbers(table);
    }

    fn not_here(&self, table: &mut Table<'_, '_>, key: &str, route: Route, owners: &[Controller]) {
        let owners = list(owners.iter().map(|owner| owner.as_str()), "or");
        let message = format!("a {} has no `{key}`", self.controller().kind());
        let remove = Edit::Remove {
            entry: route.clone(),
        };
        let finding = Finding::new(&shape::KEY_NOT_FOR_KIND, message, Place::Key(route));
        table.push(self.beside_workload(finding).fix_with(
            format!("take it away: it belongs to {owners}"),
            Fix::new(Safety::Unsafe, [remove]),
        ));
    }

    fn without_schedule(&self, table: &mut Table<'_, '_>) {
        let place = match &self.workload {
            Some(workload) => Place::Value(workload.route.clone()),
            None => Place::Key(self.common.route.clone()),
        };
        let finding = Finding::new(
            &shape::MISSING_KEY,
            "a CronJob has no `job.schedule`",
            place,
        );
        table.push(finding.help("add `job: { schedule: \"30 3 * * *\" }`: when it runs"));
    }

    /// A Deployment has no `OnDelete`, the others no `Recreate`.
    fn strategy_of_another(&self, table: &mut Table<'_, '_>) {
        let Some(strategy) = &self.rollout.strategy else {
            return;
        };
        let here = self.controller();
        let fits = match strategy.value {
            Replacement::Rolling => true,
            Replacement::Recreate => here == Controller::Deployment,
            Replacement::OnDelete => here != Controller::Deployment,
        };
        if fits || here.finishes() {
            return;
        }
        let message = format!(
            "a {} has no strategy `{}`",
            here.kind(),
            strategy.value.as_str()
        );
        let other = match here {
            Controller::Deployment => Replacement::Recreate,
            _ => Replacement::OnDelete,
        };
        let place = Place::Value(strategy.route.clone());
        let finding = Finding::new(&shape::OUT_OF_RANGE, message, place);
        table.push(self.beside_workload(finding).help(format!(
            "it can be `{}` or `{}`",
            Replacement::Rolling.as_str(),
            other.as_str()
        )));
    }

    fn two_numbers(&self, table: &mut Table<'_, '_>) {
        let (Some(replicas), Some(autoscaler)) = (&self.replicas, &self.autoscaler) else {
            return;
        };
        if !self.controller().has_replicas() {
            return;
        }
        let message = "two say how many pods there are: `replicas` and `autoscaler`";
        let place = Place::Key(replicas.route.clone());
        let remove = Edit::Remove {
            entry: replicas.route.clone(),
        };
        let finding = Finding::new(&shape::KEY_NOT_FOR_KIND, message, place)
            .related(
                Place::Value(autoscaler.max.route.clone()),
                "the autoscaler asks for up to so many",
            )
            .fix_with(
                "take `replicas` away: each time it is applied it would undo what the autoscaler did",
                Fix::new(Safety::Unsafe, [remove]),
            );
        table.push(finding);
    }

    fn beside_workload(&self, finding: Finding) -> Finding {
        match &self.workload {
            Some(workload) => finding.related(
                Place::Value(workload.route.clone()),
                format!("the workload is a {}", workload.value.kind()),
            ),
            None => finding.note("without `workload` it is a Deployment"),
        }
    }
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, title = "autoscaler")]
#[allow(dead_code, reason = "only its shape is read")]
pub(super) struct AutoscalerSchema {
    /// The fewest pods; 1 when not written.
    #[schemars(range(min = 1, max = 10_000))]
    min: Option<u32>,
    /// The most pods: a rollout is reckoned for so many.
    #[schemars(range(min = 1, max = 10_000))]
    max: u32,
}

/// The same for the JSON Schema.
#[cfg(feature = "schema")]
pub(super) fn for_workloads() -> serde_json::Value {
    use serde_json::json;
    let mut rules: Vec<serde_json::Value> = OWNERS
        .iter()
        .map(|(path, owners)| {
            let names: Vec<&str> = owners.iter().map(|owner| owner.as_str()).collect();
            let pattern = format!("^({})$", names.join("|"));
            // Where nothing is written it is a Deployment.
            let required: &[&str] = match owners.contains(&Controller::Deployment) {
                true => &[],
                false => &["workload"],
            };
            let no_such_key = path
                .iter()
                .rev()
                .fold(json!(false), |inner, key| match inner {
                    serde_json::Value::Bool(_) => json!({ "properties": { *key: false } }),
                    inner => json!({ "properties": { *key: inner } }),
                });
            json!({
                "if": { "properties": { "workload": { "pattern": pattern } }, "required": required },
                "else": no_such_key,
            })
        })
        .collect();
    rules.push(json!({
        "if": { "properties": { "workload": { "pattern": "^cron-job$" } }, "required": ["workload"] },
        "then": { "properties": { "job": { "required": ["schedule"] } }, "required": ["job"] },
    }));
    rules.push(json!({
        "if": { "required": ["autoscaler"] },
        "then": { "properties": { "replicas": false } },
    }));
    json!(rules)
}
