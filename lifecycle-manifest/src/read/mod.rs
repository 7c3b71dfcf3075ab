//! From the tree to the [`Manifest`]: everything wrong is collected, nothing stops at the first.

mod drill;
mod expect;
mod generate;
mod jobs;
mod lints;
mod names;
mod other_name;
mod resources;
mod suggest;
mod syntax;
mod table;
mod value;

use std::time::Duration;

pub use names::is_label;
#[cfg(feature = "deployed")]
pub(crate) use names::label;
pub(crate) use names::{named_wrongly, unusable};
pub(crate) use other_name::OtherName;
use resources::resources;
pub use suggest::nearest;
pub(crate) use syntax::{not_utf8, syntax};
pub(crate) use table::{Table, list};
pub(crate) use value::{Zero, wrong_type};

use crate::finding::{Finding, Place};
use crate::manifest::{Budget, Drift, Health, Manifest, Traffic, Written};
use crate::platform::Platforms;
use crate::rules::shape;
use crate::text::{Document, Entry, Node, Route, Value};

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

fn keys(node: &Node) -> Vec<&str> {
    match &node.value {
        Value::Mapping(entries) => entries.iter().map(|entry| entry.key.as_str()).collect(),
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
