//! `drill`: how a rehearsal loads the service.

use super::expect::expect;
use super::table::{Table, wrong_type};
use crate::finding::{Finding, Place};
use crate::manifest::{Drill, DrillRequest, Written};
use crate::rules::shape;
use crate::text::{Node, Route, Value};

pub(super) fn drill(mut table: Table<'_, '_>) -> Drill {
    let drill = Drill {
        rate: table.number("rate", 1..=20_000),
        env: pairs(&mut table, "env"),
        requests: table
            .items("requests", "a list, such as `[GET /]`")
            .into_iter()
            .filter_map(|(route, item)| request(&mut table, route, item))
            .collect(),
        expect: table.table("expect").map(expect).unwrap_or_default(),
    };
    table.finish();
    drill
}

/// `GET /path`, or a mapping with everything.
fn request(table: &mut Table<'_, '_>, route: Route, item: &Node) -> Option<DrillRequest> {
    if !matches!(item.value, Value::Mapping(_)) {
        let text = table.scalar(item, route, "a request, such as `GET /`")?;
        let (method, path) = text
            .value
            .split_once(' ')
            .unwrap_or(("GET", text.value.as_str()));
        let (method, path) = (method.to_owned(), path.trim().to_owned());
        let at = text.map(|_| ());
        return checked(
            table,
            at,
            DrillRequest {
                method,
                path,
                ..plain()
            },
        );
    }
    let mut inner = Table::new(item, route.clone(), table.findings())?;
    let path = inner.text("path");
    if item.entry("path").is_none() {
        inner.missing("path", "add `path: /`");
    }
    let method = inner
        .text("method")
        .map_or_else(|| "GET".to_owned(), |method| method.value);
    let request = DrillRequest {
        method,
        path: path
            .as_ref()
            .map_or_else(String::new, |path| path.value.clone()),
        headers: pairs(&mut inner, "headers"),
        body: inner
            .text("body")
            .map_or_else(String::new, |body| body.value),
        weight: inner
            .number("weight", 0..=1_000_000)
            .map_or(1, |weight| weight.value),
        slow: inner.boolean("slow").is_some_and(|slow| slow.value),
    };
    inner.finish();
    let at = path?.map(|_| ());
    checked(table, at, request)
}

fn plain() -> DrillRequest {
    DrillRequest {
        method: String::new(),
        path: String::new(),
        headers: Vec::new(),
        body: String::new(),
        weight: 1,
        slow: false,
    }
}

fn checked(
    table: &mut Table<'_, '_>,
    at: Written<()>,
    request: DrillRequest,
) -> Option<DrillRequest> {
    let path = request.path.starts_with('/') && request.path.bytes().all(|b| b.is_ascii_graphic());
    let method =
        !request.method.is_empty() && request.method.bytes().all(|b| b.is_ascii_uppercase());
    if path && method {
        return Some(request);
    }
    let finding = Finding::new(
        &shape::OUT_OF_RANGE,
        format!("`{}` is not a request", at.route),
        Place::Value(at.route),
    );
    table.push(finding.help("write a method and a path, such as `GET /` or `POST /orders`"));
    None
}

/// A mapping of text to text.
fn pairs(table: &mut Table<'_, '_>, key: &'static str) -> Vec<(String, String)> {
    let Some(entry) = table.entry(key) else {
        return Vec::new();
    };
    let route = table.route().key(key);
    let Value::Mapping(entries) = &entry.value.value else {
        let finding = wrong_type(&route, "a mapping of names to text", &entry.value);
        table.push(finding);
        return Vec::new();
    };
    entries
        .iter()
        .filter_map(|entry| {
            let value = table.scalar(&entry.value, route.key(&entry.key), "text")?;
            Some((entry.key.clone(), value.value))
        })
        .collect()
}
