//! A restart does not wait for what a stop waits for.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    duration::human,
    finding::{Confidence, Finding, Place, Side},
    text::{Node, Route, Value},
};

rule! {
    /// A task that is restarted in its place is asked to stop without the delay that a stop waits for.
    ///
    /// ## What it finds
    ///
    /// A Nomad task with a `shutdown_delay`, its own or its group's, and with something that restarts it: a `template` whose `change_mode` is `restart`, which is the default, or a `check_restart`.
    ///
    /// ## Why it matters
    ///
    /// Such a restart deregisters the task and sends the signal at once. Requests that are still on their way find nobody.
    ///
    /// ## Example
    ///
    /// ```hcl deployed
    /// job "shop" {
    ///   group "shop" {
    ///     shutdown_delay = "5s"
    ///     task "shop" {
    ///       driver = "docker"
    ///       template {
    ///         destination = "local/limits.yaml"
    ///         data        = "..."
    ///       }
    ///     }
    ///   }
    /// }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A template whose change the program is told by a signal, or that changes nothing until the next deployment; and a program that keeps serving after the signal by itself, with `app_settle`, where restarts must stay.
    ///
    /// ```hcl deployed
    /// job "shop" {
    ///   group "shop" {
    ///     shutdown_delay = "5s"
    ///     task "shop" {
    ///       driver = "docker"
    ///       template {
    ///         destination   = "local/limits.yaml"
    ///         data          = "..."
    ///         change_mode   = "signal"
    ///         change_signal = "SIGHUP"
    ///       }
    ///     }
    ///   }
    /// }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the program itself keeps serving after the signal, or what restarts it never changes while it runs.
    ///
    /// ## Source
    ///
    /// `client/allocrunner/taskrunner/lifecycle.go` of Nomad 2.0.5; <https://developer.hashicorp.com/nomad/docs/job-specification/template>, `change_mode`.
    pub(super) RULE = "LC825", "restart-skips-drain-delay", Warning, Medium
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        if seen.workload.platform != "nomad" {
            continue;
        }
        let file = &view.files[seen.file];
        for container in &seen.workload.containers {
            let Some(delay) = container.outside.as_ref().filter(|it| !it.value.is_zero()) else {
                continue;
            };
            let task = At {
                node: file.document.get(&container.route),
                route: container.route.clone(),
            };
            let Some((route, what, help)) = restarter(&task) else {
                continue;
            };
            let message = format!(
                "{what} restarts `{}`, which then gets the signal without the {} before it",
                container.name(),
                human(delay.value)
            );
            let mut finding = seen
                .finding(&RULE, message, Place::Key(route))
                .label("a restart sends the signal at once")
                .related_in(
                    Side::Deployed(seen.file),
                    Place::Value(delay.route.clone()),
                    "only a stop waits for this",
                )
                .help(help);
            finding.confidence = Confidence::Medium;
            findings.push(finding);
        }
    }
}

/// A value of a task and its place.
#[cfg(feature = "deployed")]
struct At<'a> {
    node: Option<&'a Node>,
    route: Route,
}

#[cfg(feature = "deployed")]
impl<'a> At<'a> {
    fn get(&self, keys: [&str; 2]) -> Option<At<'a>> {
        let found = keys.iter().find_map(|key| {
            let node = &self.node?.entry(key)?.value;
            Some((key, node))
        });
        let (key, node) = found.filter(|(_, node)| !node.is_null())?;
        Some(At {
            node: Some(node),
            route: self.route.key(key),
        })
    }

    fn items(&self) -> Vec<At<'a>> {
        match self.node.map(|node| &node.value) {
            Some(Value::Sequence(items)) => items
                .iter()
                .enumerate()
                .map(|(index, node)| At {
                    node: Some(node),
                    route: self.route.index(index),
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn says(&self, words: &[&str]) -> bool {
        matches!(self.node.map(|node| &node.value), Some(Value::Scalar { text, .. }) if words.contains(&text.as_str()))
    }
}

/// What restarts a task, and where it says so.
#[cfg(feature = "deployed")]
fn restarter(task: &At<'_>) -> Option<(Route, &'static str, &'static str)> {
    const TEMPLATE: (&str, &str) = (
        "a change of this template",
        "write `change_mode = \"signal\"`, or let the program keep serving after the signal: `app_settle` in the manifest",
    );
    let templates = task.get(["template", "Templates"]);
    for template in templates.iter().flat_map(At::items) {
        match template.get(["change_mode", "ChangeMode"]) {
            None => return Some((template.route, TEMPLATE.0, TEMPLATE.1)),
            Some(mode) if mode.says(&["restart"]) => {
                return Some((mode.route, TEMPLATE.0, TEMPLATE.1));
            }
            Some(_) => {}
        }
    }
    let services = task.get(["service", "Services"]);
    for service in services.iter().flat_map(At::items) {
        let checks = service.get(["check", "Checks"]);
        let checks = checks.iter().flat_map(At::items);
        for block in std::iter::once(service).chain(checks) {
            if let Some(restart) = block.get(["check_restart", "CheckRestart"]) {
                return Some((
                    restart.route,
                    "a failing check",
                    "let the program keep serving after the signal: `app_settle` in the manifest",
                ));
            }
        }
    }
    None
}
