//! Containers that run beside the program and get the signal together with it.

use std::time::Duration;

use crate::manifest::Written;
use crate::read::{Table, Zero, wrong_type};
use crate::text::Value;

/// One entry of `sidecars` on a platform that signals all containers at once.
#[derive(Debug, Clone)]
pub struct Beside {
    /// Its name.
    pub name: Written<String>,
    /// How long after the signal it is still there.
    pub timeout: Written<Duration>,
}

impl Beside {
    pub(super) fn read(table: &mut Table<'_, '_>) -> Vec<Self> {
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
            let timeout = table.duration("timeout", Zero::Allowed);
            for (key, help) in [
                ("name", "add `name:` with the container's name"),
                ("timeout", "add `timeout:`: how long it takes to stop"),
            ] {
                if item.entry(key).is_none() {
                    table.missing(key, help);
                }
            }
            table.finish();
            sidecars.extend(
                name.zip(timeout)
                    .map(|(name, timeout)| Self { name, timeout }),
            );
        }
        sidecars
    }
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
