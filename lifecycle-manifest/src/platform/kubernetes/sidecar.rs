//! `sidecars`: containers beside the program's.

use std::time::Duration;

use crate::finding::Place;
use crate::manifest::Written;
use crate::read::{Table, Zero, unusable, wrong_type};
use crate::text::{Node, Value};

/// One entry of `sidecars`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 10s }
/// platforms:
///   kubernetes:
///     sidecars:
///       - { name: proxy, timeout: 5s }
///       - { name: logs, timeout: 20s, native: false }
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let kubernetes = resolved.manifest.platforms.iter().find_map(Platform::kubernetes).unwrap();
/// let [proxy, logs] = kubernetes.sidecars.as_slice() else { panic!("two sidecars") };
/// assert!(proxy.native && !logs.native);
/// // A native one stops after the program, in the same grace period.
/// let paid = &resolved.timelines[0].terms.sidecars;
/// assert_eq!(paid.len(), 1);
/// assert_eq!(paid[0].term(), "5s sidecar proxy");
/// ```
#[derive(Debug, Clone)]
pub struct Sidecar {
    /// Its name.
    pub name: Written<String>,
    /// How long it takes to stop.
    pub timeout: Written<Duration>,
    /// `native`: an init container with `restartPolicy: Always`, which stops after the program has
    /// exited. Otherwise it gets the signal together with the program.
    pub native: bool,
    /// `image`: with it, the container is generated too.
    pub image: Option<Written<String>>,
    /// `command`: what replaces the image's entry point.
    pub command: Vec<Written<String>>,
    /// `args`: what replaces the image's arguments.
    pub args: Vec<Written<String>>,
}

pub(super) fn read(table: &mut Table<'_, '_>) -> Vec<Sidecar> {
    let mut sidecars = Vec::new();
    for (route, item) in table.items("sidecars", "a list of `{ name, timeout }`") {
        if !matches!(item.value, Value::Mapping(_)) {
            table.push(wrong_type(
                &route,
                "a mapping with `name` and `timeout`",
                item,
            ));
            continue;
        }
        if let Some(table) = Table::new(item, route, table.findings()) {
            sidecars.extend(sidecar(table, item));
        }
    }
    sidecars
}

fn sidecar(mut table: Table<'_, '_>, item: &Node) -> Option<Sidecar> {
    let name = table.text("name");
    let timeout = table.duration("timeout", Zero::Allowed);
    let native = table.boolean("native").is_none_or(|native| native.value);
    let image = table.text("image");
    let command = words(&mut table, "command");
    let args = words(&mut table, "args");
    for (key, help) in [
        ("name", "add `name:` with the container's name"),
        ("timeout", "add `timeout:`: how long it takes to stop"),
    ] {
        if item.entry(key).is_none() {
            table.missing(key, help);
        }
    }
    if image.is_none() && item.entry("image").is_none() && !(command.is_empty() && args.is_empty())
    {
        table.missing(
            "image",
            "add `image:`: without one the container is not generated",
        );
    }
    if let Some(name) = &name
        && let Some(finding) = unusable(&name.value, Place::Value(name.route.clone()), None)
    {
        table.push(finding);
    }
    table.finish();
    Some(Sidecar {
        name: name?,
        timeout: timeout?,
        native,
        image,
        command,
        args,
    })
}

fn words(table: &mut Table<'_, '_>, key: &'static str) -> Vec<Written<String>> {
    let items = table.items(key, "a list of words");
    items
        .into_iter()
        .filter_map(|(route, item)| table.scalar(item, route, "text"))
        .collect()
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "sidecar",
    extend("dependentRequired" = serde_json::json!({ "command": ["image"], "args": ["image"] }))
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(super) struct SidecarSchema {
    /// The container's name.
    name: String,
    /// How long it takes to stop.
    timeout: crate::schema::DurationSchema,
    /// A native sidecar (an init container with `restartPolicy: Always`) stops after the program. `false`: it gets the signal together with the program. `true` when not written.
    native: Option<bool>,
    /// Its image, with which it is generated too. Unset: it comes by injection or is added elsewhere.
    image: Option<String>,
    /// What replaces its image's entry point; no shell is implied. Unset: the image's.
    command: Option<Vec<String>>,
    /// What replaces its image's arguments. Unset: the image's.
    args: Option<Vec<String>>,
}
