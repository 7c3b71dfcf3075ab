//! Containers that run beside the program and get the signal together with it.

use std::time::Duration;

use crate::manifest::Written;
use crate::read::{Table, Zero, wrong_type};
use crate::text::Value;

/// One entry of `sidecars` on a platform that signals all containers at once.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 5s }
/// platforms:
///   cloud_run: { sidecars: [{ name: proxy, timeout: 8s }] }
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let cloud_run = resolved.manifest.platforms.iter().find_map(Platform::cloud_run).unwrap();
/// let proxy = &cloud_run.sidecars[0];
/// assert_eq!((proxy.name.value.as_str(), proxy.timeout.value.as_secs()), ("proxy", 8));
/// // It takes nothing from the program's time.
/// assert!(resolved.timelines[0].terms.sidecars.is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct Beside {
    /// Its name.
    pub name: Written<String>,
    /// How long after the signal it is still there.
    pub timeout: Written<Duration>,
}

impl Beside {
    pub(super) fn read(table: &mut Table<'_, '_>) -> Vec<Self> {
        let sidecars = sidecars(table, "container", Zero::Allowed);
        let beside = sidecars.map(|(name, timeout)| Self { name, timeout });
        beside.collect()
    }
}

/// `sidecars`: what runs beside the program, with how long each takes to stop. `what` each is is for
/// messages: a container, a task.
pub(super) fn sidecars(
    table: &mut Table<'_, '_>,
    what: &str,
    zero: Zero,
) -> impl Iterator<Item = (Written<String>, Written<Duration>)> + use<> {
    let mut sidecars = Vec::new();
    for (route, item) in table.items("sidecars", "a list of `{ name, timeout }`") {
        if !matches!(item.value, Value::Mapping(_)) {
            let what = "a mapping with `name` and `timeout`";
            table.push(wrong_type(&route, what, item));
            continue;
        }
        let Some(mut table) = Table::new(item, route, table.findings()) else {
            continue;
        };
        let name = table.text("name");
        let timeout = table.duration("timeout", zero);
        if item.entry("name").is_none() {
            table.missing("name", format!("add `name:` with the {what}'s name"));
        }
        if item.entry("timeout").is_none() {
            table.missing("timeout", "add `timeout:`: how long it takes to stop");
        }
        table.finish();
        sidecars.extend(name.zip(timeout));
    }
    sidecars.into_iter()
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, rename = "BesideSidecar", title = "sidecar")]
#[allow(dead_code, reason = "only its shape is read")]
pub(super) struct Schema {
    /// The container's name.
    name: String,
    /// How long after the signal, which it gets together with the program, it is still there.
    timeout: crate::schema::DurationSchema,
}
