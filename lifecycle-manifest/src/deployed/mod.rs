//! What is deployed or rendered: other people's files, read as far as they say how a workload stops.
//!
//! A file is read into [`Workload`]s whose values know their places. Nothing here is defaulted, nothing
//! is refused: unknown kinds and fields are passed over, and a value of the wrong type is kept aside as
//! [`Odd`]. What the values mean beside a manifest is said by the rules `LC7xx`, what they mean by
//! themselves by the rules `LC8xx`.

mod azure_container_apps;
mod cloud_run;
mod compose;
mod container;
mod docker;
mod ecs;
mod fly;
mod go;
mod heroku;
mod hook;
mod kubernetes;
mod matching;
pub(crate) mod nomad;
mod pair;
pub mod planned;
pub(crate) mod pm2;
mod read;
pub(crate) mod reader;
mod service;
mod setting;
mod syntax;
mod systemd;
mod template;
pub mod unit;
mod view;
mod workload;

pub(crate) use compose::duration as compose_duration;
pub use container::{
    Action, Container, DependsOn, HealthCheck, Hook, Port, Probe, ProbeAction, Variable,
};
pub use hook::Lasts;
pub(crate) use hook::{program, script};
pub(crate) use matching::holdings;
pub use matching::{Match, Wanted, matches};
pub(crate) use nomad::whole_seconds_count;
pub(crate) use pair::{Pair, container_place, missing, pairs};
pub use pm2::Pm2App;
pub(crate) use pm2::{Held, held};
pub use service::{Binding, Capacity, EcsService, Service, ServicePort, TargetGroup};
pub use systemd::{Misplaced, UnitFile};
pub(crate) use template::is_computed;
pub(crate) use view::{Seen, View};
pub use workload::{Owner, Pairs, Settings, Strategy, Workload};

use std::collections::HashSet;

use crate::render::Text;
use crate::text::{Document, Route, Source, SyntaxError, Value};

use read::At;

/// One file, read.
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Deployment
/// metadata: { name: shop }
/// spec: { template: { spec: { containers: [{ name: shop }] } } }
/// ---
/// kind: Service
/// metadata: { name: shop }
/// spec: { ports: [{ port: 80 }] }
/// ---
/// kind: ConfigMap
/// metadata: { name: shop }
/// ");
/// assert_eq!(deployed.workloads.len(), 1);
/// assert_eq!(deployed.workloads[0].title(), "Deployment shop");
/// assert_eq!(deployed.services.len(), 1);
/// assert!(deployed.errors.is_empty());
/// ```
#[derive(Debug)]
pub struct Deployed {
    /// Its path, as it was asked for.
    pub name: String,
    /// The text with its documents: the root is the sequence of them.
    pub document: Document,
    /// What runs containers, in the order of the file.
    pub workloads: Vec<Workload>,
    /// Kubernetes Services.
    pub services: Vec<Service>,
    /// ECS services.
    pub ecs_services: Vec<EcsService>,
    /// Target groups: an attributes file, or what an Ingress or a Service asks of the controller.
    pub target_groups: Vec<TargetGroup>,
    /// Values of a wrong type.
    pub odd: Vec<Odd>,
    /// What could not be read of the text.
    pub errors: Vec<SyntaxError>,
    /// The places of [`odd`](Self::odd), for looking up.
    odd_routes: HashSet<Route>,
}

/// A value of a type that the platform does not take there: it is not among the values read.
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
/// let deployed = Deployed::read(
///     "kind: Pod\nmetadata: { name: shop }\nspec: { terminationGracePeriodSeconds: \"45\" }\n",
/// );
/// let odd = &deployed.odd[0];
/// assert_eq!(odd.route.to_string(), "[0].spec.terminationGracePeriodSeconds");
/// assert_eq!(odd.expected, "a whole number");
/// assert_eq!(odd.meant, Some(45));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Odd {
    /// Where it stands.
    pub route: Route,
    /// What is taken there: `a whole number`. Nothing where what stands there is filled in elsewhere, and
    /// may be right.
    pub expected: &'static str,
    /// What it holds all the same, where that is plain: `30` where `"30"` is written.
    pub meant: Option<i64>,
}

/// A platform of a manifest and the deployed workload that it was compared with.
///
/// ```
/// use lifecycle_manifest::deployed::{Compared, Deployed};
/// use lifecycle_manifest::{Analysis, Options};
///
/// let pod = "kind: Pod\nmetadata: { name: shop }\nspec: { containers: [{ name: shop }] }\n";
/// let options = Options { deployed: [Deployed::read(pod)].into(), ..Options::default() };
/// let analysis = Analysis::with("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { grace_period: 30s }
/// ", &options);
/// assert_eq!(analysis.compared, [Compared {
///     platform: "kubernetes",
///     workload: "Pod shop".to_owned(),
///     file: 0,
/// }]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The platform's key.
    pub platform: &'static str,
    /// `Deployment shop`.
    pub workload: String,
    /// The file it stands in, by its number.
    pub file: usize,
}

impl Deployed {
    /// Reads a file: Kubernetes objects, `List`s of them, ECS task definitions and services in the
    /// shapes that are sent and the shapes that are described, in YAML or JSON, one or many;
    /// CloudFormation templates, Terraform's JSON and what `terraform show -json` prints.
    ///
    /// ```
    /// use lifecycle_manifest::deployed::Deployed;
    /// let deployed = Deployed::read(
    ///     "kind: Pod\nmetadata: { name: shop }\nspec: { terminationGracePeriodSeconds: 45 }\n",
    /// );
    /// assert_eq!(deployed.workloads[0].grace.as_ref().unwrap().value, 45);
    /// ```
    pub fn read(text: &str) -> Self {
        Self::named("", text)
    }

    /// The endings of the names of files that are in another language than YAML and JSON and are read
    /// all the same.
    ///
    /// ```
    /// use lifecycle_manifest::deployed::Deployed;
    /// assert!(Deployed::endings().any(|ending| "shop.service".ends_with(ending)));
    /// assert!(!Deployed::endings().any(|ending| "README.md".ends_with(ending)));
    /// ```
    pub fn endings() -> impl Iterator<Item = &'static str> {
        syntax::endings()
    }

    /// The same for a file with a name, which says what language it is in.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lifecycle_manifest::deployed::Deployed;
    ///
    /// let text = "app = \"shop\"\nkill_timeout = 45\n";
    /// let deployed = Deployed::named("fly.toml", text);
    /// assert_eq!(deployed.workloads[0].platform, "fly");
    /// let grace = deployed.workloads[0].containers[0].grace.as_ref().unwrap();
    /// assert_eq!(grace.value, Duration::from_secs(45));
    ///
    /// // As YAML it is one long scalar.
    /// assert!(Deployed::read(text).is_empty());
    /// ```
    pub fn named(name: &str, text: &str) -> Self {
        let (document, errors) = syntax::document(name, text);
        let document = template::as_sent(document);
        let mut deployed = Self {
            name: name.to_owned(),
            document,
            workloads: Vec::new(),
            services: Vec::new(),
            ecs_services: Vec::new(),
            target_groups: Vec::new(),
            odd: Vec::new(),
            errors,
            odd_routes: HashSet::new(),
        };
        let document = std::mem::replace(&mut deployed.document, empty());
        if let Value::Sequence(documents) = &document.root.value {
            for (index, node) in documents.iter().enumerate() {
                let route = Route::root().index(index);
                deployed.object(&At { node, route });
            }
        }
        deployed.document = document;
        deployed.odd_routes = deployed.odd.iter().map(|odd| odd.route.clone()).collect();
        deployed
    }

    /// Lets files that amend one another know of each other: what a unit's drop-in says otherwise no
    /// longer holds in the unit. For all files of a run, once they are read.
    ///
    /// ```
    /// use lifecycle_manifest::deployed::Deployed;
    ///
    /// let mut files = [
    ///     Deployed::named("shop.service", "[Service]\nExecStart=/bin/shop\nTimeoutStopSec=30\n"),
    ///     Deployed::named("shop.service.d/10-time.conf", "[Service]\nTimeoutStopSec=45\n"),
    /// ];
    /// let graces = |files: &[Deployed]| -> Vec<Option<u64>> {
    ///     let containers = files.iter().map(|file| &file.workloads[0].containers[0]);
    ///     containers.map(|it| Some(it.grace.as_ref()?.value.as_secs())).collect()
    /// };
    /// assert_eq!(graces(&files), [Some(30), Some(45)]);
    /// Deployed::join(&mut files);
    /// assert_eq!(graces(&files), [None, Some(45)]);
    /// ```
    pub fn join(files: &mut [Self]) {
        systemd::join(files);
    }

    /// Nothing in it runs containers or stands before what does, and nothing is broken.
    ///
    /// ```
    /// use lifecycle_manifest::deployed::Deployed;
    /// assert!(Deployed::read("kind: ConfigMap\nmetadata: { name: shop }\n").is_empty());
    /// assert!(!Deployed::read("kind: Pod\nmetadata: { name: shop }\nspec: {}\n").is_empty());
    /// assert!(!Deployed::read("kind: [\n").is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.workloads.is_empty()
            && self.services.is_empty()
            && self.ecs_services.is_empty()
            && self.target_groups.is_empty()
            && self.errors.is_empty()
    }

    /// The text with its name, for showing.
    ///
    /// ```
    /// use lifecycle_manifest::Place;
    /// use lifecycle_manifest::deployed::Deployed;
    ///
    /// let deployed = Deployed::named(
    ///     "shop.yaml",
    ///     "kind: Pod\nmetadata: { name: shop }\nspec: { terminationGracePeriodSeconds: 45 }\n",
    /// );
    /// let text = deployed.text();
    /// let grace = deployed.workloads[0].grace.as_ref().unwrap();
    /// let span = text.span(&Place::Key(grace.route.clone()));
    /// assert_eq!(text.name, "shop.yaml");
    /// assert_eq!(text.source.slice(span), "terminationGracePeriodSeconds");
    /// ```
    pub fn text(&self) -> Text<'_> {
        Text {
            name: &self.name,
            source: &self.document.source,
            document: Some(&self.document),
        }
    }

    /// The text.
    ///
    /// ```
    /// use lifecycle_manifest::deployed::Deployed;
    /// let deployed = Deployed::read("kind: Pod\nmetadata: { name: shop }\nspec: {}\n");
    /// let name = deployed.workloads[0].name.as_ref().unwrap();
    /// let span = deployed.document.value_span(&name.route);
    /// assert_eq!(deployed.source().position(span.start).line, 2);
    /// ```
    pub fn source(&self) -> &Source {
        &self.document.source
    }

    /// There is a value of the wrong type here: nothing is known of it, not even that it is absent.
    ///
    /// ```
    /// use lifecycle_manifest::deployed::Deployed;
    /// let deployed = Deployed::read(
    ///     "kind: Pod\nmetadata: { name: shop }\nspec: { terminationGracePeriodSeconds: long }\n",
    /// );
    /// let pod = &deployed.workloads[0];
    /// assert!(pod.grace.is_none());
    /// assert!(deployed.is_odd(&pod.spec.key("terminationGracePeriodSeconds")));
    /// assert!(!deployed.is_odd(&pod.spec.key("containers")));
    /// ```
    pub fn is_odd(&self, route: &Route) -> bool {
        self.odd_routes.contains(route)
    }

    /// A value of the wrong type is among those of a list.
    pub(crate) fn has_odd_below(&self, route: &Route) -> bool {
        let below = |odd: &Odd| odd.route.segments().starts_with(route.segments());
        self.odd.iter().any(below)
    }

    /// One object, or a list of them.
    fn object(&mut self, at: &At<'_>) {
        if let Value::Sequence(_) = &at.node.value {
            for item in at.items() {
                self.object(&item);
            }
            return;
        }
        // `List`, and the lists of one kind that the API of Kubernetes answers with.
        if let (Some(kind), Some(items)) = (at.text("kind"), at.get("items"))
            && kind.value.ends_with("List")
        {
            for item in items.items() {
                self.object(&item);
            }
            return;
        }
        for reader in reader::ALL {
            if (reader.object)(at, self) {
                return;
            }
        }
    }
}

/// What a platform's own files call the grace period: `stopTimeout`.
///
/// ```
/// use lifecycle_manifest::deployed::grace_key;
/// assert_eq!(grace_key("ecs"), Some("stopTimeout"));
/// assert_eq!(grace_key("kubernetes"), Some("terminationGracePeriodSeconds"));
/// assert_eq!(grace_key("mainframe"), None);
/// ```
pub fn grace_key(platform: &str) -> Option<&'static str> {
    reader::of(platform).map(|reader| reader.grace_key)
}

/// A document with nothing in it.
pub(crate) fn empty() -> Document {
    Document {
        source: Source::new(""),
        root: crate::text::Node {
            span: crate::text::Span::default(),
            value: Value::Sequence(Vec::new()),
        },
        comments: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::Deployed;

    #[test]
    fn what_a_cluster_answers_with_may_be_larger_than_a_manifest() {
        let long = "x".repeat(crate::text::Limits::default().bytes);
        let deployed = Deployed::named("all.yaml", &format!("# {long}\nkind: List\nitems: []\n"));
        assert!(deployed.errors.is_empty(), "{:?}", deployed.errors);
    }

    #[test]
    fn files_of_other_languages_are_known_by_their_endings() {
        let all: Vec<&str> = Deployed::endings().collect();
        for name in [
            "shop.service",
            "shop.socket",
            "10-time.conf",
            "Procfile",
            "fly.toml",
            "shop.hcl",
        ] {
            assert_eq!(
                all.iter().filter(|it| name.ends_with(*it)).count(),
                1,
                "{name}"
            );
        }
        assert!(!all.iter().any(|it| "README.md".ends_with(it)));
    }

    /// Where there is one container no rule asks for its image, and a first manifest does.
    #[test]
    fn the_image_of_an_only_container_is_read() {
        for (name, text) in [
            (
                "inspected.json",
                r#"{ "Config": { "Image": "shop:1" }, "HostConfig": {} }"#,
            ),
            ("fly.toml", "app = \"shop\"\n[build]\nimage = \"shop:1\"\n"),
            ("compose.yaml", "services: { shop: { image: \"shop:1\" } }"),
        ] {
            let deployed = Deployed::named(name, text);
            let image = deployed.workloads[0].containers[0].image.as_ref();
            assert_eq!(image.map(|it| it.value.as_str()), Some("shop:1"), "{name}");
        }
    }
}
