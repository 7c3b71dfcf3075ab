//! `generate`: where generated files go, and which are somebody's own.

use super::table::Table;
use crate::finding::{Finding, Place};
use crate::manifest::{Generate, Written};
use crate::rules::shape;

pub(super) fn generate(mut table: Table<'_, '_>) -> Generate {
    let generate = Generate {
        output: directory("output", &mut table),
        templates: directory("templates", &mut table),
        own: table.names("own").unwrap_or_default(),
    };
    table.finish();
    generate
}

/// A directory that goes with the manifest, wherever that is checked out.
fn directory(key: &'static str, table: &mut Table<'_, '_>) -> Option<Written<String>> {
    let written = table.text(key)?;
    let path = written.value.as_str();
    let leaves = path.split(['/', '\\']).any(|part| part == "..");
    let is_elsewhere = path.starts_with(['/', '\\', '~']) || path.contains(':');
    if !path.is_empty() && !leaves && !is_elsewhere && !path.contains(char::is_control) {
        return Some(written);
    }
    let finding = Finding::new(
        &shape::OUT_OF_RANGE,
        format!(
            "`{}` is not a directory beside the manifest or below",
            written.route
        ),
        Place::Value(written.route),
    );
    table.push(
        finding.help("write a relative path, such as `deploy`; a flag of `gen` takes any other"),
    );
    None
}
