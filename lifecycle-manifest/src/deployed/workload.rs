//! What runs containers: only what matters when it stops, each value with its place.

use super::Container;
use crate::manifest::Written;
use crate::text::Route;

/// Names with their texts, in the order of the file: labels, annotations.
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Deployment
/// metadata: { name: shop }
/// spec:
///   selector: { matchLabels: { app: shop } }
///   template: { metadata: { labels: { app: shop, tier: web } } }
/// ");
/// let workload = &deployed.workloads[0];
/// assert_eq!(workload.pod_labels.get("tier").map(|it| it.value.as_str()), Some("web"));
/// assert_eq!(workload.pod_labels.iter().count(), 2);
/// assert!(workload.pod_labels.hold(&workload.selector));
/// assert!(!workload.selector.hold(&workload.pod_labels));
/// ```
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
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Deployment
/// metadata: { name: shop }
/// spec:
///   replicas: 3
///   template:
///     spec:
///       terminationGracePeriodSeconds: 45
///       containers: [{ name: shop }]
/// ");
/// let workload = &deployed.workloads[0];
/// assert_eq!((workload.platform, workload.title()), ("kubernetes", "Deployment shop".to_owned()));
/// assert_eq!(workload.grace.as_ref().map(|it| it.value), Some(45));
/// assert_eq!(workload.replicas.as_ref().map(|it| it.value), Some(3));
/// assert_eq!(workload.containers[0].name(), "shop");
/// ```
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
    /// The labels by which it knows its pods.
    pub selector: Pairs,
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
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.yaml", "\
/// apiVersion: serving.knative.dev/v1
/// kind: Service
/// metadata: { name: shop }
/// spec: { template: { spec: { timeoutSeconds: 60, containers: [{ image: shop }] } } }
/// ");
/// let settings = &deployed.workloads[0].settings;
/// let get = |key: &str| settings.get(key).map(|it| it.value.as_str());
/// assert_eq!(get("request_timeout"), Some("60"));
/// assert_eq!(get("max_instances"), None);
/// ```
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
///
/// ```
/// use lifecycle_manifest::deployed::{Deployed, Owner};
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Pod
/// metadata:
///   name: shop-7d4b9
///   ownerReferences: [{ kind: ReplicaSet, name: shop-7d }]
/// spec: { containers: [{ name: shop }] }
/// ");
/// let owner = Owner { kind: "ReplicaSet".to_owned(), name: "shop-7d".to_owned() };
/// assert_eq!(deployed.workloads[0].owner, Some(owner));
/// ```
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
            selector: Pairs::default(),
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
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Deployment
/// metadata: { name: shop }
/// spec:
///   strategy: { type: RollingUpdate, rollingUpdate: { maxUnavailable: 25% } }
///   template: { spec: { containers: [{ name: shop }] } }
/// ");
/// let strategy = deployed.workloads[0].strategy.as_ref().unwrap();
/// assert_eq!(strategy.kind.as_ref().map(|it| it.value.as_str()), Some("RollingUpdate"));
/// assert_eq!(strategy.max_unavailable.as_ref().map(|it| it.value.as_str()), Some("25%"));
/// assert_eq!(strategy.max_surge, None);
/// ```
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_under_its_key() {
        let mut settings = Settings::default();
        let route = || Route::root();
        settings.word(
            "kind",
            Some(Written {
                value: "job".to_owned(),
                route: route(),
            }),
        );
        settings.number(
            "cpu",
            Some(Written {
                value: 2,
                route: route(),
            }),
        );
        settings.word("region", None);
        let get = |key: &str| settings.get(key).map(|it| it.value.as_str());
        assert_eq!(
            (get("kind"), get("cpu"), get("region")),
            (Some("job"), Some("2"), None)
        );
    }
}
