//! Keys of `fly.toml` that stand where nobody reads them.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    finding::{Finding, Place},
    text::{Node, Route, Value},
};

rule! {
    /// The grace period or the stop signal stands in a section of `fly.toml`, where nobody reads it.
    ///
    /// ## What it finds
    ///
    /// A `kill_timeout` or a `kill_signal` below a section's header, such as `[http_service]`, that is read only at the top of the file.
    ///
    /// ## Why it matters
    ///
    /// In TOML all that follows a header belongs to that section. The key is passed over there, and the default of five seconds holds.
    ///
    /// ## Example
    ///
    /// ```toml deployed
    /// app = "shop"
    /// kill_signal = "SIGINT"
    ///
    /// [env]
    /// PORT = "8080"
    /// kill_timeout = 30
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Both keys above the first section.
    ///
    /// ```toml deployed
    /// app = "shop"
    /// kill_signal = "SIGINT"
    /// kill_timeout = 30
    ///
    /// [env]
    /// PORT = "8080"
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When a variable of the environment is really called so.
    ///
    /// ## Source
    ///
    /// superfly/flyctl, `internal/appconfig/config.go`: both are keys of the top level alone.
    pub(super) RULE = "LC829", "kill-keys-misplaced", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        if seen.workload.platform != "fly" {
            continue;
        }
        let top = &seen.workload.route;
        let Some(node) = view.files[seen.file].document.get(top) else {
            continue;
        };
        let mut found = Vec::new();
        below(node, top, true, &mut found);
        for (route, key) in found {
            let section = route.parent().unwrap_or_default();
            let shown: Vec<String> = section.segments()[top.segments().len()..]
                .iter()
                .filter_map(|segment| match segment {
                    crate::text::Segment::Key(key) => Some(key.to_string()),
                    crate::text::Segment::Index(_) => None,
                })
                .collect();
            let message = format!(
                "`{key}` stands in `{}`, and is read only at the top",
                shown.join(".")
            );
            findings.push(
                seen.finding(&RULE, message, Place::Key(route))
                    .label("nobody reads it here")
                    .help("move it above the first section"),
            );
        }
    }
}

/// The two keys below the top.
#[cfg(feature = "deployed")]
fn below(node: &Node, route: &Route, top: bool, found: &mut Vec<(Route, &'static str)>) {
    match &node.value {
        Value::Scalar { .. } => {}
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                below(item, &route.index(index), false, found);
            }
        }
        Value::Mapping(entries) => {
            for entry in entries {
                let here = route.key(&entry.key);
                let known = ["kill_timeout", "kill_signal"];
                if let Some(key) = known.into_iter().find(|key| *key == entry.key && !top) {
                    found.push((here.clone(), key));
                }
                below(&entry.value, &here, false, found);
            }
        }
    }
}
