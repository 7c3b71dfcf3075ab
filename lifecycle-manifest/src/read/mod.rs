//! From the tree to the [`Manifest`]: everything wrong is collected, nothing stops at the first.

mod drill;
mod expect;
mod generate;
mod jobs;
mod lints;
mod names;
mod suggest;
mod syntax;
mod table;

use std::collections::HashSet;
use std::time::Duration;

pub use names::is_label;
#[cfg(feature = "deployed")]
pub(crate) use names::label;
pub(crate) use names::{named_wrongly, unusable};
pub use suggest::nearest;
pub(crate) use syntax::{not_utf8, syntax};
pub(crate) use table::{OtherName, Table, Zero, list, wrong_type};

use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::kind::{Kind, Phase};
use crate::manifest::{Budget, Drift, Health, Manifest, OnFailure, Resource, Traffic, Written};
use crate::platform::Platforms;
use crate::rules::shape;
use crate::text::{Document, Entry, Route};

/// Reads the manifest out of a document. The manifest is there when everything it needs could be
/// read; the findings say what could not.
pub(crate) fn manifest(document: &Document, findings: &mut Vec<Finding>) -> Option<Manifest> {
    if document.root.is_null() {
        let nothing = Finding::new(
            &shape::MISSING_KEY,
            "there is nothing in this file",
            Place::Value(Route::root()),
        );
        findings.push(nothing.help("begin with `lifecycle: 1` and `service: NAME`"));
        return None;
    }
    if is_kubernetes_object(document) {
        let object = Finding::new(
            &shape::MISSING_KEY,
            "this is an object of Kubernetes, and no manifest",
            Place::Value(Route::root()),
        );
        findings.push(object.help(
            "`lifecycle check --against FILE` looks at what is deployed, and \
             `lifecycle init --from FILE` makes a manifest of it",
        ));
        return None;
    }
    let mut root = Table::new(&document.root, Route::root(), findings)?;
    format(&mut root)?;
    let service = root.text("service");
    match &service {
        Some(name) => {
            let place = Place::Value(name.route.clone());
            if let Some(finding) = unusable(&name.value, place, None) {
                root.push(finding);
            }
        }
        None if document.root.entry("service").is_none() => {
            root.missing("service", "add `service: NAME`");
        }
        None => {}
    }
    let drift = root.word(
        "drift",
        "a way to meet drift",
        &Drift::ALL.map(|d| (d.as_str(), d)),
    );
    let budget = root.table("budget").map(budget).unwrap_or_default();
    let traffic = root.table("traffic").map(traffic).unwrap_or_default();
    let names: Vec<&str> = match document.root.entry("resources") {
        Some(Entry { value, .. }) => keys(value),
        None => Vec::new(),
    };
    let resources = match root.table("resources") {
        Some(table) => resources(table, &names),
        None if document.root.entry("resources").is_none() => {
            root.missing(
                "resources",
                "add `resources:` with what this service must let go of",
            );
            Vec::new()
        }
        None => Vec::new(),
    };
    let platforms = root
        .table("platforms")
        .map(|t| Platforms::read(t, &names))
        .unwrap_or_default();
    let drill = root.table("drill").map(drill::drill);
    let generate = root
        .table("generate")
        .map(generate::generate)
        .unwrap_or_default();
    let lints = root.table("lints").map(lints::lints).unwrap_or_default();
    root.finish();
    // Such a name is a finding by now; in a sum or a summary it would write to somebody's terminal.
    let hostile = |name: &str| name.chars().any(char::is_control);
    if service.as_ref().is_some_and(|name| hostile(&name.value)) || names.iter().any(|n| hostile(n))
    {
        return None;
    }
    Some(Manifest {
        service: service?,
        drift,
        budget,
        traffic,
        resources,
        platforms,
        drill,
        generate,
        lints,
    })
}

/// What is deployed, given where a manifest is asked for.
fn is_kubernetes_object(document: &Document) -> bool {
    let has = |key| document.root.entry(key).is_some();
    has("apiVersion") && has("kind") && !has("lifecycle")
}

/// The format's number. In a format that is not known nothing else has a meaning: `None`.
fn format(root: &mut Table<'_, '_>) -> Option<()> {
    let Some(entry) = root.entry("lifecycle") else {
        root.missing(
            "lifecycle",
            "add `lifecycle: 1` as its first line: the format's number",
        );
        return Some(());
    };
    let Some(text) = root.scalar(
        &entry.value,
        Route::keys(["lifecycle"]),
        "the format's number",
    ) else {
        return Some(());
    };
    if text.value == "1" {
        return Some(());
    }
    let place = Place::Value(text.route);
    let shown = entry.value.describe();
    if text.value.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("format {shown} is not known to this version");
        let finding = Finding::new(&shape::UNSUPPORTED_FORMAT, message, place);
        root.push(finding.help("this version reads format 1; a newer one may read this"));
        return None;
    }
    let message = format!("`lifecycle` takes the format's number, and this is {shown}");
    let finding = Finding::new(&shape::WRONG_TYPE, message, place.clone());
    root.push(finding.fix("write `lifecycle: 1`", place, "1"));
    Some(())
}

fn keys(node: &crate::text::Node) -> Vec<&str> {
    match &node.value {
        crate::text::Value::Mapping(entries) => {
            entries.iter().map(|entry| entry.key.as_str()).collect()
        }
        _ => Vec::new(),
    }
}

fn budget(mut table: Table<'_, '_>) -> Budget {
    let budget = Budget {
        reserve: table.duration("reserve", Zero::Refused),
        unwind: table.duration("unwind", Zero::Allowed),
    };
    table.finish();
    budget
}

fn traffic(mut table: Table<'_, '_>) -> Traffic {
    let traffic = Traffic {
        settle: table.duration("settle", Zero::Allowed),
        longest_request: table.duration("longest_request", Zero::Refused),
        keep_alive: table.duration("keep_alive", Zero::Refused),
        health: table.table("health").map(health),
    };
    table.finish();
    traffic
}

fn health(mut table: Table<'_, '_>) -> Health {
    let route = table.route().clone();
    let health = Health {
        port: table.number("port", 1..=u16::MAX),
        ready: path(&mut table, "ready"),
        live: path(&mut table, "live"),
        period: period(&mut table),
        failures: table.number("failures", 1..=1_000),
        route,
    };
    table.finish();
    health
}

/// No platform asks more often than once a second.
fn period(table: &mut Table<'_, '_>) -> Option<Written<Duration>> {
    let period = table.duration("period", Zero::Refused)?;
    if period.value >= Duration::from_secs(1) {
        return Some(period);
    }
    let message = format!(
        "`{}` is at least 1s: no platform asks more often",
        period.route
    );
    let place = Place::Value(period.route);
    table.push(
        Finding::new(&shape::OUT_OF_RANGE, message, place.clone()).fix("write `1s`", place, "1s"),
    );
    None
}

fn path(table: &mut Table<'_, '_>, key: &'static str) -> Option<Written<String>> {
    let path = table.text(key)?;
    let readable = path.value.starts_with('/')
        && path
            .value
            .chars()
            .all(|c| c.is_ascii_graphic() && c != '#' && c != '?');
    if readable {
        return Some(path);
    }
    let finding = Finding::new(
        &shape::OUT_OF_RANGE,
        format!("`{}` takes a path", path.route),
        Place::Value(path.route),
    );
    table.push(finding.help("write a path such as `/health/ready`, without query or spaces"));
    None
}

fn resources(mut table: Table<'_, '_>, names: &[&str]) -> Vec<Resource> {
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
