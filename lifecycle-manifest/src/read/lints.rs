//! The manifest's `lints:`.

use super::Table;
use crate::finding::{Finding, Place};
use crate::lints::{Level, Lint, Selector, SelectorError, unknown, words};
use crate::rules::shape;
use crate::text::{Entry, Route, Value};

pub(super) fn lints(mut table: Table<'_, '_>) -> Vec<Lint> {
    let route = table.route().clone();
    let mut lints = Vec::new();
    let entries = table.entries();
    let is_there = |key: &str| entries.iter().any(|entry| entry.key == key);
    for entry in entries {
        let here = route.key(&entry.key);
        match Selector::parse(&entry.key) {
            Err(SelectorError::Unknown(Some(near))) if is_there(near) => {
                let error = SelectorError::Unknown(None);
                let mut finding = unknown(&entry.key, Place::Key(here), &error);
                finding.help.clear();
                table.push(finding.help(format!("`{near}` stands here as well: keep one of them")));
            }
            Err(error) => table.push(unknown(&entry.key, Place::Key(here), &error)),
            Ok(selector) => lints.extend(lint(selector, entry, here, &mut table)),
        }
    }
    lints
}

fn lint(
    selector: Selector,
    entry: &Entry,
    route: Route,
    table: &mut Table<'_, '_>,
) -> Option<Lint> {
    let known = Level::ALL.map(|level| (level.as_str(), level));
    let (level, reason) = if matches!(entry.value.value, Value::Mapping(_)) {
        let mut inner = Table::new(&entry.value, route.clone(), table.findings())?;
        let level = inner.word("level", "a level", &known);
        if entry.value.entry("level").is_none() {
            inner.missing("level", format!("add `level:` with {}", words()));
        }
        let reason = inner.text("reason").map(|text| text.value);
        inner.finish();
        (level?, reason)
    } else {
        (
            table.word_of(&entry.value, route.clone(), "a level", &known)?,
            None,
        )
    };
    let given = reason
        .as_ref()
        .is_some_and(|reason| !reason.trim().is_empty());
    if level.value == Level::Allow && !given {
        let place = Place::Value(route);
        let message = format!("`{}` is allowed without a reason", entry.key);
        let finding = Finding::new(&shape::BAD_ALLOWANCE, message, place).help(format!(
            "write `{}: {{ level: allow, reason: \"…\" }}`: who reads this next will want it",
            entry.key
        ));
        table.push(finding);
    }
    Some(Lint {
        selector,
        level,
        reason,
    })
}
