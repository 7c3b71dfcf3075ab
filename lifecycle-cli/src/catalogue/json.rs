//! The rules for programs: one document, version 1. Fields are added, never changed or taken away,
//! within a version.

use std::io::Write as _;

use anyhow::Result;
use serde::Serialize;

use super::{Entry, markdown};
use crate::Outcome;

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    rules: Vec<JsonRule<'a>>,
}

#[derive(Serialize)]
struct JsonRule<'a> {
    code: &'a str,
    name: &'a str,
    family: &'a str,
    severity: &'a str,
    confidence: &'a str,
    /// `safe`, `unsafe` or null.
    fix: Option<&'a str>,
    /// Its level can be set, and findings of it can be allowed.
    can_be_allowed: bool,
    since: &'a str,
    summary: &'a str,
    url: String,
    /// The whole page, in Markdown.
    page: String,
}

pub(super) fn print() -> Result<Outcome> {
    let entries = Entry::all();
    let report = Report {
        version: 1,
        rules: entries.iter().map(rule).collect(),
    };
    let mut out = crate::out::text();
    serde_json::to_writer_pretty(&mut out, &report)?;
    writeln!(out)?;
    Ok(Outcome::Clean)
}

fn rule(entry: &Entry) -> JsonRule<'_> {
    let rule = entry.rule;
    JsonRule {
        code: rule.code,
        name: rule.name,
        family: rule.family().title,
        severity: rule.severity.as_str(),
        confidence: rule.confidence.as_str(),
        fix: entry.fix.map(lifecycle_manifest::Safety::as_str),
        can_be_allowed: rule.can_be_allowed(),
        since: rule.since,
        summary: &entry.page.summary,
        url: rule.url(),
        page: markdown::page(entry),
    }
}
