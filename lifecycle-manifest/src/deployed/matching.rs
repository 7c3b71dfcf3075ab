//! Which workload of the files is a manifest's, and which of its containers is the program.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::{Container, Deployed, Workload, heroku};
use crate::platform::NAME_LABEL;
use crate::read::label;

/// A workload that is a manifest's.
///
/// ```
/// use lifecycle_manifest::deployed::{Deployed, Wanted, matches};
///
/// let files = [
///     "kind: ConfigMap\nmetadata: { name: shop }\n",
///     "kind: Pod\nmetadata: { name: web }\nspec: { containers: [{ name: main }] }\n",
/// ]
/// .map(Deployed::read);
/// let found = matches(&files, Wanted {
///     platform: "kubernetes",
///     service: "shop",
///     repository: "",
///     namespace: None,
///     by_name_only: false,
/// });
/// assert_eq!((found[0].file, found[0].workload.title()), (1, "Pod web".to_owned()));
/// assert_eq!(found[0].container.name(), "main");
/// assert!(found[0].only_one);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Match<'a> {
    /// Which file it stands in.
    pub file: usize,
    /// The workload.
    pub workload: &'a Workload,
    /// The program's container.
    pub container: &'a Container,
    /// It bears another name, and is the only one there is.
    pub only_one: bool,
}

/// Who is looked for.
///
/// ```
/// use lifecycle_manifest::deployed::{Deployed, Wanted, matches};
///
/// let files = ["live", "test"].map(|namespace| Deployed::read(&format!("\
/// kind: Pod
/// metadata: {{ name: shop, namespace: {namespace} }}
/// spec: {{ containers: [{{ name: shop }}] }}
/// ")));
/// let wanted = Wanted {
///     platform: "kubernetes",
///     service: "shop",
///     repository: "",
///     namespace: None,
///     by_name_only: false,
/// };
/// assert_eq!(matches(&files, wanted).len(), 2);
/// let found = matches(&files, Wanted { namespace: Some("test"), ..wanted });
/// assert_eq!((found.len(), found[0].file), (1, 1));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The platform's key.
    pub platform: &'a str,
    /// The manifest's service.
    pub service: &'a str,
    /// The image of the program without tag and digest; may be empty.
    pub repository: &'a str,
    /// The namespace that the manifest names.
    pub namespace: Option<&'a str>,
    /// There are other manifests: what bears another name may be theirs.
    pub by_name_only: bool,
}

/// Containers that come beside a program, by their names or their images' names.
const SIDECARS: [&str; 24] = [
    "aws-otel-collector",
    "cloud-sql-proxy",
    "cloudsql-proxy",
    "consul-dataplane",
    "daprd",
    "datadog-agent",
    "envoy",
    "envoy-sidecar",
    "filebeat",
    "firelens",
    "fluent-bit",
    "fluentd",
    "gce-proxy",
    "istio-proxy",
    "linkerd-proxy",
    "log-router",
    "log_router",
    "oauth2-proxy",
    "opentelemetry-collector",
    "otel-collector",
    "pgbouncer",
    "promtail",
    "vault-agent",
    "xray-daemon",
];

/// It comes beside a program, by its name or its image's.
pub(crate) fn is_known_sidecar(container: &Container) -> bool {
    let image = super::hook::program(container.repository());
    let is = |name: &str| SIDECARS.contains(&name);
    is(container.name()) || is(image)
}

impl Workload {
    /// The program's container: the one with the service's name, else the one with its image, else
    /// the one that the workload itself names, else the first that is no sidecar anybody knows.
    pub fn main(&self, service: &str, repository: &str) -> Option<usize> {
        let position = |wanted: &dyn Fn(&Container) -> bool| {
            let mut found = self.containers.iter().enumerate();
            found
                .find(|(_, container)| wanted(container))
                .map(|(at, _)| at)
        };
        let default = self
            .pod_annotations
            .get("kubectl.kubernetes.io/default-container");
        position(&|container| !service.is_empty() && container.name() == service)
            .or_else(|| {
                position(&|container| {
                    !repository.is_empty() && container.repository() == repository
                })
            })
            .or_else(|| {
                default.and_then(|name| position(&|container| container.name() == name.value))
            })
            .or_else(|| position(&|container| !is_known_sidecar(container)))
            .or(match self.containers.is_empty() {
                true => None,
                false => Some(0),
            })
    }
}

/// The workloads of these files that are who is looked for, each once: what a Deployment has made is
/// the Deployment's, and of several revisions the last counts.
///
/// ```
/// use lifecycle_manifest::deployed::{Deployed, Wanted, matches};
///
/// let files = ["shop", "billing"].map(|name| Deployed::read(&format!("\
/// kind: Deployment
/// metadata: {{ name: {name} }}
/// spec: {{ template: {{ spec: {{ containers: [{{ name: envoy }}, {{ name: main }}] }} }} }}
/// ")));
/// let found = matches(&files, Wanted {
///     platform: "kubernetes",
///     service: "billing",
///     repository: "",
///     namespace: None,
///     by_name_only: false,
/// });
/// assert_eq!(found.len(), 1);
/// assert_eq!(found[0].workload.title(), "Deployment billing");
/// assert_eq!(found[0].container.name(), "main");
/// assert!(!found[0].only_one);
/// ```
pub fn matches<'a>(files: &'a [Deployed], wanted: Wanted<'_>) -> Vec<Match<'a>> {
    let all = candidates(files, wanted.platform);
    let in_namespace: Vec<(usize, &Workload)> = all
        .iter()
        .copied()
        .filter(
            |(_, workload)| match (wanted.namespace, &workload.namespace) {
                (Some(wanted), Some(here)) => here.value == wanted,
                _ => true,
            },
        )
        .collect();
    let bears =
        |name: &str| name == wanted.service || label(name).as_deref() == Some(wanted.service);
    let by_name = |workload: &&Workload| {
        if workload.kind == heroku::APPLICATION {
            return true;
        }
        let name = workload.name.as_ref();
        name.is_some_and(|name| bears(name.value.trim_end_matches('-')))
    };
    let by_container = |workload: &&Workload| {
        let mut containers = workload.containers.iter();
        containers.any(|container| bears(container.name()))
    };
    let by_label = |workload: &&Workload| {
        [&workload.labels, &workload.pod_labels]
            .iter()
            .any(|labels| {
                labels
                    .get(NAME_LABEL)
                    .is_some_and(|name| bears(&name.value))
            })
    };
    let tiers: [&dyn Fn(&&Workload) -> bool; 3] = [&by_name, &by_container, &by_label];
    let mut only_one = false;
    let mut chosen: Vec<(usize, &Workload)> = Vec::new();
    for tier in tiers {
        if chosen.is_empty() {
            let found = in_namespace.iter().copied();
            chosen = found.filter(|(_, workload)| tier(workload)).collect();
        }
    }
    if chosen.is_empty() && !wanted.by_name_only && all.len() == 1 {
        chosen.extend(&all);
        only_one = true;
    }
    chosen
        .into_iter()
        .filter_map(|(file, workload)| {
            let main = workload.main(wanted.service, wanted.repository)?;
            Some(Match {
                file,
                workload,
                container: &workload.containers[main],
                only_one,
            })
        })
        .collect()
}

/// The workloads of a platform that stand for themselves.
pub(crate) fn candidates<'a>(files: &'a [Deployed], platform: &str) -> Vec<(usize, &'a Workload)> {
    let makers = names(files);
    let mut found: Vec<(usize, &Workload)> = Vec::new();
    let mut groups: HashMap<(&str, Option<&str>, &str), usize> = HashMap::new();
    for (file, workload) in every(files).filter(|(_, workload)| workload.platform == platform) {
        if workload.containers.is_empty() || is_made_by_another(&makers, workload) {
            continue;
        }
        // Pods of one owner are alike; of several revisions of a task definition the last counts.
        let group = match (&workload.owner, workload.revision) {
            (Some(owner), _) => Some(owner.name.as_str()),
            (None, Some(_)) => workload.name.as_ref().map(|name| name.value.as_str()),
            (None, None) => None,
        };
        let Some(group) = group else {
            found.push((file, workload));
            continue;
        };
        match groups.entry((workload.kind.as_str(), namespace(workload), group)) {
            Entry::Occupied(earlier) => {
                let earlier = &mut found[*earlier.get()];
                if earlier.1.revision < workload.revision {
                    *earlier = (file, workload);
                }
            }
            Entry::Vacant(place) => {
                place.insert(found.len());
                found.push((file, workload));
            }
        }
    }
    found
}

fn every(files: &[Deployed]) -> impl Iterator<Item = (usize, &Workload)> {
    let files = files.iter().enumerate();
    files.flat_map(|(file, deployed)| deployed.workloads.iter().map(move |it| (file, it)))
}

/// Kind, namespace and name of everything there is.
fn names(files: &[Deployed]) -> HashSet<(&str, Option<&str>, &str)> {
    every(files)
        .filter_map(|(_, workload)| {
            let name = workload.name.as_ref()?;
            Some((
                workload.kind.as_str(),
                namespace(workload),
                name.value.as_str(),
            ))
        })
        .collect()
}

/// What made it is in the files too.
fn is_made_by_another(makers: &HashSet<(&str, Option<&str>, &str)>, workload: &Workload) -> bool {
    workload.owner.as_ref().is_some_and(|owner| {
        makers.contains(&(
            owner.kind.as_str(),
            namespace(workload),
            owner.name.as_str(),
        ))
    })
}

fn namespace(workload: &Workload) -> Option<&str> {
    let namespace = workload.namespace.as_ref();
    namespace.map(|namespace| namespace.value.as_str())
}

/// What the files hold for a platform, for a message: `Deployment a, CronJob b and 3 more`.
pub(crate) fn holdings(files: &[Deployed], platform: &str) -> Option<String> {
    const MOST: usize = 6;
    let held = candidates(files, platform);
    let titles: Vec<String> = held.iter().take(MOST).map(|(_, it)| it.title()).collect();
    match (titles.is_empty(), held.len().saturating_sub(MOST)) {
        (true, _) => None,
        (false, 0) => Some(titles.join(", ")),
        (false, more) => Some(format!("{} and {more} more", titles.join(", "))),
    }
}
