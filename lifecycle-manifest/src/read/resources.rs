//! `resources`: what the service must let go of, each with what belongs to its kind.

use std::collections::HashSet;

use super::{Table, Zero, jobs, list, named_wrongly, unusable};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::kind::{Kind, Phase};
use crate::manifest::{OnFailure, Resource, Written};
use crate::rules::shape;
use crate::text::{Entry, Route};

/// A key that resources of this kind do not take.
fn not_for_kind(kind: &Written<Kind>, key: &str, entry: Route, owner: &str) -> Finding {
    let message = format!(
        "a resource of kind `{}` has no `{key}`",
        kind.value.as_str()
    );
    Finding::new(&shape::KEY_NOT_FOR_KIND, message, Place::Key(entry.clone()))
        .related(Place::Value(kind.route.clone()), "its kind")
        .fix_with(
            format!("take it away: `{key}` belongs to {owner}"),
            Fix::new(Safety::Unsafe, [Edit::Remove { entry }]),
        )
}

/// So many findings, and no suggestions are made any more.
const MANY: usize = 100;

pub(super) fn resources(mut table: Table<'_, '_>, names: &[&str]) -> Vec<Resource> {
    let route = table.route().clone();
    let entries = table.entries();
    if entries.is_empty() {
        let message = "`resources` names nothing to let go of";
        let finding = Finding::new(&shape::MISSING_KEY, message, Place::Key(route.clone()));
        table.push(finding.help("add one, such as `http: { kind: http-server, timeout: 15s }`"));
    }
    let known: HashSet<&str> = names.iter().copied().collect();
    let mut resources = Vec::with_capacity(entries.len());
    for entry in entries {
        let here = route.key(&entry.key);
        let place = Place::Key(here.clone());
        if ["self", "super", "crate"].contains(&entry.key.as_str()) {
            let message = format!("`{}` cannot be the name of a resource", entry.key);
            let finding = Finding::new(&shape::BAD_NAME, message, place);
            table.push(finding.help("it becomes a field, and Rust keeps this word for itself"));
        } else if let Some(finding) = unusable(&entry.key, place, Some(&known)) {
            table.push(finding);
        }
        if let Some(inner) = Table::new(&entry.value, here, table.findings()) {
            resources.extend(resource(entry, inner, names, &known));
        }
    }
    resources
}

fn resource(
    entry: &Entry,
    mut table: Table<'_, '_>,
    names: &[&str],
    known: &HashSet<&str>,
) -> Option<Resource> {
    let route = table.route().clone();
    let words: Vec<_> = Kind::ALL
        .iter()
        .map(|kind| (kind.as_str(), *kind))
        .collect();
    let kind = table.word("kind", "a kind of resource", &words);
    if kind.is_none() && entry.value.entry("kind").is_none() {
        let kinds = list(Kind::ALL.iter().map(|kind| kind.as_str()), "or");
        table.missing("kind", format!("add `kind:` with one of {kinds}"));
    }
    let timeout = table.duration("timeout", Zero::Allowed);
    if timeout.is_none() && entry.value.entry("timeout").is_none() {
        table.missing("timeout", "add `timeout: 5s`: how long its step may take");
    }
    let phase = table.word(
        "phase",
        "a phase",
        &Phase::ALL.map(|phase| (phase.as_str(), phase)),
    );
    let after = table.names("after");
    let uses = table.names("uses").unwrap_or_default();
    for name in after.iter().flatten().chain(&uses) {
        // To look for the nearest among many, many times over, takes longer than anybody waits; and
        // nobody reads so far.
        let names = match table.findings().len() > MANY {
            true => &[],
            false => names,
        };
        if let Some(finding) = reference(&entry.key, name, names, known) {
            table.push(finding);
        }
    }
    let best_effort = table.boolean("best_effort");
    let exclusive = table.boolean("exclusive");
    let port = table.number("port", 1..=u16::MAX);
    let lease = table.duration("lease", Zero::Refused);
    let (jobs, of_jobs) = jobs::jobs(&mut table);
    let spread = table.duration("spread", Zero::Allowed);
    let on_failure = table.word(
        "on_failure",
        "what a failure leads to",
        &OnFailure::ALL.map(|it| (it.as_str(), it)),
    );
    if let Some(kind) = &kind {
        let of_jobs = of_jobs.into_iter().chain([("lease", lease.is_some())]);
        let claims = kind.value.has_lease();
        let of_jobs = of_jobs.map(|(key, there)| (key, there, claims, "a queue-consumer"));
        let serves = kind.value.takes_traffic();
        let of_others = [
            ("port", port.is_some(), serves, "a server"),
            (
                "spread",
                spread.is_some(),
                kind.value.has_sessions(),
                "a websocket or a stream",
            ),
            (
                "on_failure",
                on_failure.is_some(),
                kind.value.can_restart(),
                "a task, a queue-consumer or a child-process",
            ),
        ];
        for (key, there, fits, owner) in of_others.into_iter().chain(of_jobs) {
            if there && !fits {
                table.push(not_for_kind(kind, key, route.key(key), owner));
            }
        }
    }
    table.finish();
    Some(Resource {
        name: entry.key.clone(),
        route,
        kind: kind?,
        phase,
        timeout: timeout?,
        after,
        uses,
        best_effort,
        exclusive,
        port,
        lease,
        spread,
        on_failure,
        jobs,
    })
}

/// Names in `after` and `uses` must be resources, and not the resource itself.
fn reference(
    resource: &str,
    name: &Written<String>,
    names: &[&str],
    known: &HashSet<&str>,
) -> Option<Finding> {
    let place = Place::Value(name.route.clone());
    let shown: String = name.value.chars().take(60).collect();
    if name.value == resource {
        let message = format!("`{shown}` cannot wait for itself");
        let finding = Finding::new(&shape::UNKNOWN_RESOURCE, message, place);
        return Some(finding.help("name another resource, or take this away"));
    }
    if known.contains(name.value.as_str()) {
        return None;
    }
    let message = format!("there is no resource `{shown}`");
    Some(named_wrongly(message, place, &name.value, names))
}

#[cfg(test)]
mod tests {
    use super::MANY;
    use crate::Analysis;

    #[test]
    fn the_nearest_name_is_looked_for_while_there_are_not_many_findings() {
        let entry = |at| format!("  job-{at}: {{ kind: task, timeout: 5s, after: [htp] }}\n");
        let entries: String = (0..MANY + 10).map(entry).collect();
        let analysis = Analysis::of(&format!(
            "lifecycle: 1\nservice: shop\nresources:\n  http: {{ kind: http-server, timeout: 5s }}\n{entries}"
        ));
        let named = analysis.findings.iter().filter(|it| !it.help.is_empty());
        assert_eq!(
            (analysis.findings.len(), named.count()),
            (MANY + 10, MANY + 1)
        );
    }
}
